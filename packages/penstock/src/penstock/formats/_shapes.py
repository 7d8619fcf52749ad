"""The shapes that a picture is made of: SVG writes them, PNG paints them.

A shape's `look` names its colours and strokes, as classes in CSS do. All lengths are in pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from penstock.formats._style import BEND, TIP

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point: TypeAlias = tuple[int, int]
    Bend: TypeAlias = tuple[Point, Point, Point]  # where it begins, the corner, where it ends


class Rect(NamedTuple):
    """Draw a rectangle with round corners; (x, y) is the upper left one."""

    look: str
    x: int
    y: int
    width: int
    height: int
    radius: float


class Text(NamedTuple):
    """Draw one line of text from (x, y) of its baseline on, or around it where it is `middle`.

    A font that takes more than `room` is made smaller, where that can be known.
    """

    look: str
    x: float
    y: int
    text: str
    room: int = 0
    middle: bool = False


class Line(NamedTuple):
    """Draw a line with round corners and an arrowhead, whose tip is TIP pixels after `end`.

    Each bend is a quadratic Bezier curve. `edge` has the ids of the nodes at its ends; a line of
    the legend has none. `title` is shown by a viewer that can.
    """

    look: str
    start: Point
    bends: Sequence[Bend]
    end: Point
    edge: tuple[str, str] | None = None
    title: str = ""


class Figure(NamedTuple):
    """Draw shapes that belong together, on top of each other.

    `node` is the id of their node; `edge` has those of the nodes that their line joins.
    """

    look: str
    shapes: tuple[Shape, ...]
    title: str = ""
    node: str | None = None
    edge: tuple[str, str] | None = None


Shape: TypeAlias = "Rect | Text | Line | Figure"


class Picture(NamedTuple):
    """Hold what is painted on a sheet of `width` and `height`.

    `head` and `legend` stand above and below the `body`, whose coordinates begin at (`x`, `y`) of
    the sheet. `title` and `description` are for readers who cannot see it.
    """

    title: str
    description: str
    width: int
    height: int
    x: int
    y: int
    head: tuple[Text, ...]
    body: tuple[Shape, ...]
    legend: tuple[Figure, ...]


def rounded(points: Sequence[Point]) -> tuple[Point, list[Bend], Point]:
    """Return the start, the bends and the end of a line whose parts are at right angles.

    The line ends where its arrowhead begins.
    """
    (x, y), (end_x, end_y) = points[-2:]
    if x == end_x:
        end_y += TIP if end_y < y else -TIP
    else:
        end_x += TIP if end_x < x else -TIP
    bends: list[Bend] = []
    x1, y1 = points[0]
    for at in range(1, len(points) - 1):
        x2, y2 = points[at]
        x3, y3 = points[at + 1] if at < len(points) - 2 else (end_x, end_y)
        # One of each pair of differences is 0.
        before, after = x2 - x1 + y2 - y1, x3 - x2 + y3 - y2
        radius = min(BEND, abs(before) // 2, abs(after) // 2)
        back, forth = (radius if before < 0 else -radius), (radius if after > 0 else -radius)
        first = (x2, y2 + back) if x1 == x2 else (x2 + back, y2)
        last = (x2, y2 + forth) if x2 == x3 else (x2 + forth, y2)
        bends.append((first, (x2, y2), last))
        x1, y1 = x2, y2
    return points[0], bends, (end_x, end_y)
