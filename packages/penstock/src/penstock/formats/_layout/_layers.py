"""Put items into layers; `_vertices` carries the arcs between them.

The engine's words: an *item* is a box (a step or a grid of steps), known by its index.
An *arc* joins two items. Layers are stacked *along* the direction of reading and items stand
*across* it, so that one engine serves all four directions; lengths are whole pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penstock._graph import longest_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Arc(NamedTuple):
    """Join item `source` to item `target`.

    `out` and `into` are where it leaves and enters, counted from the items' near edges. A `back`
    arc closes a cycle: it is drawn against the direction of reading, beside the boxes. (For the
    steps that put things in order its ends change places, so that all arcs lead down.)
    """

    source: int
    target: int
    out: int
    into: int
    back: bool = False


class Segment(NamedTuple):
    """Join vertex `upper` to vertex `lower` in the next layer, at the ports `out` and `into`.

    A segment that passes `aside` is part of a line that leads back: nothing lines up with it.
    `ends` are the items at the ends of its arc, where it carries one arc only.
    """

    upper: int
    lower: int
    out: int
    into: int
    aside: bool = False
    ends: tuple[int, int] = (-1, -1)


class Strand:
    """Carry the long arcs that share one end through the layers between, as virtual vertices.

    `shared` is that end, as item and port; `splits` says that the arcs leave it together, else
    they arrive there together. A strand with a `lane` has no vertices: it runs outside of all
    layers, past the far end of each.
    """

    __slots__ = ("first", "lane", "last", "shared", "splits", "vertices")

    def __init__(self, shared: tuple[int, int], splits: bool, first: int, last: int) -> None:
        self.shared = shared
        self.splits = splits
        self.first = first  # layer of the first virtual vertex
        self.last = last
        self.vertices: list[int] = []
        self.lane = -1

    def vertex(self, layer: int) -> int:
        """Return the virtual vertex of this strand in `layer`."""
        return self.vertices[layer - self.first]


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


class Layered(NamedTuple):
    """Hold vertices in layers: first the items, then the virtual vertices, which have no width.

    Gap g lies before layer g, so there is one more gap than layers. `strands` has, for each arc,
    the strand that carries it or None.

    `group` has for each vertex the group that it must stand in, or -1: the virtual vertices between
    two groups may stand in either of them, and `ends` has both. `spans` has the first and the last
    layer of each group; the group has a vertex in each layer between.
    """

    layers: list[list[int]]
    layer: list[int]
    items: int
    up: list[list[Segment]]
    down: list[list[Segment]]
    strands: list[Strand | None]
    lanes: int
    group: list[int]
    ends: dict[int, tuple[int, ...]]
    spans: list[tuple[int, int]]

    def chains(self) -> list[list[int]]:
        """Return the virtual vertices of each arc that has them for itself."""
        every = [strand.vertices for strand in self.strands if strand and strand.vertices]
        return every if every and self.up[every[0][0]][0].ends[0] >= 0 else []

    def add(self, layer: int, group: int) -> int:
        """Add a virtual vertex, and return it."""
        vertex = len(self.layer)
        self.layer.append(layer)
        self.layers[layer].append(vertex)
        self.group.append(group)
        self.up.append([])
        self.down.append([])
        return vertex


def assign(
    widths: Sequence[int],
    arcs: Sequence[Arc],
    groups: Sequence[int],
    *,
    shorten: bool,
    room: int = 0,
) -> list[int]:
    """Return the layer of each item: the length of the longest path that leads to it.

    The arcs are free of cycles. Then items go nearer to their successors where that makes arcs
    shorter; with `shorten`, together with all that must move with them. With `room`, a layer whose
    `widths` add up to more is continued in the next one, and where the `groups` of the items need
    more side by side, they follow each other.
    """
    count = len(widths)
    after: list[list[int]] = [[] for _ in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    for arc in arcs:
        after[arc.source].append(arc.target)
        before[arc.target].append(arc.source)
    layer, order = longest_paths(after)
    if shorten:
        _shorten(before, after, layer)
    else:
        for item in reversed(order):
            if len(after[item]) > len(before[item]):
                layer[item] = min(layer[target] for target in after[item]) - 1
    if room and groups and _side_by_side(widths, groups, layer) > room:
        _stack_groups(widths, before, after, groups, layer, room)
    elif room:
        _wrap(widths, before, after, layer, room, range(count))
    return layer


def last_groups(
    arcs: Sequence[Arc], groups: Sequence[int], layer: Sequence[int]
) -> Iterator[list[int]]:
    """Yield the layers where one of the `groups` is below all others, for each that may be.

    It leads to no other group. Its lines then come to it around all others, not only beside them.
    """
    leading = {groups[arc.source] for arc in arcs if groups[arc.source] != groups[arc.target]}
    for group in sorted(set(groups) - leading):
        placed = list(zip(groups, layer, strict=True))
        end = max((at + 1 for own, at in placed if own != group), default=0)
        move = end - min(at for own, at in placed if own == group)
        if move > 0:
            yield [at + move if own == group else at for own, at in placed]


def _side_by_side(widths: Sequence[int], groups: Sequence[int], layer: Sequence[int]) -> int:
    """Return how much room the groups need in the layer where they need most."""
    used: dict[tuple[int, int], int] = {}
    for width, group, at in zip(widths, groups, layer, strict=True):
        used[group, at] = used.get((group, at), 0) + width
    widest: dict[int, tuple[int, int, int]] = {}  # of each group: first and last layer, width
    for (group, at), width in used.items():
        first, last, most = widest.get(group, (at, at, 0))
        widest[group] = (min(first, at), max(last, at), max(most, width))
    return max(
        sum(width for first, last, width in widest.values() if first <= at <= last)
        for at in range(max(layer) + 1)
    )


def _stack_groups(
    widths: Sequence[int],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    groups: Sequence[int],
    layer: list[int],
    room: int,
) -> None:
    """Have groups follow each other, side by side only where there is `room`.

    Does only wrap the layers where groups lead to each other in a cycle.
    """
    members: list[list[int]] = [[] for _ in range(max(groups) + 1)]
    for item, group in enumerate(groups):
        members[group].append(item)
    leads = [
        sorted({groups[target] for item in own for target in after[item]} - {group})
        for group, own in enumerate(members)
    ]
    rank, order = longest_paths(leads)
    if len(order) < len(members):
        _wrap(widths, before, after, layer, room, range(len(widths)))
        return
    start = end = used = 0
    placed: set[int] = set()  # groups in the band that is being filled
    for group in sorted(order, key=lambda group: (rank[group], group)):
        own = members[group]
        inner = set(own)
        successors = [[at for at in after[item] if at in inner] for item in range(len(widths))]
        depth, _ = longest_paths(successors)
        for item in own:
            layer[item] = depth[item]
        _wrap(
            widths,
            [[at for at in each if at in inner] for each in before],
            successors,
            layer,
            room,
            own,
        )
        rows: dict[int, int] = {}
        for item in own:
            rows[layer[item]] = rows.get(layer[item], 0) + widths[item]
        width = max(rows.values())
        waits = any(group in leads[other] for other in placed)
        if placed and (waits or used + width > room):
            start, used = end, 0
            placed.clear()
        placed.add(group)
        used += width
        for item in own:
            layer[item] += start
            end = max(end, layer[item] + 1)


def _shorten(
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    layer: list[int],
) -> None:
    """Move items by a layer, with all that must move with them, while that makes arcs shorter."""
    waiting = list(range(len(layer)))
    for start in waiting:  # grows while it is read, at most so far as all arcs are long
        for ahead, behind, step in ((after, before, 1), (before, after, -1)):
            moved = _pushed(ahead, layer, start, step)
            gain = 0
            for item in moved:
                gain += sum(target not in moved for target in ahead[item])
                gain -= sum(source not in moved for source in behind[item])
            if gain > 0:
                for item in moved:
                    layer[item] += step
                waiting += moved
                break
    first = min(layer, default=0)
    layer[:] = [each - first for each in layer]


def _pushed(
    ahead: Sequence[Sequence[int]], layer: Sequence[int], start: int, step: int
) -> set[int]:
    """Return the items that must move with `start` if it moves by `step`."""
    moved = {start}
    stack = [start]
    while stack:
        item = stack.pop()
        for target in ahead[item]:
            if target not in moved and layer[target] == layer[item] + step:
                moved.add(target)
                stack.append(target)
    return moved


def _wrap(
    widths: Sequence[int],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    layer: list[int],
    room: int,
    items: Sequence[int],
) -> None:
    """Move `items` down until no layer is wider than `room`, those with the least below them first.

    This is the way of Coffman and Graham, with widths instead of numbers.
    """
    below = [0] * len(widths)
    for item in sorted(items, key=lambda item: -layer[item]):
        below[item] = max((below[target] + 1 for target in after[item]), default=0)
    used: dict[int, int] = {}
    for item in sorted(items, key=lambda item: (layer[item], -below[item], item)):
        at = max([layer[item], *(layer[source] + 1 for source in before[item])])
        while used.get(at) and used[at] + widths[item] > room:
            at += 1
        layer[item] = at
        used[at] = used.get(at, 0) + widths[item]
