"""Read exported spans as `Evidence`; ``penstock-otel`` makes them for entrypoints and steps.

The files are OTLP in its JSON encoding (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding),
one export request in a file, or one in each line as the collector's file exporter writes them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock._graph import node_id
from penstock._verify._evidence import Evidence, Start
from penstock._verify._file import EvidenceError
from penstock._verify._runs import MOST_NAMES, Run
from penstock._verify._totals import Totals, bucket_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike

    from penstock._graph import Graph

_ERROR = (2, "STATUS_CODE_ERROR")
_END_OF_TIME = 1 << 64  # ns; OTLP's times are 64 bits without a sign


class _Span(NamedTuple):
    """The fields of a span that matter here; times are Unix times in ns."""

    id: tuple[str, str]  # of the trace, of the span
    parent: tuple[str, str] | None
    name: str
    flow: str
    step: str
    correlation_id: str
    began: int
    ended: int
    is_error: bool


def read_spans(paths: Iterable[str | PathLike[str]], graph: Graph) -> Evidence:
    """Return the evidence of the spans in `paths` on the flows in `graph`.

    The spans below that of an entrypoint are its run. Other steps of the flow, with the same
    correlation ID or trace ID, are in the latest run before them. If spans of a trace are missing,
    because they were sampled or went elsewhere, its steps are counted, but none is undeclared.
    Raises `EvidenceError` for a file that has no spans, and OSError.
    """
    evidence = Evidence()
    spans: dict[tuple[str, str], _Span] = {}
    hosts: set[str] = set()
    for path in paths:
        found, skipped = _spans(path, hosts)
        evidence.skipped += skipped
        spans.update((span.id, span) for span in found)  # the same file may be given twice
    evidence.processes = len(hosts)
    before: dict[str, list[str]] = {}
    for edge in graph.edges:
        before.setdefault(edge.target, []).append(edge.source)
    inner = {node.id for node in graph.nodes if not (node.entrypoint or node.unknown)}
    partial = {
        span.correlation_id for span in spans.values() if span.parent and span.parent not in spans
    }
    starts: dict[tuple[str, ...], Start] = {}
    runs = _Runs(spans, graph, before)
    started: dict[str, set[str]] = {}
    for span in sorted(spans.values(), key=lambda span: (span.began, span.ended, span.id)):
        if not span.step:
            continue
        step = node_id(span.flow, span.step)
        run = runs.of(span)
        everywhere = started.setdefault(span.correlation_id, set())
        prefix = node_id(span.flow, "")
        seen = {
            each: run.has_started(each[len(prefix) :])
            if each.startswith(prefix)
            else each in everywhere
            for each in before.get(step, ())
        }
        _count(evidence.steps.setdefault(step, Totals()), span, seen)
        if step in inner and not any(seen.values()):
            if span.correlation_id in partial:
                evidence.unjudged += 1
            else:
                _odd(starts, span, before.get(step, []), _path_to(span, spans), run)
        everywhere.add(step)
        run.started.setdefault(span.step, span.began)
        run.tell_outer(span.step, span.began)
    evidence.starts = sorted(starts.values(), key=lambda each: (-each.count, each.step, each.path))
    return evidence


class _Runs:
    """The runs of the steps whose spans are in `spans`; `before` has the predecessors of each."""

    def __init__(
        self, spans: dict[tuple[str, str], _Span], graph: Graph, before: dict[str, list[str]]
    ) -> None:
        self._spans = spans
        self._entrypoints = {node.id for node in graph.nodes if node.entrypoint}
        self._before = before
        self._by_span: dict[tuple[str, str], Run] = {}
        self._latest: dict[tuple[str, str], Run] = {}  # by correlation ID and flow

    def of(self, span: _Span) -> Run:
        """Return the run of a step. Call it for all steps in the order in which they began."""
        operation = span.correlation_id, span.flow
        around, latest = self._around(span), self._latest.get(operation)
        step = node_id(span.flow, span.step)
        if step not in self._entrypoints:
            run = around or latest or Run(span.flow, span.correlation_id, is_whole=True)
        else:
            run = Run(span.flow, span.correlation_id, is_whole=True)
            prefix = node_id(span.flow, "")
            is_after = any(each.startswith(prefix) for each in self._before.get(step, ()))
            earlier = around or (latest if is_after else None)
            if earlier is not None:
                run.begin_after(earlier, is_inside=around is not None)
        self._by_span[span.id] = run
        if around is None or step in self._entrypoints:
            self._latest[operation] = run
        return run

    def _around(self, span: _Span) -> Run | None:
        """Return the run of the nearest step around `span` in its flow."""
        parent, seen = span.parent, {span.id}
        while parent is not None and parent in self._spans and parent not in seen:
            seen.add(parent)
            around = self._spans[parent]
            if around.step and around.flow == span.flow:
                return self._by_span.get(parent)  # not yet, by the clock of another machine
            parent = around.parent
        return None


def _count(totals: Totals, span: _Span, seen: dict[str, bool]) -> None:
    totals.began += 1
    totals.errors += span.is_error
    bucket = bucket_of(max(span.ended - span.began, 0))
    totals.took[bucket] = totals.took.get(bucket, 0) + 1
    for each, was_seen in seen.items():
        totals.seen[each] = totals.seen.get(each, 0) + was_seen


def _odd(
    starts: dict[tuple[str, ...], Start],
    span: _Span,
    missing: list[str],
    path: tuple[str, ...],
    run: Run,
) -> None:
    names = list(run.started)[:MOST_NAMES]
    step = node_id(span.flow, span.step)
    start = starts.setdefault(
        (step, *path, "", *names),
        Start(step, tuple(missing), path, tuple(names), 0, span.correlation_id),
    )
    start.count += 1


def _path_to(span: _Span, spans: dict[tuple[str, str], _Span]) -> tuple[str, ...]:
    """Return the spans around `span`, outermost first: ids of steps, names of other spans."""
    path: list[str] = []
    parent = span.parent
    while parent in spans and len(path) < MOST_NAMES:
        around = spans[parent]
        path.append(node_id(around.flow, around.step) if around.step else f"span {around.name}")
        parent = around.parent
    return tuple(reversed(path))


def _spans(path: str | PathLike[str], hosts: set[str]) -> tuple[list[_Span], int]:
    """Return the spans in a file, and how many of its lines or spans could not be read."""
    with open(path, "rb") as file:
        content = file.read()
    documents, skipped = _documents(content)
    found: list[_Span] = []
    for document in documents:
        for resource, each in _raw_spans(document):
            try:
                found.append(_span(each))
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                skipped += 1
            else:
                hosts.add(json.dumps(resource, sort_keys=True, default=str))
    if not found:
        raise EvidenceError(f"{path} has no spans: it should be OTLP in JSON.")
    return found, skipped


def _documents(content: bytes) -> tuple[list[Any], int]:
    try:
        return [json.loads(content)], 0
    except (ValueError, RecursionError):
        pass
    found: list[Any] = []
    skipped = 0
    for line in content.splitlines():
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            skipped += bool(line.strip())
    return found, skipped


def _raw_spans(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each span with its resource."""
    for resource in _items(document, "resourceSpans"):
        for scope in _items(resource, "scopeSpans"):
            for span in _items(scope, "spans"):
                yield resource.get("resource"), span


def _items(value: Any, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _span(raw: dict[str, Any]) -> _Span:
    attributes = {
        each["key"]: each["value"].get("stringValue", "") for each in _items(raw, "attributes")
    }
    trace = str(raw["traceId"])
    parent = raw.get("parentSpanId")
    return _Span(
        id=(trace, str(raw["spanId"])),
        parent=(trace, str(parent)) if parent else None,
        name=str(raw.get("name", "")),
        flow=str(attributes.get("penstock.flow", "")),
        step=str(attributes.get("penstock.step", "")),
        correlation_id=str(attributes.get("penstock.correlation_id") or trace.lower()),
        began=_time(raw["startTimeUnixNano"]),
        ended=_time(raw["endTimeUnixNano"]),
        is_error=(raw.get("status") or {}).get("code") in _ERROR,
    )


def _time(value: Any) -> int:
    time = int(value)  # of infinity: OverflowError
    if not 0 <= time < _END_OF_TIME:
        raise ValueError(value)
    return time
