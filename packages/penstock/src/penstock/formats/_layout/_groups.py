"""Keep the groups of a layered graph apart: a border at each side of each group.

A group stands together in each layer of its span. A virtual vertex before and one after it in each
of these layers are its borders; each side is one rigid block, so that the group is a rectangle.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from penstock.formats._layout._layers import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.formats._layout._layers import Layered


class Padding(NamedTuple):
    """Hold the space between a group's border and what is in it: across and along."""

    near: int
    far: int
    start: int
    end: int


class Heading(NamedTuple):
    """Say how wide a group's heading wants its group to be, and the room `beside` lines.

    Lines cross the heading's side of the group where arcs arrive (`at_start`), where they leave
    (`at_end`), or not at all; the heading stands before the first of them.
    """

    least: int
    beside: int
    at_start: bool
    at_end: bool


class Grouping(NamedTuple):
    """Say in which group each item is, from 0, and how the groups are drawn."""

    of: Sequence[int]
    headings: Sequence[Heading]
    padding: Padding


UNGROUPED = Grouping((), (), Padding(0, 0, 0, 0))


class Borders(NamedTuple):
    """Hold the borders of a group, one vertex in each layer of its span."""

    near: list[int]
    far: list[int]


def with_borders(layered: Layered) -> tuple[Layered, list[Borders]]:
    """Return `layered` with the borders of its groups as further vertices, in their places."""
    borders = [Borders([], []) for _ in layered.spans]
    if not borders:
        return layered, borders
    bordered = layered._replace(
        layers=[[] for _ in layered.layers],
        layer=list(layered.layer),
        group=list(layered.group),
        up=list(layered.up),
        down=list(layered.down),
    )
    for at, layer in enumerate(layered.layers):
        last = {layered.group[vertex]: vertex for vertex in layer}
        begun: set[int] = set()
        for vertex in layer:
            group = layered.group[vertex]
            if group >= 0 and group not in begun:
                begun.add(group)
                borders[group].near.append(bordered.add(at, group))
            bordered.layers[at].append(vertex)
            if group >= 0 and last[group] == vertex:
                borders[group].far.append(bordered.add(at, group))
    return bordered, borders


def rigid(borders: Sequence[Borders]) -> dict[int, Segment]:
    """Return, for each border vertex that has one below it, the segment that keeps them in line."""
    return {
        upper: Segment(upper, lower, 0, 0)
        for each in borders
        for side in each
        for upper, lower in pairwise(side)
    }


def beside_headings(
    layered: Layered, borders: Sequence[Borders], grouping: Grouping, steps: Sequence[list[int]]
) -> None:
    """Widen `steps`, where lines cross the side of a group that has its heading.

    `steps` has, for each layer, how far each vertex must be from the one before it.
    """
    for each, heading in zip(borders, grouping.headings, strict=True):
        if heading.at_start:
            _widen(layered, layered.up, each.near[0], each.far[0], heading.beside, steps)
        if heading.at_end:
            _widen(layered, layered.down, each.near[-1], each.far[-1], heading.beside, steps)


def _widen(
    layered: Layered,
    segments: Sequence[Sequence[Segment]],
    near: int,
    far: int,
    beside: int,
    steps: Sequence[list[int]],
) -> None:
    layer, step = layered.layers[layered.layer[near]], steps[layered.layer[near]]
    distance = 0
    for at in range(layer.index(near) + 1, layer.index(far)):
        distance += step[at]
        vertex = layer[at]
        if segments[vertex]:
            port = min(each.into if each.lower == vertex else each.out for each in segments[vertex])
            step[at] += max(0, beside - distance - port)
            return
