"""Put a graph in its order, and find cycles, longest paths and connected parts.

All take a time that grows with nodes and edges. None is recursive, since a chain may have 10,000
steps. Nodes are numbers from 0, and `successors` has for each node the nodes that it leads to.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, TypeVar

from penstock._graph._model import Edge, Graph, Group

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence

    from penstock._graph._model import Node

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
    # A cycle is cut where it leads back to an entrypoint, so those come first here.
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
    """Return `arcs` between `count` nodes in order; as one number each, since that sorts faster."""
    numbers = sorted([source * count + target for source, target in arcs])
    return [divmod(number, count) for number in numbers]


def _layers(count: int, arcs: list[tuple[int, int]]) -> list[int]:
    """Return the layer of each of `count` nodes, counted from 0, that `arcs` join.

    Arcs that close a cycle are ignored: the search for cycles begins at the nodes without a
    predecessor and then takes the others, in their order.
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
    doc = cleandoc(doc) if doc else None
    return Group(flow, doc.partition("\n")[0].strip() if doc else "", doc, ids)


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
