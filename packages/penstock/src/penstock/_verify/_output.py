"""A verdict as a table for people, and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock._graph import parted
from penstock.formats import counted, duration, share, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from penstock._graph import Node, Ran
    from penstock._verify._verdict import FlowVerdict, Seen, Undeclared, Verdict


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return `verdict` for JSON: by the name of the flow, its steps that ran and that did not.

    Each flow has::

        steps       [{name, entrypoint, runs, errors, passed_through, cancelled, outside,
                      ambiguous, p50, p95, file, line}, ...]
        edges       [{from, to, status, count}, ...]
        undeclared  [{from, to, count, expected, path, before, correlation_id, file, line}, ...]
        never_run   [name, ...]

    Steps are named as in ``after=``: "step", or "other_flow:step". Of the `errors`,
    `passed_through` were raised in a step that this one called. `outside` counts the calls outside
    of any run of the flow, which are no runs, and `ambiguous` the runs in which the step joined the
    latest of several executions of the flow. `p50` and `p95` are seconds, or null. `status` is
    "seen" or "unseen"; `count` says how many starts of `to` came after `from`. In `undeclared`,
    `to` is the step, `from` is the step that called or sent it, or null; `expected` are the steps
    of which one should have started before, `path` are the frames around it, outermost first, and
    `before` the steps that had started in the same run. A step without a declaration has neither
    `expected` nor a `file`.
    """
    nodes = {node.id: node for node in verdict.graph.nodes}
    return {name: _flow(flow, nodes) for name, flow in verdict.flows.items()}


def as_text(verdict: Verdict) -> str:
    """Return `verdict` as a table for people, that ends with a newline."""
    nodes = {node.id: node for node in verdict.graph.nodes}
    lines: list[str] = []
    for flow in verdict.flows.values():
        lines += [*_flow_lines(flow, nodes), ""]
    return "\n".join([*lines, *_closing(verdict)]) + "\n"


def _flow(flow: FlowVerdict, nodes: Mapping[str, Node]) -> dict[str, Any]:
    def named(step: str) -> str:
        return _name(step, flow.name)

    return {
        "steps": [
            {
                "name": named(step),
                "entrypoint": nodes[step].entrypoint,
                "runs": ran.began,
                "errors": ran.errors,
                "passed_through": ran.passed,
                "cancelled": ran.cancelled,
                "outside": ran.outside,
                "ambiguous": ran.ambiguous,
                "p50": None if ran.p50 is None else ran.p50 / 1e9,
                "p95": None if ran.p95 is None else ran.p95 / 1e9,
                **_where(step, nodes),
            }
            for step, ran in flow.ran.items()
        ],
        "edges": [
            {
                "from": named(edge.source),
                "to": named(edge.target),
                "status": edge.status,
                "count": edge.count,
            }
            for edge in flow.edges
        ],
        "undeclared": [
            {
                "from": None if start.caller is None else named(start.caller),
                "to": named(start.step),
                "count": start.count,
                "expected": [named(each) for each in start.expected],
                "path": [_opened(each, flow.name, nodes) for each in start.path],
                "before": [named(each) for each in start.before],
                "correlation_id": start.example,
                **_where(start.step, nodes),
            }
            for start in flow.undeclared
        ],
        "never_run": [named(step) for step in flow.never_run],
    }


def _where(step: str, nodes: Mapping[str, Node]) -> dict[str, Any]:
    node = nodes.get(step)
    return {"file": node and node.file, "line": node and node.line}


def _name(step: str, flow: str) -> str:
    """Return what an ``after=`` in `flow` calls the step with the id `step`."""
    own, name = parted(step)
    return name if own == flow else f"{own}:{name}"


def _opened(each: str, flow: str, nodes: Mapping[str, Node]) -> str:
    """Return one part of a path: a step's name, or "request POST /orders" as it is."""
    return _name(each, flow) if each in nodes else each


