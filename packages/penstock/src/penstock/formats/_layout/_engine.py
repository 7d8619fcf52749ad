"""Draw one layered graph of boxes: Sugiyama's method in four steps, each in its own module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.formats._layout._coordinates import place_across
from penstock.formats._layout._layers import Arc, assign, slice_into_layers
from penstock.formats._layout._order import reduce_crossings
from penstock.formats._layout._returns import straighten
from penstock.formats._layout._route import Router

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from penstock.formats._layout._route import Path, Point

_MARGIN = 16  # pixels beside a box for each line that leads back past it


@dataclass(frozen=True, slots=True)
class Placed:
    """Hold where each item begins and how long it is, the extent of all, and each arc's line.

    All places and extents are (across, along).
    """

    items: list[Point]
    lengths: list[int]
    extent: Point
    paths: list[Path]


def place(
    extents: Sequence[Point],
    arcs: Sequence[Arc],
    *,
    first: Collection[int] = (),
    last: Collection[int] = (),
    fixed: Collection[int] = (),
    stretched: Collection[int] = (),
    gap: int = 36,
    crowd: int = 0,
) -> Placed:
    """Place items of the given `extents` (across, along) and route the `arcs` between them.

    No two arcs are equal; without those that are `back` there is no cycle. `first`, `last` and
    `fixed` are as in `_layers.assign`, `stretched` as in `_route.Router`,
    `gap` and `crowd` as in `_coordinates.place_across`.
    """
    widths = [width for width, _ in extents]
    returning, leaving = _margins(widths, arcs)
    down = [
        Arc(
            arc.target,
            arc.source,
            returning[arc.target, arc.into],
            leaving[arc.source, arc.out],
            back=True,
        )
        if arc.back
        else arc
        for arc in arcs
    ]
    turns = [(arc.into, arc.out) if arc.back else None for arc in arcs]
    layered = slice_into_layers(
        down, assign(len(extents), down, first=first, last=last, fixed=fixed)
    )
    reduce_crossings(layered, widths, crowd)
    across = place_across(layered, widths, gap, crowd)
    lengths = [(width, length) for width, (_, length) in zip(widths, extents, strict=True)]
    shifts = straighten(layered, down, across)
    router = Router(layered, down, turns, across, lengths, stretched, shifts)
    return Placed(
        items=list(zip(across, router.along, strict=False)),
        lengths=router.lengths,
        extent=(router.far, router.length),
        paths=router.paths(),
    )


def _margins(widths: list[int], arcs: Sequence[Arc]) -> tuple[dict[Point, int], dict[Point, int]]:
    """Widen items for the lines that lead back past them.

    Returns, for each item and port, where those lines pass that lead back there, and where those
    that lead back from there. Both ends of an arc get them equally far from their ports, so that
    the line is straight where one item stands below the other.
    """
    returning: dict[Point, int] = {}
    leaving: dict[Point, int] = {}
    for arc in arcs:
        end, start = (arc.target, arc.into), (arc.source, arc.out)
        if arc.back:
            beyond = _MARGIN + max(
                returning.get(end, widths[arc.target]) - arc.into,
                leaving.get(start, widths[arc.source]) - arc.out,
            )
            widths[arc.target] = max(
                widths[arc.target], returning.setdefault(end, arc.into + beyond)
            )
            widths[arc.source] = max(
                widths[arc.source], leaving.setdefault(start, arc.out + beyond)
            )
    return returning, leaving
