"""Compare the declared flows with the evidence of what ran: a verdict, as text, JSON or a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock._graph import Edge, Ran, node_id, split_node_id
from penstock._verify._totals import Totals, quantile
from penstock.formats import counted, duration, share, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from penstock._graph import Graph, Node
    from penstock._verify._evidence import Evidence, Start


@dataclass(frozen=True, slots=True)
class Seen:
    """A declared edge by the ids of its steps; `count` starts of `target` came after `source`."""

    source: str
    target: str
    count: int

    @property
    def status(self) -> str:
        """Either "seen" or "unseen"."""
        return "seen" if self.count else "unseen"


@dataclass(frozen=True, slots=True)
class Undeclared:
    """Starts of `step`, an id, that the declarations do not explain.

    None of the declared predecessors, `expected`, had started. It is empty for a step without
    predecessors, and for a step without a declaration. `caller` is the id of the step that called
    or sent it, if any. `path` and `before` are ids, and `example` is the correlation ID of one such
    run.
    """

    step: str
    caller: str | None
    expected: tuple[str, ...]
    path: tuple[str, ...]
    before: tuple[str, ...]
    count: int
    example: str | None


@dataclass
class FlowVerdict:
    """The verdict on one flow."""

    name: str
    ran: dict[str, Ran] = field(default_factory=dict[str, Ran])
    edges: list[Seen] = field(default_factory=list[Seen])
    undeclared: list[Undeclared] = field(default_factory=list[Undeclared])

    @property
    def never_run(self) -> list[str]:
        """The ids of the steps that never ran, entrypoints included; nor outside of the flow."""
        return [step for step, ran in self.ran.items() if not (ran.began or ran.outside)]

    @property
    def outside(self) -> dict[str, int]:
        """The number of calls outside of any run of the flow, by the ids of the steps."""
        return {step: ran.outside for step, ran in self.ran.items() if ran.outside}


@dataclass
class Verdict:
    """The verdict on all flows; `graph` has the declarations."""

    graph: Graph
    evidence: Evidence
    flows: dict[str, FlowVerdict] = field(default_factory=dict[str, FlowVerdict])

    @property
    def edges(self) -> list[Seen]:
        """The declared edges of all flows."""
        return [edge for flow in self.flows.values() for edge in flow.edges]

    @property
    def undeclared(self) -> list[Undeclared]:
        """The starts of all flows that the declarations do not explain."""
        return [start for flow in self.flows.values() for start in flow.undeclared]

    @property
    def outside(self) -> int:
        """The number of calls of steps outside of their flows."""
        return sum(sum(flow.outside.values()) for flow in self.flows.values())

    @property
    def coverage(self) -> float:
        """The share of declared edges that was seen, in percent; 100 without edges."""
        edges = self.edges
        return 100 * sum(bool(edge.count) for edge in edges) / len(edges) if edges else 100.0


def verify(graph: Graph, evidence: Evidence) -> Verdict:
    """Return the verdict of `evidence` on `graph`, the graph of the whole system.

    Flows that are only in the evidence belong to another program, and are left out.
    """
    nodes = {node.id: node for node in graph.nodes}
    before: dict[str, list[str]] = {}
    for edge in graph.edges:
        before.setdefault(edge.target, []).append(edge.source)
    verdict = Verdict(graph, evidence)
    for group in graph.groups:
        verdict.flows[group.flow] = FlowVerdict(group.flow)
    late: dict[tuple[str, str], int] = {}
    for start in evidence.starts:
        _judge(verdict, nodes, before, start, late)
    for node in graph.nodes:
        totals = evidence.steps.get(node.id, Totals())
        flow = verdict.flows[node.flow]
        if not node.unknown:
            flow.ran[node.id] = ran(totals)
        for source in before.get(node.id, ()):
            count = totals.seen.get(source, 0) + late.get((source, node.id), 0)
            flow.edges.append(Seen(source, node.id, count))
    for step, totals in sorted(evidence.steps.items()):
        name, _ = split_node_id(step)
        if totals.began and name in verdict.flows and (step not in nodes or nodes[step].unknown):
            gone = Undeclared(step, None, (), (), (), totals.began, None)
            verdict.flows[name].undeclared.append(gone)
    return verdict


def ran(totals: Totals) -> Ran:
    """Return the summary of the counts of a step."""
    return Ran(
        began=totals.began,
        errors=totals.errors,
        cancelled=totals.cancelled,
        p50=quantile(totals.took, 0.5),
        p95=quantile(totals.took, 0.95),
        passed=totals.passed,
        outside=totals.outside,
        ambiguous=totals.ambiguous,
    )


def _judge(
    verdict: Verdict,
    nodes: Mapping[str, Node],
    before: Mapping[str, list[str]],
    start: Start,
    late: dict[tuple[str, str], int],
) -> None:
    """Add `start` as undeclared, unless the declarations have been corrected since."""
    node = nodes.get(start.step)
    expected = before.get(start.step, [])
    if node is None or node.unknown or node.entrypoint:
        return
    happened = tuple(node_id(node.flow, name) for name in start.before)
    explained = [each for each in expected if each in happened and each not in start.missing]
    for each in explained:
        late[each, start.step] = late.get((each, start.step), 0) + start.count
    if explained:
        return
    callers = [each for each in start.path if each in nodes]
    verdict.flows[node.flow].undeclared.append(
        Undeclared(
            step=start.step,
            caller=callers[-1] if callers else None,
            expected=tuple(expected),
            path=start.path,
            before=happened,
            count=start.count,
            example=start.example,
        )
    )


def overlay(graph: Graph, verdict: Verdict) -> Graph:
    """Return `graph`, of the whole system or of one flow, with the evidence of `verdict`.

    An undeclared call becomes an edge from the step that made it. The order of the nodes stays, but
    in SVG, HTML and PNG a step may stand further down than without evidence.
    """
    ran = {step: each for flow in verdict.flows.values() for step, each in flow.ran.items()}
    seen = {(edge.source, edge.target): edge for edge in verdict.edges}
    rank = {node.id: at for at, node in enumerate(graph.nodes)}
    edges: list[Edge] = []
    for edge in graph.edges:
        found = seen[edge.source, edge.target]
        edges.append(edge._replace(status=found.status, seen=found.count))
    odd: dict[tuple[str, str], int] = {}
    for start in verdict.undeclared:
        if start.caller in rank and start.step in rank:
            pair = start.caller, start.step
            odd[pair] = odd.get(pair, 0) + start.count
    declared = {(edge.source, edge.target) for edge in edges}
    edges += [
        Edge(*pair, status="undeclared", seen=count)
        for pair, count in odd.items()
        if pair not in declared
    ]
    return graph._replace(
        nodes=tuple(node._replace(ran=ran.get(node.id)) for node in graph.nodes),
        edges=tuple(sorted(edges, key=lambda edge: (rank[edge.source], rank[edge.target]))),
    )


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return `verdict` for JSON, by the name of the flow.

    Each flow has::

        steps       [{name, entrypoint, runs, errors, passed_through, cancelled, outside,
                      ambiguous, p50, p95, file, line}, ...]
        edges       [{from, to, status, count}, ...]
        undeclared  [{from, to, count, expected, path, before, correlation_id, file, line}, ...]
        never_run   [name, ...]

    Steps are named as in ``after=``: "step", or "other_flow:step". `errors` includes
    `passed_through`: exceptions that were raised in a step that this one called. `outside` counts
    the calls outside of any run of the flow, which are no runs. `ambiguous` counts the runs in
    which the step joined the latest of several runs of the flow. `p50` and `p95` are seconds, or
    null. `status` is "seen" or "unseen"; `count` is the number of starts of `to` after `from`.

    In `undeclared`, `to` is the step, and `from` is the step that called or sent it, or null. One
    of the steps in `expected` should have started before. `path` has the frames around it,
    outermost first, and `before` the steps that had started in the same run. A step without a
    declaration has neither `expected` nor a `file`.
    """
    nodes = {node.id: node for node in verdict.graph.nodes}
    return {name: _flow(flow, nodes) for name, flow in verdict.flows.items()}


def as_text(verdict: Verdict) -> str:
    """Return `verdict` as a table for people; it ends with a newline."""
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
    """Return the name that an ``after=`` in `flow` gives to the step with the id `step`."""
    own, name = split_node_id(step)
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
        yield from _notes(visible(split_node_id(step)[1]), ran)
    for start in flow.undeclared:
        yield ""
        yield from _odd(start, flow.name, nodes)


def _ran(step: str, ran: Ran, nodes: Mapping[str, Node]) -> tuple[str, ...]:
    name = visible(split_node_id(step)[1])
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
    flow, _ = split_node_id(edge.target)
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
        skipped = counted(verdict.evidence.skipped, "line")
        yield f"{skipped} could not be read, and counted for nothing"
