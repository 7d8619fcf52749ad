"""An operation remembers the runs of its flows, and its messages carry them."""

from __future__ import annotations

import gc
import json
import threading
import weakref

import pytest

from corectx import (
    HEADER,
    Site,
    add_values,
    attach,
    detach,
    extract,
    inject,
    scope,
    start,
    subscribe,
    values,
)
from corectx.lowlevel import (
    RunFrame,
    is_ambiguous,
    latest_run,
    remember_run,
    run_id,
    run_of,
    runs_of,
    values_of,
)

SITE = Site("request", "GET")


def run_ids(store):
    return {flow: run_id(run) for flow, run in runs_of(store).items()}


@pytest.fixture
def operation():
    """Be inside the first frame of an operation; give its frame."""
    frame = start(SITE)
    token = attach(frame)
    yield frame
    detach(token)


def test_the_latest_run_of_each_flow_is_found_again(operation):
    orders, mails = {}, {}
    remember_run(operation.store, "orders", orders)
    remember_run(operation.store, "mails", mails)
    assert latest_run(operation.store, "orders") is orders
    assert latest_run(operation.store, "mails") is mails
    assert latest_run(operation.store, "others") is None
    assert not is_ambiguous(operation.store, "orders")


def test_a_second_run_of_a_flow_makes_it_ambiguous(operation):
    remember_run(operation.store, "orders", {})
    later = {}
    remember_run(operation.store, "orders", later)
    assert latest_run(operation.store, "orders") is later
    assert is_ambiguous(operation.store, "orders")


def test_at_most_16_flows_are_remembered_and_the_oldest_goes(operation):
    for number in range(17):
        remember_run(operation.store, f"flow-{number}", {})
    assert latest_run(operation.store, "flow-0") is None
    assert len(run_ids(operation.store)) == 16


def test_a_flow_that_was_forgotten_had_another_run_and_is_ambiguous_when_it_begins_again(operation):
    for number in range(17):
        remember_run(operation.store, f"flow-{number}", {})
    remember_run(operation.store, "flow-0", {})
    remember_run(operation.store, "first", {})
    assert is_ambiguous(operation.store, "flow-0")
    assert not is_ambiguous(operation.store, "first")


