"""Settle the vertices of each layer near their neighbours in the layer before."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from penstock.formats._layout._groups import beside_headings, rigid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.formats._layout._groups import Borders, Grouping
    from penstock.formats._layout._layers import Layered, Segment

THREAD_GAP = 16  # pixels between two virtual vertices
_MIXED_GAP = 24  # between one and an item
_GROUP_GAP = 28  # between two groups
_BORDER_WEIGHT = 2  # borders of a group in neighbouring layers stay in line
_ITEM, _VIRTUAL, _NEAR, _FAR = range(4)
STEP_WEIGHT, THREAD_WEIGHT = 8, 1  # a step counts more than an arc that passes by


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
        beside_headings(layered, borders, grouping, self.steps)
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
        self.rigid = rigid(borders)
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
        return THREAD_WEIGHT if aside else STEP_WEIGHT

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
            settled = pool(wanted, self.steps[index])
            for vertex, at in zip(self.layers[index], settled, strict=True):
                place[vertex] = at


def pool(wanted: Iterable[tuple[int, int]], steps: Iterable[int]) -> list[int]:
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
