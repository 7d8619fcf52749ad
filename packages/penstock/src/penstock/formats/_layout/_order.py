"""Order the vertices of each layer so that few segments cross.

Layers are swept down and up; each time a layer is sorted by the mean position of its neighbours in
the layer before (barycentre), and the best order that was seen is kept. In graphs of a readable
size, neighbours then change places as long as that removes crossings (transpose), and several
orders to begin with are tried. The last moves are those of single vertices, long arcs and whole
groups.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate, permutations
from typing import TYPE_CHECKING

from penstock.formats._layout._crossings import CROSSING, PORTS, State, swap_gain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from penstock.formats._layout._crossings import Sides
    from penstock.formats._layout._layers import Layered


_SWEEPS = 24
_EFFORT = 60_000  # segments that are looked at, in all sweeps from one start
_TRANSPOSABLE = 3_000  # segments
_FOLLOWED = 80  # steps of one flow; in a larger one nobody follows single lines
_STARTS = 8
_STARTS_EFFORT = 4_000  # segments in all orders that are begun with
_SIFTED = 1_200  # segments
_ROUNDS = 4
_WINDOW = 12  # places to each side that a virtual vertex may go at once
_TIE = 256  # of equally many crossings, those that cross fewer frames
_PERMUTED = 4  # groups, whose orders are all tried
MANY_OTHERS = 300  # steps in the other drawings of a page


def reduce_crossings(layered: Layered, widths: Sequence[int], crowd: int, others: int) -> int:
    """Sort each of `layered.layers` in place, and return how many segments cross then.

    `widths` are those of the items; the larger the `crowd`, the number of steps in the whole
    drawing, the less effort is made; also if there are many steps in the `others` of its page.
    """
    size = max(crowd, sum(map(len, layered.down)))
    state = State(layered, widths)
    best, kept = -1, layered.layers
    thorough = crowd <= _FOLLOWED or state.has_groups
    hurried = others > MANY_OTHERS
    starts = _STARTS_EFFORT // (size + 1) if thorough and not hurried else 1
    for start in _starts(layered, starts):
        state.begin(start)
        found, layers = _improved(state, size, _SWEEPS if thorough else _SWEEPS // 4)
        if best < 0 or found < best:
            best, kept = found, layers
        if not best:
            break
    if (best or state.has_groups) and thorough and size <= _SIFTED:
        state.restore(kept)
        improve(state, layered.chains(), 1 if hurried else _ROUNDS)
        if state.has_groups and not hurried and swap_groups(state, state.crossings()):
            improve(state, layered.chains(), _ROUNDS)
        best, kept = state.crossings(), state.layers
    layered.layers[:] = kept
    return best


def _improved(state: State, size: int, sweeps: int) -> tuple[int, list[list[int]]]:
    """Return the fewest crossings that were found, and the layers that have them."""
    best = state.crossings()
    kept = [list(layer) for layer in state.layers]
    idle = 0
    for sweep in range(min(sweeps, max(2, _EFFORT // (size + 1)))):
        if not best or idle > 3:  # noqa: PLR2004 -- two rounds down and up without a gain
            break
        state.sweep(down=sweep % 2 == 0)
        if size <= _TRANSPOSABLE:
            transpose(state)
        found = state.crossings()
        idle += 1
        if found < best:
            best, idle = found, 0
            kept = [list(layer) for layer in state.layers]
    return best, kept


def _starts(layered: Layered, most: int) -> Iterator[list[list[int]]]:
    """Yield orders to begin with: those of depth-first searches, then shuffled ones.

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
    """Return `layers` in the order in which a depth-first search from `roots` reaches them."""
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


def transpose(state: State) -> None:
    """Let neighbours in a layer change places while that removes crossings."""
    layers = range(len(state.layers))
    waiting = set(layers)
    sides: dict[int, Sides] = {}  # of vertices whose neighbours have not moved since
    for _ in range(4):  # nearly always done after two or three
        changed = {at for at in sorted(waiting) if _transpose(state, state.layers[at], sides)}
        if not changed:
            break
        waiting = {at + by for at in changed for by in (-1, 0, 1)}.intersection(layers)


def _transpose(state: State, layer: list[int], known: dict[int, Sides]) -> bool:
    """Let neighbours in `layer` change places; `known` are sides, those of other layers change."""
    position = state.position
    for vertex in layer:
        if vertex not in known:
            known[vertex] = state.sides(vertex)
    sides = [known[vertex] for vertex in layer]
    moved: list[int] = []
    for index in range(len(layer) - 1):
        (above, below), (over, under) = sides[index], sides[index + 1]
        if not (
            (above and over and above[-1] > over[0]) or (below and under and below[-1] > under[0])
        ):
            continue  # as of most neighbours, no lines of these two cross
        gain = swap_gain(sides[index], sides[index + 1])
        if gain > 0 and state.may_swap(layer, index):
            left, right = layer[index : index + 2]
            layer[index], layer[index + 1] = right, left
            sides[index], sides[index + 1] = sides[index + 1], sides[index]
            position[left] += PORTS
            position[right] -= PORTS
            moved += left, right
    if state.has_groups and _pass_groups(state, layer, known):
        moved = layer
    for vertex in moved:
        for other, _, _ in (*state.above[vertex], *state.below[vertex]):
            known.pop(other, None)
    return bool(moved)


