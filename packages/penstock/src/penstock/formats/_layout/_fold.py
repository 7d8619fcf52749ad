"""Make the units that are laid out: single boxes, and grids of boxes that share all neighbours.

Steps that have the same predecessors and the same successors would stand in one row, however many
they are. If such a row is too wide to be read, the steps are folded into rows, and the lines run
between the columns, on rails. If several rows lead to one row, all of them use one line.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from penstock.formats._layout._lines import Path, Point

LOOP_ROOM = 30  # pixels beside a box, for the arrow from it to itself
_ROW_ROOM = 920  # about as wide as a page; a row that is wider is folded
_FLATNESS = 2  # how much wider than long a grid of many boxes is
_GAP_ACROSS = 26
_GAP_ALONG = 22
_RAIL_IN = 26  # before a column: room for the rail, a bend and an arrowhead
_RAIL_OUT = 18
_BUS = 14  # from the line across all columns to the first row
_BUS_TO_TOP = 24  # the same where arrows end at the upper side of boxes


class Unit(NamedTuple):
    """Hold the nodes (by index) that are placed together, all lengths (across, along).

    `places` says where each node's box begins within the unit, `size` how large the boxes are;
    `entries` and `exits` are the lines from the unit's port to each box and back, empty where the
    box' own port is the unit's.
    """

    members: tuple[int, ...]
    extent: Point
    port: int
    size: Point
    places: Sequence[Point]
    entries: Sequence[Path]
    exits: Sequence[Path]


def fold(
    extents: Sequence[Point],
    groups: Sequence[int],
    edges: Iterable[tuple[int, int]],
    beside_loops: Mapping[int, int],
) -> list[Unit]:
    """Return all nodes as units, in the order of their first members.

    `extents` and `groups` are those of the nodes. Edges that lead up the order close a cycle.
    `beside_loops` has the room that some nodes need for words beside the line to themselves.
    """
    above: list[list[int]] = [[] for _ in extents]
    below: list[list[int]] = [[] for _ in extents]
    loops: set[int] = set()
    for source, target in edges:
        if source == target:
            loops.add(source)
        else:
            below[source].append(target)
            above[target].append(source)
    twins: dict[Hashable, list[int]] = {}
    for node, group in enumerate(groups):
        # The edges that lead back must be the same too.
        before = tuple((other, other > node) for other in above[node])
        after = tuple((other, other > node) for other in below[node])
        alone = node if node in loops else -1
        twins.setdefault((group, before, after, alone), []).append(node)

    kind_of = {node: kind for kind, members in enumerate(twins.values()) for node in members}
    units: list[Unit] = []
    for members in twins.values():
        sources, targets = above[members[0]], below[members[0]]
        isolated = not sources and not targets and members[0] not in loops
        row = sum(extents[node][0] + _GAP_ACROSS for node in members)
        if len(members) > 1 and (isolated or row > _ROW_ROOM):
            units.append(_grid(members, extents, sources, targets))
        elif len(members) > 1 and any(
            len({kind_of[node] for node in ends}) > 1 for ends in (sources, targets)
        ):
            units.append(_row(members, extents, sources, targets))
        else:
            for node in members:
                room = LOOP_ROOM + beside_loops.get(node, 0) if node in loops else 0
                units.append(_single(node, extents[node], room))
    return sorted(units, key=lambda unit: unit.members)


# Nearly every unit has this: one box, whose port is the unit's.
_AT_START: Final[Sequence[Point]] = ((0, 0),)
_NO_LINE: Final[Sequence[Path]] = ([],)


def _single(node: int, extent: Point, room: int) -> Unit:
    across, along = extent
    return Unit((node,), (across + room, along), across // 2, extent, _AT_START, _NO_LINE, _NO_LINE)


def _row(
    members: Sequence[int],
    extents: Sequence[Point],
    above: Sequence[int],
    below: Sequence[int],
) -> Unit:
    """Return `members` side by side, with one line before and one after all that they share.

    Without it, the lines of several predecessors would cross each other on the way to them.
    """
    across = max(extents[node][0] for node in members)
    along = max(extents[node][1] for node in members)
    bus_in, bus_out = (_BUS_TO_TOP if above else 0), (_BUS if below else 0)
    step = across + _GAP_ACROSS
    width, length = len(members) * step - _GAP_ACROSS, bus_in + along + bus_out
    port = width // 2
    places: list[Point] = []
    entries: list[Path] = []
    exits: list[Path] = []
    for index in range(len(members)):
        x = index * step
        middle = x + across // 2
        places.append((x, bus_in))
        entries.append([(port, 0), (middle, 0), (middle, bus_in)] if above else [])
        end = bus_in + along
        exits.append([(middle, end), (middle, length), (port, length)] if below else [])
    return Unit(tuple(members), (width, length), port, (across, along), places, entries, exits)


def _grid(
    members: Sequence[int],
    extents: Sequence[Point],
    above: Sequence[int],
    below: Sequence[int],
) -> Unit:
    """Return `members` in rows of equal cells, with rails where there is something to join."""
    rail_in, rail_out = (_RAIL_IN if above else 0), (_RAIL_OUT if below else 0)
    bus_in, bus_out = (_BUS if above else 0), (_BUS if below else 0)
    across = max(extents[node][0] for node in members)
    along = max(extents[node][1] for node in members)
    step = rail_in + across + rail_out + _GAP_ACROSS
    square = isqrt(_FLATNESS * len(members) * step * (along + _GAP_ALONG))
    room = max(square, _ROW_ROOM if above or below else 2 * step)
    rows = -(-len(members) // max(1, (room + _GAP_ACROSS) // step))
    columns = -(-len(members) // rows)
    width = columns * step - _GAP_ACROSS
    length = bus_in + rows * (along + _GAP_ALONG) - _GAP_ALONG + bus_out
    first_rail = 4 if above else across + _RAIL_OUT - 2
    rails = [column * step + first_rail for column in range(columns)]
    nearest = min(rails, key=lambda rail: abs(rail - width // 2))
    # A port nearly above a rail would have its line bend by a few pixels.
    port = nearest if abs(nearest - width // 2) < _RAIL_IN else width // 2
    places: list[Point] = []
    entries: list[Path] = []
    exits: list[Path] = []
    for index in range(len(members)):
        row, column = divmod(index, columns)
        x = column * step + rail_in
        y = bus_in + row * (along + _GAP_ALONG)
        middle = y + along // 2
        places.append((x, y))
        rail = x - _RAIL_IN + 4
        entries.append([(port, 0), (rail, 0), (rail, middle), (x, middle)] if above else [])
        rail = x + across + _RAIL_OUT - 2
        end = (x + across, middle)
        exits.append([end, (rail, middle), (rail, length), (port, length)] if below else [])
    return Unit(tuple(members), (width, length), port, (across, along), places, entries, exits)
