"""The places of vertices across the direction of reading: of each for itself, then of blocks.

`Places` settles the vertices of each layer near their neighbours in the layer before. `Blocks`
joins vertices on straight lines as rigid blocks, and moves these to where they are pulled.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from penstock.formats._layout._layers import Segment

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from penstock.formats._layout._layers import Grouping, Layered
    from penstock.formats._layout._vertices import Borders

THREAD_GAP = 16  # pixels between two virtual vertices
_MIXED_GAP = 24  # between one and an item
_GROUP_GAP = 28  # between two groups
_BORDER_WEIGHT = 2  # borders of a group in neighbouring layers stay in line
_ITEM, _VIRTUAL, _NEAR, _FAR = range(4)
_STEP_WEIGHT, _THREAD_WEIGHT = 8, 1  # a step counts more than an arc that passes by
_JOG = 20  # pixels; a line that bends by less looks like a mistake
_FAR_AWAY = 1 << 40  # pixels


class Places:
    """Hold the place of each vertex while layers are settled.

    `above` and `below` have, for each vertex, its neighbours there, how far from each its near edge
    is when the line between them is straight, and the weight of the segment.
    """

    def __init__(
        self,
        layered: Layered,
        widths: Sequence[int],
        gap: int,
        borders: Sequence[Borders],
        grouping: Grouping,
    ) -> None:
        self.layers = layered.layers
        self._items = layered.items
        virtual = len(layered.layer) - layered.items
        self._kind = [_ITEM] * layered.items + [_VIRTUAL] * virtual
        for each in borders:
            for kind, side in zip((_NEAR, _FAR), each, strict=True):
                for vertex in side:
                    self._kind[vertex] = kind
        near, far = grouping.padding.near, grouping.padding.far
        self._gaps = (  # by the kind of the one before and of the one after
            (gap, _MIXED_GAP, _GROUP_GAP, far),
            (_MIXED_GAP, THREAD_GAP, THREAD_GAP, far),
            (near, near, near, near + far),
            (_GROUP_GAP, THREAD_GAP, _GROUP_GAP, far),
        )
        self.widths = [*widths, *([0] * virtual)]
        self.steps = [self._steps(layer) for layer in self.layers]
        _beside_headings(layered, borders, grouping, self.steps)
        self.above = [
            [(each.upper, each.out - each.into, self.weight(each)) for each in segments]
            for segments in layered.up
        ]
        self.below = [
            [(each.lower, each.into - each.out, self.weight(each)) for each in segments]
            for segments in layered.down
        ]
        for each in borders:
            for side in each:
                for upper, lower in pairwise(side):
                    self.below[upper].append((lower, 0, _BORDER_WEIGHT))
                    self.above[lower].append((upper, 0, _BORDER_WEIGHT))
        self.rigid = _rigid(borders)
        # The first border vertices of each group, and the least distance between them.
        self.sides = [
            (each.near[0], each.far[0], heading.least)
            for each, heading in zip(borders, grouping.headings, strict=True)
        ]
        self.place = [0] * len(self.widths)
        for layer, steps in zip(self.layers, self.steps, strict=True):
            at = -sum(steps) // 2
            for vertex, step in zip(layer, steps, strict=True):
                at += step
                self.place[vertex] = at

    def _steps(self, layer: Sequence[int]) -> list[int]:
        """Return how far each vertex' near edge must at least be from the one before it."""
        return [0][: len(layer)] + [
            self.widths[left] + self._gaps[self._kind[left]][self._kind[right]]
            for left, right in pairwise(layer)
        ]

    def weight(self, segment: Segment) -> int:
        """Return how strongly `segment` pulls at its ends."""
        aside = segment.aside or max(segment.upper, segment.lower) >= self._items
        return _THREAD_WEIGHT if aside else _STEP_WEIGHT

    def settle(self, *, down: bool) -> None:
        """Move each layer in turn as near to the one before it as the gaps allow."""
        place = self.place
        neighbours = self.above if down else self.below
        order = range(len(self.layers))
        for index in order if down else reversed(order):
            wanted: list[tuple[int, int]] = []
            for vertex in self.layers[index]:
                total = weights = 0
                for other, shift, weight in neighbours[vertex]:
                    total += weight * (place[other] + shift)
                    weights += weight
                wanted.append((total // weights, weights) if weights else (place[vertex], 1))
            settled = _pool(wanted, self.steps[index])
            for vertex, at in zip(self.layers[index], settled, strict=True):
                place[vertex] = at


def _pool(wanted: Iterable[tuple[int, int]], steps: Iterable[int]) -> list[int]:
    """Return places, each at least its step after the one before, nearest to what is `wanted`.

    `wanted` has a place and a weight for each. Nearest is meant in weighted least squares, found
    by pooling adjacent violators; the result is rounded down, which keeps the steps.
    """
    pools: list[tuple[int, int, int]] = []  # sum of weighted places, of weights, and how many
    offsets: list[int] = []
    offset = 0
    for (place, weight), step in zip(wanted, steps, strict=True):
        offset += step
        offsets.append(offset)
        total, count = (place - offset) * weight, 1
        while pools and pools[-1][0] * weight > total * pools[-1][1]:
            other_total, other_weight, other_count = pools.pop()
            total, weight, count = total + other_total, weight + other_weight, count + other_count  # noqa: PLW2901
        pools.append((total, weight, count))
    result: list[int] = []
    for total, weight, count in pools:
        start, at = total // weight, len(result)
        result += [start + offset for offset in offsets[at : at + count]]
    return result


def _rigid(borders: Sequence[Borders]) -> dict[int, Segment]:
    """Return, for each border vertex that has one below it, the segment that keeps them in line."""
    return {
        upper: Segment(upper, lower, 0, 0)
        for each in borders
        for side in each
        for upper, lower in pairwise(side)
    }


def _beside_headings(
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


class _Pull(NamedTuple):
    """Say that a block's point `own` is joined to `other`'s point `there`, so strongly."""

    own: int
    other: int
    there: int
    weight: int
    below: bool  # whether the other point is in the layer below, not above


def _leader(leader: list[int], block: int) -> int:
    """Return the first block of the group that `block` is in."""
    while leader[block] != block:
        leader[block] = leader[leader[block]]
        block = leader[block]
    return block


class Blocks:
    """Hold the rigid blocks of vertices, the gaps between them and, once joined, what pulls them.

    `below` has, for each vertex that is aligned with one below it, the segment between them.
    """

    def __init__(self, layered: Layered, places: Places, below: Mapping[int, Segment]) -> None:
        self.block = [-1] * len(layered.layer)  # of each vertex
        self.offset = [0] * len(layered.layer)  # of each vertex from its block's place
        self.place: list[int] = []
        for layer in layered.layers:
            for vertex in layer:
                if self.block[vertex] < 0:
                    self._follow(vertex, below, places.place)
        count = len(self.place)
        # How far each block reaches from its place, and between which places it must stay.
        self._near, self._far = [0] * count, [0] * count
        for block, offset, width in zip(self.block, self.offset, places.widths, strict=True):
            self._near[block] = min(self._near[block], offset)
            self._far[block] = max(self._far[block], offset + width)
        self._low, self._high = [-_FAR_AWAY] * count, [_FAR_AWAY] * count
        # For each block, which others are beside it in some layer, and how far away at least.
        self.before: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        self.after: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        for layer, steps in zip(layered.layers, places.steps, strict=True):
            for left, right, step in zip(layer, layer[1:], steps[1:], strict=False):
                gap = step + self.offset[left] - self.offset[right]
                self.after[self.block[left]].append((self.block[right], gap))
                self.before[self.block[right]].append((self.block[left], gap))
        self._sides = [(self.block[near], self.block[far]) for near, far, _ in places.sides]
        for (near, far), (_, _, least) in zip(self._sides, places.sides, strict=True):
            self.after[near].append((far, least))
            self.before[far].append((near, least))
        self.order = self._sorted()
        self.pulls: list[list[_Pull]] = [[] for _ in range(count)]

    def join(self, layered: Layered, places: Places) -> None:
        """Let the segments pull the blocks at their ends, and put the blocks apart."""
        for segments in layered.down:
            for segment in segments:
                self._pull(segment, places.weight(segment))
        self._separate()

    def _follow(self, vertex: int, below: Mapping[int, Segment], place: Sequence[int]) -> None:
        """Make a block of `vertex` and all that are aligned below it, at their mean place."""
        block = len(self.place)
        offset = total = count = 0
        while True:
            self.block[vertex] = block
            self.offset[vertex] = offset
            total += place[vertex] - offset
            count += 1
            segment = below.get(vertex)
            if segment is None:
                break
            offset += segment.out - segment.into
            vertex = segment.lower
        self.place.append(total // count)

    def _pull(self, segment: Segment, weight: int) -> None:
        upper, lower = self.block[segment.upper], self.block[segment.lower]
        if upper != lower:
            start = self.offset[segment.upper] + segment.out
            end = self.offset[segment.lower] + segment.into
            self.pulls[upper].append(_Pull(start, lower, end, weight, below=True))
            self.pulls[lower].append(_Pull(end, upper, start, weight, below=False))

    def _sorted(self) -> list[int]:
        """Return the blocks from near to far. They have such an order as no alignments cross."""
        waiting = [len(each) for each in self.before]
        order = [block for block in range(len(waiting)) if not waiting[block]]
        for block in order:  # grows while it is read
            for right, _ in self.after[block]:
                waiting[right] -= 1
                if not waiting[right]:
                    order.append(right)
        return order

    def _separate(self) -> None:
        """Keep the gaps: halfway between pushing all to the far and all to the near side."""
        far, near = list(self.place), list(self.place)
        for block in self.order:
            for left, gap in self.before[block]:
                far[block] = max(far[block], far[left] + gap)
        for block in reversed(self.order):
            for right, gap in self.after[block]:
                near[block] = min(near[block], near[right] - gap)
        self.place = [(one + other) // 2 for one, other in zip(far, near, strict=True)]

    def width(self) -> int:
        """Return how wide the drawing is now."""
        ends = zip(self.place, self._near, self._far, strict=True)
        sides = [(place + near, place + far) for place, near, far in ends]
        return max(far for _, far in sides) - min(near for near, _ in sides) if sides else 0

    def confine(self, width: int) -> None:
        """Keep all blocks within `width` from now on, if they have room there."""
        low = [-near for near in self._near]
        for block in self.order:
            for left, gap in self.before[block]:
                low[block] = max(low[block], low[left] + gap)
        width = max(width, *(at + far for at, far in zip(low, self._far, strict=True)))
        high = [width - far for far in self._far]
        for block in reversed(self.order):
            for right, gap in self.after[block]:
                high[block] = min(high[block], high[right] - gap)
        nearest = min(place + near for place, near in zip(self.place, self._near, strict=True))
        origin = nearest + (self.width() - width) // 2
        self._low = [origin + each for each in low]
        self._high = [origin + each for each in high]
        for block in self.order:
            place = min(max(self.place[block], self._low[block]), self._high[block])
            for left, gap in self.before[block]:
                place = max(place, self.place[left] + gap)
            self.place[block] = place

    def relax(self, rounds: int) -> None:
        """Move each block to where it is pulled to, as far as its neighbours let it.

        Blocks that are pulled against each other move together, by what all of them want.
        """
        for turn in range(rounds):
            order = self.order if turn % 2 else self.order[::-1]
            moved = [self._move(block) for block in order]
            if turn % 2:
                moved += [self._move_group(group) for group in self._pressed()]
            if turn % 4 == 3:  # noqa: PLR2004 -- often enough that borders are not in the way
                self._tighten()
            if not any(moved):
                break
        self._tighten()
        self._centre(below=False)
        self._centre(below=True)
        if rounds > 1:  # else there are so many that nobody looks at single lines
            self._unbend()
        self._tighten()

    def _tighten(self) -> None:
        """Move the borders of groups as near to the blocks in the groups as they may be."""
        for near, far in self._sides:
            self._shift(near, _FAR_AWAY)
            self._shift(far, -_FAR_AWAY)

    def _centre(self, *, below: bool) -> None:
        """Put each block that joins several above, or forks to several `below`, in their middle."""
        down = range(len(self.place))  # they are numbered from layer to layer
        for block in reversed(down) if below else down:
            pulls = [
                pull
                for pull in self.pulls[block]
                if pull.below == below and pull.weight == _STEP_WEIGHT
            ]
            if len(pulls) > 1:
                ends = [self.place[pull.other] + pull.there - pull.own for pull in pulls]
                self._shift(block, (min(ends) + max(ends)) // 2 - self.place[block])

    def _unbend(self) -> None:
        """Move blocks by the little that makes a line straight, if that bends no other line."""
        for block in self.order:
            wants = [
                self.place[pull.other] + pull.there - pull.own - self.place[block]
                for pull in self.pulls[block]
            ]
            nearest = min(wants, key=abs, default=0)
            if 0 < abs(nearest) <= _JOG:
                self._shift(block, nearest)

    def _pressed(self) -> list[list[int]]:
        """Return the groups of blocks that touch and are pulled against each other."""
        wants = [pull // weight if weight else 0 for pull, weight in map(self._pull_on, self.order)]
        want = dict(zip(self.order, wants, strict=True))
        leader = list(range(len(self.place)))
        for left in self.order:
            for right, gap in self.after[left]:
                if self.place[left] + gap == self.place[right] and want[left] > want[right]:
                    one, other = _leader(leader, left), _leader(leader, right)
                    leader[max(one, other)] = min(one, other)
        groups: dict[int, list[int]] = {}
        for block in self.order:
            groups.setdefault(_leader(leader, block), []).append(block)
        return [group for group in groups.values() if len(group) > 1]

    def _pull_on(self, block: int) -> tuple[int, int]:
        """Return the weighted sum of the pulls on `block`, in pixels, and of their weights."""
        place, here = self.place, self.place[block]
        total = weights = 0
        for own, other, there, weight, _ in self.pulls[block]:
            total += weight * (place[other] + there - own - here)
            weights += weight
        return total, weights

    def _move(self, block: int) -> bool:
        """Move a block by the mean of what pulls it; return whether it moved."""
        total, weights = self._pull_on(block)
        shift = (2 * total + weights) // (2 * weights) if weights else 0
        return shift != 0 and self._shift(block, shift)

    def _move_group(self, group: Sequence[int]) -> bool:
        """Move a group of blocks by the mean of what pulls them; return whether they moved."""
        total = weights = 0
        for block in group:
            pull, weight = self._pull_on(block)
            total += pull
            weights += weight
        shift = (2 * total + weights) // (2 * weights) if weights else 0
        members = set(group)
        for block in group if shift else ():
            shift = self._possible(block, shift, members)
        for block in group:
            self.place[block] += shift
        return shift != 0

    def _shift(self, block: int, shift: int) -> bool:
        """Move a block as far as the others let it; return whether it moved."""
        possible = self._possible(block, shift)
        self.place[block] += possible
        return possible != 0

    def _possible(self, block: int, shift: int, together: Container[int] = ()) -> int:
        """Return how much of `shift` the blocks beside `block` allow, but for those `together`."""
        place, here = self.place, self.place[block]
        if shift < 0:
            least = self._low[block] - here
            if least > shift:
                shift = min(0, least)
            for left, gap in self.before[block]:
                least = place[left] + gap - here
                if least > shift and left not in together:
                    shift = least
        else:
            most = self._high[block] - here
            if most < shift:
                shift = max(0, most)
            for right, gap in self.after[block]:
                most = place[right] - gap - here
                if most < shift and right not in together:
                    shift = most
        return shift

    def places(self) -> list[int]:
        """Return the place of each vertex."""
        return [
            self.place[block] + offset
            for block, offset in zip(self.block, self.offset, strict=True)
        ]
