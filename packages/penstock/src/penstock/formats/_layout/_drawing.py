"""The result of the layout in whole pixels, with the room that its texts take.

The label of a node box says how large the box is. Words on lines, such as a label or how often an
edge was seen, stand on a straight part that no other line shares, so that they belong to one edge,
and touch no box, no other line and no other words. If a line has no such part, they are left out,
or if they must be there, they stand in the middle of its longest part.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from penstock.formats._font_widths import ELLIPSIS, bold, mono, sans, widest, width, wrap
from penstock.formats._style import (
    HEADING_SIZE,
    NAME_LINE,
    NAME_SIZE,
    PAD_X,
    PAD_Y,
    PROSE_GAP,
    PROSE_LINE,
    PROSE_SIZE,
    STATUSES,
    TAG_INSET,
    TAG_SIZE,
    TAGS,
)
from penstock.formats._wording import status, visible
from penstock.formats._wording import summary as summary_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from penstock._graph import Edge, Group, Node

    Point = tuple[int, int]

DIRECTIONS = ("TD", "BT", "LR", "RL")
_PROSE_ROOM = 196  # for a docstring under a short name
_PROSE_ROOM_MAX = 264
_MIN_WIDTH = 104
_ROUNDING = 8  # widths are multiples, so that boxes differ visibly or not at all
_HEADING_NARROW, _HEADING_WIDE = 200, 360  # for a flow's name and summary
_WORDS_ROOM = 150  # for the words on a line
_WORDS_PAD = 6  # pixels beside them
_LONGEST = 600  # characters of a text that are looked at; never more than a few dozen fit
_CELL = 64  # pixels; only what shares a square of this size is compared
_STEP = 8  # pixels between the places that are tried
_CLEAR = 3  # around words
_TIP = 12  # at the end of a line, for its arrowhead
_BEND = 6  # at each other end of a straight part


class Label(NamedTuple):
    """Hold a box' lines of text and the size of the box.

    `counts` says how often it ran, if there is evidence.
    """

    name: tuple[str, ...]
    prose: tuple[str, ...]
    counts: tuple[str, ...]
    width: int
    height: int


class NodeBox(NamedTuple):
    """Hold one node's box; x and y are its upper left corner, y counts downwards.

    It is at least as large as its label; what stands in one layer is equally long.
    """

    node: Node
    label: Label
    x: int
    y: int
    width: int
    height: int


class GroupBox(NamedTuple):
    """Hold the rectangle around one flow's boxes, with its name at the top, `room` pixels wide."""

    group: Group
    x: int
    y: int
    width: int
    height: int
    room: int


class Line(NamedTuple):
    """Hold one edge's corners from its source to its target; all its parts are at right angles.

    `kind` is "next", "back" (closes a cycle), "link" (to another flow) or "unknown" (from a step
    that does not exist); "unseen", "undeclared" or "implied" where the edge is that.
    """

    edge: Edge
    kind: str
    points: tuple[tuple[int, int], ...]


class Words(NamedTuple):
    """Hold what is written on the line of one edge, and the rectangle that it takes."""

    edge: Edge
    lines: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int


class Drawing(NamedTuple):
    """Hold everything that is drawn, within `width` and `height` from (0, 0).

    `boxes` and `lines` are in the order of the graph's nodes and edges, one for each. `words` are
    labels, and the counts of edges that have room for them. `crossings` says how much lines cross,
    for comparison with other drawings of the same graph.
    """

    width: int
    height: int
    crossings: int
    boxes: tuple[NodeBox, ...]
    groups: tuple[GroupBox, ...]
    lines: tuple[Line, ...]
    words: tuple[Words, ...] = ()


def measure_words(edge: Edge, text: str) -> Words:
    """Return `text` in one or two lines as words on the line of `edge`, without a place."""
    lines = wrap(text[:_LONGEST], PROSE_SIZE, _WORDS_ROOM, sans, lines=2)
    across = widest(lines, PROSE_SIZE, sans) + 2 * _WORDS_PAD
    return Words(edge, tuple(lines), 0, 0, across + across % 2, PROSE_LINE * len(lines))


