"""Exported spans as evidence."""

from __future__ import annotations

import json

import pytest

from penstock._verify import as_text, verify
from penstock._verify._file import EvidenceError
from penstock._verify._otlp import read_spans
from tests.penstock.declared import graph_of
from tests.penstock.verify.verdicts import edges, runs, undeclared

FLOW = {"orders": {"receive": (), "check": ("receive",), "ship": ("check",)}}


def span(step: str, began: int, *, trace="a" * 32, parent: str | None = None, **more) -> dict:
    """Return one span of the flow, that takes 1000 ns."""
    attributes = {"penstock.flow": "orders", "penstock.step": step, **more.pop("attributes", {})}
    return {
        "traceId": trace,
        "spanId": f"{began:016x}",
        **({"parentSpanId": parent} if parent else {}),
        "name": step,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + 1000),
        "attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
        ],
        **more,
    }


def request(*spans: dict, host: str = "web") -> dict:
    resource = {"attributes": [{"key": "host.name", "value": {"stringValue": host}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


@pytest.fixture
def verdict_of(tmp_path):
    """Return a function that says what the requests, each a line of a file, prove."""

    def verdict(*requests: dict, flows=FLOW, **attributes):
        path = tmp_path / "spans.json"
        path.write_text("\n".join(map(json.dumps, requests)))
        graph = graph_of(flows, **attributes)
        return verify(graph, read_spans([path], graph))

    return verdict


def test_spans_of_a_run_in_order_prove_its_edges(verdict_of):
    verdict = verdict_of(
        request(span("receive", 1), span("check", 2)), request(span("ship", 3), host="worker")
    )
    assert edges(verdict) == {"receive -> check": 1, "check -> ship": 1}
    assert undeclared(verdict) == {}
    assert verdict.evidence.processes == 2


def test_errors_and_durations_are_those_of_the_spans(verdict_of):
    verdict = verdict_of(
        request(
            span("receive", 1),
            span("check", 2, status={"code": 2}),
            span("ship", 3, status={"code": "STATUS_CODE_ERROR"}),
        )
    )
    assert runs(verdict) == {"receive": (1, 0, 0), "check": (1, 1, 0), "ship": (1, 1, 0)}
    assert verdict.flows["orders"].ran["orders:ship"].p95 == pytest.approx(1000, rel=0.02)


def test_a_step_that_began_before_what_it_comes_after_is_undeclared(verdict_of):
    verdict = verdict_of(
        request(span("receive", 1), span("ship", 2, parent=f"{1:016x}"), span("check", 3))
    )
    (start,) = verdict.undeclared
    assert (start.step, start.path, start.before) == (
        "orders:ship",
        ("orders:receive",),
        ("orders:receive",),
    )
    assert start.example == "a" * 32
    assert edges(verdict) == {"receive -> check": 1, "check -> ship": 0}


def test_what_happened_in_another_trace_explains_nothing(verdict_of):
    verdict = verdict_of(
        request(span("receive", 1), span("check", 2), span("ship", 3, trace="b" * 32))
    )
    assert undeclared(verdict) == {"ship": 1}


def test_traces_with_one_correlation_id_are_one_run(verdict_of):
    same = {"attributes": {"penstock.correlation_id": "order-7"}}
    verdict = verdict_of(
        request(span("receive", 1, **same), span("check", 2, **same)),
        request(span("ship", 3, trace="b" * 32, **same)),
    )
    assert undeclared(verdict) == {}


DOORS = {
    "orders": {
        "receive": (),
        "take_over": (),
        "check": ("receive", "take_over"),
        "ship": ("check",),
    }
}


def test_an_edge_is_counted_in_its_run_and_not_in_another_run_of_the_trace(verdict_of):
    first, second = f"{1:016x}", f"{4:016x}"
    verdict = verdict_of(
        request(
            span("receive", 1),
            span("take_over", 4),
            span("check", 5, parent=first),
            span("check", 6, parent=second),
            span("check", 7, parent=second),
        ),
        request(span("ship", 8)),  # after the last run, as in a background task
        flows=DOORS,
    )
    assert edges(verdict) == {
        "receive -> check": 1,
        "take_over -> check": 2,
        "check -> ship": 1,
    }
    assert undeclared(verdict) == {}


def test_a_run_inside_another_one_is_a_part_of_it(verdict_of):
    verdict = verdict_of(
        request(
            span("receive", 1),
            span("take_over", 2, parent=f"{1:016x}"),
            span("check", 3, parent=f"{2:016x}"),
            span("ship", 4, parent=f"{1:016x}"),
        ),
        flows=DOORS,
    )
    assert edges(verdict) == {
        "receive -> check": 1,
        "take_over -> check": 1,
        "check -> ship": 1,
    }


def test_where_spans_of_a_trace_are_missing_nothing_is_judged(verdict_of):
    verdict = verdict_of(request(span("ship", 3, parent="f" * 16)))
    assert undeclared(verdict) == {}
    assert verdict.evidence.unjudged == 1


def test_an_entrypoint_needs_nothing_before_it(verdict_of):
    flows = {**FLOW, "mail": {"notify": ()}}
    verdict = verdict_of(request(span("receive", 1)), flows=flows)
    assert undeclared(verdict) == {}


def test_a_step_that_comes_after_nothing_is_nowhere_declared_to_start(verdict_of):
    flows = {"orders": {"receive": (), "check": ("receive",), "loose": ()}}
    kinds = {"loose": {"kind": "step"}}
    verdict = verdict_of(request(span("receive", 1), span("loose", 2)), flows=flows, **kinds)
    assert undeclared(verdict) == {"loose": 1}


def test_other_spans_are_not_steps(verdict_of):
    other = span("GET /", 1)
    other["attributes"] = []
    verdict = verdict_of(request(other, span("receive", 2, parent=f"{1:016x}")))
    assert runs(verdict)["receive"] == (1, 0, 0)


def test_a_whole_file_may_be_one_request(tmp_path):
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(request(span("receive", 1)), indent=2))
    graph = graph_of(FLOW)
    assert runs(verify(graph, read_spans([path, path], graph)))["receive"] == (1, 0, 0)


@pytest.mark.parametrize("time", ["soon", None, -1, float("inf"), str(10**400)], ids=str)
def test_a_span_of_no_time_is_counted_and_left_out(tmp_path, time):
    path = tmp_path / "spans.json"
    spans = [span("receive", 1), {**span("check", 2), "endTimeUnixNano": time}]
    path.write_text(json.dumps(request(*spans)))
    evidence = read_spans([path], graph_of(FLOW))
    assert list(evidence.steps) == ["orders:receive"]
    assert evidence.skipped == 1


def test_an_id_from_outside_cannot_write_to_the_terminal(verdict_of):
    odd = span("check", 2, attributes={"penstock.correlation_id": "\x1b[2Jx\nall is well"})
    said = as_text(verdict_of(request(odd)))
    (line,) = [line for line in said.splitlines() if "for example" in line]
    assert "all is well" in line
    assert "\x1b" not in said


def test_what_cannot_be_read_is_counted_and_left_out(tmp_path):
    path = tmp_path / "spans.json"
    broken = span("check", 2)
    del broken["startTimeUnixNano"]
    path.write_text(json.dumps(request(span("receive", 1), broken, {})) + "\n{torn")
    evidence = read_spans([path], graph_of(FLOW))
    assert evidence.steps["orders:receive"].began == 1
    assert evidence.skipped == 3


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "not json", '{"resourceSpans": 7}'])
def test_a_file_without_spans_is_refused(tmp_path, content):
    path = tmp_path / "spans.json"
    path.write_text(content)
    with pytest.raises(EvidenceError, match="has no spans"):
        read_spans([path], graph_of(FLOW))
