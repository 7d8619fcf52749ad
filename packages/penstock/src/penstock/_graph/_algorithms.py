"""Find cycles, longest paths and connected parts, in time that grows with nodes and edges.

None of these is recursive, since a chain may have 10,000 steps. Nodes are numbers from 0, and
`successors` has for each node the nodes that it leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence

_Key = TypeVar("_Key", bound="Hashable")


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
