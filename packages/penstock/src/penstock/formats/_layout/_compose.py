"""Turn a graph into a drawing: units, page, and then everything into the direction of reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.formats._layout._drawing import DIRECTIONS, Drawing, GroupBox, Line, NodeBox
from penstock.formats._layout._fold import LOOP_ROOM, fold
from penstock.formats._layout._groups import FlowLayout, GroupPlacer, Heading, Padding
from penstock.formats._layout._labels import heading_size, measure
from penstock.formats._layout._page import moved
from penstock.formats._style import GROUP_INSET

if TYPE_CHECKING:
    from penstock._graph import Edge, Graph, Group
    from penstock.formats._layout._page import GroupPlace, Page, Pair
    from penstock.formats._layout._route import Path, Point

_GROUP_HEADER = 60  # pixels for the flow's name and summary above its boxes
_BESIDE = 14  # between them and a line that comes from above
_LOOP = 9  # half of the distance between the ends of a line from a box to itself

_PADDING = {
    "TD": Padding(near=GROUP_INSET, far=GROUP_INSET, start=_GROUP_HEADER, end=GROUP_INSET),
    "BT": Padding(near=GROUP_INSET, far=GROUP_INSET, start=GROUP_INSET, end=_GROUP_HEADER),
    "LR": Padding(near=_GROUP_HEADER, far=GROUP_INSET, start=GROUP_INSET, end=GROUP_INSET),
    "RL": Padding(near=_GROUP_HEADER, far=GROUP_INSET, start=GROUP_INSET, end=GROUP_INSET),
}


def lay_out(graph: Graph, *, direction: str = "TD") -> Drawing:
    """Return `graph` as a drawing whose layers follow each other in `direction`.

    "TD" leads from top to bottom, "BT" from bottom to top, "LR" and "RL" from side to side.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {direction!r}; it must be one of {', '.join(DIRECTIONS)}")
    return _Sheet(graph, direction).drawing()


