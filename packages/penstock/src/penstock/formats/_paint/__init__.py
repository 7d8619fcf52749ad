"""A graph as a picture, of shapes that SVG writes and PNG paints.

_sheet    `paint`: a graph, laid out, with its title and its legend
_shapes   what a picture is made of: rectangles, texts, lines
_css      the colours and strokes of the shapes, for SVG and HTML
_raster   the same shapes painted with Pillow; only PNG imports it
_letters  text painted with Pillow
"""

from penstock.formats._paint._css import standalone, themeable, variables
from penstock.formats._paint._shapes import Line, Part, Picture, Rect, Shape, Text
from penstock.formats._paint._sheet import paint

__all__ = [
    "Line",
    "Part",
    "Picture",
    "Rect",
    "Shape",
    "Text",
    "paint",
    "standalone",
    "themeable",
    "variables",
]