def measure(node: Node, name_room: int) -> Label:
    """Return the label for `node`: its name in one or two lines, its summary in one or two.

    A line of the name has `name_room` pixels. With evidence, one or two lines about the runs
    follow.
    """
    shown = visible(node.name)
    name = wrap(_looked_at(shown), NAME_SIZE, name_room, mono, lines=2, code=True)
    room = widest(name, NAME_SIZE, mono)
    summary = visible(node.summary) if node.summary else ""
    prose = _prose(summary[:_LONGEST], room)
    counts = () if node.ran is None else summary_of(node.ran)
    room = max(room, widest((*prose, *counts), PROSE_SIZE, sans))
    tag = TAGS.get(node.call_kind, "")
    word = STATUSES.get(status(node), "")
    beside_arrow = max(2 * (tag_width(each) + TAG_INSET + 8) if each else 0 for each in (tag, word))
    height = 2 * PAD_Y + NAME_LINE * len(name) + PROSE_LINE * (len(prose) + len(counts))
    height += PROSE_GAP * (bool(prose) + bool(counts))
    return Label(
        name=tuple(name),
        prose=tuple(prose),
        counts=counts,
        width=-(-max(_MIN_WIDTH, beside_arrow, room + 2 * PAD_X) // _ROUNDING) * _ROUNDING,
        height=height + height % 2,
    )


def _looked_at(name: str) -> str:
    """Return `name`, without its middle if it is too long to be shown."""
    return name if len(name) <= _LONGEST else name[: _LONGEST // 2] + name[-_LONGEST // 2 :]


def tag_width(tag: str) -> int:
    """Return the width of the pill around a word on a box' border."""
    return width(tag, TAG_SIZE, sans) + 14


def _prose(text: str, name_width: int) -> list[str]:
    """Return `text` in lines of about the same length, no wider than needed."""
    room = max(name_width, _PROSE_ROOM)
    lines = wrap(text, PROSE_SIZE, room, sans, lines=2)
    if lines and lines[-1].endswith(ELLIPSIS):
        room = max(room, _PROSE_ROOM_MAX)
        lines = wrap(text, PROSE_SIZE, room, sans, lines=2)
    while len(lines) > 1 and not lines[-1].endswith(ELLIPSIS):
        room -= 6
        narrower = wrap(text, PROSE_SIZE, room, sans, lines=2)
        if narrower[-1].endswith(ELLIPSIS):
            break
        lines = narrower
    return lines


def heading_size(group: Group) -> tuple[int, int]:
    """Return the widths, in pixels, that a flow's heading needs and would like to have.

    The first is enough for the name, and for the summary in two lines.
    """
    name = width(visible(group.flow)[:_LONGEST], HEADING_SIZE, bold)
    summary = width(visible(group.summary)[:_LONGEST], PROSE_SIZE, sans) if group.summary else 0
    return (
        min(_HEADING_NARROW, max(name, summary * 2 // 3)),
        min(_HEADING_WIDE, max(name, summary)),
    )


class Rectangle(NamedTuple):
    """Hold a rectangle; (x, y) is its upper left corner."""

    x: int
    y: int
    width: int
    height: int


class _Taken:
    """Hold what is drawn, by the squares that it touches; 0 is a box, else one more than a line."""

    def __init__(self) -> None:
        self._cells: dict[Point, list[tuple[Rectangle, int]]] = {}

    def add(self, area: Rectangle, owner: int) -> None:
        for cell in _cells(area):
            self._cells.setdefault(cell, []).append((area, owner))

    def is_free(self, area: Rectangle, owner: int) -> bool:
        """Say whether nothing but the line of `owner` touches `area`."""
        return not any(
            each_owner != owner and _touch(area, each)
            for cell in _cells(area)
            for each, each_owner in self._cells.get(cell, ())
        )


def places_on_lines(
    sizes: Mapping[int, Point],
    paths: Sequence[Sequence[Point]],
    boxes: Iterable[Rectangle],
    needed: Collection[int],
) -> dict[int, Point]:
    """Return the upper left corners of words of the given `sizes`, by their index in `paths`.

    Those for which there is no room are not in the result, unless they are `needed`.
    """
    taken = _Taken()
    for box in boxes:
        taken.add(box, 0)
    for at, path in enumerate(paths):
        for one, other in pairwise(path):
            left, top = min(one[0], other[0]), min(one[1], other[1])
            across, down = abs(one[0] - other[0]), abs(one[1] - other[1])
            taken.add(Rectangle(left, top, across, down), at + 1)
    found: dict[int, Point] = {}
    for at, (across, down) in sizes.items():
        for x, y in _candidates(paths[at], across, down):
            area = Rectangle(x - _CLEAR, y, across + 2 * _CLEAR, down)
            if taken.is_free(area, at + 1):
                taken.add(area, 0)
                found[at] = (x, y)
                break
        else:
            if at in needed:
                found[at] = _middle(paths[at], across, down)
    return found


def _candidates(path: Sequence[Point], across: int, down: int) -> Iterator[Point]:
    """Yield corners for words on the straight parts of `path`, from its end to its start."""
    parts = list(pairwise(path))
    for at in range(len(parts) - 1, -1, -1):
        (x1, y1), (x2, y2) = parts[at]
        upright = x1 == x2
        start, end = (y1, y2) if upright else (x1, x2)
        way = 1 if end > start else -1
        need = down if upright else across
        first = start + way * (_BEND if at else 0)
        last = end - way * (_TIP if at == len(parts) - 1 else _BEND)
        spare = abs(last - first) - need
        if (last - first) * way < 0 or spare < 0:
            continue
        middle = spare // 2
        for step in range(0, middle + 1, _STEP):
            for off in (middle - step, middle + step) if step else (middle,):
                near = first + off if way > 0 else last + off
                yield (x1 - across // 2, near) if upright else (near, y1 - down // 2)


def _middle(path: Sequence[Point], across: int, down: int) -> Point:
    """Return the corner for words in the middle of the longest straight part of `path`."""
    (x1, y1), (x2, y2) = max(
        pairwise(path),
        key=lambda part: abs(part[0][0] - part[1][0]) + abs(part[0][1] - part[1][1]),
    )
    return (x1 + x2 - across) // 2, (y1 + y2 - down) // 2


def _cells(area: Rectangle) -> Iterator[Point]:
    for column in range(area.x // _CELL, (area.x + area.width) // _CELL + 1):
        for row in range(area.y // _CELL, (area.y + area.height) // _CELL + 1):
            yield column, row


def _touch(one: Rectangle, other: Rectangle) -> bool:
    return (
        one.x < other.x + other.width + 1
        and other.x < one.x + one.width + 1
        and one.y < other.y + other.height + 1
        and other.y < one.y + one.height + 1
    )