def _pass_groups(state: State, layer: list[int], sides: dict[int, Sides]) -> bool:
    """Let virtual vertices change places with a whole group beside them; say if any does."""
    changed = False
    ends = _group_ends(state, layer)
    at = {vertex: index for index, vertex in enumerate(layer)}
    for vertex in [each for each in layer if state.group[each] < 0]:
        for step in (1, -1):
            here = at[vertex]
            beside = here + step
            if not 0 <= beside < len(layer) or (group := state.group[layer[beside]]) < 0:
                continue
            far = ends[group][1] if step > 0 else ends[group][0]
            run = layer[beside : far + 1] if step > 0 else layer[far:here]
            own = sides[vertex]
            gain = 0
            for other in run:
                theirs = sides[other]
                gain += swap_gain(own, theirs) if step > 0 else swap_gain(theirs, own)
            if gain > 0:
                layer.pop(here)
                layer.insert(here + step * len(run), vertex)
                state.number(layer)
                ends = _group_ends(state, layer)
                at = {vertex: index for index, vertex in enumerate(layer)}
                changed = True
    return changed


def _group_ends(state: State, layer: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return the places of the first and the last vertex of each group in `layer`."""
    ends: dict[int, tuple[int, int]] = {}
    for index, vertex in enumerate(layer):
        group = state.group[vertex]
        ends[group] = (ends.get(group, (index, index))[0], index)
    return ends


def improve(state: State, chains: Sequence[Sequence[int]], rounds: int) -> None:
    """Move vertices, and `chains` of them that carry one arc, to the best place for each.

    It ends after so many `rounds`, or after one without a gain.
    """
    found = state.crossings()
    for _ in range(rounds):
        before = found
        for layer in state.layers:
            _sift(state, layer)
        for chain in chains:
            _reroute(state, chain)
        transpose(state)
        found = state.crossings()
        if found >= before or not found:
            break


def _sift(state: State, layer: list[int]) -> None:
    """Move each vertex of `layer`, those with most segments first, to where it crosses least."""
    sides = {vertex: state.sides(vertex) for vertex in layer}
    for vertex in sorted(layer, key=lambda each: -len(sides[each][0]) - len(sides[each][1])):
        at = layer.index(vertex)
        where = _best_place(state, layer, at, sides)
        if where != at:
            layer.insert(where, layer.pop(at))
    state.number(layer)


def _best_place(state: State, layer: Sequence[int], at: int, sides: dict[int, Sides]) -> int:
    vertex = layer[at]
    own = sides[vertex]
    best, where = 0, at
    for step in (1, -1):
        gain, place = 0, at + step
        while 0 <= place < len(layer):
            other = layer[place]
            if not state.may_pass(vertex, other):
                break
            theirs = sides[other]
            gain += swap_gain(own, theirs) if step > 0 else swap_gain(theirs, own)
            if gain > best and state.may_stand(layer, vertex, place, step):
                best, where = gain, place
            place += step
    return where


def _reroute(state: State, chain: Sequence[int]) -> None:
    """Move the virtual vertices of one arc to where the whole of it crosses least."""
    source, _, ends = state.above[chain[0]][0]
    target = state.below[chain[-1]][0][0]
    first = state.layer_of[chain[0]]
    layers = state.layers[first - 1 : first + len(chain) + 1]
    inner = layers[1:-1]
    old = [layer.index(vertex) for vertex, layer in zip(chain, inner, strict=True)]
    for vertex, layer in zip(chain, inner, strict=True):
        layer.remove(vertex)
        state.number(layer)
    slots = [[layers[0].index(source)]]
    for at, vertex, layer in zip(old, chain, inner, strict=True):
        near, far = max(0, at - _WINDOW), min(len(layer), at + _WINDOW)
        allowed = [place for place in range(near, far + 1) if state.fits(layer, vertex, place)]
        slots.append(allowed or [at])
    slots.append([layers[-1].index(target)])
    best = [0]
    choices: list[list[int]] = []
    for at in range(len(layers) - 1):
        fixed = (at == 0, at == len(layers) - 2)
        around, between = (layers[at], layers[at + 1]), (slots[at], slots[at + 1])
        rows = _costs(state, layers[at], *between, ends, fixed)
        if state.has_groups:
            frames = _frames_crossed(state, around, between, fixed)
            rows = [
                [_TIE * cost + more for cost, more in zip(*pair, strict=True)]
                for pair in zip(rows, frames, strict=True)
            ]
        sums = [[before + cost for cost in row] for before, row in zip(best, rows, strict=True)]
        columns = list(zip(*sums, strict=True))
        best = list(map(min, columns))
        choices.append([each.index(least) for each, least in zip(columns, best, strict=True)])
    at = 0
    for index in range(len(chain) - 1, -1, -1):
        at = choices[index + 1][at]
        inner[index].insert(slots[index + 1][at], chain[index])
        state.number(inner[index])


def _costs(
    state: State,
    layer: Sequence[int],
    uppers: Sequence[int],
    lowers: Sequence[int],
    ends: tuple[int, int],
    fixed: tuple[bool, bool],
) -> list[list[int]]:
    """Return how many segments one from each of the slots `uppers` to each of `lowers` crosses.

    A slot is before the vertex at its place; where an end is `fixed`, it is that vertex. `ends` are
    those of the segment's arc.
    """
    start, end = ends
    # The weight of all segments, by how many slots are not after them, above and below.
    table = [[0] * (len(lowers) + 1) for _ in range(len(uppers) + 1)]
    every = [0] * (len(lowers) + 1)
    for place, vertex in enumerate(layer):
        if fixed[0] and place == uppers[0]:
            continue  # the same end
        row = table[bisect_right(uppers, place)]
        for lower, _, (other, target) in state.below[vertex]:
            below = state.position[lower] // PORTS
            if fixed[1] and below == lowers[0]:
                continue
            shares = other >= 0 and (other == start or target == end)
            weight = 1 if shares else CROSSING
            column = bisect_right(lowers, below)
            row[column] += weight
            every[column] += weight
    # It crosses those that begin before it and end after it, and the other way round.
    ended = list(accumulate(every))
    begun = [0] * (len(lowers) + 1)
    costs: list[list[int]] = []
    for row in table[:-1]:
        if any(row):
            begun = [one + more for one, more in zip(begun, accumulate(row), strict=True)]
        costs.append(
            [begun[-1] + all_ - 2 * both for all_, both in zip(ended[:-1], begun, strict=False)]
        )
    return costs


def _frames_crossed(
    state: State,
    layers: tuple[Sequence[int], Sequence[int]],
    slots: tuple[Sequence[int], Sequence[int]],
    fixed: tuple[bool, bool],
) -> list[list[int]]:
    """Return how many sides of groups a segment crosses; the arguments are as in `_costs`.

    Without these, a line that meets no other one could go from one side of a group to the other
    and back again.
    """
    upper, lower = layers
    both = {state.group[vertex] for vertex in upper} & {state.group[vertex] for vertex in lower}
    both.discard(-1)
    uppers, lowers = (
        _sides_before(state, layer, each, both, is_vertex)
        for layer, each, is_vertex in zip(layers, slots, fixed, strict=True)
    )
    return [[abs(there - here) for there in lowers] for here in uppers]


def _sides_before(
    state: State, layer: Sequence[int], slots: Sequence[int], groups: Collection[int], fixed: bool
) -> list[int]:
    """Return how many sides of `groups` in `layer` are before each of `slots`."""
    near: dict[int, int] = {}
    far: dict[int, int] = {}
    for place, vertex in enumerate(layer):
        group = state.group[vertex]
        if group in groups:
            near.setdefault(group, place)
            far[group] = place
    starts, ends = list(near.values()), list(far.values())  # sorted, since groups stand together
    return [bisect_left(starts, slot + fixed) + bisect_left(ends, slot) for slot in slots]


def swap_groups(state: State, best: int) -> bool:
    """Try other orders of the groups; say whether one leaves fewer crossings than `best`."""
    gained = False
    kept, ranks = [list(layer) for layer in state.layers], list(state.rank)
    for ranking in _rankings(state.rank):
        state.rank[:] = ranking
        for layer in state.layers:
            state.sort(layer, {vertex: state.position[vertex] for vertex in layer})
        for down in (True, False):
            state.sweep(down=down)
            transpose(state)
        found = state.crossings()
        if found < best:
            best, gained = found, True
            kept, ranks = [list(layer) for layer in state.layers], list(state.rank)
        else:
            state.restore(kept)
            state.rank[:] = ranks
    state.restore(kept)
    state.rank[:] = ranks
    return gained


def _rankings(rank: list[int]) -> Iterator[list[int]]:
    """Yield all orders of a few groups; of many, those where two neighbours change places."""
    count = len(rank)
    if count <= _PERMUTED:
        yield from (list(each) for each in permutations(range(count)))
        return
    for at in range(count - 1):
        ranking = list(rank)
        one, other = ranking.index(at), ranking.index(at + 1)
        ranking[one], ranking[other] = at + 1, at
        yield ranking
