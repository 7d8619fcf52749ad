"""Put rectangles that have nothing to do with each other on shelves, like words on a page."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.formats._layout._route import Point

_PAGE = 960  # pixels; a page is at least so wide


def pack(sizes: Sequence[Point], gap: int, *, upright: bool) -> tuple[list[Point], Point]:
    """Return where each of `sizes` (across, along) begins, in their order, and the whole extent.

    `upright` says that *across* is from left to right on the page; else it is downwards, and the
    shelves stand beside each other.
    """
    if not upright:
        turned, (height, width) = pack([(y, x) for x, y in sizes], gap, upright=True)
        return [(x, y) for y, x in turned], (width, height)
    area = sum((width + gap) * (height + gap) for width, height in sizes)
    room = max(_PAGE, isqrt(area * 3 // 2), *(width for width, _ in sizes), 0)
    places: list[Point] = []
    x = y = shelf = far = 0
    for width, height in sizes:
        if x and x + width > room:
            x, y, shelf = 0, y + shelf + gap, 0
        places.append((x, y))
        far = max(far, x + width)
        shelf = max(shelf, height)
        x += width + gap
    return places, (far, y + shelf)
