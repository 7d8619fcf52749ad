"""The layered layout that SVG, HTML and PNG share: `lay_out` gives every box and line its place.

It takes the wanted direction, or the one that reads better.

    _drawing    the result: node boxes, groups, lines; the room for their texts
    _compose    a graph as a drawing, in the direction of reading
    _fold       steps that share all neighbours, side by side or in a grid
    _layered    one layered graph of boxes, in these steps:
      _layers     the layer of each box; wide layers are continued in the next one
      _vertices   virtual vertices: of long edges in the layers between, and of the sides of groups
      _order      few crossings: sweeps, and moves that leave fewer
      _crossings  how many there are, and where each vertex stands
      _across     the places in the layers: how wide straight lines may make a drawing
      _places     places near the neighbours, and straight lines where they fit
      _lines      the corners of the lines
      _tracks     the tracks of lines between two layers

All arithmetic is on integers and all orders follow the graph's own, so the result is the same on
every machine and interpreter.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from penstock.formats._layout._compose import Composition
from penstock.formats._layout._drawing import (
    DIRECTIONS,
    Drawing,
    GroupBox,
    Line,
    NodeBox,
    Words,
    tag_width,
)
from penstock.formats._style import NAME_SIZE

if TYPE_CHECKING:
    from penstock._graph import Edge, Graph

__all__ = [
    "DIRECTIONS",
    "PAGE",
    "Drawing",
    "GroupBox",
    "Line",
    "NodeBox",
    "Words",
    "lay_out",
    "tag_width",
]


PAGE = 1_400  # the width of a page that a drawing is fitted to, unless another one is given
_COUNTED = 150  # lines whose crossings are counted one by one
_READABLE = 9  # a name of fewer pixels cannot be read


def lay_out(graph: Graph, *, direction: str = "TD", others: int = 0, page: int = PAGE) -> Drawing:
    """Return `graph` as a drawing whose layers follow each other in `direction`.

    "TD" leads from top to bottom, "BT" from bottom to top, "LR" and "RL" from side to side. "auto"
    is "TD" or "LR": the one whose names can be read when the drawing is fitted to a `page` of that
    width, and of two such the one with fewer crossings.

    `others` is the number of steps in the other drawings of the same page. If they are many, less
    effort is made for each drawing.
    """
    if direction == "auto":
        drawings = (
            lay_out(graph, direction=each, others=others, page=page) for each in ("TD", "LR")
        )
        return min(drawings, key=lambda drawing: _badness(drawing, page))
    if direction not in DIRECTIONS:
        choices = ", ".join((*DIRECTIONS, "auto"))
        raise ValueError(f"direction is {direction!r}; it must be one of {choices}")
    return Composition(graph, direction, others, page).drawing()


def _badness(drawing: Drawing, page: int) -> tuple[float, int, int]:
    """Return how badly `drawing` fits to a `page`: unreadable names first, then crossings."""
    least = page * NAME_SIZE // _READABLE  # the width with which names can just be read
    return max(0, drawing.width - least), _crossings(drawing), max(0, drawing.width - page)


def _crossings(drawing: Drawing) -> int:
    """Return how many pairs of lines that share no end cross; of many lines, an estimate."""
    if len(drawing.lines) > _COUNTED:
        return drawing.crossings
    parts: tuple[list[tuple[int, int, int, Edge]], ...] = ([], [])  # level and upright ones
    for line in drawing.lines:
        for (x1, y1), (x2, y2) in pairwise(line.points):
            level, ends = (y1, (x1, x2)) if y1 == y2 else (x1, (y1, y2))
            parts[x1 == x2].append((level, min(ends), max(ends), line.edge))
    pairs: set[tuple[str, ...]] = set()
    for y, left, right, one in parts[0]:
        for x, top, bottom, other in parts[1]:
            if left < x < right and top < y < bottom and not {*one[:2]} & {*other[:2]}:
                pairs.add(one[:2] + other[:2] if one < other else other[:2] + one[:2])
    return len(pairs)
