"""Order the vertices of each layer so that few segments cross.

Layers are swept down and up; each time a layer is sorted by the mean position of its neighbours in
the layer before (barycentre), and the best order that was seen is kept. In graphs of a readable
size, neighbours then change places as long as that removes crossings (transpose).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.formats._layout._layers import Layered

_PORTS = 64  # a port's place on its box is one of so many
_SCALE = 1 << 16  # means are integers, so that they are the same everywhere
_SWEEPS = 24
_EFFORT = 60_000  # segments that are looked at, in all sweeps
_TRANSPOSABLE = 3_000  # segments


def reduce_crossings(layered: Layered, widths: Sequence[int], crowd: int) -> None:
    """Sort each of `layered.layers` in place.

    `widths` are those of the items; the larger the `crowd`, the number of steps in the whole
    drawing, the less effort is made.
    """
    _sort_by_first_visit(layered)
    size = max(crowd, sum(map(len, layered.down)))
    order = _Order(layered, widths)
    best = order.crossings()
    kept = [list(layer) for layer in layered.layers]
    idle = 0
    for sweep in range(min(_SWEEPS, max(2, _EFFORT // (size + 1)))):
        if not best or idle > 3:  # noqa: PLR2004 -- two rounds down and up without a gain
            break
        order.sweep(down=sweep % 2 == 0)
        if size <= _TRANSPOSABLE:
            order.transpose()
        found = order.crossings()
        idle += 1
        if found < best:
            best, idle = found, 0
            kept = [list(layer) for layer in layered.layers]
    layered.layers[:] = kept


def _sort_by_first_visit(layered: Layered) -> None:
    """Sort the layers as a depth-first search comes by: a tree then has no crossings at all."""
    seen: dict[int, None] = {}
    for layer in layered.layers:
        for root in layer:
            stack = [root]
            while stack:
                vertex = stack.pop()
                if vertex not in seen:
                    seen[vertex] = None
                    stack += [segment.lower for segment in reversed(layered.down[vertex])]
    place = {vertex: index for index, vertex in enumerate(seen)}
    for layer in layered.layers:
        layer.sort(key=place.__getitem__)


class _Order:
    """Hold where each vertex stands in its layer while the layers are sorted again and again."""

    def __init__(self, layered: Layered, widths: Sequence[int]) -> None:
        def on(vertex: int, port: int) -> int:
            """Return where on its vertex a port is, in _PORTS."""
            return port * _PORTS // (widths[vertex] + 1) if vertex < layered.items else 0

        self.layers = layered.layers
        # The neighbours of each vertex, with where the ports on them are.
        self.above = [[(s.upper, on(s.upper, s.out)) for s in each] for each in layered.up]
        self.below = [[(s.lower, on(s.lower, s.into)) for s in each] for each in layered.down]
        self.outs = [[on(s.upper, s.out) for s in each] for each in layered.down]
        self.position = [0] * len(layered.layer)
        for layer in self.layers:
            self._number(layer)

    def _number(self, layer: list[int]) -> None:
        for index, vertex in enumerate(layer):
            self.position[vertex] = index * _PORTS

    def sweep(self, *, down: bool) -> None:
        """Sort all layers but the one that a sweep begins with."""
        position = self.position
        neighbours = self.above if down else self.below
        for layer in self.layers[1:] if down else self.layers[-2::-1]:
            keys: dict[int, int] = {}
            for vertex in layer:
                ends = neighbours[vertex]
                total = position[vertex] * _SCALE
                if ends:
                    total = 0
                    for other, port in ends:
                        total += position[other] + port
                    total = total * _SCALE // len(ends)
                keys[vertex] = total
            layer.sort(key=keys.__getitem__)
            self._number(layer)

    def crossings(self) -> int:
        """Return how many pairs of segments cross."""
        return sum(self._below(layer) for layer in self.layers)

    def _below(self, layer: list[int]) -> int:
        """Return how many pairs of the segments below `layer` cross."""
        position = self.position
        ends: list[int] = []  # where segments end, in the order in which they begin
        for vertex in layer:
            below = self.below[vertex]
            if len(below) == 1:
                lower, into = below[0]
                ends.append(position[lower] + into)
            else:
                segments = zip(self.outs[vertex], below, strict=True)
                both = sorted((out, position[lower] + into) for out, (lower, into) in segments)
                ends += [end for _, end in both]
        return _inversions(ends)

    def transpose(self) -> None:
        """Let neighbours in a layer change places while that removes crossings."""
        for _ in range(8):  # nearly always done after two or three
            changed = [self._transpose(layer) for layer in self.layers]
            if not any(changed):
                break

    def _transpose(self, layer: list[int]) -> bool:
        changed = False
        for index in range(len(layer) - 1):
            left, right = layer[index], layer[index + 1]
            if self._between(left, right) > self._between(right, left):
                layer[index], layer[index + 1] = right, left
                self.position[left] += _PORTS
                self.position[right] -= _PORTS
                changed = True
        return changed

    def _between(self, left: int, right: int) -> int:
        """Return how many segments of `left` cross segments of `right` if they stand so."""
        position = self.position
        count = 0
        for neighbours in (self.above, self.below):
            mine = [position[other] + port for other, port in neighbours[left]]
            theirs = [position[other] + port for other, port in neighbours[right]]
            theirs.sort()
            # A segment of `left` crosses those of `right` that end before it.
            count += sum(bisect_left(theirs, end) for end in mine)
        return count


def _inversions(values: list[int]) -> int:
    """Return how many pairs of `values` are in the wrong order."""
    passed: list[int] = []
    count = 0
    for value in values:
        count += len(passed) - bisect_right(passed, value)
        insort(passed, value)
    return count
