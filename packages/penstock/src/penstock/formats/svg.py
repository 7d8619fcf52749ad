"""Draw a graph as one SVG, with nothing but the standard library and penstock's own layout.

The file needs no fonts, scripts or requests, follows the reader's light or dark theme also inside
an `<img>`, and says in `<title>` and `<desc>` what it shows.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from penstock.formats import _css, visible
from penstock.formats._amounts import counted
from penstock.formats._curves import bent
from penstock.formats._layout._measure import FRAME_INSET, TAG_INSET, tag_width
from penstock.formats._plate import box_texts, describe, frame_texts, painted, plate
from penstock.formats._style import (
    PROSE_LINE,
    STACK,
    SWATCH,
    TAGS,
    TIP,
    is_stacked,
    outline_radius,
    shape,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from penstock._graph import Graph
    from penstock.formats._layout import Box, Frame, Line
    from penstock.formats._plate import Entry, Plate

__all__ = ["body", "opening", "prefix_for", "render"]

_KINDS = ("next", "back", "link", "unknown")  # every drawing has their arrowheads
_LINES = ("back", "link", "unseen", "undeclared")  # what of the legend is a line
_KEEP = 'xml:space="preserve"'  # a name may begin with a space, or have two


def render(graph: Graph, *, direction: str = "TD") -> str:
    """Return `graph` as an SVG document that can be a file or stand inside of an HTML page."""
    drawn = plate(graph, direction=direction)
    prefix = prefix_for(graph, direction)
    parts = [
        *opening(graph, drawn, prefix, role="img"),
        f"<style>{_css.standalone(is_observed=graph.is_observed)}</style>",
        *body(drawn, {node.id: at for at, node in enumerate(graph.nodes)}, prefix),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def prefix_for(graph: Graph, direction: str) -> str:
    """Return what the ids in a drawing begin with; other drawings in the same page need others."""
    whole = "\0".join([direction, graph.title, *(node.id for node in graph.nodes)])
    return f"p{zlib.crc32(whole.encode('utf-8', 'surrogatepass')):08x}"


def opening(graph: Graph, drawn: Plate, prefix: str, role: str) -> Iterator[str]:
    """Yield the `<svg>` tag, with its ARIA `role`, and what it says to those who cannot see it."""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawn.width}" height="{drawn.height}"'
        f' viewBox="0 0 {drawn.width} {drawn.height}" class="penstock" role="{role}"'
        f' aria-labelledby="{prefix}-title {prefix}-desc">'
    )
    yield f'<title id="{prefix}-title">{_text(visible(graph.title))}</title>'
    yield f'<desc id="{prefix}-desc">{_text(describe(graph))}</desc>'


def body(drawn: Plate, index: Mapping[str, int], prefix: str) -> Iterator[str]:
    """Yield what is inside of the `<svg>`; ids begin with `prefix`.

    Boxes and lines say which node they are as `data-node`, `data-from` and `data-to`: what `index`
    has for the node's id. `data-at` of the plate is where their coordinates begin.
    """
    kinds = (*_KINDS, *sorted({line.kind for line in drawn.drawing.lines}.difference(_KINDS)))
    yield f"<defs>{''.join(_tip(kind, prefix) for kind in kinds)}</defs>"
    yield f'<rect class="paper" width="{drawn.width}" height="{drawn.height}" rx="8"/>'
    yield from _heading(drawn)
    at = f"{drawn.x} {drawn.y}"
    yield f'<g class="plate" data-at="{at}" transform="translate({at})">'
    yield from (_frame(frame) for frame in drawn.drawing.frames)
    for box in drawn.drawing.boxes:
        if is_stacked(box.node):  # below the lines, since some begin or end on it
            form = shape(box.node)
            card = _outline(form, box.x + STACK, box.y + STACK, box.width, box.height)
            yield f'<g class="{form}">{card}</g>'
    for line in painted(drawn.drawing.lines):
        yield _line(line, index[line.edge.source], index[line.edge.target], prefix)
    for box in drawn.drawing.boxes:
        yield _node(box, index[box.node.id])
    yield "</g>"
    yield from (_entry(entry, drawn, prefix) for entry in drawn.legend)


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tip(kind: str, prefix: str) -> str:
    """Return the arrowhead for one kind of line; its tip is TIP pixels after the line's end."""
    form = "M0 -4L8 0L0 4" if kind == "link" else "M0 -4L8 0L0 4Z"
    return (
        f'<marker id="{prefix}-{kind}" markerUnits="userSpaceOnUse" markerWidth="12"'
        f' markerHeight="12" viewBox="-2 -6 12 12" refX="{8 - TIP}" refY="0" orient="auto">'
        f'<path class="tip-{kind}" d="{form}"/></marker>'
    )