def test_threads_that_remember_at_once_keep_within_the_bound(operation):
    barrier = threading.Barrier(8)

    def remember(thread):
        barrier.wait()
        for number in range(200):
            remember_run(operation.store, f"{thread}-{number}", {})

    threads = [threading.Thread(target=remember, args=(each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    remember_run(operation.store, "last", {})
    assert 1 <= len(run_ids(operation.store)) <= 16 + 8


def test_a_message_carries_the_runs_with_their_mark_of_ambiguity(operation):
    remember_run(operation.store, "orders", {"order": 4711})
    remember_run(operation.store, "mails", {})
    remember_run(operation.store, "mails", {})
    headers = inject({})
    ids = run_ids(operation.store)
    fields = json.loads(headers[HEADER])
    assert fields["runs"] == ids
    assert fields["ambiguous"] == ["mails"]
    arrived = extract(headers)
    assert arrived is not None
    assert run_ids(arrived.store) == ids
    assert values_of(latest_run(arrived.store, "orders")) == {}  # they stay here
    assert not is_ambiguous(arrived.store, "orders")
    assert is_ambiguous(arrived.store, "mails")


def test_a_message_tells_of_the_flows_whose_runs_were_forgotten(operation):
    for number in range(18):
        remember_run(operation.store, f"flow-{number:02}", {})
    headers = inject({})
    assert json.loads(headers[HEADER])["ambiguous"] == ["flow-00", "flow-01"]
    arrived = extract(headers)
    assert arrived is not None
    assert len(run_ids(arrived.store)) == 16
    remember_run(arrived.store, "flow-01", {})
    assert is_ambiguous(arrived.store, "flow-01")


def test_the_flows_that_an_operation_knows_as_ambiguous_are_bounded(operation):
    for number in range(2000):
        remember_run(operation.store, f"flow-{number}", {})
        remember_run(operation.store, f"flow-{number}", {})
    known = [number for number in range(2000) if is_ambiguous(operation.store, f"flow-{number}")]
    assert known == [*range(1968, 2000)]
    assert len(inject({})[HEADER]) < 2000


def test_a_message_names_the_run_of_its_own_frame_also_if_a_later_one_began(operation):
    first = RunFrame(Site("entrypoint", "receive", "orders"), operation, "orders", "a" * 32, {}, {})
    first.run = {"order": 4711}
    remember_run(operation.store, "orders", first.run)
    remember_run(operation.store, "orders", {})
    token = attach(first.child(Site("step", "charge", "orders")))
    try:
        arrived = extract(inject({}))
    finally:
        detach(token)
    assert arrived is not None
    assert run_of(arrived) is not first.run
    assert run_id(run_of(arrived)) == run_id(first.run) != run_ids(operation.store)["orders"]


def test_runs_that_a_message_brought_go_on_with_the_next_message(operation):
    remember_run(operation.store, "orders", {})
    arrived = extract(inject({}))
    assert arrived is not None
    token = attach(arrived.child(Site("task", "ship")))
    try:
        onward = extract(inject({}))
    finally:
        detach(token)
    assert onward is not None
    assert run_ids(onward.store) == run_ids(operation.store)


def test_a_flow_costs_a_message_about_80_bytes(operation):
    before = len(inject({})[HEADER])
    remember_run(operation.store, "checkout", {})
    one = len(inject({})[HEADER])
    remember_run(operation.store, "bom_sync", {})
    assert one - before <= 80
    assert len(inject({})[HEADER]) - one <= 80


def test_an_http_request_neither_carries_nor_takes_runs(operation):
    remember_run(operation.store, "orders", {})
    assert "runs" not in json.loads(inject({}, http=True)[HEADER])
    arrived = extract(inject({}), http=True)
    assert arrived is not None
    assert run_ids(arrived.store) == {}


def test_what_an_observer_says_of_runs_does_not_travel_by_http(operation):
    class Observer:
        def sent(self, frame, fields):
            fields["run:orders"] = "begun"
            fields["own"] = "always"

        def received(self, frame, fields):
            received.append({key for key in fields if key in ("run:orders", "own")})

    received = []
    unsubscribe = subscribe(Observer())
    try:
        headers = inject({})
        extract(headers)
        extract(headers, http=True)
        extract(inject({}, http=True))
    finally:
        unsubscribe()
    assert received == [{"run:orders", "own"}, {"own"}, {"own"}]


@pytest.mark.parametrize(
    "fields",
    [
        {"runs": []},
        {"runs": "orders"},
        {"runs": {"orders": 7}},
        {"runs": {"orders": "x" * 16}},
        {"runs": {"a\nb": "00f067aa0ba902b7"}},
        {"runs": {"o" * 300: "00f067aa0ba902b7"}},
        {"runs": {"orders": "00f067aa0ba902b7"}, "ambiguous": 7},
    ],
)
def test_runs_that_a_stranger_sends_are_checked(fields, records):
    arrived = extract({HEADER: json.dumps({"id": "a" * 32, **fields})})
    records.clear()  # of a name that cannot be one
    assert arrived is not None
    assert run_ids(arrived.store) == {}


def test_an_operation_that_ended_is_freed_without_the_garbage_collector():
    class Value:
        pass

    value = Value()
    alive = weakref.ref(value)
    gc.disable()
    try:
        frame = start(SITE)
        remember_run(frame.store, "orders", {"value": value})
        del value, frame
        assert alive() is None
    finally:
        gc.enable()


def test_another_operation_knows_none_of_the_runs(operation):
    remember_run(operation.store, "orders", {})
    assert latest_run(start(SITE, parent=operation).store, "orders") is None


def test_values_that_are_added_hold_for_the_rest_of_the_operation(operation):
    with scope(order=1):
        with scope(line=2):
            add_values(user="bob", line=3)
            assert dict(values()) == {"order": 1, "line": 3, "user": "bob"}
        assert dict(values()) == {"order": 1, "user": "bob", "line": 3}
    assert dict(values()) == {"user": "bob", "line": 3}
    with scope(user="eve"):
        assert values()["user"] == "eve"


def test_added_values_stay_in_their_operation(operation):
    inner = start(SITE, parent=operation)
    token = attach(inner)
    add_values(user="bob")
    detach(token)
    assert dict(values()) == {}
    assert dict(inner.values) == {"user": "bob"}


def test_values_that_are_added_outside_of_any_frame_are_logged_once(records):
    add_values(user="bob")
    add_values(user="eve")
    (record,) = records
    assert record.getMessage() == (
        "add_values(user=...) was called outside of any request, task, flow or scope: the values "
        "are lost."
    )
    records.clear()
