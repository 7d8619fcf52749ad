"""The layered layout that SVG, HTML and PNG share: `lay_out` gives every box and line its place.

    _drawing      the result
    _compose      a graph as a drawing, in the direction of reading
    _labels       how large a node box is, and its lines of text
    _fold         rows that are too wide become grids
    _groups       the units of a flow, flows in groups, groups on the page
    _page         what is laid out, piece by piece, and parts that nothing joins, on shelves
    _engine       one layered graph of boxes, in four steps:
      _layers       which layer an item is in
      _order        few crossings
      _coordinates  where in the layer: first `_settle`, then `_blocks`
      _route        the corners of the lines, on the tracks that `_tracks` shares out

All arithmetic is on integers and all orders follow the graph's own, so the result is the same on
every machine and interpreter.
"""

from penstock.formats._layout._compose import lay_out
from penstock.formats._layout._drawing import DIRECTIONS, Drawing, GroupBox, Line, NodeBox
from penstock.formats._layout._labels import tag_width

__all__ = ["DIRECTIONS", "Drawing", "GroupBox", "Line", "NodeBox", "lay_out", "tag_width"]
