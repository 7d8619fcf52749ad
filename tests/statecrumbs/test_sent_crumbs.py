"""Crumbs that travel with a message: the header of the sender, and untrusted headers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corectx import Site, attach, detach, enter, failed_frame, leave, scope, start
from statecrumbs import crumb
from statecrumbs._crash._dump import collect
from statecrumbs._trail import trail_of
from statecrumbs.lowlevel import forget_inherited_duplicates, inherit_crumbs, outgoing_crumbs
from tests.statecrumbs.dump_schema import check_dump


@pytest.fixture
def operation():
    frame = start(Site("request", "GET /orders"))
    token = attach(frame)
    yield frame
    detach(token)


@pytest.fixture
def elsewhere():
    return start(Site("task", "orders.pay"))


def received(frame, header):
    """Return the crumbs that a frame inherits from a header."""
    inherit_crumbs(frame, header)
    return list(trail_of(frame).inherited)


def test_none_are_sent_unless_asked_for(operation):
    crumb("here")
    assert outgoing_crumbs(0) is None


def test_the_last_ones_are_sent_and_the_oldest_left_out_where_they_are_too_large(operation):
    for number in range(40):
        crumb("large", number=number, text="x" * 1000)
    sent = received(operation, outgoing_crumbs(40))
    assert len(outgoing_crumbs(40)) <= 16 * 1024
    assert 10 < len(sent) < 20
    assert [each["number"] for each in sent] == [str(at) for at in range(40 - len(sent), 40)]


def test_a_crumb_of_a_bare_scope_says_where_it_came_from_before_its_data(elsewhere):
    with scope(tenant="acme"):
        crumb("bare", x=1)
        header = outgoing_crumbs(5)
    (sent,) = received(elsewhere, header)
    assert list(sent) == ["event", "ts", "thread", "context", "frame", "x"]
    assert list(sent["frame"]) == ["origin"]


@pytest.mark.parametrize(
    "header",
    [
        None,
        7,
        "",
        "{}",
        "[" * 9000,
        "[" + "1," * 9000 + "1]",
        json.dumps([{}, {"event": 7}, {"event": ""}, None, [], "x"]),
        json.dumps([{"event": "x", **{str(at): "y" for at in range(65)}}]),
        json.dumps([{"event": "x"}]).ljust(16 * 1024 + 1),
    ],
)
def test_a_header_without_one_good_crumb_is_none(elsewhere, header):
    assert received(elsewhere, header) == []


def test_only_what_passes_is_kept(elsewhere):
    hostile = {
        "event": "e" * 9999,
        "ts": "yesterday\n",
        "thread": ["x"],
        "context": {
            "tenant": "a",
            "deep": {"x": 1},
            "api_key": "s3cret",
            "n": 2**99,
            "f": 1e999,
        },
        "frame": {"kind": "request", "name": 7, "flow": "f" * 999, "other": "x"},
        "exception": {"type": "x"},
        "password": "hunter2",
        "url": "https://ann:hunter2@example.org/?token=s3cret",
        "x": "1",
    }
    (crumb,) = received(elsewhere, json.dumps([hostile]))
    assert crumb == {
        "event": "e" * 232 + "... (9767 more)",
        "context": {"tenant": "a", "api_key": "[redacted]"},
        "frame": {"origin": "unknown", "kind": "request", "flow": "f" * 232 + "... (767 more)"},
        "password": "[redacted]",
        "url": "https://ann:[redacted]@example.org/?token=[redacted]",
        "x": "1",
    }


@pytest.mark.parametrize("length", [210, 235, 250, 980, 1000, 1015])
def test_a_secret_across_the_edge_of_what_is_kept_is_not_shown_in_part(elsewhere, length):
    text = f"{'x' * length} postgres://bob:hunter2@db/parts"
    crumbs = [{"event": text, "text": text, text: "open", "context": {text: text}}]
    assert "hunt" not in str(received(elsewhere, json.dumps(crumbs)))


def test_what_this_process_still_has_itself_is_not_shown_twice(operation):
    crumb("here", x=1)
    (sent,) = json.loads(outgoing_crumbs(5))
    elsewhere = {**sent, "frame": {**sent["frame"], "origin": "1@elsewhere"}}
    pushed_out = {**sent, "x": "2"}
    inherit_crumbs(operation, json.dumps([sent, elsewhere, pushed_out]))
    forget_inherited_duplicates(operation)
    assert trail_of(operation).inherited == [elsewhere, pushed_out]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["event", "ts", "thread", "context", "frame"]) | st.text(),
                inner,
            )
        ),
    ).map(lambda crumb: json.dumps([crumb]))
)
def test_whatever_arrives_the_dump_follows_its_schema(header):
    check_dump(received(start(Site("task", "pay")), header))


def test_the_dump_of_a_failed_step_shows_each_inherited_crumb_once():
    task = start(Site("task", "charge"))
    sent = {"event": "order received", "frame": {"origin": "1@elsewhere"}}
    inherit_crumbs(task, json.dumps([sent]))
    step = task.child(Site("step", "ask the bank"))
    error = ValueError("no answer")
    token = enter(task)
    leave(enter(step), error)
    leave(token, error)
    inherited, _, _ = collect(failed_frame(error))
    assert [crumb["event"] for crumb in inherited] == ["order received"]
