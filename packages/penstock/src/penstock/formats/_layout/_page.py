"""Hold what is laid out, piece by piece, until it is a whole page."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

from penstock._graph import connected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.formats._layout._route import Path, Point

    Pair = tuple[int, int]  # of units, by index: source and target

_WIDTH = 960  # pixels; a page is at least so wide
PART_GAP = 44  # pixels between parts that nothing joins


class GroupPlace(NamedTuple):
    """Hold a flow's group: its place, its extent, and how much of its width a heading may take."""

    begin: Point
    extent: Point
    free: int


class Page:
    """Hold where units begin and how long they are, and the line of each pair of units.

    All places and extents are (across, along). `exits` and `entries` are the lines between a unit
    and the border of the page, for links that go on outside.
    """

    __slots__ = ("entries", "exits", "extent", "groups", "lengths", "paths", "units")

    def __init__(
        self,
        extent: Point,
        units: Iterable[tuple[int, Point]] = (),
        lengths: Iterable[tuple[int, int]] = (),
        paths: Iterable[tuple[Pair, Path]] = (),
    ) -> None:
        self.extent = extent
        self.units = dict(units)
        self.lengths = dict(lengths)
        self.paths = dict(paths)
        self.exits: dict[int, Path] = {}
        self.entries: dict[int, Path] = {}
        self.groups: list[GroupPlace] = []

    def take(self, other: Page, at: Point) -> None:
        """Put what is on the `other` page on this one, moved by `at`."""
        for unit, (across, along) in other.units.items():
            self.units[unit] = (across + at[0], along + at[1])
        self.lengths.update(other.lengths)
        self.paths.update((pair, moved(path, at)) for pair, path in other.paths.items())
        self.exits.update((unit, moved(path, at)) for unit, path in other.exits.items())
        self.entries.update((unit, moved(path, at)) for unit, path in other.entries.items())


def moved(path: Path, at: Point) -> Path:
    """Return `path` moved by `at`."""
    if not path or at == (0, 0):
        return path
    return [(across + at[0], along + at[1]) for across, along in path]


def shelved(pages: Sequence[Page], *, upright: bool) -> Page:
    """Return `pages` on one page, side by side and on shelves; see `pack`."""
    places, extent = pack([page.extent for page in pages], PART_GAP, upright=upright)
    whole = Page(extent)
    for page, at in zip(pages, places, strict=True):
        whole.take(page, at)
    return whole


def pack(sizes: Sequence[Point], gap: int, *, upright: bool) -> tuple[list[Point], Point]:
    """Return where each of `sizes` (across, along) begins, in their order, and the whole extent.

    `upright` says that *across* is from left to right on the page; else it is downwards, and the
    shelves stand beside each other.
    """
    if not upright:
        turned, (height, width) = pack([(y, x) for x, y in sizes], gap, upright=True)
        return [(x, y) for y, x in turned], (width, height)
    area = sum((width + gap) * (height + gap) for width, height in sizes)
    room = max(_WIDTH, isqrt(area * 3 // 2), *(width for width, _ in sizes), 0)
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


def parts_of(units: Iterable[int], pairs: Iterable[Pair]) -> tuple[list[list[int]], dict[int, int]]:
    """Return the connected parts of `units`, and for each unit the index of its part.

    Units and parts keep the order of `units`, but parts of a single unit are last.
    """
    parts = sorted(connected(units, pairs), key=lambda part: len(part) == 1)
    return parts, {unit: at for at, part in enumerate(parts) for unit in part}
