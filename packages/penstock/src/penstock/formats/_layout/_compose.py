"""Turn a graph into a drawing: units, parts, and then everything into the direction of reading."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

from penstock._graph import connected
from penstock.formats._layout._drawing import (
    Drawing,
    GroupBox,
    Line,
    NodeBox,
    Rectangle,
    Words,
    heading_size,
    measure,
    measure_words,
    places_on_lines,
)
from penstock.formats._layout._fold import LOOP_ROOM, fold
from penstock.formats._layout._layered import GroupPlace, Placed, place
from penstock.formats._layout._layers import UNGROUPED, Arc, Grouping, Heading, Padding
from penstock.formats._style import GROUP_INSET
from penstock.formats._wording import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock._graph import Edge, Graph, Group
    from penstock.formats._layout._lines import Path, Point

_GAP = 32  # pixels between boxes side by side
_GAP_BELOW = 24  # between boxes one below the other
_PART_GAP = 44  # between parts that nothing joins
_PAGE = 960  # a page is at least so wide
# Where a layer would be wider than so much of a page, it is continued in the next one. The drawing
# gets wider by lines between the boxes; its names can be read up to 14 ninths of the page.
_SHEET = (17, 14)
_WRAPPED, _WRAPPED_IN_GROUPS = 250, 400  # units; of more, no sheet has readable names
_GROUP_HEADER = 68  # for the flow's name and summary above its boxes
_BESIDE = 14  # between them and a line that comes from above
_NAME_ROOM, _NAME_ROOM_ALONG = 236, 182  # for text; less where boxes stand one after the other
_LOOP = 9  # half of the distance between the ends of a line from a box to itself

_PADDING = {
    "TD": Padding(near=GROUP_INSET, far=GROUP_INSET, start=_GROUP_HEADER, end=GROUP_INSET),
    "BT": Padding(near=GROUP_INSET, far=GROUP_INSET, start=GROUP_INSET, end=_GROUP_HEADER),
    "LR": Padding(near=_GROUP_HEADER, far=GROUP_INSET, start=GROUP_INSET, end=GROUP_INSET),
    "RL": Padding(near=_GROUP_HEADER, far=GROUP_INSET, start=GROUP_INSET, end=GROUP_INSET),
}


class Composition:
    """Lay out one graph. `others` and `page` are as for `lay_out`.

    Up to `drawing`, all lengths are (across, along).
    """

    def __init__(self, graph: Graph, direction: str, others: int, page: int) -> None:
        self._graph = graph
        self._direction = direction
        self._others = others
        self._sheet = page * _SHEET[0] // _SHEET[1]
        self._upright = direction in {"TD", "BT"}
        self._labels = [
            measure(node, _NAME_ROOM if self._upright else _NAME_ROOM_ALONG) for node in graph.nodes
        ]
        extents = [self._turn((label.width, label.height)) for label in self._labels]
        index = {node.id: at for at, node in enumerate(graph.nodes)}
        self._edges = [(index[edge.source], index[edge.target]) for edge in graph.edges]
        group_of = {node: at for at, group in enumerate(graph.groups) for node in group.nodes}
        self._groups = [group_of[node.id] for node in graph.nodes]
        # A label is a stop on the way of its edge: an item after all nodes, by the edge.
        self._stops: dict[tuple[int, int], int] = {}
        self._labelled: list[Words] = []
        for edge, ends in zip(graph.edges, self._edges, strict=True):
            if edge.label and ends[0] < ends[1]:
                self._stops[ends] = len(extents)
                self._labelled.append(words := measure_words(edge, told(edge)))
                extents.append(self._turn((words.width, words.height)))
                self._groups.append(self._groups[ends[1]])
        self._loops = {  # the words beside lines from a node to itself
            ends[0]: measure_words(edge, edge.label)
            for edge, ends in zip(graph.edges, self._edges, strict=True)
            if edge.label and ends[0] == ends[1]
        }
        # For each two items that a line joins, whether it leads back.
        self._leads = [
            (part, ends[0] > ends[1])
            for ends in self._edges
            for part in self._parts(*ends)
            if ends[0] != ends[1]
        ]
        lines = [part for part, _ in self._leads]
        lines += [ends for ends in self._edges if ends[0] == ends[1]]
        beside = {
            node: self._turn((words.width, words.height))[0] for node, words in self._loops.items()
        }
        self._units = fold(extents, self._groups, lines, beside)
        self._spots = {  # of each node: its unit, and its place among the unit's members
            node: (at, place)
            for at, unit in enumerate(self._units)
            for place, node in enumerate(unit.members)
        }
        # The start and the length of each unit; the place of each group.
        self._begins: dict[int, Point] = {}
        self._lengths: dict[int, int] = {}
        self._group_places: dict[int, GroupPlace] = {}
        self._paths: dict[tuple[int, int], Path] = {}
        self._extent = self._place_parts()

    def _parts(self, source: int, target: int) -> list[tuple[int, int]]:
        """Return the two ways of an edge that has a stop, else the one way."""
        stop = self._stops.get((source, target))
        return [(source, target)] if stop is None else [(source, stop), (stop, target)]

    def _turn(self, point: Point) -> Point:
        """Return `point` with x and y as across and along, or the other way round."""
        return point if self._upright else (point[1], point[0])

    def _place_parts(self) -> Point:
        """Place all units, each connected part for itself, and return the extent of the whole."""
        pairs: dict[tuple[int, int], bool] = {}
        for (source, target), leads_back in self._leads:
            pairs[self._spots[source][0], self._spots[target][0]] = leads_back
        group = [self._groups[unit.members[0]] for unit in self._units]
        ties = list(pairs)
        if len(self._graph.groups) > 1:  # what is in one group stays in one part
            first = {each: unit for unit, each in reversed(list(enumerate(group)))}
            ties += [(first[each], unit) for unit, each in enumerate(group)]
        parts = connected(range(len(self._units)), ties)
        joined = {unit for pair in pairs for unit in pair}
        parts.sort(key=joined.isdisjoint)
        part_of = {unit: at for at, part in enumerate(parts) for unit in part}
        within: list[dict[tuple[int, int], bool]] = [{} for _ in parts]
        for pair, leads_back in pairs.items():
            within[part_of[pair[0]]][pair] = leads_back
        placed = [
            self._place(part, inner, group) for part, inner in zip(parts, within, strict=True)
        ]
        self._crossings = sum(each.crossings for each in placed)
        places, extent = _shelved([each.extent for each in placed], upright=self._upright)
        for part, inner, each, at in zip(parts, within, placed, places, strict=True):
            self._take(part, list(inner), group, each, at)
        return extent

    def _place(
        self, part: Sequence[int], pairs: dict[tuple[int, int], bool], group: Sequence[int]
    ) -> Placed:
        """Place the units of one part, which `pairs` of them join; some of these lead back."""
        if len(part) == 1 and len(self._graph.groups) == 1:
            extent = self._units[part[0]].extent
            return Placed([(0, 0)], [extent[1]], extent, [], [], 0)
        index = {unit: at for at, unit in enumerate(part)}
        most = _WRAPPED_IN_GROUPS if len(self._graph.groups) > 1 else _WRAPPED
        port = {unit: self._units[unit].port for unit in part}
        return place(
            [self._units[unit].extent for unit in part],
            [
                Arc(index[source], index[target], port[source], port[target], back=leads_back)
                for (source, target), leads_back in pairs.items()
            ],
            self._grouping([group[unit] for unit in part]),
            stretched={at for at, unit in enumerate(part) if self._is_node(unit)},
            gap=_GAP if self._upright else _GAP_BELOW,
            crowd=len(self._units),
            others=self._others,
            room=self._sheet if self._upright and len(self._units) <= most else 0,
        )

    def _is_node(self, unit: int) -> bool:
        """Say whether a unit is one node: not several, and not words."""
        members = self._units[unit].members
        return len(members) == 1 and members[0] < len(self._graph.nodes)

    def _grouping(self, groups: Sequence[int]) -> Grouping:
        """Return how the units of one part, whose `groups` are given, are grouped."""
        if len(self._graph.groups) < 2:  # noqa: PLR2004 -- one flow needs no group
            return UNGROUPED
        distinct = list(dict.fromkeys(groups))
        number = {group: at for at, group in enumerate(distinct)}
        headings: list[Heading] = []
        for each in distinct:
            narrow, wide = heading_size(self._graph.groups[each])
            headings.append(
                Heading(
                    wide + 2 * GROUP_INSET if self._upright else 0,
                    GROUP_INSET + narrow + _BESIDE,
                    at_start=self._direction == "TD",
                    at_end=self._direction == "BT",
                )
            )
        return Grouping([number[each] for each in groups], headings, _PADDING[self._direction])

    def _take(
        self,
        part: Sequence[int],
        pairs: Sequence[tuple[int, int]],
        group: Sequence[int],
        placed: Placed,
        at: Point,
    ) -> None:
        """Put a part that is placed on the sheet, moved by `at`."""
        for unit, (across, along), length in zip(part, placed.items, placed.lengths, strict=False):
            self._begins[unit] = (across + at[0], along + at[1])
            self._lengths[unit] = length
        for pair, path in zip(pairs, placed.paths, strict=True):
            self._paths[pair] = _moved(path, at)
        groups = dict.fromkeys(group[unit] for unit in part)
        for each, (begin, extent, free) in zip(groups, placed.groups, strict=False):
            self._group_places[each] = GroupPlace(
                (begin[0] + at[0], begin[1] + at[1]), extent, free
            )

    def drawing(self) -> Drawing:
        """Return the drawing, with x from left to right and y from top to bottom."""
        width, height = self._turn(self._extent)
        several = len(self._graph.groups) > 1
        boxes = tuple(self._box(at) for at in range(len(self._graph.nodes)))
        lines = tuple(
            Line(edge, self._kind(edge, *ends), self._points(*ends))
            for edge, ends in zip(self._graph.edges, self._edges, strict=True)
        )
        return Drawing(
            width=width,
            height=height,
            crossings=self._crossings,
            boxes=boxes,
            groups=tuple(
                self._group(group, self._group_places[at])
                for at, group in enumerate(self._graph.groups)
                if several
            ),
            lines=lines,
            words=self._words(boxes, lines),
        )

    def _words(self, boxes: Sequence[NodeBox], lines: Sequence[Line]) -> tuple[Words, ...]:
        """Return the labels where they stop their lines, and other words where there is room."""
        found: list[Words] = []
        for words, stop in zip(self._labelled, self._stops.values(), strict=True):
            x, y = self._corner(self._begin(stop), self._size(stop))
            found.append(words._replace(x=x, y=y))
        for node, words in self._loops.items():
            across, along = self._begin(node)
            size, extent = self._size(node), self._turn((words.width, words.height))
            begin = (across + size[0] + LOOP_ROOM - 4, along + (size[1] - extent[1]) // 2)
            x, y = self._corner(begin, extent)
            found.append(words._replace(x=x, y=y))
        wanted: dict[int, Words] = {}
        for at, (edge, ends) in enumerate(zip(self._graph.edges, self._edges, strict=True)):
            is_placed = ends in self._stops or (edge.label and ends[0] == ends[1])
            if not is_placed and (edge.label or edge.seen):
                wanted[at] = measure_words(edge, edge.label or f"{edge.seen:,}")
        if wanted:
            blocked = [Rectangle(*box[2:]) for box in boxes]
            blocked += [Rectangle(*words[2:]) for words in found]
            paths = [line.points for line in lines]
            sizes = {at: (words.width, words.height) for at, words in wanted.items()}
            needed = {at for at in wanted if self._graph.edges[at].label}
            for at, (x, y) in places_on_lines(sizes, paths, blocked, needed).items():
                found.append(wanted[at]._replace(x=x, y=y))
        return tuple(found)

    def _box(self, node: int) -> NodeBox:
        extent = self._size(node)
        corner = self._corner(self._begin(node), extent)
        return NodeBox(self._graph.nodes[node], self._labels[node], *corner, *self._turn(extent))

    def _group(self, group: Group, placed: GroupPlace) -> GroupBox:
        size = self._turn(placed.extent)
        room = placed.free - _BESIDE if placed.free < placed.extent[0] else size[0] - GROUP_INSET
        corner = self._corner(placed.begin, placed.extent)
        return GroupBox(group, *corner, *size, room - GROUP_INSET)

    def _size(self, node: int) -> Point:
        unit, _ = self._spots[node]
        across, along = self._units[unit].size
        return across, self._lengths[unit] if self._is_node(unit) else along

    def _begin(self, node: int) -> Point:
        unit, place = self._spots[node]
        across, along = self._begins[unit]
        within = self._units[unit].places[place]
        return across + within[0], along + within[1]

    def _on_page(self, point: Point) -> Point:
        """Return the x and y of a point (across, along)."""
        across, along = point
        if self._direction in {"BT", "RL"}:
            along = self._extent[1] - along
        return self._turn((across, along))

    def _corner(self, begin: Point, extent: Point) -> Point:
        """Return x and y of the upper left corner of a rectangle."""
        one = self._on_page(begin)
        other = self._on_page((begin[0] + extent[0], begin[1] + extent[1]))
        return min(one[0], other[0]), min(one[1], other[1])

    def _kind(self, edge: Edge, source: int, target: int) -> str:
        if edge.status in {"unseen", "undeclared"}:
            return edge.status
        if edge.implied:
            return "implied"
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
            parts = self._parts(source, target)
            path = _corners([point for part in parts for point in self._path(*part)])
        return tuple(path if self._direction == "TD" else map(self._on_page, path))

    def _path(self, source: int, target: int) -> Path:
        (start, place), (end, other) = self._spots[source], self._spots[target]
        return (
            _moved(self._units[start].exits[place], self._begins[start])
            + self._paths[start, end]
            + _moved(self._units[end].entries[other], self._begins[end])
        )

    def _loop(self, node: int) -> Path:
        """Return the line from a node to itself, at the far side of its box."""
        across, along = self._begin(node)
        width, length = self._size(node)
        edge, middle = across + width, along + length // 2
        out = edge + LOOP_ROOM - 8
        return [
            *((edge, middle + _LOOP), (out, middle + _LOOP)),
            *((out, middle - _LOOP), (edge, middle - _LOOP)),
        ]


def _corners(path: Path) -> Path:
    """Return `path` without the points that lie on a straight line between two others."""
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


def _moved(path: Path, at: Point) -> Path:
    if not path or at == (0, 0):
        return path
    return [(across + at[0], along + at[1]) for across, along in path]


def _shelved(sizes: Sequence[Point], *, upright: bool) -> tuple[list[Point], Point]:
    """Return where each of `sizes` (across, along) begins, in their order, and the whole extent.

    They stand on shelves, like words on a page. `upright` says that *across* is from left to right
    on the page; else it is downwards, and the shelves stand beside each other.
    """
    if not upright:
        turned, (height, width) = _shelved([(y, x) for x, y in sizes], upright=True)
        return [(x, y) for y, x in turned], (width, height)
    area = sum((width + _PART_GAP) * (height + _PART_GAP) for width, height in sizes)
    room = max(_PAGE, isqrt(area * 3 // 2), *(width for width, _ in sizes), 0)
    places: list[Point] = []
    x = y = shelf = far = 0
    for width, height in sizes:
        if x and x + width > room:
            x, y, shelf = 0, y + shelf + _PART_GAP, 0
        places.append((x, y))
        far = max(far, x + width)
        shelf = max(shelf, height)
        x += width + _PART_GAP
    return places, (far, y + shelf)
