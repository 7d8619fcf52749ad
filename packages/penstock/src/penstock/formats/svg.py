"""Draw a graph as one SVG, with nothing but the standard library and penstock's own layout.

The file needs no fonts, scripts or requests, and follows the reader's light or dark theme, also
inside an `<img>`. `<title>` and `<desc>` say what it shows.
"""

from __future__ import annotations

import zlib
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING

from penstock.formats._font_widths import fit, sans, width
from penstock.formats._layout import PAGE
from penstock.formats._picture import Figure, Line, Rect, Text, paint
from penstock.formats._style import PROSE_LINE, PROSE_SIZE, TAG_INSET, TAG_SIZE, TIP, standalone
from penstock.formats._wording import link, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    from penstock._crash_path import Crash
    from penstock._graph import Graph
    from penstock.formats._picture import Picture, Shape

__all__ = ["SvgText", "element", "render"]


_KINDS = ("next", "back", "link", "unknown")  # every drawing has their arrowheads
NO_LINKS: Mapping[str, str] = MappingProxyType({})
_KEEP = ' xml:space="preserve"'  # a name may begin with a space, or have two


class SvgText(str):
    """Hold an SVG document: a str that shows itself in a Jupyter notebook."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)


def render(
    graph: Graph,
    *,
    direction: str = "TD",
    page: int = PAGE,
    source: str | None = None,
    crash: Crash | None = None,
) -> str:
    """Return `graph` as an SVG document that can be a file or stand inside of an HTML page.

    It is laid out for a `page` of that width. With `source`, as for `generate_dag`, each box links
    to the code of its step. With `crash` the steps that its operation took are marked, and the one
    where it ended.
    """
    links = (
        {} if source is None else {node.id: link(node, source) for node in graph.nodes if node.file}
    )
    rules = standalone(is_observed=graph.is_observed, is_crash=crash is not None)
    drawn = element(
        graph,
        _index(graph),
        direction=direction,
        page=page,
        role="img",
        style=f"<style>{rules}</style>",
        links=links,
        crash=crash,
    )
    return SvgText(drawn)


def element(
    graph: Graph,
    index: Mapping[str, int],
    *,
    direction: str,
    role: str,
    style: str = "",
    links: Mapping[str, str] = NO_LINKS,
    crash: Crash | None = None,
    others: int = 0,
    page: int = PAGE,
) -> str:
    """Return the `<svg>` element, with its ARIA `role`; it ends with a newline.

    Boxes and lines say which node they are as `data-node`, `data-from` and `data-to`: what `index`
    has for the node's id. `data-at` of the plate is where their coordinates begin. `links` has the
    address that a node's box leads to, by its id. `others` is the number of steps in the other
    drawings of the page, `page` the width that the drawing is for.
    """
    picture = paint(graph, direction=direction, others=others, page=page)
    if crash is not None:
        picture = _marked(picture, crash)
    writer = _Writer(index, links, _prefix(graph, direction))
    return "\n".join(writer.lines(picture, role, style)) + "\n"


def _index(graph: Graph) -> dict[str, int]:
    return {node.id: at for at, node in enumerate(graph.nodes)}


def _prefix(graph: Graph, direction: str) -> str:
    """Return how ids in the drawing begin; drawings in the same page need different ones."""
    whole = "\0".join([direction, graph.title, *(node.id for node in graph.nodes)])
    return f"p{zlib.crc32(whole.encode('utf-8', 'surrogatepass')):08x}"


class _Writer:
    """Write shapes as SVG; `index` is as for `element`, and ids begin with `prefix`."""

    def __init__(self, index: Mapping[str, int], links: Mapping[str, str], prefix: str) -> None:
        self._index = index
        self._links = links
        self._prefix = prefix

    def lines(self, picture: Picture, role: str, style: str) -> Iterator[str]:
        """Yield the lines of the element, with its description for readers who cannot see it."""
        prefix, size = self._prefix, f'width="{picture.width}" height="{picture.height}"'
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}'
            f' viewBox="0 0 {picture.width} {picture.height}" class="penstock" role="{role}"'
            f' aria-labelledby="{prefix}-title {prefix}-desc">'
        )
        yield f'<title id="{prefix}-title">{escape(picture.title, quote=False)}</title>'
        yield f'<desc id="{prefix}-desc">{escape(picture.description, quote=False)}</desc>'
        if style:
            yield style
        used = {shape.look.rpartition(" ")[2] for shape in picture.body if isinstance(shape, Line)}
        kinds = (*_KINDS, *sorted(used.difference(_KINDS)))
        yield f"<defs>{''.join(map(self._tip, kinds))}</defs>"
        yield f'<rect class="paper" {size} rx="8"/>'
        yield from map(self._shape, picture.head)
        at = f"{picture.x} {picture.y}"
        yield f'<g class="plate" data-at="{at}" transform="translate({at})">'
        yield from map(self._shape, picture.body)
        yield "</g>"
        yield from map(self._shape, picture.legend)
        yield "</svg>"

    def _tip(self, look: str) -> str:
        """Return the arrowhead for one kind of line; its tip is TIP pixels after the line's end."""
        form = "M0 -4L8 0L0 4" if look == "link" else "M0 -4L8 0L0 4Z"
        return (
            f'<marker id="{self._prefix}-{look}" markerUnits="userSpaceOnUse" markerWidth="12"'
            f' markerHeight="12" viewBox="-2 -6 12 12" refX="{8 - TIP}" refY="0" orient="auto">'
            f'<path class="tip-{look}" d="{form}"/></marker>'
        )

    def _shape(self, shape: Shape) -> str:
        if isinstance(shape, Rect):
            look, x, y, width, height, radius = shape
            return (
                f'<rect class="{look}" x="{x}" y="{y}" width="{width}" height="{height}"'
                f' rx="{radius}"/>'
            )
        if isinstance(shape, Text):
            return _written(shape)
        return self._line(shape) if isinstance(shape, Line) else self._part(shape)

    def _ends(self, edge: tuple[str, str] | None) -> str:
        if edge is None:
            return ""
        return f' data-from="{self._index[edge[0]]}" data-to="{self._index[edge[1]]}"'

    def _part(self, part: Figure) -> str:
        ends = "" if part.node is None else f' data-node="{self._index[part.node]}"'
        ends += self._ends(part.edge)
        title = f"<title>{escape(part.title, quote=False)}</title>" if part.title else ""
        shapes = "".join(map(self._shape, part.shapes))
        if part.node is not None and part.node in self._links:
            address = escape(self._links[part.node], quote=False).replace('"', "&quot;")
            shapes = f'<a href="{address}">{shapes}</a>'
        return f'<g class="{part.look}"{ends}>{title}{shapes}</g>'

    def _line(self, line: Line) -> str:
        look, (x, y), bends, (end_x, end_y), edge, title = line
        parts = [f"M{x} {y}"]
        for (x1, y1), (x2, y2), (x3, y3) in bends:
            parts.append(f"L{x1} {y1}Q{x2} {y2} {x3} {y3}")
        parts.append(f"L{end_x} {end_y}" if edge else f"H{end_x}")
        ends = self._ends(edge)
        tip = look.rpartition(" ")[2]
        drawn = (
            f'<path class="line {look}"{ends} marker-end="url(#{self._prefix}-{tip})"'
            f' d="{"".join(parts)}"'
        )
        return (
            f"{drawn}><title>{escape(title, quote=False)}</title></path>" if title else f"{drawn}/>"
        )


