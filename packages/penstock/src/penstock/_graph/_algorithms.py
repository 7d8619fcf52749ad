"""Put a graph in its order, find its paths and parts, collapse its flows, thin out its edges.

All take a time that grows with nodes and edges. None is recursive, since a chain may have 10,000
steps. Nodes are numbers from 0, and `successors` has for each node the nodes that it leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from penstock._graph._model import FLOW, Edge, Graph, Group, Node, Ran, node_id, summary_and_doc

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence


_Key = TypeVar("_Key", bound="Hashable")


def ordered(
    title: str,
    docs: Mapping[str, str | None],
    nodes: Iterable[Node],
    pairs: Iterable[tuple[str, str]],
) -> Graph:
    """Return the graph of `nodes` in its order, joined by `pairs` of their ids.

    `docs` has the docstring of each flow.
    """
    by_name = sorted(nodes, key=lambda node: (node.name, node.flow))
    # A cycle is cut at the edge that leads back to an entrypoint, so entrypoints come first here.
    named = sorted(by_name, key=lambda node: not node.entrypoint)
    place = {node.id: index for index, node in enumerate(named)}
    arcs = _sorted([(place[source], place[target]) for source, target in pairs], len(named))
    layer = _layers(len(named), arcs)

    ordered = sorted(by_name, key=lambda node: layer[place[node.id]])
    ids = [node.id for node in ordered]
    rank = [0] * len(ids)
    for position, each in enumerate(ids):
        rank[place[each]] = position
    members: dict[str, list[str]] = {}
    for node in ordered:
        members.setdefault(node.flow, []).append(node.id)
    return Graph(
        title=title,
        groups=tuple(_group(flow, docs[flow], tuple(own)) for flow, own in members.items()),
        nodes=tuple(ordered),
        edges=tuple(
            Edge(ids[source], ids[target])
            for source, target in _sorted(
                [(rank[source], rank[target]) for source, target in arcs], len(named)
            )
        ),
    )


def _sorted(arcs: Iterable[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """Return `arcs` between `count` nodes, sorted. One number for each arc sorts faster."""
    numbers = sorted([source * count + target for source, target in arcs])
    return [divmod(number, count) for number in numbers]


def _layers(count: int, arcs: list[tuple[int, int]]) -> list[int]:
    """Return the layer of each of `count` nodes, counted from 0, that `arcs` join.

    Arcs that close a cycle are ignored. The search for cycles begins at the nodes without a
    predecessor and goes on with the others, in their order.
    """
    successors: list[list[int]] = [[] for _ in range(count)]
    has_predecessor = [False] * count
    for source, target in arcs:
        successors[source].append(target)
        has_predecessor[target] = True
    layer, order = longest_paths(successors)
    if len(order) < count:
        roots = sorted(range(count), key=has_predecessor.__getitem__)
        closing = {(cycle[-1], cycle[0]) for cycle in cycles(successors, roots)}
        layer, _ = longest_paths(successors, without=closing)
    return layer


def _group(flow: str, doc: str | None, ids: tuple[str, ...]) -> Group:
    summary, whole = summary_and_doc(doc)
    return Group(flow, summary, whole, ids)


def cycles(successors: Sequence[Iterable[int]], roots: Iterable[int]) -> Iterator[list[int]]:
    """Yield a cycle for each edge that leads back into the path of a depth-first search.

    The search begins at each of `roots` in turn. The edge that closes a cycle leads from its last
    node to its first; without these edges the graph has no cycle.
    """
    new, done = -1, -2
    place = [new] * len(successors)  # on the path, from 0
    for root in roots:
        if place[root] != new:
            continue
        place[root] = 0
        path = [root]
        following = [iter(successors[root])]
        while path:
            for target in following[-1]:
                if place[target] == new:
                    place[target] = len(path)
                    path.append(target)
                    following.append(iter(successors[target]))
                    break
                if place[target] != done:
                    yield path[place[target] :]
            else:
                place[path.pop()] = done
                following.pop()


def longest_paths(
    successors: Sequence[Sequence[int]],
    start: Iterable[int] = (),
    without: Collection[tuple[int, int]] = (),
) -> tuple[list[int], list[int]]:
    """Return the length of the longest path to each node, and the nodes in topological order.

    `start` has the least length for each node, 0 where it is not given. Edges in `without` do not
    count. A node that is in a cycle or after one is not in the order.
    """
    length = [*start] or [0] * len(successors)
    waiting = [0] * len(successors)
    for targets in successors:
        for target in targets:
            waiting[target] += 1
    for _, target in without:
        waiting[target] -= 1
    order = [node for node, edges in enumerate(waiting) if not edges]
    for source in order:  # grows while it is read
        below = length[source] + 1
        for target in successors[source]:
            if without and (source, target) in without:
                continue
            length[target] = max(length[target], below)
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    return length, order


def connected(nodes: Iterable[_Key], edges: Iterable[tuple[_Key, _Key]]) -> list[list[_Key]]:
    """Return the connected parts of `nodes` under `edges`, whose direction does not matter.

    The nodes may be of any hashable type. Parts, and the nodes in each, keep the order of `nodes`.
    """
    above = {node: node for node in nodes}

    def root(node: _Key) -> _Key:
        while above[node] != node:
            above[node] = node = above[above[node]]
        return node

    for source, target in edges:
        above[root(target)] = root(source)
    parts: dict[_Key, list[_Key]] = {}
    for node in above:
        parts.setdefault(root(node), []).append(node)
    return list(parts.values())


_WORTH = {"undeclared": 0, "seen": 1, "unseen": 2, "": 3}  # which status many edges have together


def collapsed(graph: Graph) -> Graph:
    """Return `graph` with one node for each flow, and one edge for all those between two flows.

    Such a node has the call kind FLOW, no name of a file, and the id "flow:". Its summary counts
    the steps; where it was observed what runs, it has the runs of its entrypoints.
    """
    nodes = {node.id: node for node in graph.nodes}
    flows = {
        group.flow: _flow_node(group, [nodes[each] for each in group.nodes])
        for group in graph.groups
    }
    between: dict[tuple[str, str], list[Edge]] = {}
    for edge in graph.edges:
        one, other = nodes[edge.source].flow, nodes[edge.target].flow
        if one != other:
            between.setdefault((flows[one].id, flows[other].id), []).append(edge)
    whole = ordered(graph.title, dict.fromkeys(flows), flows.values(), between)
    steps = sum(not node.unknown for node in graph.nodes)
    return whole._replace(
        groups=(
            Group(
                graph.title,
                f"{len(flows):,} flows, {steps:,} steps. Each box is a flow.",
                None,
                tuple(node.id for node in whole.nodes),
            ),
        ),
        edges=tuple(_joined(between[edge[:2]], *edge[:2]) for edge in whole.edges),
    )


def _flow_node(group: Group, steps: Sequence[Node]) -> Node:
    declared = [node for node in steps if not node.unknown]
    starts = [node for node in declared if node.entrypoint]
    counts = [(len(declared), "step"), (len(starts), "entrypoint")]
    told = [f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    idle = sum(node.ran is not None and not node.ran.began for node in declared)
    return Node(
        id=node_id(group.flow, ""),
        name=group.flow,
        flow=group.flow,
        entrypoint=False,
        call_kind=FLOW,
        summary=", ".join([*told, *([f"{idle:,} never ran"] if idle else [])]),
        doc=group.doc,
        file=None,
        line=None,
        ran=_together(node.ran for node in starts),
    )


def _together(counts: Iterable[Ran | None]) -> Ran | None:
    """Return the sum of `counts`, which has durations only where it is of one step."""
    known = [ran for ran in counts if ran is not None]
    if len(known) < 2:  # noqa: PLR2004
        return known[0] if known else None
    return Ran(
        began=sum(ran.began for ran in known),
        errors=sum(ran.errors for ran in known),
        cancelled=sum(ran.cancelled for ran in known),
        p50=None,
        p95=None,
        passed=sum(ran.passed for ran in known),
        outside=sum(ran.outside for ran in known),
        ambiguous=sum(ran.ambiguous for ran in known),
    )


def _joined(edges: Sequence[Edge], source: str, target: str) -> Edge:
    label = edges[0].label if len(edges) == 1 else f"{len(edges):,} edges"
    status = min((edge.status for edge in edges), key=_WORTH.__getitem__)
    return Edge(source, target, status, sum(edge.seen for edge in edges), label)


def with_implied(graph: Graph) -> Graph:
    """Return `graph` with those of its edges `implied` whose target other edges lead to as well.

    An edge that closes a cycle, has a label or is not declared is never implied, and undeclared
    ones imply nothing.
    """
    place = {node.id: at for at, node in enumerate(graph.nodes)}
    targets: list[list[int]] = [[] for _ in graph.nodes]
    for edge in graph.edges:
        if place[edge.source] < place[edge.target] and edge.status != "undeclared":
            targets[place[edge.source]].append(place[edge.target])
    reached = [0] * len(targets)  # of each node: a bit for each node that it leads to
    found: set[tuple[int, int]] = set()
    for source in range(len(targets) - 1, -1, -1):
        beyond = 0
        for target in targets[source]:  # nearer ones come first, and no path leads back
            if beyond >> target & 1:
                found.add((source, target))
            beyond |= reached[target] | 1 << target
        reached[source] = beyond
    return graph._replace(
        edges=tuple(
            edge._replace(implied=True)
            if (place[edge.source], place[edge.target]) in found
            and not edge.label
            and edge.status != "undeclared"
            else edge
            for edge in graph.edges
        )
    )


def without_implied(graph: Graph) -> Graph:
    """Return `graph` without the edges that others imply; see `with_implied`."""
    marked = with_implied(graph)
    return marked._replace(edges=tuple(edge for edge in marked.edges if not edge.implied))
