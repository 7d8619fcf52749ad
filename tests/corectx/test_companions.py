"""Observers that keep a current thing of their own, such as a span, beside the frame."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from corectx import (
    HEADER,
    Site,
    current,
    extract,
    inject,
    new_correlation_id,
    scope,
    start,
    subscribe,
)
from corectx.lowlevel import around

STEP = Site("step", "pages")


@pytest.fixture
def heard():
    """Every event of a generator's frame, with whether the frame was current."""
    events = []

    def hear(event):
        return lambda frame, *_: events.append((event, current() is frame))

    names = ("entered", "left", "suspended", "resumed")
    end = subscribe(SimpleNamespace(**{name: hear(name) for name in names}))
    yield events
    end()


BEGIN = [("resumed", True), ("entered", True), ("suspended", True)]
RUN = [("resumed", True), ("suspended", True)]
END = [("resumed", True), ("left", True), ("suspended", True)]


def test_a_generators_observer_hears_of_each_time_its_body_runs(heard):
    def pages():
        yield 1
        yield 2

    traced = around(pages, lambda: start(STEP))
    assert list(traced()) == [1, 2]
    assert heard == BEGIN + 3 * RUN + END


def test_an_async_generators_observer_hears_of_it_when_another_task_closes_it(heard):
    async def pages():
        yield 1

    async def main():
        iterator = around(pages, lambda: start(STEP))()
        await iterator.__anext__()
        await asyncio.create_task(iterator.aclose())

    asyncio.run(main())
    assert heard == BEGIN + 2 * RUN + END


def test_functions_and_scopes_are_never_suspended(heard):
    around(lambda: None, lambda: start(STEP))()
    with scope(order=7):
        pass
    assert [event for event, _ in heard] == ["entered", "left"] * 2


def ending(**methods):
    return subscribe(SimpleNamespace(**methods))


def test_an_observer_may_choose_the_id_of_a_new_operation():
    end = ending(starting=lambda: "ab" * 16)
    assert start(STEP).correlation_id == new_correlation_id() == "ab" * 16
    assert start(STEP, correlation_id="mine").correlation_id == "mine"
    assert start(STEP).id != start(STEP).id != ("ab" * 16)[:16]
    end()
    assert new_correlation_id() != "ab" * 16


@pytest.mark.parametrize("answer", [None, "", "with space", 7, "x" * 129])
def test_an_answer_that_is_no_id_is_not_taken(answer):
    end = ending(starting=lambda: answer)
    assert len(new_correlation_id()) == 32
    end()


def test_the_first_observer_with_an_answer_chooses():
    ends = [
        ending(starting=lambda: None),
        ending(starting=lambda: "a"),
        ending(starting=lambda: "b"),
    ]
    assert new_correlation_id() == "a"
    for end in ends:
        end()


def test_an_observer_that_fails_to_choose_costs_one_record(records):
    def fail():
        raise RuntimeError("no ID today")

    end = ending(starting=fail)
    assert new_correlation_id() != new_correlation_id()
    end()
    assert len(records) == 1
    records.clear()


def test_what_an_observer_adds_travels_and_arrives():
    arrived = []
    end = ending(
        sent=lambda frame, fields: fields.update(traceparent="00-1", id="never"),
        received=lambda frame, fields: arrived.append((frame, fields["traceparent"])),
    )
    frame = start(STEP)
    around(lambda: None, lambda: frame)()
    headers = around(lambda: inject({}), lambda: frame)()
    remote = extract(headers)
    end()
    assert json.loads(headers[HEADER])["traceparent"] == "00-1"
    assert remote.correlation_id == frame.correlation_id
    assert arrived == [(remote, "00-1")]


def test_too_much_that_was_added_does_not_cost_the_correlation(records):
    texts = {f"key{number}": "x" * 256 for number in range(40)}
    end = ending(sent=lambda frame, fields: fields.update(texts))
    frame = start(STEP, values={"order": 7})
    headers = around(lambda: inject({}, allow=["order"]), lambda: frame)()
    end()
    arrived = extract(headers, allow=["order"])
    assert (arrived.correlation_id, arrived.name) == (frame.correlation_id, "pages")
    assert arrived.values == {"order": 7}
    assert len(records) == 1
    records.clear()


@pytest.mark.parametrize("key", [5, None, ("a", "b"), b"bytes"])
def test_what_stands_under_no_text_is_left_behind(key):
    end = ending(sent=lambda frame, fields: fields.update({key: "text"}))
    headers = around(lambda: inject({}), lambda: start(STEP))()
    end()
    assert set(json.loads(headers[HEADER])) == {"id", "parent", "step"}


@pytest.mark.parametrize("bad", [b"bytes", object(), "x" * 1025, 7])
def test_what_cannot_travel_is_left_behind(bad):
    end = ending(sent=lambda frame, fields: fields.update(bad=bad, good="text"))
    headers = around(lambda: inject({}), lambda: start(STEP))()
    end()
    fields = json.loads(headers[HEADER])
    assert "bad" not in fields
    assert fields["good"] == "text"
