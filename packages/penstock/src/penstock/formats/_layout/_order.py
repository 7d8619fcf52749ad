"""Order the vertices of each layer so that few segments cross.

Layers are swept down and up; each time a layer is sorted by the mean position of its neighbours in
the layer before (barycentre), and the best order that was seen is kept. In graphs of a readable
size, neighbours then change places as long as that removes crossings (transpose), and several
orders to begin with are tried.

The vertices of a group stand together in each layer, and groups stand in one order in all layers,
so that each can be framed. A virtual vertex between two groups may stand in either or in neither.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from penstock.formats._layout._layers import Layered

_PORTS = 64  # a port's place on its box is one of so many
_SCALE = 1 << 16  # means are integers, so that they are the same everywhere
_SWEEPS = 24
_EFFORT = 60_000  # segments that are looked at, in all sweeps from one start
_TRANSPOSABLE = 3_000  # segments
_SEVERAL_STARTS = 1_200  # segments; with more there is one start
_FEW = 6  # segments at a vertex; for more, counting by bisection is faster


def reduce_crossings(layered: Layered, widths: Sequence[int], crowd: int) -> None:
    """Sort each of `layered.layers` in place.

    `widths` are those of the items; the larger the `crowd`, the number of steps in the whole
    drawing, the less effort is made.
    """
    size = max(crowd, sum(map(len, layered.down)))
    order = _Order(layered, widths)
    best, kept = -1, layered.layers
    for start in _starts(layered, several=size <= _SEVERAL_STARTS):
        order.begin(start)
        found, layers = _improved(order, size)
        if best < 0 or found < best:
            best, kept = found, layers
        if not best:
            break
    layered.layers[:] = kept


def _improved(order: _Order, size: int) -> tuple[int, list[list[int]]]:
    """Return the fewest crossings that were found, and the layers that have them."""
    best = order.crossings()
    kept = [list(layer) for layer in order.layers]
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
            kept = [list(layer) for layer in order.layers]
    if best and size <= _TRANSPOSABLE and order.has_groups:
        order.begin(kept)
        if order.swap_groups(best):
            best, kept = order.crossings(), [list(layer) for layer in order.layers]
    return best, kept


def _starts(layered: Layered, *, several: bool) -> Iterator[list[list[int]]]:
    """Yield orders to begin with: as depth-first searches come by, from above and from below.

    A tree has no crossings at all in the first one.
    """
    below = [[segment.lower for segment in each] for each in layered.down]
    yield _visited(layered.layers, below, layered.layers)
    if several:
        above = [[segment.upper for segment in each] for each in layered.up]
        yield _visited(layered.layers[::-1], above, layered.layers)
        joined = [one + other for one, other in zip(above, below, strict=True)]
        yield _visited(layered.layers, joined, layered.layers)
        backwards = [each[::-1] for each in below]
        yield _visited([layer[::-1] for layer in layered.layers], backwards, layered.layers)


def _visited(
    roots: Sequence[Sequence[int]], after: Sequence[Sequence[int]], layers: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Return `layers` sorted as a depth-first search from `roots` comes by."""
    seen: dict[int, None] = {}
    for layer in roots:
        for root in layer:
            stack = [root]
            while stack:
                vertex = stack.pop()
                if vertex not in seen:
                    seen[vertex] = None
                    stack += reversed(after[vertex])
    place = {vertex: index for index, vertex in enumerate(seen)}
    return [sorted(layer, key=place.__getitem__) for layer in layers]


