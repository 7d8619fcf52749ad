"""Draw one layered graph of boxes: Sugiyama's method in four steps."""

from __future__ import annotations

from itertools import islice, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from penstock.formats._layout._across import place_across
from penstock.formats._layout._layers import Arc, assign, last_groups
from penstock.formats._layout._lines import Router
from penstock.formats._layout._order import MANY_OTHERS, reduce_crossings
from penstock.formats._layout._places import THREAD_GAP
from penstock.formats._layout._vertices import merge_strands, slice_into_layers, with_borders

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from penstock.formats._layout._layers import Grouping, Heading, Layered, Padding
    from penstock.formats._layout._lines import Path, Point
    from penstock.formats._layout._vertices import Borders

    Port = tuple[int, int]  # a vertex and a place on it

_TRIED = 80  # steps; with more, one way to put items into layers is enough
_LAST = 160  # steps, in all ways that have a group below all others
_MARGIN = 16  # pixels beside a box for each line that leads back past it


class GroupPlace(NamedTuple):
    """Hold a group's place, its extent, and how much of its width a heading may take."""

    begin: Point
    extent: Point
    free: int


class Placed(NamedTuple):
    """Hold where each item begins and how long it is, the extent of all, and each arc's line.

    All places and extents are (across, along).
    """

    items: list[Point]
    lengths: list[int]
    extent: Point
    paths: list[Path]
    groups: list[GroupPlace]
    crossings: int


def place(
    extents: Sequence[Point],
    arcs: Sequence[Arc],
    grouping: Grouping,
    *,
    stretched: Collection[int] = (),
    gap: int = 36,
    crowd: int = 0,
    others: int = 0,
    room: int = 0,
) -> Placed:
    """Place items of the given `extents` (across, along) and route the `arcs` between them.

    No two arcs are equal; without those that are `back` there is no cycle. `room` is as in
    `_layers.assign`, `stretched` as in `_lines.Router`, `gap` and `crowd` as in
    `_across.place_across`, `others` as in `lay_out`.
    """
    widths = [width for width, _ in extents]
    returning, leaving = _margins(widths, arcs)
    down = [
        Arc(
            arc.target,
            arc.source,
            returning[arc.target, arc.into],
            leaving[arc.source, arc.out],
            back=True,
        )
        if arc.back
        else arc
        for arc in arcs
    ]
    turns = [(arc.into, arc.out) if arc.back else None for arc in arcs]
    taken = [width + gap for width in widths] if room else widths
    ways = _layerings(taken, down, grouping.of, room, crowd)
    tried: list[tuple[int, Layered]] = []
    for layers in islice(ways, 1 if others > MANY_OTHERS else None):
        layered = slice_into_layers(down, layers, grouping.of)
        tried.append((reduce_crossings(layered, widths, crowd, others), layered))
        if not tried[-1][0]:
            break
    crossings, layered = min(tried, key=itemgetter(0))
    layered, borders = with_borders(merge_strands(layered))
    across = place_across(layered, widths, gap, crowd, borders, grouping, room)
    lengths = [(width, length) for width, (_, length) in zip(widths, extents, strict=True)]
    shifts = _straighten(layered, down, across)
    padding = grouping.padding
    room_for_groups = (
        {first: padding.start for first, _ in layered.spans},
        {last: padding.end for _, last in layered.spans},
    )
    router = Router(layered, down, turns, across, lengths, stretched, shifts, room_for_groups)
    return Placed(
        items=list(zip(across, router.along, strict=False)),
        lengths=router.lengths,
        extent=(router.far, router.length),
        paths=router.paths(),
        groups=[
            _group(router, layered, across, each, heading, padding)
            for each, heading in zip(borders, grouping.headings, strict=True)
        ],
        crossings=crossings,
    )


