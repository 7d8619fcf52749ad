"""Cut a graph that is too large for one diagram into parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from penstock._graph import Edge, connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock._graph import Graph, Node

    # An edge, or the id of a node that has none. Both begin with the ids at their ends.
    _Unit = Edge | tuple[str]


class Sizes(Protocol):
    """Tell how much room nodes, edges and frames take in a diagram at most, in any unit."""

    def node_size(self, node: Node) -> int:
        """Return the room of `node`, without its flow's frame."""
        ...

    def edge_size(self, edge: Edge) -> int:
        """Return the room of `edge`, without its ends."""
        ...

    def frame_size(self, flow: str) -> int:
        """Return the room of the frame around the steps of `flow`."""
        ...


class Diagram(NamedTuple):
    """Hold one diagram's source, which ends with a newline, and what it shows, in graph order."""

    text: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class _Collected:
    """Collect the nodes and edges of one diagram, and the room that they take."""

    def __init__(self, known: dict[str, Node], sizes: Sizes) -> None:
        self._known = known
        self._sizes = sizes
        self.nodes: dict[str, Node] = {}
        self.flows: set[str] = set()
        self.edges: list[Edge] = []
        self.size = 0

    def take(self, unit: _Unit, *, max_edges: int, max_size: int) -> bool:
        """Take `unit`, if there is room for it or nothing else here; say whether it was taken."""
        nodes, sizes = self.nodes, self._sizes
        size = self.size + (sizes.edge_size(unit) if isinstance(unit, Edge) else 0)
        new = [self._known[end] for end in unit[:2] if end not in nodes]
        for node in new:
            size += sizes.node_size(node)
            if node.flow not in self.flows:
                size += sizes.frame_size(node.flow)
        if nodes and (size > max_size or len(self.edges) == max_edges):
            return False
        for node in new:
            nodes[node.id] = node
            self.flows.add(node.flow)
        if isinstance(unit, Edge):
            self.edges.append(unit)
        self.size = size
        return True

    def merge(self, other: _Collected) -> None:
        """Take everything of `other`, which has no node in common with this part."""
        self.size += other.size - sum(map(self._sizes.frame_size, self.flows & other.flows))
        self.nodes.update(other.nodes)
        self.flows |= other.flows
        self.edges += other.edges


def split(
    graph: Graph, sizes: Sizes, *, max_edges: int, max_size: int
) -> Iterator[tuple[tuple[Node, ...], tuple[Edge, ...]]]:
    """Yield the nodes and edges of each part of `graph`, both in the graph's order.

    Every edge is in one part, every node in one at least. A connected part stays
    together if it fits. Otherwise it is cut along a depth-first walk, so that a path is followed as
    far as possible in one part; a node at a cut is in several.
    """
    known = {node.id: node for node in graph.nodes}
    place = {each: index for index, each in enumerate(known)}
    count = len(known)  # two places as one number, since that sorts faster

    def finished(part: _Collected) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
        nodes = [known[each] for each in sorted(part.nodes, key=place.__getitem__)]
        edges = sorted(part.edges, key=lambda edge: place[edge[0]] * count + place[edge[1]])
        return tuple(nodes), tuple(edges)

    part = _Collected(known, sizes)
    for component in _components(graph):
        piece = _Collected(known, sizes)
        pieces = [piece]
        for unit in component:
            if not piece.take(unit, max_edges=max_edges, max_size=max_size):
                piece = _Collected(known, sizes)
                pieces.append(piece)
                piece.take(unit, max_edges=max_edges, max_size=max_size)
        if len(pieces) == 1 and (
            part.size + piece.size <= max_size and len(part.edges) + len(piece.edges) <= max_edges
        ):
            part.merge(piece)
            continue
        if part.nodes:
            yield finished(part)
        yield from map(finished, pieces[:-1])
        part = piece
    yield finished(part)


def _components(graph: Graph) -> list[list[_Unit]]:
    """Return the connected parts, each in the order in which it is cut.

    An edge stands where a depth-first walk, flow by flow, has reached both of its ends.
    """
    reached = _walk(graph)
    flow = {each: index for index, group in enumerate(graph.groups) for each in group.nodes}
    count = len(reached)

    def when(edge: Edge) -> int:  # three numbers as one, since that sorts faster
        source, target = edge[:2]
        one, other = reached[source], reached[target]
        if one < other:
            one, other = other, one
        return (max(flow[source], flow[target]) * count + one) * count + other

    components = connected((node.id for node in graph.nodes), (edge[:2] for edge in graph.edges))
    owner = {each: index for index, ids in enumerate(components) for each in ids}
    units: list[list[_Unit]] = [[] for _ in components]
    for edge in sorted(graph.edges, key=when):
        units[owner[edge.source]].append(edge)
    for ids, found in zip(components, units, strict=True):
        if not found:
            found.append((ids[0],))
    return units


def _walk(graph: Graph) -> dict[str, int]:
    """Return when a depth-first walk from the first nodes reaches each node."""
    following: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in reversed(graph.edges):  # since the last one is taken from the stack first
        following[edge.source].append(edge.target)
    reached: dict[str, int] = {}
    stack = [node.id for node in reversed(graph.nodes)]
    while stack:
        each = stack.pop()
        if each not in reached:
            reached[each] = len(reached)
            stack += following[each]
    return reached
