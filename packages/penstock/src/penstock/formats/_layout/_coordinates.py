"""Give each vertex its place across the direction of reading, keeping the order of each layer.

Three steps. *Settling*: layer by layer, each vertex wants to be where its neighbours are, and the
least squares of what all of a layer want is found exactly (pool adjacent violators). *Aligning*:
long arcs, and steps that are each other's middle neighbour, become rigid blocks, so that what can
be straight is straight; no two of these alignments cross, as in Brandes and Köpf's algorithm, so
the blocks have an order. Alignments that make the drawing wide are given up. *Relaxing*: each block
in turn goes to where its neighbours are, as far as the blocks beside it let it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.formats._layout._narrow import narrow_blocks
from penstock.formats._layout._settle import Places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.formats._layout._layers import Layered

_EFFORT = 80_000  # vertices that are moved, in all rounds
_SETTLINGS = 6
_RELAXATIONS = 24


def place_across(layered: Layered, widths: Sequence[int], gap: int, crowd: int) -> list[int]:
    """Return the near edge of each vertex of `layered`; the smallest is 0.

    `widths` are those of the items, `gap` is the least one between two of them. An item without a
    width is as slim as a virtual vertex. The larger the `crowd`, the number of steps in the whole
    drawing, the less effort is made.
    """
    places = Places(layered, widths, gap)
    rounds = _EFFORT // (max(crowd, len(layered.layer)) + 1)
    for _ in range(max(1, min(_SETTLINGS, rounds // 4))):
        places.settle(down=True)
        places.settle(down=False)
    blocks = narrow_blocks(layered, places, rounds if rounds >= _RELAXATIONS else 0)
    blocks.relax(max(1, min(_RELAXATIONS, rounds // 2)))
    result = blocks.places()
    near = min(result, default=0)
    return [place - near for place in result]
