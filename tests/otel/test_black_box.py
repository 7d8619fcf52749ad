"""The black box has the IDs of the trace of each open frame, in any order of set-up."""

from __future__ import annotations

from contextvars import copy_context

import pytest

import statecrumbs
from corectx import Site, enter, leave, start
from penstock_otel import instrument
from statecrumbs._black_box import read
from tests.otel.conftest import traced


@pytest.mark.parametrize("first", ["statecrumbs", "tracing"])
def test_an_open_frame_has_the_ids_of_its_span_and_of_the_parent(tmp_path, first):
    spans = traced()

    def record():
        statecrumbs.enable(on_crash="none", black_box=tmp_path)

    if first == "statecrumbs":
        record()
    stop = instrument(tracer_provider=spans.provider)
    if first == "tracing":
        record()
    try:
        root = start(Site("request", "GET"))
        outer = enter(root)
        inner = enter(root.child(Site("step", "charge", "orders")))
        (path,) = tmp_path.glob("*.crumbs")
        request, step = read(path).in_flight
        leave(inner)
        leave(outer)
    finally:
        stop()
        statecrumbs.disable()
    for row, name in ((request, "GET"), (step, "charge")):
        assert row["trace_id"] == f"{spans[name].context.trace_id:032x}"
        assert row["span_id"] == f"{spans[name].context.span_id:016x}"
        assert row["trace_flags"] == 1
    assert step["parent_span_id"] == request["span_id"]


def test_a_frame_that_nobody_will_leave_is_dropped_beside_its_span(tmp_path):
    """A signal handler that raises can come between the begin of a frame and its ``try``."""
    statecrumbs.enable(on_crash=lambda dump: None, black_box=tmp_path)
    stop = instrument(tracer_provider=traced().provider)
    (path,) = tmp_path.glob("*.crumbs")

    def begin(name):
        token = enter(start(Site("request", name)))
        return token if name == "open" else None

    try:
        # In contexts of their own, in which they stay current.
        token = copy_context().run(begin, "open")
        copy_context().run(begin, "lost")
        assert [row["name"] for row in read(path).in_flight] == ["open", "lost"]
        statecrumbs.report("who is open?")
        assert [row["name"] for row in read(path).in_flight] == ["open"]
        leave(token)
    finally:
        stop()
        statecrumbs.disable()
