"""Find room on lines for short words, such as how often an edge was seen.

Words stand on a straight part that no other line shares, so that they belong to one edge, and
touch no box, no other line and no other words. If a line has no such part, they are left out, or if
they must be there, they stand in the middle of its longest part.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    Point = tuple[int, int]

_CELL = 64  # pixels; only what shares a square of this size is compared
_STEP = 8  # pixels between the places that are tried
_CLEAR = 3  # around words
_TIP = 12  # at the end of a line, for its arrowhead
_BEND = 6  # at each other end of a straight part


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
    for at, (width, height) in sizes.items():
        for x, y in _candidates(paths[at], width, height):
            area = Rectangle(x - _CLEAR, y, width + 2 * _CLEAR, height)
            if taken.is_free(area, at + 1):
                taken.add(area, 0)
                found[at] = (x, y)
                break
        else:
            if at in needed:
                found[at] = _middle(paths[at], width, height)
    return found


def _candidates(path: Sequence[Point], width: int, height: int) -> Iterator[Point]:
    """Yield corners for words on the straight parts of `path`, from its end to its start."""
    parts = list(pairwise(path))
    for at in range(len(parts) - 1, -1, -1):
        (x1, y1), (x2, y2) = parts[at]
        upright = x1 == x2
        start, end = (y1, y2) if upright else (x1, x2)
        way = 1 if end > start else -1
        need = height if upright else width
        first = start + way * (_BEND if at else 0)
        last = end - way * (_TIP if at == len(parts) - 1 else _BEND)
        spare = abs(last - first) - need
        if (last - first) * way < 0 or spare < 0:
            continue
        middle = spare // 2
        for step in range(0, middle + 1, _STEP):
            for off in (middle - step, middle + step) if step else (middle,):
                near = first + off if way > 0 else last + off
                yield (x1 - width // 2, near) if upright else (near, y1 - height // 2)


def _middle(path: Sequence[Point], width: int, height: int) -> Point:
    """Return the corner for words in the middle of the longest straight part of `path`."""
    (x1, y1), (x2, y2) = max(
        pairwise(path),
        key=lambda part: abs(part[0][0] - part[1][0]) + abs(part[0][1] - part[1][1]),
    )
    return (x1 + x2 - width) // 2, (y1 + y2 - height) // 2


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
