"""The black box has the IDs of the trace of each open frame, in any order of set-up."""

from __future__ import annotations

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