class _Order:
    """Hold where each vertex stands in its layer while the layers are sorted again and again."""

    def __init__(self, layered: Layered, widths: Sequence[int]) -> None:
        def on(vertex: int, port: int) -> int:
            """Return where on its vertex a port is, in _PORTS."""
            return port * _PORTS // (widths[vertex] + 1) if vertex < layered.items else 0

        self.layers = [list(layer) for layer in layered.layers]
        self.has_groups = len(layered.spans) > 1
        self._group = layered.group
        self._ends = layered.ends
        self._spans = layered.spans
        self._rank = list(range(len(layered.spans)))  # of each group, from the near side
        # The neighbours of each vertex, with where the ports on them are.
        self._above = [[(s.upper, on(s.upper, s.out)) for s in each] for each in layered.up]
        self._below = [[(s.lower, on(s.lower, s.into)) for s in each] for each in layered.down]
        self._outs = [[on(s.upper, s.out) for s in each] for each in layered.down]
        self._position = [0] * len(layered.layer)

    def begin(self, layers: Sequence[Sequence[int]]) -> None:
        """Begin with the order that `layers` have, as far as the groups allow it."""
        self.layers[:] = [list(layer) for layer in layers]
        for layer in self.layers:
            self._number(layer)
        if self.has_groups:
            total = [[0, 0] for _ in self._rank]
            for layer in self.layers:
                for vertex in layer:
                    if (group := self._group[vertex]) >= 0:
                        total[group][0] += self._position[vertex] * _SCALE // len(layer)
                        total[group][1] += 1
            mean = [at // (count or 1) for at, count in total]
            for rank, group in enumerate(sorted(range(len(mean)), key=mean.__getitem__)):
                self._rank[group] = rank
            for layer in self.layers:
                self._sort(
                    layer, dict(zip(layer, map(self._position.__getitem__, layer), strict=True))
                )

    def _number(self, layer: list[int]) -> None:
        for index, vertex in enumerate(layer):
            self._position[vertex] = index * _PORTS

    def sweep(self, *, down: bool) -> None:
        """Sort all layers but the one that a sweep begins with."""
        position = self._position
        neighbours = self._above if down else self._below
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
            self._sort(layer, keys)

    def _sort(self, layer: list[int], keys: Mapping[int, int]) -> None:
        if self.has_groups:
            layer[:] = self._in_groups(layer, keys)
        else:
            layer.sort(key=keys.__getitem__)
        self._number(layer)

    def _in_groups(self, layer: Sequence[int], keys: Mapping[int, int]) -> list[int]:
        """Return `layer` by `keys`, as far as the groups allow it."""
        key = keys.__getitem__
        members: dict[int, list[int]] = {}
        free: list[int] = []
        for vertex in sorted(layer, key=key):
            group = self._group[vertex]
            (members.setdefault(group, []) if group >= 0 else free).append(vertex)
        groups = sorted(members, key=self._rank.__getitem__)
        means = _pooled([(sum(map(key, members[each])), len(members[each])) for each in groups])
        outside: list[int] = []
        for vertex in free:
            for group in self._ends[vertex]:
                own = members[group]
                if keys[own[0]] < keys[vertex] < keys[own[-1]]:
                    own.insert(bisect_left([keys[each] for each in own], keys[vertex]), vertex)
                    break
            else:
                outside.append(vertex)
        result: list[int] = []
        at = 0
        for group, mean in zip(groups, means, strict=True):
            while at < len(outside) and keys[outside[at]] < mean:
                result.append(outside[at])
                at += 1
            result += members[group]
        return result + outside[at:]

    def crossings(self) -> int:
        """Return how many pairs of segments cross."""
        return sum(map(self._crossings_below, self.layers))

    def _crossings_below(self, layer: list[int]) -> int:
        """Return how many pairs of the segments below `layer` cross."""
        position = self._position
        ends: list[int] = []  # where segments end, in the order in which they begin
        for vertex in layer:
            below = self._below[vertex]
            if len(below) == 1:
                lower, into = below[0]
                ends.append(position[lower] + into)
            else:
                segments = zip(self._outs[vertex], below, strict=True)
                both = sorted((out, position[lower] + into) for out, (lower, into) in segments)
                ends += [end for _, end in both]
        return _inversions(ends)

    def transpose(self) -> None:
        """Let neighbours in a layer change places while that removes crossings."""
        waiting = set(range(len(self.layers)))
        for _ in range(8):  # nearly always done after two or three
            changed = {at for at in sorted(waiting) if self._transpose(self.layers[at])}
            if not changed:
                break
            waiting = {at + by for at in changed for by in (-1, 0, 1)}
            waiting &= set(range(len(self.layers)))

    def _transpose(self, layer: list[int]) -> bool:
        position = self._position
        ends = [
            (
                sorted([position[other] + port for other, port in self._above[vertex]]),
                sorted([position[other] + port for other, port in self._below[vertex]]),
            )
            for vertex in layer
        ]
        changed = False
        for index in range(len(layer) - 1):
            left, right = layer[index], layer[index + 1]
            (above, below), (over, under) = ends[index], ends[index + 1]
            gain = (_gain(above, over) if above and over else 0) + (
                _gain(below, under) if below and under else 0
            )
            if gain > 0 and self._may_swap(layer, index):
                layer[index], layer[index + 1] = right, left
                ends[index], ends[index + 1] = ends[index + 1], ends[index]
                position[left] += _PORTS
                position[right] -= _PORTS
                changed = True
        if self.has_groups:
            changed |= self._pass_groups(layer)
        return changed

    def _may_swap(self, layer: Sequence[int], index: int) -> bool:
        """Say whether the vertex at `index` and the next one may change places."""
        one, other = self._group[layer[index]], self._group[layer[index + 1]]
        if one == other:
            return True  # also two that are free
        if min(one, other) >= 0:
            return False
        free, group = (layer[index], other) if one < 0 else (layer[index + 1], one)
        return group in self._ends[free]

    def _pass_groups(self, layer: list[int]) -> bool:
        """Let virtual vertices change places with a whole group beside them; say if any does."""
        changed = False
        for vertex in [each for each in layer if self._group[each] < 0]:
            for step in (1, -1):
                at = layer.index(vertex)
                run = self._run(layer, at + step, step)
                if not run:
                    continue
                gain = sum(
                    self._swap_gain(*((vertex, other) if step > 0 else (other, vertex)))
                    for other in run
                )
                if gain > 0:
                    layer.pop(at)
                    layer.insert(at + step * len(run), vertex)
                    self._number(layer)
                    changed = True
        return changed

    def _run(self, layer: Sequence[int], at: int, step: int) -> list[int]:
        """Return the vertices of the group that begins at the place `at`, if one does."""
        if not 0 <= at < len(layer) or self._group[layer[at]] < 0:
            return []
        group = self._group[layer[at]]
        ends = [index for index, vertex in enumerate(layer) if self._group[vertex] == group]
        return list(layer[at : ends[-1] + 1]) if step > 0 else list(layer[ends[0] : at + 1])

    def _swap_gain(self, left: int, right: int) -> int:
        """Return how many crossings there are fewer if `right` stands before `left`."""
        position = self._position
        total = 0
        for neighbours in (self._above, self._below):
            mine = sorted([position[other] + port for other, port in neighbours[left]])
            theirs = sorted([position[other] + port for other, port in neighbours[right]])
            total += _gain(mine, theirs)
        return total

    def swap_groups(self, best: int) -> bool:
        """Let groups side by side change places if that leaves fewer crossings than `best`."""
        gained = False
        for _ in range(len(self._rank)):
            before = best
            by_rank = sorted(range(len(self._rank)), key=self._rank.__getitem__)
            for one, other in pairwise(by_rank):
                (first, last), (start, end) = self._spans[one], self._spans[other]
                if last < start or end < first:
                    continue
                kept, ranks = [list(layer) for layer in self.layers], list(self._rank)
                self._rank[one], self._rank[other] = self._rank[other], self._rank[one]
                for at in range(max(first, start), min(last, end) + 1):
                    keys = {vertex: self._position[vertex] for vertex in self.layers[at]}
                    means = {each: self._mean_of(self.layers[at], each) for each in (one, other)}
                    shift = means[other] - means[one]
                    for vertex in self.layers[at]:
                        if self._group[vertex] in means:
                            keys[vertex] += shift if self._group[vertex] == one else -shift
                    self._sort(self.layers[at], keys)
                self.transpose()
                self.sweep(down=True)
                self.transpose()
                found = self.crossings()
                if found < best:
                    best, gained = found, True
                    break
                self.layers[:] = kept
                self._rank[:] = ranks
                for layer in self.layers:
                    self._number(layer)
            if best == before or not best:
                break
        return gained

    def _mean_of(self, layer: Sequence[int], group: int) -> int:
        places = [self._position[vertex] for vertex in layer if self._group[vertex] == group]
        return sum(places) // (len(places) or 1)


def _pooled(sums: Sequence[tuple[int, int]]) -> list[int]:
    """Return the means of `sums` with their counts, each at least as large as the one before.

    Those that are not are replaced by their common mean.
    """
    pools: list[tuple[int, int, int]] = []
    for total, count in sums:
        many = 1
        while pools and pools[-1][0] * count > total * pools[-1][1]:
            other_total, other_count, other_many = pools.pop()
            total, count, many = total + other_total, count + other_count, many + other_many  # noqa: PLW2901
        pools.append((total, count, many))
    return [total // count for total, count, many in pools for _ in range(many)]


def _gain(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many more pairs of the sorted `left` and `right` are in the wrong order than not.

    If both change places, there are so many crossings fewer.
    """
    if len(left) + len(right) <= _FEW:
        gain = 0
        for one in left:
            for other in right:
                if one > other:
                    gain += 1
                elif one < other:
                    gain -= 1
        return gain
    gain = 0
    for one in left:
        below = bisect_left(right, one)
        gain += below - (len(right) - bisect_right(right, one, below))
    return gain


def _inversions(values: list[int]) -> int:
    """Return how many pairs of `values` are in the wrong order."""
    passed: list[int] = []
    count = 0
    for value in values:
        count += len(passed) - bisect_right(passed, value)
        insort(passed, value)
    return count
