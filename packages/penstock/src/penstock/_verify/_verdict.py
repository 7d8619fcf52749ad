"""Compare the declared flows with the evidence of what ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock._graph import Ran, node_id, parted
from penstock._verify._totals import Totals, quantile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock._graph import Graph, Node
    from penstock._verify._read import Evidence, Start


@dataclass(frozen=True, slots=True)
class Seen:
    """A declared edge, by the ids of its steps, and before how many starts of `target` it held."""

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

    No step of `expected`, which it is declared to come after, had started. That is empty for a step
    that is declared to come after nothing, and for a step without a declaration. `caller` is the id
    of the step that called or sent it, if any; `path` and `before` are ids, `example` is the
    correlation ID of one such run.
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
        """How often steps were called outside of any run of the flow, by their ids."""
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
        """How much of the declared edges was seen, in percent; 100 where there are none."""
        edges = self.edges
        return 100 * sum(bool(edge.count) for edge in edges) / len(edges) if edges else 100.0


def verify(graph: Graph, evidence: Evidence) -> Verdict:
    """Return the verdict of `evidence` on `graph`, which is the whole system's.

    Flows that only the evidence knows belong to another program, and are left out.
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
        name, _ = parted(step)
        if totals.began and name in verdict.flows and (step not in nodes or nodes[step].unknown):
            gone = Undeclared(step, None, (), (), (), totals.began, None)
            verdict.flows[name].undeclared.append(gone)
    return verdict


def ran(totals: Totals) -> Ran:
    """Return the summary of what was counted of a step."""
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
    """Take `start` for undeclared, unless the declarations have been mended since."""
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
