"""Draw a real graph with penstock, and measure that."""

from __future__ import annotations

from penstock.formats._layout import lay_out
from tests.peers.measure import measured

MARGIN, HEADER = 28, 160  # pixels around a drawing on its sheet


def draw(graph, direction="auto"):
    """Return our drawing of `graph`, and the measures of it."""
    drawing = lay_out(graph, direction=direction)
    boxes = {box.node.id: (box.x, box.y, box.width, box.height) for box in drawing.boxes}
    lines = [(line.edge.source, line.edge.target, line.points) for line in drawing.lines]
    return drawing, measured(drawing.width + 2 * MARGIN, drawing.height + HEADER, boxes, lines)