def _written(text: Text) -> str:
    look = f"{text.look} middle" if text.middle else text.look
    keep = _KEEP if text.middle and text.look != "tag" else ""
    shown = escape(text.text, quote=False)
    return f'<text class="{look}" x="{int(text.x)}" y="{text.y}"{keep}>{shown}</text>'


_PAD: Final = 10  # pixels between a sign and the border around it


def _marked(picture: Picture, crash: Crash) -> Picture:
    """Return `picture` with the steps of `crash` numbered, and its cause below the title.

    The lines that were taken lie on top of the others. The words repeat the colours.
    """
    cause = visible(", ".join(crash.ends.values()))
    last = picture.head[-1]
    line = fit(cause, PROSE_SIZE, picture.width - 2 * int(last.x), sans)
    return picture._replace(
        description=f"{picture.description} {visible(crash.told())}.",
        head=(*picture.head, Text("prose cause", last.x, last.y + PROSE_LINE, line)),
        body=tuple(_marked_shapes(picture.body, crash)),
    )


def _marked_shapes(body: tuple[Shape, ...], crash: Crash) -> Iterator[Shape]:
    taken: list[Shape] = []
    for shape in body:
        if isinstance(shape, Line) and shape.edge is not None and crash.took(*shape.edge):
            taken.append(shape._replace(look=f"{shape.look} taken"))
        elif isinstance(shape, Figure) and shape.node is not None:
            yield from taken
            taken = []
            yield _node(shape, crash) if crash.sign(shape.node) else shape
        else:
            yield shape
    yield from taken


def _node(part: Figure, crash: Crash) -> Figure:
    sign = crash.sign(part.node or "")
    box = next(shape for shape in part.shapes if isinstance(shape, Rect))
    across = width(sign, TAG_SIZE, sans) + 2 * _PAD
    # Left of the tag on the same border, such as "async", as far as the margin has room.
    tags = [each.x for each in part.shapes if isinstance(each, Rect) and each.y < box.y]
    x = min([box.x - TAG_INSET // 2, *(max(box.x - 24, tag - across - 2) for tag in tags)])
    cause = crash.ends.get(part.node or "")
    return part._replace(
        look=f"{part.look} taken{'' if cause is None else ' end'}",
        title=part.title if cause is None else f"{part.title}\n{crash.word}: {visible(cause)}",
        shapes=(
            *part.shapes,
            Rect("mark", x, box.y - 9, across, 17, 8.5),
            Text("tag sign", x + across / 2, box.y + 3, sign, middle=True),
        ),
    )
