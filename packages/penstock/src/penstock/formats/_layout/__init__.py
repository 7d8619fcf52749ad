"""The layered layout that SVG, HTML and PNG share: `lay_out` gives every box and line its place.

    _sheet        a graph into a drawing, in the direction of reading
    _measure      how large a box is, and its lines of text
    _fold         rows that are too wide become grids
    _compose      flows in frames, frames on the page
    _engine       one layered graph of boxes:
      _layers       who stands in which layer
      _order        few crossings
      _coordinates  where in the layer: _settle, then _blocks, less those that _narrow gives up
      _returns      lines that lead back, straight if possible
      _route        lines, on the tracks that _tracks shares out
    _pack         parts that nothing joins, on shelves
    _drawing      the result

All arithmetic is on integers and all orders follow the graph's own, so the result is the same on
every machine and interpreter.
"""

from penstock.formats._layout._drawing import DIRECTIONS, Box, Drawing, Frame, Line
from penstock.formats._layout._sheet import lay_out

__all__ = ["DIRECTIONS", "Box", "Drawing", "Frame", "Line", "lay_out"]
