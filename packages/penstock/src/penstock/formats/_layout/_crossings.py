"""The place of each vertex in its layer, how a layer is sorted, and how many segments cross.

The vertices of a group stand together in each layer, and groups stand in one order in all layers,
so that each can be framed. A virtual vertex between two groups may stand in either or in neither.

Pairs of segments that cross are counted by where they end. Segments whose arcs share an end count
little: they may be drawn as one line.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.formats._layout._layers import Layered

    End = tuple[int, tuple[int, int]]  # where a segment ends, and the ends of its arc
    Sides = tuple[list[End], list[End]]  # of a vertex, sorted: in the layer above and below

    # The other end of a segment, where its port is on that vertex, and the ends of its arc.
    Neighbour = tuple[int, int, tuple[int, int]]


CROSSING = 4  # how much worse it is if the two arcs share no end
_FEW = 64  # pairs of segments at two vertices; for more, counting by bisection is faster


def swap_gain(left: Sides, right: Sides) -> int:
    """Return how many crossings there are fewer if the vertex `right` stands before `left`."""
    (above, below), (over, under) = left, right
    gain = _gain(above, over) if above and over else 0
    return gain + _gain(below, under) if below and under else gain


def _gain(left: Sequence[End], right: Sequence[End]) -> int:
    """Return how many more pairs of the sorted `left` and `right` are in the wrong order than not.

    If both change places, there are so many crossings fewer.
    """
    gain = 0
    pairs = len(left) * len(right)
    if pairs == 1:  # as mostly
        one, (source, target) = left[0]
        other, (start, end) = right[0]
        if one == other:
            return 0
        weight = 1 if source >= 0 and (source == start or target == end) else CROSSING
        return weight if one > other else -weight
    if pairs <= _FEW:
        for one, (source, target) in left:
            for other, (start, end) in right:
                if one != other:
                    shares = source >= 0 and (source == start or target == end)
                    weight = 1 if shares else CROSSING
                    gain += weight if one > other else -weight
        return gain
    places = [place for place, _ in right]
    for one, _ in left:
        below = bisect_left(places, one)
        gain += below - (len(places) - bisect_right(places, one, below))
    return CROSSING * gain


def crossings(segments: Sequence[tuple[int, int, tuple[int, int]]]) -> int:
    """Return how many pairs of `segments` cross: where each begins and ends, and its arc's ends.

    They are sorted.
    """
    found = CROSSING * _inversions([end for _, end, _ in segments])
    if not found:
        return 0
    by_source: dict[int, list[int]] = {}
    by_target: dict[int, list[int]] = {}
    for _, end, (source, target) in segments:
        if source >= 0:
            by_source.setdefault(source, []).append(end)
            by_target.setdefault(target, []).append(end)
    for shared in (by_source, by_target):
        same = sum(_inversions(each) for each in shared.values() if len(each) > 1)
        found -= (CROSSING - 1) * same
    return found


def _inversions(values: list[int]) -> int:
    """Return how many pairs of `values` are in the wrong order."""
    passed: list[int] = []
    count = 0
    for value in values:
        if passed and passed[-1] > value:
            count += len(passed) - bisect_right(passed, value)
            insort(passed, value)
        else:
            passed.append(value)
    return count


PORTS = 64  # a port's place on its box is one of so many
_SCALE = 1 << 16  # means are integers, so that they are the same everywhere


class State:
    """Hold where each vertex stands in its layer while the layers are sorted again and again.

    `above` and `below` are the neighbours of each vertex, `layer_of` says in which layer it is.
    `rank` has the place of each group, from the near side.
    """

    def __init__(self, layered: Layered, widths: Sequence[int]) -> None:
        def on(vertex: int, port: int) -> int:
            """Return where on its vertex a port is, in PORTS."""
            return port * PORTS // (widths[vertex] + 1) if vertex < layered.items else 0

        self.layers = [list(layer) for layer in layered.layers]
        self.has_groups = len(layered.spans) > 1
        self.group = layered.group
        self.ends = layered.ends
        self.rank = list(range(len(layered.spans)))
        self.above: list[list[Neighbour]] = [
            [(s.upper, on(s.upper, s.out), s.ends) for s in each] for each in layered.up
        ]
        self.below: list[list[Neighbour]] = [
            [(s.lower, on(s.lower, s.into), s.ends) for s in each] for each in layered.down
        ]
        self._outs = [[on(s.upper, s.out) for s in each] for each in layered.down]
        self.position = [0] * len(layered.layer)
        self.layer_of = layered.layer

    def begin(self, layers: Sequence[Sequence[int]]) -> None:
        """Begin with the order that `layers` have, as far as the groups allow it."""
        self.layers[:] = [list(layer) for layer in layers]
        for layer in self.layers:
            self.number(layer)
        if self.has_groups:
            self._rank_groups()
            for layer in self.layers:
                self.sort(layer, {vertex: self.position[vertex] for vertex in layer})

    def restore(self, layers: Sequence[Sequence[int]]) -> None:
        """Go back to an order that was found before."""
        self.layers[:] = [list(layer) for layer in layers]
        for layer in self.layers:
            self.number(layer)
        self._rank_groups()

    def _rank_groups(self) -> None:
        """Rank the groups as they stand; where layers contradict each other, by their means."""
        total = [[0, 0] for _ in self.rank]
        for layer in self.layers:
            for vertex in layer:
                if (group := self.group[vertex]) >= 0:
                    total[group][0] += self.position[vertex] * _SCALE // len(layer)
                    total[group][1] += 1
        mean = [at // (count or 1) for at, count in total]
        for rank, group in enumerate(sorted(range(len(mean)), key=mean.__getitem__)):
            self.rank[group] = rank

    def number(self, layer: Sequence[int]) -> None:
        """Note where the vertices of `layer` stand now."""
        position = self.position
        for index, vertex in enumerate(layer):
            position[vertex] = index * PORTS

    def sides(self, vertex: int) -> Sides:
        """Return where the segments of `vertex` end, above and below."""
        position = self.position
        above = [(position[other] + port, of) for other, port, of in self.above[vertex]]
        below = [(position[other] + port, of) for other, port, of in self.below[vertex]]
        if len(above) > 1:
            above.sort()
        if len(below) > 1:
            below.sort()
        return above, below

    def crossings(self) -> int:
        """Return how many pairs of segments cross."""
        return sum(map(self._crossings_below, self.layers))

    def _crossings_below(self, layer: Sequence[int]) -> int:
        """Return how many pairs of the segments below `layer` cross."""
        position = self.position
        segments: list[tuple[int, int, tuple[int, int]]] = []
        for vertex in layer:
            at, below = position[vertex], self.below[vertex]
            if len(below) == 1:
                ((lower, into, of),) = below
                segments.append((at, position[lower] + into, of))
            elif below:
                segments += sorted(
                    [
                        (at + out, position[lower] + into, of)
                        for out, (lower, into, of) in zip(self._outs[vertex], below, strict=True)
                    ]
                )
        return crossings(segments)

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
                    for other, port, _ in ends:
                        total += position[other] + port
                    total = total * _SCALE // len(ends)
                keys[vertex] = total
            self.sort(layer, keys)

    def sort(self, layer: list[int], keys: Mapping[int, int]) -> None:
        """Sort `layer` by `keys`, as far as the groups allow it."""
        if self.has_groups:
            layer[:] = self._in_groups(layer, keys)
        else:
            layer.sort(key=keys.__getitem__)
        self.number(layer)

    def _in_groups(self, layer: Sequence[int], keys: Mapping[int, int]) -> list[int]:
        key = keys.__getitem__
        members: dict[int, list[int]] = {}
        free: list[int] = []
        for vertex in sorted(layer, key=key):
            group = self.group[vertex]
            (members.setdefault(group, []) if group >= 0 else free).append(vertex)
        groups = sorted(members, key=self.rank.__getitem__)
        means = _pooled([(sum(map(key, members[each])), len(members[each])) for each in groups])
        outside: list[int] = []
        for vertex in free:
            for group in self.ends[vertex]:
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

    def may_swap(self, layer: Sequence[int], index: int) -> bool:
        """Say whether the vertex at `index` and the next one may change places."""
        one, other = self.group[layer[index]], self.group[layer[index + 1]]
        if one == other:
            return True  # also two that are free
        if min(one, other) >= 0:
            return False
        free, group = (layer[index], other) if one < 0 else (layer[index + 1], one)
        return group in self.ends[free]

    def may_pass(self, vertex: int, other: int) -> bool:
        """Say whether the two may change places, or could with more of the other's group."""
        one, two = self.group[vertex], self.group[other]
        return one == two or one < 0 or (two < 0 and one in self.ends[other])

    def may_stand(self, layer: Sequence[int], vertex: int, place: int, step: int) -> bool:
        """Say whether `vertex`, when it has passed `place`, is not inside of a foreign group."""
        if self.group[vertex] >= 0:
            return True
        group = self.group[layer[place]]
        beyond = place + step
        if group < 0 or group in self.ends[vertex] or not 0 <= beyond < len(layer):
            return True
        ahead = range(beyond, len(layer)) if step > 0 else range(beyond, -1, -1)
        return all(self.group[layer[each]] != group for each in ahead)

    def fits(self, layer: Sequence[int], vertex: int, place: int) -> bool:
        """Say whether `vertex` may be put before the vertex at `place`."""
        before = self.group[layer[place - 1]] if place else -1
        after = self.group[layer[place]] if place < len(layer) else -1
        own = self.group[vertex]
        if own >= 0:
            return own in {before, after}
        return before != after or before < 0 or before in self.ends[vertex]


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