class _Sheet:
    """Lay out one graph. Up to `drawing`, all lengths are (across, along)."""

    def __init__(self, graph: Graph, direction: str) -> None:
        self._graph = graph
        self._direction = direction
        self._upright = direction in {"TD", "BT"}
        self._labels = [measure(node) for node in graph.nodes]
        extents = [self._turn((label.width, label.height)) for label in self._labels]
        index = {node.id: at for at, node in enumerate(graph.nodes)}
        self._edges = [(index[edge.source], index[edge.target]) for edge in graph.edges]
        group_of = {node: at for at, group in enumerate(graph.groups) for node in group.nodes}
        self._groups = [group_of[node.id] for node in graph.nodes]
        self._units = fold(extents, self._groups, self._edges)
        self._spots = {  # of each node: its unit, and its place among the unit's members
            node: (at, place)
            for at, unit in enumerate(self._units)
            for place, node in enumerate(unit.members)
        }
        self._page = self._compose()

    def _turn(self, point: Point) -> Point:
        """Return `point` with x and y as across and along, or the other way round."""
        return point if self._upright else (point[1], point[0])

    def _compose(self) -> Page:
        pairs: dict[tuple[int, int], bool] = {}
        for source, target in self._edges:
            if source != target:
                pairs[self._spots[source][0], self._spots[target][0]] = source > target
        heads = [unit.members[0] for unit in self._units]
        groups = [self._groups[head] for head in heads]
        links = [pair for pair in pairs if groups[pair[0]] != groups[pair[1]]]
        layout = FlowLayout(
            self._units,
            back={pair for pair, leads_back in pairs.items() if leads_back},
            fixed={at for at, head in enumerate(heads) if self._graph.nodes[head].entrypoint},
            upright=self._upright,
            leaving={source for source, _ in links},
            arriving={target for _, target in links},
        )
        if len(self._graph.groups) < 2:  # noqa: PLR2004 -- one flow needs no group
            return layout.page(range(len(heads)), list(pairs))
        members: list[list[int]] = [[] for _ in self._graph.groups]
        for unit, group in enumerate(groups):
            members[group].append(unit)
        inner: list[list[Pair]] = [[] for _ in self._graph.groups]
        for source, target in pairs:
            if groups[source] == groups[target]:
                inner[groups[source]].append((source, target))
        pages = [layout.page(*each) for each in zip(members, inner, strict=True)]
        placer = GroupPlacer(pages, self._headings(), _PADDING[self._direction], groups, links)
        return placer.page(upright=self._upright)

    def _headings(self) -> list[Heading]:
        """Return what the headings of the groups want, which are at the top of each."""
        headings: list[Heading] = []
        for group in self._graph.groups:
            narrow, wide = heading_size(group)
            least = self._turn((wide + 2 * GROUP_INSET, _GROUP_HEADER + GROUP_INSET))
            beside = GROUP_INSET + narrow + _BESIDE
            headings.append(
                Heading(
                    least,
                    beside,
                    at_start=self._direction == "TD",
                    at_end=self._direction == "BT",
                )
            )
        return headings

    def drawing(self) -> Drawing:
        """Return everything with x from left to right and y from top to bottom."""
        width, height = self._turn(self._page.extent)
        return Drawing(
            width=width,
            height=height,
            boxes=tuple(self._box(at) for at in range(len(self._graph.nodes))),
            groups=tuple(map(self._group, self._graph.groups, self._page.groups)),
            lines=tuple(
                Line(edge, self._kind(edge, *ends), self._points(*ends))
                for edge, ends in zip(self._graph.edges, self._edges, strict=True)
            ),
        )

    def _box(self, node: int) -> NodeBox:
        extent = self._extent(node)
        corner = self._corner(self._begin(node), extent)
        return NodeBox(self._graph.nodes[node], self._labels[node], *corner, *self._turn(extent))

    def _group(self, group: Group, placed: GroupPlace) -> GroupBox:
        size = self._turn(placed.extent)
        room = placed.free - _BESIDE if placed.free < placed.extent[0] else size[0] - GROUP_INSET
        corner = self._corner(placed.begin, placed.extent)
        return GroupBox(group, *corner, *size, room - GROUP_INSET)

    def _extent(self, node: int) -> Point:
        unit, _ = self._spots[node]
        across, along = self._units[unit].size
        single = len(self._units[unit].members) == 1
        return across, self._page.lengths[unit] if single else along

    def _begin(self, node: int) -> Point:
        unit, place = self._spots[node]
        across, along = self._page.units[unit]
        within = self._units[unit].places[place]
        return across + within[0], along + within[1]

    def _on_page(self, point: Point) -> Point:
        """Return the x and y of a point (across, along)."""
        across, along = point
        if self._direction in {"BT", "RL"}:
            along = self._page.extent[1] - along
        return self._turn((across, along))

    def _corner(self, begin: Point, extent: Point) -> Point:
        """Return x and y of the upper left corner of what begins there."""
        one = self._on_page(begin)
        other = self._on_page((begin[0] + extent[0], begin[1] + extent[1]))
        return min(one[0], other[0]), min(one[1], other[1])

    def _kind(self, edge: Edge, source: int, target: int) -> str:
        if edge.status in {"unseen", "undeclared"}:
            return edge.status
        if self._groups[source] != self._groups[target]:
            return "link"
        if source >= target:
            return "back"
        return "unknown" if self._graph.nodes[source].unknown else "next"

    def _points(self, source: int, target: int) -> tuple[Point, ...]:
        """Return the corners of the line from one node to another."""
        if source == target:
            path = self._loop(source)
        else:
            (start, place), (end, other) = self._spots[source], self._spots[target]
            path = _corners(
                moved(self._units[start].exits[place], self._page.units[start])
                + self._page.paths[start, end]
                + moved(self._units[end].entries[other], self._page.units[end])
            )
        return tuple(path if self._direction == "TD" else map(self._on_page, path))

    def _loop(self, node: int) -> Path:
        """Return the line from a node to itself, at the far side of its box."""
        across, along = self._begin(node)
        width, length = self._extent(node)
        edge, middle = across + width, along + length // 2
        out = edge + LOOP_ROOM - 8
        return [
            *((edge, middle + _LOOP), (out, middle + _LOOP)),
            *((out, middle - _LOOP), (edge, middle - _LOOP)),
        ]


def _corners(path: Path) -> Path:
    """Return `path` without points that are on the way anyhow."""
    (x1, y1), (x2, y2) = result = path[:2]
    for point in path[2:]:  # most have only two
        x, y = point
        if x1 == x2 == x or y1 == y2 == y:
            result[-1] = point
        elif (x, y) != (x2, y2):
            result.append(point)
            x1, y1 = x2, y2
        x2, y2 = x, y
    return result
