"""The layered layout that SVG, HTML and PNG share: `lay_out` gives every box and line its place.

    _drawing      the result
    _compose      a graph as a drawing, in the direction of reading
    _labels       how large a node box is, and its lines of text
    _fold         rows that are too wide become grids
    _groups       the units of a flow, flows in groups, groups on the page
    _engine       one layered graph of boxes, in four steps:
      _layers       which layer an item is in
      _threads      long arcs as virtual vertices in the layers between
      _order        few crossings
      _coordinates  the places in the layers, by the next two
      _settle       places by the neighbours' average
      _blocks       straight lines where they fit
      _route        the corners of the lines
      _tracks       the tracks between two layers that lines run on

All arithmetic is on integers and all orders follow the graph's own, so the result is the same on
every machine and interpreter.
"""

from penstock.formats._layout._compose import lay_out
from penstock.formats._layout._drawing import DIRECTIONS, Drawing, GroupBox, Line, NodeBox
from penstock.formats._layout._labels import tag_width

__all__ = ["DIRECTIONS", "Drawing", "GroupBox", "Line", "NodeBox", "lay_out", "tag_width"]
