"""Round the corners of a line, and end it where its arrowhead begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.formats._style import BEND, TIP

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point = tuple[int, int]


def bent(points: Sequence[Point]) -> tuple[Point, list[tuple[Point, Point, Point]], Point]:
    """Return a line's start, its bends and its end.

    Each bend is where it begins, the corner, and where it ends: the ends and the control point of
    a quadratic Bezier curve. All parts of the line are at right angles.
    """
    (x, y), (end_x, end_y) = points[-2:]
    if x == end_x:
        end_y += TIP if end_y < y else -TIP
    else:
        end_x += TIP if end_x < x else -TIP
    bends: list[tuple[Point, Point, Point]] = []
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
