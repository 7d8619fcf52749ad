"""Put flows that are laid out into groups, groups on a page, and draw the links between them.

Groups are laid out like boxes. A link runs from a unit to its port at the border of its flow's
group, from group to group, and on to the other unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock._graph import cycles
from penstock.formats._layout._engine import place
from penstock.formats._layout._layers import Arc
from penstock.formats._layout._page import PART_GAP, GroupPlace, Page, parts_of, shelved

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from penstock.formats._layout._fold import Unit
    from penstock.formats._layout._page import Pair
    from penstock.formats._layout._route import Point


_GAP = 32  # pixels between boxes side by side
_GAP_BELOW = 24  # between boxes one below the other


@dataclass(frozen=True, slots=True)
class FlowLayout:
    """Lay out some of `units`.

    `back` are the pairs of units that close a cycle, `fixed` the units that stay in the first
    layer; `upright` says that *across* is from left to right. `leaving` and `arriving` are the
    units with links to and from other flows: they get ports at the page's ends.
    """

    units: Sequence[Unit]
    back: Collection[Pair]
    fixed: Collection[int]
    upright: bool
    leaving: Collection[int] = ()
    arriving: Collection[int] = ()

    def page(self, units: Sequence[int], pairs: Sequence[Pair]) -> Page:
        """Return the connected parts of `units`; what has ports is one part and comes first."""
        linked = [unit for unit in units if unit in self.leaving or unit in self.arriving]
        ties = [(linked[0], unit) for unit in linked[1:]]
        parts, part_of = parts_of(units, [*pairs, *ties])
        within: list[list[Pair]] = [[] for _ in parts]
        for pair in pairs:
            within[part_of[pair[0]]].append(pair)
        pages = [self._part(part, inner) for part, inner in zip(parts, within, strict=True)]
        if not linked:
            return shelved(pages, upright=self.upright)
        whole = pages.pop(part_of[linked[0]])
        if pages:
            rest = shelved(pages, upright=self.upright)
            across = whole.extent[0] + PART_GAP
            whole.take(rest, (across, 0))
            whole.extent = (across + rest.extent[0], max(whole.extent[1], rest.extent[1]))
        return whole

    def _part(self, part: Sequence[int], pairs: Sequence[Pair]) -> Page:
        """Return one part; its ports are items without an extent, before and after all others."""
        exits = [unit for unit in part if unit in self.leaving]
        entries = [unit for unit in part if unit in self.arriving]
        index = {unit: at for at, unit in enumerate(part)}
        port = {unit: self.units[unit].port for unit in part}
        arcs = [
            Arc(
                index[source],
                index[target],
                port[source],
                port[target],
                back=(source, target) in self.back,
            )
            for source, target in pairs
        ]
        first_exit = len(part)
        first_entry = first_exit + len(exits)
        end = first_entry + len(entries)
        arcs += [Arc(index[unit], first_exit + at, port[unit], 0) for at, unit in enumerate(exits)]
        arcs += [
            Arc(first_entry + at, index[unit], 0, port[unit]) for at, unit in enumerate(entries)
        ]
        placed = place(
            [*(self.units[unit].extent for unit in part), *([(0, 0)] * (end - first_exit))],
            arcs,
            first=range(first_entry, end),
            last=range(first_exit, first_entry),
            fixed={at for at, unit in enumerate(part) if unit in self.fixed},
            gap=_GAP if self.upright else _GAP_BELOW,
            crowd=len(self.units),
            stretched={at for at, unit in enumerate(part) if len(self.units[unit].members) == 1},
        )
        paths = iter(placed.paths)
        page = Page(
            placed.extent,
            units=zip(part, placed.items, strict=False),
            lengths=zip(part, placed.lengths, strict=False),
            paths=zip(pairs, paths, strict=False),
        )
        page.exits = dict(zip(exits, paths, strict=False))
        page.entries = dict(zip(entries, paths, strict=False))
        return page


@dataclass(frozen=True, slots=True)
class Padding:
    """Hold the space between a group and what is in it: before and after it, across and along."""

    near: int
    far: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """Say what a group's heading wants: a `least` extent, and room `beside` the lines.

    Lines cross the heading's side of the group where arcs arrive (`at_start`), where they leave
    (`at_end`), or not at all; what it wants beside them is before the first.
    """

    least: Point
    beside: int
    at_start: bool
    at_end: bool


class GroupPlacer:
    """Place `pages`, one for each group. `links` are pairs of units, `groups` each unit's."""

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
        """Decide how large the group of `page` is, and where in it the page begins."""
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

    def _part(self, groups: Sequence[int], arcs: Mapping[Arc, list[Pair]]) -> Page:
        """Return one connected part of the groups: a page whose units are groups."""
        index = {group: at for at, group in enumerate(groups)}
        placed = place(
            [self._extents[group] for group in groups],
            [
                Arc(index[arc.source], index[arc.target], arc.out, arc.into, back=arc.back)
                for arc in arcs
            ],
        )
        carried = zip(arcs.values(), placed.paths, strict=True)
        return Page(
            placed.extent,
            units=zip(groups, placed.items, strict=True),
            paths=((pair, path) for pairs, path in carried for pair in pairs),
        )

    def _whole(self, outer: Page) -> Page:
        """Return a page with the contents of the groups, where `outer` has placed these."""
        whole = Page(outer.extent)
        for group, page in enumerate(self._pages):
            at, inset = outer.units[group], self._insets[group]
            whole.groups.append(GroupPlace(at, self._extents[group], self._free[group]))
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
