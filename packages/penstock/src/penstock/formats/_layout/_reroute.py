"""Move one long arc at a time to where the whole of it crosses least."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from penstock.formats._layout._crossings import CROSSING, PORTS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from penstock.formats._layout._crossings import State

_WINDOW = 12  # places to each side that a virtual vertex may go at once
_TIE = 256  # of equally many crossings, those that cross fewer frames


def reroute(state: State, chain: Sequence[int]) -> None:
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
