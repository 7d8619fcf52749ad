"""A graph that is too large for one diagram: cut into parts, and the Markdown that holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from penstock._graph import Edge, connected
from penstock.formats._wording import code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock._graph import Graph, Node

    # An edge, or the id of a node that has none. Both begin with the ids at their ends.
    _Unit = Edge | tuple[str]


class Sizes(Protocol):
    """Tells how much room things take in a diagram, in any unit, at most."""

    def node_size(self, node: Node) -> int:
        """Return what `node` takes, without its flow's frame."""
        ...

    def edge_size(self, edge: Edge) -> int:
        """Return what `edge` takes, without its ends."""
        ...

    def frame_size(self, flow: str) -> int:
        """Return what the frame around the steps of `flow` takes."""
        ...


class Diagram(NamedTuple):
    """Hold one diagram's source, which ends with a newline, and what it shows, in graph order."""

    text: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class _Part:
    """Collect what goes into one diagram, and what room it takes."""

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

    def merge(self, other: _Part) -> None:
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

    def finished(part: _Part) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
        nodes = [known[each] for each in sorted(part.nodes, key=place.__getitem__)]
        edges = sorted(part.edges, key=lambda edge: place[edge[0]] * count + place[edge[1]])
        return tuple(nodes), tuple(edges)

    part = _Part(known, sizes)
    for component in _components(graph):
        piece = _Part(known, sizes)
        pieces = [piece]
        for unit in component:
            if not piece.take(unit, max_edges=max_edges, max_size=max_size):
                piece = _Part(known, sizes)
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
    """Return what hangs together, each in the order in which it is cut.

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


def document(graph: Graph, drawn: Sequence[Diagram]) -> str:
    """Return the Markdown page that holds the diagrams `drawn` of `graph`, with an index."""
    lines = [
        f"# {code(graph.title)}",
        "",
        f"{len(graph.nodes):,} steps and {len(graph.edges):,} links, in {len(drawn)} diagrams.",
        "",
        "| Diagram | Steps | Links | From | To |",
        "| --- | ---: | ---: | --- | --- |",
    ]
    parts: dict[str, tuple[int, ...]] = {}
    for number, diagram in enumerate(drawn, 1):
        alone = (number,)  # one object for all: most steps are in one diagram
        for node in diagram.nodes:
            others = parts.get(node.id)
            parts[node.id] = alone if others is None else (*others, number)
        first, last = diagram.nodes[0], diagram.nodes[-1]
        lines.append(
            f"| [Diagram {number}](#diagram-{number}) | {len(diagram.nodes):,} "
            f"| {len(diagram.edges):,} | {code(first.name)} | {code(last.name)} |"
        )
    for number, diagram in enumerate(drawn, 1):
        lines += ["", f"## Diagram {number}", "", "```mermaid", diagram.text.rstrip("\n"), "```"]
    shared = [node for node in graph.nodes if len(parts[node.id]) > 1]
    if shared:
        lines += ["", "## Steps in several diagrams", "", "| Step | Diagrams |", "| --- | --- |"]
        lines += [f"| {code(node.name)} | {_ranges(parts[node.id])} |" for node in shared]
    return "\n".join(lines) + "\n"


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending `numbers` as "1-3, 5"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)
