"""Give up alignments that make a drawing wide.

Where block A stands beside B in one layer, and B beside C in another, A and C are apart by the
widths of both, though no layer holds more than two. Many such steps in a row make a drawing twice
as wide as its widest layer; then the alignments that these steps go along are not worth it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.formats._layout._blocks import Blocks, alignments

if TYPE_CHECKING:
    from penstock.formats._layout._layers import Layered, Segment
    from penstock.formats._layout._settle import Places

# How much wider straight lines may make a drawing: so many pixels, or one part in so many.
_WIDER, _PART = 200, 10


def narrow_blocks(layered: Layered, places: Places, rounds: int) -> Blocks:
    """Return the blocks of `layered`: all that can be aligned, less what makes them too wide.

    Long arcs always stay straight. Alignments are given up in at most so many `rounds`.
    """
    below = alignments(layered, places.place)
    blocks = Blocks(layered, places, below)
    if not rounds:
        return blocks
    width, bends = _widest(layered, places, blocks, below)
    if _is_narrow(width, _widest_layer(layered, places)):
        return blocks  # most are, without asking what is possible, which takes longer
    long = {vertex: each for vertex, each in below.items() if not _is_short(layered, each)}
    least, _ = _widest(layered, places, Blocks(layered, places, long), long)
    for _ in range(rounds):
        if _is_narrow(width, least) or not bends:
            break
        below = {vertex: each for vertex, each in below.items() if vertex not in bends}
        blocks = Blocks(layered, places, below)
        width, bends = _widest(layered, places, blocks, below)
    return blocks


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
    layered: Layered, places: Places, blocks: Blocks, below: dict[int, Segment]
) -> tuple[int, set[int]]:
    """Return how wide the blocks are at least, and which short alignments make them so.

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
            if _is_short(layered, segment):
                bends.add(upper)
            upper = segment.lower
        vertex = left
    return width, bends
