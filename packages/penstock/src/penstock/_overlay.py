"""Build a graph with the evidence of what ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock._arguments import as_paths
from penstock._graph import Edge, build

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from penstock._arguments import Path
    from penstock._declare import Registry
    from penstock._graph import Graph
    from penstock._verify import Verdict

    # Files and folders with evidence, or the verdict that was made of them.
    Data: TypeAlias = Path | Iterable[Path] | Verdict


def build_with(registry: Registry | None, name: str | None, data: Data | None) -> Graph:
    """Return the graph that `build` makes; with `data`, it has the evidence in it.

    Raises the exceptions of `build`, and with `data` those of `read`: EvidenceError and OSError.
    """
    graph = build(registry, name)
    return graph if data is None else overlay(graph, verdict_of(registry, data))


def verdict_of(registry: Registry | None, data: Data) -> Verdict:
    """Return the verdict on all flows of `registry` by the evidence in `data`."""
    from penstock._verify import Verdict, read, verify

    if isinstance(data, Verdict):
        return data
    return verify(build(registry), read(as_paths("data", data)))


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
