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
from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from penstock.formats._layout._layers import Layered

    _End = tuple[int, tuple[int, int]]  # where a segment ends, and the ends of its arc

_PORTS = 64  # a port's place on its box is one of so many
_SCALE = 1 << 16  # means are integers, so that they are the same everywhere
_SWEEPS = 24
_EFFORT = 60_000  # segments that are looked at, in all sweeps from one start
_TRANSPOSABLE = 3_000  # segments
_FOLLOWED = 80  # steps of one flow; in a larger one nobody follows single lines
_STARTS = 8
_STARTS_EFFORT = 4_000  # segments in all orders that are begun with
_SIFTED = 1_200  # segments
_CROSSING = 4  # how much worse it is if the two arcs share no end
_WINDOW = 24  # places to each side that a virtual vertex may go at once
_PERMUTED = 4  # groups, whose orders are all tried
_FEW = 64  # pairs of segments at two vertices; for more, counting by bisection is faster


def reduce_crossings(layered: Layered, widths: Sequence[int], crowd: int) -> int:
    """Sort each of `layered.layers` in place, and return how many segments cross then.

    `widths` are those of the items; the larger the `crowd`, the number of steps in the whole
    drawing, the less effort is made.
    """
    size = max(crowd, sum(map(len, layered.down)))
    order = _Order(layered, widths)
    best, kept = -1, layered.layers
    thorough = crowd <= _FOLLOWED or order.has_groups
    for start in _starts(layered, _STARTS_EFFORT // (size + 1) if thorough else 1):
        order.begin(start)
        found, layers = _improved(order, size, _SWEEPS if thorough else _SWEEPS // 4)
        if best < 0 or found < best:
            best, kept = found, layers
        if not best:
            break
    if best and thorough and size <= _SIFTED:
        order.restore(kept)
        order.improve(layered.chains())
        if order.has_groups and order.swap_groups(order.crossings()):
            order.improve(layered.chains())
        best, kept = order.crossings(), order.layers
    layered.layers[:] = kept
    return best


def _improved(order: _Order, size: int, sweeps: int) -> tuple[int, list[list[int]]]:
    """Return the fewest crossings that were found, and the layers that have them."""
    best = order.crossings()
    kept = [list(layer) for layer in order.layers]
    idle = 0
    for sweep in range(min(sweeps, max(2, _EFFORT // (size + 1)))):
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
    return best, kept


def _starts(layered: Layered, most: int) -> Iterator[list[list[int]]]:
    """Yield orders to begin with: as depth-first searches come by, then shuffled ones.

    A tree has no crossings at all in the first one.
    """
    below = [[segment.lower for segment in each] for each in layered.down]
    yield _visited(layered.layers, below, layered.layers)
    if most > 1:
        above = [[segment.upper for segment in each] for each in layered.up]
        yield _visited(layered.layers[::-1], above, layered.layers)
        joined = [one + other for one, other in zip(above, below, strict=True)]
        yield _visited(layered.layers, joined, layered.layers)
        backwards = [each[::-1] for each in below]
        yield _visited([layer[::-1] for layer in layered.layers], backwards, layered.layers)
    chance = 1
    for _ in range(min(_STARTS, most) - 4):
        shuffled: list[list[int]] = []
        for layer in layered.layers:
            keys: dict[int, int] = {}
            for vertex in layer:  # a generator of Park and Miller: the same numbers everywhere
                chance = chance * 48_271 % 2_147_483_647
                keys[vertex] = chance
            shuffled.append(sorted(layer, key=keys.__getitem__))
        yield shuffled


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
        self._rank = list(range(len(layered.spans)))  # of each group, from the near side
        # The neighbours of each vertex, with where the ports on them are, and the ends of the arcs.
        self._above = [[(s.upper, on(s.upper, s.out), s.ends) for s in each] for each in layered.up]
        self._below = [
            [(s.lower, on(s.lower, s.into), s.ends) for s in each] for each in layered.down
        ]
        self._outs = [[on(s.upper, s.out) for s in each] for each in layered.down]
        self._position = [0] * len(layered.layer)
        self._layer = layered.layer

    def begin(self, layers: Sequence[Sequence[int]]) -> None:
        """Begin with the order that `layers` have, as far as the groups allow it."""
        self.layers[:] = [list(layer) for layer in layers]
        for layer in self.layers:
            self._number(layer)
        if self.has_groups:
            self._rank_groups()
            for layer in self.layers:
                self._sort(layer, {vertex: self._position[vertex] for vertex in layer})

    def _rank_groups(self) -> None:
        """Rank the groups as they stand; where layers contradict each other, by their means."""
        total = [[0, 0] for _ in self._rank]
        for layer in self.layers:
            for vertex in layer:
                if (group := self._group[vertex]) >= 0:
                    total[group][0] += self._position[vertex] * _SCALE // len(layer)
                    total[group][1] += 1
        mean = [at // (count or 1) for at, count in total]
        for rank, group in enumerate(sorted(range(len(mean)), key=mean.__getitem__)):
            self._rank[group] = rank

    def restore(self, layers: Sequence[Sequence[int]]) -> None:
        """Go back to an order that was found before."""
        self.layers[:] = [list(layer) for layer in layers]
        for layer in self.layers:
            self._number(layer)
        self._rank_groups()

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
                    for other, port, _ in ends:
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
        """Return how many pairs of the segments below `layer` cross.

        Those of arcs that share an end count little: they may be drawn as one line.
        """
        position = self._position
        ends: list[int] = []  # where segments end, in the order in which they begin
        by_source: dict[int, list[int]] = {}
        by_target: dict[int, list[int]] = {}
        for vertex in layer:
            below = self._below[vertex]
            segments = zip(self._outs[vertex], below, strict=True)
            both = [(out, position[lower] + into, of) for out, (lower, into, of) in segments]
            if len(both) > 1:
                both.sort()
            for _, end, (source, target) in both:
                ends.append(end)
                if source >= 0:
                    by_source.setdefault(source, []).append(end)
                    by_target.setdefault(target, []).append(end)
        found = _CROSSING * _inversions(ends)
        if found:
            for shared in (by_source, by_target):
                same = sum(_inversions(each) for each in shared.values() if len(each) > 1)
                found -= (_CROSSING - 1) * same
        return found

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
                sorted([(position[other] + port, of) for other, port, of in self._above[vertex]]),
                sorted([(position[other] + port, of) for other, port, of in self._below[vertex]]),
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
            mine = sorted([(position[other] + port, of) for other, port, of in neighbours[left]])
            theirs = sorted([(position[other] + port, of) for other, port, of in neighbours[right]])
            total += _gain(mine, theirs)
        return total

    def improve(self, chains: Sequence[Sequence[int]]) -> None:
        """Move vertices, and `chains` of them that carry one arc, to the best place for each."""
        every = [vertex for layer in self.layers for vertex in layer]
        every.sort(key=lambda vertex: -len(self._above[vertex]) - len(self._below[vertex]))
        layer_of = {vertex: layer for layer in self.layers for vertex in layer}
        for _ in range(6):
            before = self.crossings()
            for vertex in every:
                self._sift(layer_of[vertex], vertex)
            for chain in chains:
                self._reroute(chain)
            self.transpose()
            if self.crossings() >= before:
                break

    def _reroute(self, chain: Sequence[int]) -> None:
        """Move the virtual vertices of one arc to where the whole of it crosses least."""
        source, _, (start, end) = self._above[chain[0]][0]
        target = self._below[chain[-1]][0][0]
        first = self._layer[chain[0]]
        layers = [self.layers[first - 1 + at] for at in range(len(chain) + 2)]
        old = [layer.index(vertex) for vertex, layer in zip(chain, layers[1:-1], strict=True)]
        for vertex, layer in zip(chain, layers[1:-1], strict=True):
            layer.remove(vertex)
            self._number(layer)
        slots = [[layers[0].index(source)]]
        for at, (vertex, layer) in enumerate(zip(chain, layers[1:-1], strict=True)):
            near, far = max(0, old[at] - _WINDOW), min(len(layer), old[at] + _WINDOW)
            allowed = [place for place in range(near, far + 1) if self._fits(layer, vertex, place)]
            slots.append(allowed or [old[at]])
        slots.append([layers[-1].index(target)])
        best = [0]
        choices: list[list[int]] = []
        for at in range(len(layers) - 1):
            fixed = (at == 0, at == len(layers) - 2)
            costs = self._costs(layers[at], slots[at], slots[at + 1], (start, end), fixed)
            found: list[int] = []
            choice: list[int] = []
            for column in range(len(slots[at + 1])):
                sums = [cost + row[column] for cost, row in zip(best, costs, strict=True)]
                least = min(sums)
                found.append(least)
                choice.append(sums.index(least))
            best = found
            choices.append(choice)
        at = 0
        for index in range(len(chain) - 1, -1, -1):
            at = choices[index + 1][at]
            layer = layers[index + 1]
            layer.insert(slots[index + 1][at], chain[index])
            self._number(layer)

    def _costs(
        self,
        layer: Sequence[int],
        uppers: Sequence[int],
        lowers: Sequence[int],
        ends: tuple[int, int],
        fixed: tuple[bool, bool],
    ) -> list[list[int]]:
        """Return what a segment from each of the slots `uppers` to each of `lowers` crosses.

        A slot is before the vertex at its place; where an end is `fixed`, it is that vertex.
        """
        start, end = ends
        columns = len(lowers)
        left_of = [[0] * columns for _ in range(len(uppers) + 1)]  # by the first slot after them
        right_of = [[0] * columns for _ in range(len(uppers) + 1)]
        for place, vertex in enumerate(layer):
            if fixed[0] and place == uppers[0]:
                continue  # the same end
            row = bisect_right(uppers, place)
            left, right = left_of[row], right_of[row]
            for lower, _, (other, target) in self._below[vertex]:
                below = self._position[lower] // _PORTS
                if fixed[1] and below == lowers[0]:
                    continue
                shares = other >= 0 and (other == start or target == end)
                weight = 1 if shares else _CROSSING
                column = bisect_right(lowers, below)
                for at in range(column):  # slots up to it: it ends to the far side of them
                    left[at] += weight
                for at in range(column, columns):
                    right[at] += weight
        # Those that begin before a slot and end after the other, or the other way round.
        costs: list[list[int]] = []
        before = [0] * columns
        after = [sum(row[at] for row in right_of) for at in range(columns)]
        for row in range(len(uppers)):
            for at in range(columns):
                before[at] += left_of[row][at]
                after[at] -= right_of[row][at]
            costs.append([one + other for one, other in zip(before, after, strict=True)])
        return costs

    def _fits(self, layer: Sequence[int], vertex: int, place: int) -> bool:
        """Say whether `vertex` may be put before the vertex at `place`."""
        before = self._group[layer[place - 1]] if place else -1
        after = self._group[layer[place]] if place < len(layer) else -1
        own = self._group[vertex]
        if own >= 0:
            return own in {before, after}
        return before != after or before < 0 or before in self._ends[vertex]

    def _sift(self, layer: list[int], vertex: int) -> bool:
        """Move `vertex` to where it has the fewest crossings; say whether that is fewer."""
        at = layer.index(vertex)
        best, where = 0, at
        for step in (1, -1):
            gain, place = 0, at + step
            while 0 <= place < len(layer):
                other = layer[place]
                if not self._may_pass(vertex, other):
                    break
                pair = (vertex, other) if step > 0 else (other, vertex)
                gain += self._swap_gain(*pair)
                if gain > best and self._may_stand(layer, vertex, place, step):
                    best, where = gain, place
                place += step
        if where == at:
            return False
        layer.insert(where, layer.pop(at))
        self._number(layer)
        return True

    def _may_pass(self, vertex: int, other: int) -> bool:
        """Say whether the two may change places, or could with more of the other's group."""
        one, two = self._group[vertex], self._group[other]
        return one == two or one < 0 or (two < 0 and one in self._ends[other])

    def _may_stand(self, layer: Sequence[int], vertex: int, place: int, step: int) -> bool:
        """Say whether `vertex`, when it has passed `place`, is not inside of a foreign group."""
        if self._group[vertex] >= 0:
            return True
        group = self._group[layer[place]]
        beyond = place + step
        if group < 0 or group in self._ends[vertex] or not 0 <= beyond < len(layer):
            return True
        ahead = range(beyond, len(layer)) if step > 0 else range(beyond, -1, -1)
        return all(self._group[layer[each]] != group for each in ahead)

    def swap_groups(self, best: int) -> bool:
        """Try other orders of the groups; say whether one leaves fewer crossings than `best`."""
        gained = False
        kept, ranks = [list(layer) for layer in self.layers], list(self._rank)
        for ranking in self._rankings():
            self._rank[:] = ranking
            for layer in self.layers:
                self._sort(layer, {vertex: self._position[vertex] for vertex in layer})
            for down in (True, False):
                self.sweep(down=down)
                self.transpose()
            found = self.crossings()
            if found < best:
                best, gained = found, True
                kept, ranks = [list(layer) for layer in self.layers], list(self._rank)
            else:
                self.restore(kept)
                self._rank[:] = ranks
        self.restore(kept)
        self._rank[:] = ranks
        return gained

    def _rankings(self) -> Iterator[list[int]]:
        """Yield all orders of a few groups; of many, those where two neighbours change places."""
        count = len(self._rank)
        if count <= _PERMUTED:
            yield from (list(each) for each in permutations(range(count)))
            return
        for at in range(count - 1):
            ranking = list(self._rank)
            one, other = ranking.index(at), ranking.index(at + 1)
            ranking[one], ranking[other] = at + 1, at
            yield ranking


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


def _gain(left: Sequence[_End], right: Sequence[_End]) -> int:
    """Return how many more pairs of the sorted `left` and `right` are in the wrong order than not.

    If both change places, there are so many crossings fewer. Arcs that share an end count little.
    """
    gain = 0
    if len(left) * len(right) <= _FEW:
        for one, (source, target) in left:
            for other, (start, end) in right:
                if one != other:
                    shares = source >= 0 and (source == start or target == end)
                    weight = 1 if shares else _CROSSING
                    gain += weight if one > other else -weight
        return gain
    places = [place for place, _ in right]
    for one, _ in left:
        below = bisect_left(places, one)
        gain += below - (len(places) - bisect_right(places, one, below))
    return _CROSSING * gain


def _inversions(values: list[int]) -> int:
    """Return how many pairs of `values` are in the wrong order."""
    passed: list[int] = []
    count = 0
    for value in values:
        count += len(passed) - bisect_right(passed, value)
        insort(passed, value)
    return count