def _layerings(
    widths: Sequence[int], arcs: Sequence[Arc], groups: Sequence[int], room: int, crowd: int
) -> Iterator[list[int]]:
    """Yield ways to put items into layers, the plainest first; the larger the `crowd`, the fewer.

    A group below all others makes a drawing longer, so that is only for a page with `room`.
    """
    yield assign(widths, arcs, groups, shorten=False, room=room)
    if crowd <= _TRIED:
        layers = assign(widths, arcs, groups, shorten=True, room=room)
        yield layers
        if groups and room:
            yield from islice(last_groups(arcs, groups, layers), _LAST // (crowd + 1))


def _group(
    router: Router,
    layered: Layered,
    across: Sequence[int],
    borders: Borders,
    heading: Heading,
    padding: Padding,
) -> GroupPlace:
    """Return where a group is, when all that is in it has its place."""
    first, last = borders.near[0], borders.near[-1]
    begin = router.starts[layered.layer[first]] - padding.start
    end = router.ends[layered.layer[last]] + padding.end
    near, width = across[first], across[borders.far[0]] - across[first]
    crossing: list[int] = []
    if heading.at_start:
        crossing += router.crossing(first, borders.far[0], at_start=True)
    if heading.at_end:
        crossing += router.crossing(last, borders.far[-1], at_start=False)
    return GroupPlace(
        (near, begin), (width, end - begin), min(crossing, default=near + width) - near
    )


def _margins(widths: list[int], arcs: Sequence[Arc]) -> tuple[dict[Point, int], dict[Point, int]]:
    """Widen items for the lines that lead back past them.

    Returns, for each item and port, where those lines pass that lead back there, and where those
    that lead back from there. Both ends of an arc get them equally far from their ports, so that
    the line is straight where one item stands below the other.
    """
    returning: dict[Point, int] = {}
    leaving: dict[Point, int] = {}
    for arc in arcs:
        end, start = (arc.target, arc.into), (arc.source, arc.out)
        if arc.back:
            beyond = _MARGIN + max(
                returning.get(end, widths[arc.target]) - arc.into,
                leaving.get(start, widths[arc.source]) - arc.out,
            )
            widths[arc.target] = max(
                widths[arc.target], returning.setdefault(end, arc.into + beyond)
            )
            widths[arc.source] = max(
                widths[arc.source], leaving.setdefault(start, arc.out + beyond)
            )
    return returning, leaving


def _straighten(layered: Layered, arcs: Sequence[Arc], across: Sequence[int]) -> dict[Port, int]:
    """Return by how much the ports beside boxes, and virtual vertices, are moved to the far side.

    Everything that one line passes is moved to where it is farthest, if nothing stands there.
    """
    line_of: dict[Port, list[Port]] = {}
    for arc, strand in zip(arcs, layered.strands, strict=True):
        if arc.back and not (strand and strand.lane >= 0):
            ends = [(arc.source, arc.out), (arc.target, arc.into)]
            if strand:
                ends += [(vertex, 0) for vertex in strand.vertices]
            _unite(line_of, ends)
    lines = {id(line): line for line in line_of.values()}
    if not lines:
        return {}
    room = _room(layered, across)
    shifts: dict[Port, int] = {}
    for line in lines.values():
        goal = max(across[vertex] + port for vertex, port in line)
        if all(goal <= room.get(vertex, goal) for vertex, _ in line):
            shifts.update({(vertex, port): goal - across[vertex] - port for vertex, port in line})
    return shifts


def _unite(line_of: dict[Port, list[Port]], ports: Sequence[Port]) -> None:
    """Let all of `ports` and what is on one line with them be on one line."""
    longest = max((line_of.setdefault(port, [port]) for port in ports), key=len)
    for port in ports:
        line = line_of[port]
        if line is not longest:
            longest += line
            line_of.update((other, longest) for other in line)


def _room(layered: Layered, across: Sequence[int]) -> Mapping[int, int]:
    """Return, for each vertex that has one to its far side, how far from there it may reach."""
    return {
        vertex: across[beyond] - THREAD_GAP
        for layer in layered.layers
        for vertex, beyond in pairwise(layer)
    }
