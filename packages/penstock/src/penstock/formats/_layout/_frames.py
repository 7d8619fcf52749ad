"""Put flows that are laid out into frames, frames on a page, and draw the links between them.

Frames are laid out like boxes. A link runs from a unit to its port at the border of its flow's
frame, from frame to frame, and on to the other unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock._graph import cycles
from penstock.formats._layout._engine import place
from penstock.formats._layout._layers import Arc
from penstock.formats._layout._page import Framed, Page, parts_of, shelved

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from penstock.formats._layout._page import Pair
    from penstock.formats._layout._route import Point


@dataclass(frozen=True, slots=True)
class Padding:
    """Hold the space between a frame and what is in it: before and after it, across and along."""

    near: int
    far: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """Say what a frame's heading wants: a `least` extent, and room `beside` the lines.

    Lines cross the heading's side of the frame where arcs arrive (`at_start`), where they leave
    (`at_end`), or not at all; what it wants beside them is before the first.
    """

    least: Point
    beside: int
    at_start: bool
    at_end: bool


class Frames:
    """Frame `pages`, one for each flow. `links` are pairs of units, `groups` each unit's flow."""

    def __init__(
        self,
        pages: Sequence[Page],
        headings: Sequence[Heading],
        padding: Padding,
        groups: Sequence[int],
        links: Sequence[Pair],
    ) -> None:
        self._pages = pages
        self._groups = groups
        self._links = links
        self._insets: list[Point] = []
        self._extents: list[Point] = []
        self._free: list[int] = []
        for page, heading in zip(pages, headings, strict=True):
            self._fit(page, heading, padding)

    def _fit(self, page: Page, heading: Heading, padding: Padding) -> None:
        """Decide how large the frame of `page` is, and where in it the page begins."""
        width = page.extent[0] + padding.near + padding.far
        length = max(page.extent[1] + padding.start + padding.end, heading.least[1])
        near = padding.near + max(0, heading.least[0] - width) // 2
        ports = [path[0][0] for path in page.entries.values() if heading.at_start]
        ports += [path[-1][0] for path in page.exits.values() if heading.at_end]
        if ports:
            near = max(near, heading.beside - min(ports))
        width = max(near + page.extent[0] + padding.far, heading.least[0])
        self._insets.append((near, padding.start))
        self._extents.append((width, length))
        self._free.append(near + min(ports) if ports else width)

    def page(self, *, upright: bool) -> Page:
        """Return everything on one page."""
        flows = {
            (self._groups[source], self._groups[target]): None for source, target in self._links
        }
        closing = _closing(len(self._pages), flows)
        arcs: dict[Arc, list[Pair]] = {}
        for source, target in self._links:
            start, end = self._groups[source], self._groups[target]
            out = self._pages[start].exits[source][-1][0] + self._insets[start][0]
            into = self._pages[end].entries[target][0][0] + self._insets[end][0]
            arc = Arc(start, end, out, into, back=(start, end) in closing)
            arcs.setdefault(arc, []).append((source, target))

        parts, part_of = parts_of(range(len(self._pages)), flows)
        within: list[dict[Arc, list[Pair]]] = [{} for _ in parts]
        for arc, carried in arcs.items():
            within[part_of[arc.source]][arc] = carried
        outer = shelved(
            [self._part(part, inner) for part, inner in zip(parts, within, strict=True)],
            upright=upright,
        )
        return self._whole(outer)

    def _part(self, frames: Sequence[int], arcs: Mapping[Arc, list[Pair]]) -> Page:
        """Return one connected part of the frames: a page whose units are frames."""
        index = {frame: at for at, frame in enumerate(frames)}
        placed = place(
            [self._extents[frame] for frame in frames],
            [
                Arc(index[arc.source], index[arc.target], arc.out, arc.into, back=arc.back)
                for arc in arcs
            ],
        )
        carried = zip(arcs.values(), placed.paths, strict=True)
        return Page(
            placed.extent,
            units=zip(frames, placed.items, strict=True),
            paths=((pair, path) for pairs, path in carried for pair in pairs),
        )

    def _whole(self, outer: Page) -> Page:
        """Return a page with the contents of the frames, where `outer` has placed these."""
        whole = Page(outer.extent)
        for frame, page in enumerate(self._pages):
            at, inset = outer.units[frame], self._insets[frame]
            whole.frames.append(Framed(at, self._extents[frame], self._free[frame]))
            whole.take(page, (at[0] + inset[0], at[1] + inset[1]))
        for (source, target), path in outer.paths.items():
            whole.paths[source, target] = whole.exits[source] + path + whole.entries[target]
        return whole


def _closing(count: int, pairs: Collection[Pair]) -> set[Pair]:
    """Return the pairs that close a cycle, found from the flows without a predecessor on."""
    successors: list[list[int]] = [[] for _ in range(count)]
    for source, target in pairs:
        successors[source].append(target)
    has_predecessor = {target for _, target in pairs}
    roots = sorted(range(count), key=has_predecessor.__contains__)
    return {(cycle[-1], cycle[0]) for cycle in cycles(successors, roots)}