def _heading(drawn: Plate) -> Iterator[str]:
    yield f'<text class="title" x="{drawn.x}" y="{drawn.title_y}">{_text(drawn.title)}</text>'
    for at, line in enumerate(drawn.subtitle, 1):
        y = drawn.title_y + at * PROSE_LINE + 4
        yield f'<text class="prose" x="{drawn.x}" y="{y}">{_text(line)}</text>'


def _frame(frame: Frame) -> str:
    parts = [
        f'<g class="frame"><title>{_text(visible(frame.group.flow))}</title>',
        _rect(frame.x, frame.y, frame.width, frame.height, 8, form="border"),
    ]
    for text, form, y in frame_texts(frame):
        parts.append(
            f'<text class="{form}" x="{frame.x + FRAME_INSET}" y="{y}">{_text(text)}</text>'
        )
    return "".join(parts) + "</g>"


def _line(line: Line, source: int, target: int, prefix: str) -> str:
    drawn = (
        f'<path class="line {line.kind}" data-from="{source}" data-to="{target}"'
        f' marker-end="url(#{prefix}-{line.kind})" d="{_rounded(line.points)}"'
    )
    if not line.edge.status:
        return f"{drawn}/>"
    return f"{drawn}><title>{counted(line.edge.seen, 'time')}, {line.edge.status}</title></path>"


def _rounded(points: Sequence[tuple[int, int]]) -> str:
    """Return the path along `points` with round corners."""
    start, corners, end = bent(points)
    parts = [f"M{start[0]} {start[1]}"]
    for (x1, y1), (x, y), (x2, y2) in corners:
        parts.append(f"L{x1} {y1}Q{x} {y} {x2} {y2}")
    return "".join(parts) + f"L{end[0]} {end[1]}"


def _node(box: Box, index: int) -> str:
    node = box.node
    told = visible(node.name) + (f"\n{visible(node.summary)}" if node.summary else "")
    parts = [
        f'<g class="node {shape(node)}" data-node="{index}"><title>{_text(told)}</title>',
        _outline(shape(node), box.x, box.y, box.width, box.height),
    ]
    middle = box.x + box.width // 2
    for text, form, y in box_texts(box):
        parts.append(
            f'<text class="{form} middle" x="{middle}" y="{y}" {_KEEP}>{_text(text)}</text>'
        )
    tag = TAGS.get(node.call_kind)
    if tag:
        parts += _tag(tag, box)
    return "".join(parts) + "</g>"


def _rect(x: int, y: int, across: int, down: int, radius: float, form: str = "box") -> str:
    return f'<rect class="{form}" x="{x}" y="{y}" width="{across}" height="{down}" rx="{radius}"/>'


def _outline(form: str, x: int, y: int, across: int, down: int) -> str:
    """Return the outline of a box of one shape."""
    return _rect(x, y, across, down, outline_radius(form, down))


def _tag(tag: str, box: Box) -> Iterator[str]:
    """Yield the word on the upper right border of a box."""
    across = tag_width(tag)
    x = box.x + box.width - TAG_INSET - across
    yield _rect(x, box.y - 8, across, 15, 7.5, form="box chip")
    yield f'<text class="tag middle" x="{x + across // 2}" y="{box.y + 3}">{tag}</text>'


def _entry(entry: Entry, drawn: Plate, prefix: str) -> str:
    """Return one entry of the legend."""
    x, y = entry.x + drawn.x, entry.y
    if entry.key in _LINES:
        picture = (
            f'<path class="line {entry.key}" marker-end="url(#{prefix}-{entry.key})"'
            f' d="M{x} {y}H{x + SWATCH - TIP}"/>'
        )
    else:
        size = (SWATCH - 6, 16)
        second = _outline(entry.key, x + STACK, y - 8 + STACK, *size)
        first = _outline(entry.key, x, y - 8, *size)
        picture = second + first if entry.key == "task" else first
    return (
        f'<g class="{entry.key}">{picture}'
        f'<text class="prose" x="{x + SWATCH + 8}" y="{y + 4}">{entry.word}</text></g>'
    )
