"""The layered layout that SVG, HTML and PNG share: `lay_out` gives every box and line its place.

    _drawing      the result: node boxes with their lines of text, groups, lines
    _compose      a graph as a drawing, in the direction of reading
    _fold         steps that share all neighbours, side by side or in a grid
    _engine       one layered graph of boxes, in these steps:
      _layers       the layer of each box; wide layers are continued in the next one
      _threads      long edges as vertices in the layers between their ends
      _order        few crossings
      _groups       a border at each side of each group
      _coordinates  the places in the layers, by the next two
      _settle       places by the neighbours' average
      _blocks       straight lines where they fit
      _route        the corners of the lines
      _tracks       the tracks between two layers that lines run on

All arithmetic is on integers and all orders follow the graph's own, so the result is the same on
every machine and interpreter.
"""

from penstock.formats._layout._compose import lay_out
from penstock.formats._layout._drawing import (
    DIRECTIONS,
    Drawing,
    GroupBox,
    Line,
    NodeBox,
    tag_width,
)

__all__ = ["DIRECTIONS", "Drawing", "GroupBox", "Line", "NodeBox", "lay_out", "tag_width"]
