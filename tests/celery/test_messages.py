"""Headers of a message: the sender writes the frame, and the receiver checks it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from celery import Celery
from celery.signals import before_task_publish

import penstock_celery
from corectx import HEADER, extract, scope
from penstock_celery._messages import CRUMBS_HEADER, frame_of
from statecrumbs import crumb
from statecrumbs._trail import trail_of

TASK = SimpleNamespace(name="orders.pay", run=lambda: None)


@pytest.fixture
def configured():
    penstock_celery.configure(crumbs=5, values=["tenant"])
    yield
    penstock_celery.configure(crumbs=0, values=())


def published(headers):
    """Return what Celery's signal makes of the headers of a message."""
    before_task_publish.send(sender="orders.pay", headers=headers, body=((), {}, {}))
    return headers


def test_one_header_is_written_over_what_an_earlier_message_left(operation):
    headers = published({"id": "t-1", HEADER: '{"id":"stale"}'})
    assert set(headers) == {"id", HEADER}
    assert extract(headers).correlation_id == operation.correlation_id


def test_what_stands_in_a_nested_dict_is_replaced_in_a_copy_of_it(operation):
    nested = {HEADER: "stale", CRUMBS_HEADER: "stale", "mine": "kept"}
    headers = published({"headers": nested})
    assert nested == {HEADER: "stale", CRUMBS_HEADER: "stale", "mine": "kept"}
    assert headers["headers"] == {"mine": "kept", HEADER: headers[HEADER]}


def test_without_a_frame_nothing_is_written():
    assert published({"mine": "kept"}) == {"mine": "kept"}


def test_without_being_told_neither_values_nor_crumbs_travel(operation):
    with scope(tenant="acme"):
        crumb("before")
        headers = published({})
    assert set(headers) == {HEADER}
    assert "acme" not in headers[HEADER]


def test_what_is_configured_travels(operation, configured):
    with scope(tenant="acme", user="ann"):
        crumb("before", card_number="4111")
        frame = frame_of(TASK, published({}), "t-1")
    assert dict(frame.values) == {"tenant": "acme", "task_id": "t-1"}
    assert [each["event"] for each in trail_of(frame).inherited] == ["before"]


@pytest.mark.parametrize("place", ["top", "nested"])
def test_the_header_is_found_at_the_top_and_in_a_nested_dict(operation, place):
    headers = published({})
    frame = frame_of(TASK, headers if place == "top" else {"headers": headers}, "t-1")
    assert frame.correlation_id == operation.correlation_id
    assert frame.parent.id == operation.id


@pytest.mark.parametrize(
    "header", [None, "", "{", "[]", b"\xff", 7, json.dumps({"id": "<script>"}), '{"id": null}']
)
def test_a_header_that_is_not_ours_starts_an_operation_of_its_own(header):
    frame = frame_of(TASK, {HEADER: header, "headers": 7}, "t-1")
    assert len(frame.correlation_id) == 32
    assert frame.name == "orders.pay"


def test_protocol_one_has_the_header_too(operation):
    app = Celery("old", broker="memory://", set_as_current=False)
    app.conf.task_protocol = 1
    with app.connection_for_write() as connection:
        app.send_task("orders.pay", connection=connection)
        message = connection.default_channel.basic_get("celery", no_ack=True)
    assert extract(message.headers).correlation_id == operation.correlation_id
    app.close()


@pytest.mark.parametrize(
    ("facts", "part", "after_parts"),
    [
        ({"group_index": 3, "chord": {"task": "x"}}, ("g-1", 3), None),
        ({"group_index": None, "args": [[1, 2, 3]]}, None, ("g-1", 3)),
    ],
    ids=["header", "body"],
)
def test_a_task_of_a_chord_knows_its_place_in_it(facts, part, after_parts):
    site = frame_of(TASK, {"group": "g-1", **facts}, "t-1").site
    assert (site.part, site.after_parts) == (part, after_parts)


@pytest.mark.parametrize(
    "request_",
    [
        {"group": "g-1", "group_index": 3},  # of a plain group
        {"group": "g-1", "group_index": 3, "chord": {"task": "x"}, "retries": 1},
        {"group": "g-1", "args": []},  # a body that takes no results
        {"group": "g-1", "args": [7]},
        {"group": "g-1", "args": {"order": 1}},  # Celery takes it: the names are the arguments
        {"group": 7, "args": [[1]]},
        {"group": "g-1", "group_index": "3", "chord": {"task": "x"}},
    ],
)
def test_any_other_task_has_no_place_in_a_chord(request_):
    assert not hasattr(frame_of(TASK, request_, "t-1").site, "part")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"crumbs": "5"}, TypeError, "number of crumbs, not '5'"),
        ({"crumbs": True}, TypeError, "number of crumbs, not True"),
        ({"crumbs": 101}, ValueError, "crumbs=101 is out of range: 0 to 100"),
        ({"crumbs": -1}, ValueError, "out of range"),
        ({"values": "tenant"}, TypeError, r"Did you mean \['tenant'\]"),
        ({"values": [1]}, TypeError, "not 1"),
    ],
)
def test_a_wrong_option_is_refused_and_changes_nothing(given, error, message):
    with pytest.raises(error, match=message):
        penstock_celery.configure(**{"crumbs": 5, **given})
    assert penstock_celery._messages.options.crumbs == 0
