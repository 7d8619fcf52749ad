"""Give each vertex its place across the direction of reading, keeping the order of each layer.

Three steps. *Settling*: layer by layer, the vertices move as near to the mean places of their
neighbours as the gaps allow, exactly in least squares (pool adjacent violators). *Aligning*:
long arcs, and steps that are each other's middle neighbour, become rigid blocks, so that what can
be straight is straight; no two of these alignments cross, as in Brandes and Köpf's algorithm, so
the blocks have an order. *Relaxing*: each block in turn goes to where its neighbours are, as far as
the blocks beside it let it.

Alignments that make the drawing wide are given up. If block A stands beside B in one layer and B
beside C in another, A and C are apart by the widths of both, but no layer holds more than two. Many
such blocks make a drawing twice as wide as its widest layer.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from penstock.formats._layout._places import Blocks, Places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.formats._layout._layers import Grouping, Layered, Segment
    from penstock.formats._layout._vertices import Borders

_EFFORT = 80_000  # vertices that are moved, in all rounds
_SETTLINGS = 6
_RELAXATIONS = 12
_NARROWED = 24  # rounds; where there is time for fewer, straight lines may be as wide as they are
# How much wider straight lines may make a drawing: so many pixels, or one part in so many.
_WIDER, _PART = 200, 3
_AGAIN = 4  # one part in so many of the rounds, after blocks were confined
_AT_ONCE = 4  # one part in so many of what is too wide is given up in a round
_GIVEN_UP = 60  # rounds at most


def place_across(
    layered: Layered,
    widths: Sequence[int],
    gap: int,
    crowd: int,
    borders: Sequence[Borders],
    grouping: Grouping,
    page: int,
) -> list[int]:
    """Return the near edge of each vertex of `layered`; the smallest is 0.

    `widths` are those of the items, `gap` is the least one between two of them. The larger the
    `crowd`, the number of steps in the whole drawing, the less effort is made. `borders` are the
    vertices of `layered` that are the borders of groups. A drawing should not be wider than a
    `page`, unless that is 0.
    """
    places = Places(layered, widths, gap, borders, grouping)
    rounds = _EFFORT // (max(crowd, len(layered.layer)) + 1)
    for _ in range(max(1, min(_SETTLINGS, rounds // 4))):
        places.settle(down=True)
        places.settle(down=False)
    blocks = _narrow_blocks(layered, places, rounds if rounds >= _NARROWED else 0, page)
    blocks.join(layered, places)
    rounds = max(1, min(_RELAXATIONS, rounds // 2))
    blocks.relax(rounds)
    least = _widest_layer(layered, places)
    if not _is_narrow(blocks.width(), least):  # they went where they are pulled to
        blocks.confine(least + max(_WIDER, least // _PART))
        blocks.relax(max(1, rounds // _AGAIN))
    result = blocks.places()
    near = min(result, default=0)
    return [place - near for place in result]


def _narrow_blocks(layered: Layered, places: Places, rounds: int, page: int) -> Blocks:
    """Return the blocks of `layered`, without the alignments that make the drawing too wide.

    Long arcs stay straight, unless they make the drawing wider than a `page` that could hold it.
    Alignments are given up in at most so many `rounds`.
    """
    below = _alignments(layered, places.place, places.rigid)
    blocks = Blocks(layered, places, below)
    if not rounds:
        return blocks
    width, _ = _widest(layered, places, blocks, below)
    least = _widest_layer(layered, places)
    if _is_narrow(width, least):
        return blocks  # most are, without asking what is possible, which takes longer
    long = {vertex: each for vertex, each in below.items() if not _is_short(layered, each)}
    wide, _ = _widest(layered, places, Blocks(layered, places, long), long)
    keep_long = not page or wide <= max(page, least)
    least = wide if keep_long else max(page, least)
    for _ in range(min(_GIVEN_UP, rounds)):
        width, bends = _widest(layered, places, blocks, below, keep_long=keep_long)
        if _is_narrow(width, least) or not bends:
            break
        most_bent = sorted(bends, key=lambda vertex: -_bend(below[vertex], places))
        for vertex in most_bent[: max(1, len(bends) // _AT_ONCE)]:
            del below[vertex]
        blocks = Blocks(layered, places, below)
    return blocks


def _bend(segment: Segment, places: Places) -> int:
    """Return how far from straight `segment` was when its ends were settled."""
    start = places.place[segment.upper] + segment.out
    return abs(start - places.place[segment.lower] - segment.into)


def _is_narrow(width: int, least: int) -> bool:
    return width - least <= max(_WIDER, least // _PART)


def _widest_layer(layered: Layered, places: Places) -> int:
    """Return how wide the widest layer is, if its vertices stand as near as they may."""
    return max(
        (
            sum(steps) + places.widths[layer[-1]]
            for layer, steps in zip(layered.layers, places.steps, strict=True)
            if layer
        ),
        default=0,
    )


def _is_short(layered: Layered, segment: Segment) -> bool:
    return min(segment.upper, segment.lower) < layered.items


def _widest(
    layered: Layered,
    places: Places,
    blocks: Blocks,
    below: dict[int, Segment],
    *,
    keep_long: bool = True,
) -> tuple[int, set[int]]:
    """Return how wide the blocks are at least, and which alignments make them so.

    With `keep_long` only short alignments are meant; borders of groups never are.

    An alignment is known by its upper vertex, as in `below`.
    """
    block, offset = blocks.block, blocks.offset
    near = [0] * len(blocks.place)  # of each block, when all are pushed to the near side
    beside: list[list[tuple[int, int, int]]] = [[] for _ in near]
    for layer, steps in zip(layered.layers, places.steps, strict=True):
        for vertex in layer:
            near[block[vertex]] = max(near[block[vertex]], -offset[vertex])
        for left, right, step in zip(layer, layer[1:], steps[1:], strict=False):
            beside[block[right]].append((left, right, step + offset[left] - offset[right]))
    held: dict[int, tuple[int, int]] = {}  # the two vertices that keep a block from being nearer
    for each in blocks.order:
        for left, right, gap in beside[each]:
            if near[block[left]] + gap > near[each]:
                near[each] = near[block[left]] + gap
                held[each] = (left, right)

    ends = [near[at] + shift for at, shift in zip(block, offset, strict=True)]
    ends = [end + width for end, width in zip(ends, places.widths, strict=True)]
    width = max(ends, default=0)
    bends: set[int] = set()
    vertex = ends.index(width) if ends else 0
    while ends and block[vertex] in held:
        left, right = held[block[vertex]]
        upper, lower = sorted((vertex, right), key=layered.layer.__getitem__)
        while upper != lower:
            segment = below[upper]
            if upper not in places.rigid and (not keep_long or _is_short(layered, segment)):
                bends.add(upper)
            upper = segment.lower
        vertex = left
    return width, bends


def _alignments(
    layered: Layered, place: Sequence[int], rigid: Mapping[int, Segment]
) -> dict[int, Segment]:
    """Return the segments that shall be straight, by their upper vertices.

    Those in `rigid` are straight in any case.
    """
    rank = {vertex: index for layer in layered.layers for index, vertex in enumerate(layer)}
    below: dict[int, Segment] = {}
    for layer in layered.layers:
        inner: list[Segment] = [rigid[vertex] for vertex in layer if vertex in rigid]
        outer: list[Segment] = []
        above: dict[int, Segment | None] = {}  # the middle one above each of the layer below
        for vertex in layer:
            down = layered.down[vertex]
            inner += [each for each in down if min(each.upper, each.lower) >= layered.items]
            middle = _middle(down, [each.lower for each in down], layered.items, place)
            if middle:
                lower = middle.lower
                if lower not in above:
                    up = layered.up[lower]
                    above[lower] = _middle(up, [each.upper for each in up], layered.items, place)
                if middle is above[lower]:
                    outer.append(middle)
        taken: list[tuple[int, int]] = []
        for segment in inner + outer:
            pair = (rank[segment.upper], rank[segment.lower])
            at = bisect_left(taken, pair)
            if at and not _apart(taken[at - 1], pair):
                continue
            if at < len(taken) and not _apart(pair, taken[at]):
                continue
            taken.insert(at, pair)
            below[segment.upper] = segment
    return below


def _apart(left: tuple[int, int], right: tuple[int, int]) -> bool:
    return left[0] < right[0] and left[1] < right[1]


def _middle(
    segments: Sequence[Segment], ends: Sequence[int], items: int, place: Sequence[int]
) -> Segment | None:
    """Return the middle one of `segments` by the place of their `ends`, if their number is odd.

    If there are items among the ends, only they count: an arc that passes by bends.
    """
    if len(segments) == 1:
        return segments[0]
    counted = [
        index for index, end in enumerate(ends) if end < items and not segments[index].aside
    ] or range(len(ends))
    if len(counted) % 2 == 0:
        return None
    return segments[sorted(counted, key=lambda index: place[ends[index]])[len(counted) // 2]]
