"""Lay out the units of one flow, or of a graph without frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.formats._layout._engine import place
from penstock.formats._layout._layers import Arc
from penstock.formats._layout._page import PART_GAP, Page, parts_of, shelved

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from penstock.formats._layout._fold import Unit
    from penstock.formats._layout._page import Pair

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