def _flow_lines(flow: FlowVerdict, nodes: Mapping[str, Node]) -> Iterator[str]:
    seen = sum(bool(edge.count) for edge in flow.edges)
    yield f"{visible(flow.name)}: {seen} of {counted(len(flow.edges), 'edge')} seen"
    rows = [
        ("", "runs", "failed", "p50", "p95"),
        *(_ran(*each, nodes) for each in flow.ran.items()),
    ]
    yield from _table(rows)
    if flow.edges:
        yield ""
        yield from _table([(_arrow(edge), _status(edge)) for edge in flow.edges])
    for step, ran in flow.ran.items():
        yield from _notes(visible(parted(step)[1]), ran)
    for start in flow.undeclared:
        yield ""
        yield from _odd(start, flow.name, nodes)


def _ran(step: str, ran: Ran, nodes: Mapping[str, Node]) -> tuple[str, ...]:
    name = visible(parted(step)[1])
    if not ran.began:
        never = "NEVER USED" if nodes[step].entrypoint else "NEVER RAN"
        return name, "outside" if ran.outside else never, "", "", ""
    failed = f"{ran.errors:,} ({share(ran.errors, ran.began)})" if ran.errors else "-"
    took = ["-" if each is None else duration(each) for each in (ran.p50, ran.p95)]
    return name, f"{ran.began:,}", failed, *took


def _notes(step: str, ran: Ran) -> Iterator[str]:
    """Yield a line for each count that the table has no column for."""
    if ran.passed:
        yield f"  {step}: {ran.passed:,} of its failures passed through, from a step that it called"
    if ran.outside:
        yield f"  {step} ran {counted(ran.outside, 'time')} outside its flow"
    if ran.ambiguous:
        yield f"  {step} joined the latest of several runs {counted(ran.ambiguous, 'time')}"


def _arrow(edge: Seen) -> str:
    flow, _ = parted(edge.target)
    return f"{visible(_name(edge.source, flow))} -> {visible(_name(edge.target, flow))}"


def _status(edge: Seen) -> str:
    return f"{edge.count:,}" if edge.count else "UNSEEN"


def _odd(start: Undeclared, flow: str, nodes: Mapping[str, Node]) -> Iterator[str]:
    def named(steps: tuple[str, ...]) -> str:
        return ", ".join(visible(_name(each, flow)) for each in steps) or "nothing"

    step = visible(_name(start.step, flow))
    times = counted(start.count, "time")
    node = nodes.get(start.step)
    if node is None or node.unknown:
        yield f"  UNDECLARED: {step} ran {times}, but is no step of this flow"
        return
    where = f"  ({visible(node.file)}:{node.line})" if node.file else ""
    if start.expected:
        yield f"  UNDECLARED: {step} ran {times} before any of: {named(start.expected)}{where}"
    else:
        yield f"  UNDECLARED: {step} ran {times}, but comes after nothing{where}"
    path = [visible(_opened(each, flow, nodes)) for each in start.path]
    yield f"    opened in    {' > '.join(path) or 'nothing'}"
    yield f"    had started  {named(start.before)}"
    if start.example is not None:
        yield f"    for example  {visible(start.example)}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield the rows, indented: the first cell from the left, the others from the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join(["", first.ljust(widths[0]), *cells]).rstrip()


def _closing(verdict: Verdict) -> Iterator[str]:
    edges = verdict.edges
    seen = sum(bool(edge.count) for edge in edges)
    starts = sum(start.count for start in verdict.undeclared)
    idle = sum(len(flow.never_run) for flow in verdict.flows.values())
    yield (
        f"{seen} of {counted(len(edges), 'edge')} seen ({share(seen, len(edges))}), "
        f"{counted(starts, 'undeclared start')}, {counted(idle, 'step')} never ran"
        if edges
        else "no edges are declared"
    )
    yield f"observed in {counted(verdict.evidence.processes, 'process')}"
    if verdict.evidence.unjudged:
        yield (
            f"{counted(verdict.evidence.unjudged, 'start')} could not be judged: the runs were in "
            "several processes, and not all of them still know"
        )
    if verdict.evidence.skipped:
        yield f"{counted(verdict.evidence.skipped, 'line')} could not be read, and was left out"
