"""A graph as a picture: its title above the drawing, the legend below, margins all around.

A picture is made of shapes, which SVG writes and PNG paints. A shape's `look` names its colours and
strokes, as classes in CSS do. All lengths are in pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from penstock._graph import FLOW
from penstock.formats._font_widths import bold, fit, sans, widest, width, wrap
from penstock.formats._layout import PAGE, lay_out, tag_width
from penstock.formats._style import (
    BEND,
    GROUP_INSET,
    HEADING_SIZE,
    LEGEND,
    NAME_LINE,
    PAD_X,
    PAD_Y,
    PROSE_GAP,
    PROSE_LINE,
    PROSE_SIZE,
    RADIUS,
    ROUND_RADIUS,
    STACK,
    STATUSES,
    SWATCH,
    TAG_INSET,
    TAGS,
    TIP,
    TITLE_SIZE,
)
from penstock.formats._wording import counted, status, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock._graph import Edge, Graph, Node
    from penstock.formats._layout import Drawing, GroupBox, NodeBox, Words
    from penstock.formats._layout import Line as Route

    Point: TypeAlias = tuple[int, int]
    Bend: TypeAlias = tuple[Point, Point, Point]  # where it begins, the corner, where it ends


_MARGIN = 28
_TOLD = 40  # entrypoints or edges; a longer description would be read aloud for minutes
_TITLE_LINE = 24
_SUBTITLE_ROOM = 480  # pixels that a summary may take, also above a narrower drawing
_BELOW_TITLE = 22
_ON_TOP = {"implied": 0, "undeclared": 2}  # lies below all other lines, and above them
_BARS = (5, 9)  # pixels before an arrowhead, for the sign of a queue
_STATUS = {"unseen": ", which was never seen", "undeclared": ", which is not declared"}
_ABOVE = 46  # pixels between a drawing and its legend
_LINE = 24
_WORD_GAP = 8
_ENTRY_GAP = 22
_LINES = ("back", "link", "queue", "implied", "unseen", "undeclared")  # entries that are lines


class Rect(NamedTuple):
    """Draw a rectangle with round corners; (x, y) is the upper left one."""

    look: str
    x: int
    y: int
    width: int
    height: int
    radius: float


class Text(NamedTuple):
    """Draw one line of text from (x, y) of its baseline on, or around it where it is `middle`.

    A font that takes more than `room` is made smaller, where that can be known.
    """

    look: str
    x: float
    y: int
    text: str
    room: int = 0
    middle: bool = False


class Line(NamedTuple):
    """Draw a line with round corners and an arrowhead, whose tip is TIP pixels after `end`.

    Each bend is a quadratic Bezier curve. `edge` has the ids of the nodes at its ends; a line of
    the legend has none. `title` is shown by a viewer that can.
    """

    look: str
    start: Point
    bends: Sequence[Bend]
    end: Point
    edge: tuple[str, str] | None = None
    title: str = ""


class Figure(NamedTuple):
    """Draw shapes that belong together, on top of each other.

    `node` is the id of their node; `edge` has those of the nodes that their line joins.
    """

    look: str
    shapes: tuple[Shape, ...]
    title: str = ""
    node: str | None = None
    edge: tuple[str, str] | None = None


Shape: TypeAlias = "Rect | Text | Line | Figure"


class Picture(NamedTuple):
    """Hold what is painted on a sheet of `width` and `height`.

    `head` and `legend` stand above and below the `body`, whose coordinates begin at (`x`, `y`) of
    the sheet. `title` and `description` are for readers who cannot see it.
    """

    title: str
    description: str
    width: int
    height: int
    x: int
    y: int
    head: tuple[Text, ...]
    body: tuple[Shape, ...]
    legend: tuple[Figure, ...]


def paint(graph: Graph, *, direction: str, others: int = 0, page: int = PAGE) -> Picture:
    """Return `graph` laid out in `direction`, with its title and the legend of what appears in it.

    `others` and `page` are as for `lay_out`. Undeclared lines lie on top of the other lines, which
    lie on top of second cards.
    """
    drawing = lay_out(graph, direction=direction, others=others, page=page)
    room = max(drawing.width, _SUBTITLE_ROOM)
    whole_title, summary = visible(graph.title), _summary(graph)
    title = wrap(whole_title, TITLE_SIZE, room, bold, lines=1)[0]
    subtitle = wrap(summary, PROSE_SIZE, room, sans, lines=2)
    baseline = _MARGIN + TITLE_SIZE
    y = _MARGIN + _TITLE_LINE + PROSE_LINE * len(subtitle) + _BELOW_TITLE
    legend, far, bottom = _legend_of(drawing, room, _MARGIN, y + drawing.height)
    wide = max(
        drawing.width,
        far,
        width(title, TITLE_SIZE, bold),
        widest(subtitle, PROSE_SIZE, sans),
    )
    return Picture(
        title=whole_title,
        description=_description(graph),
        width=wide + 2 * _MARGIN,
        height=bottom + _MARGIN,
        x=_MARGIN,
        y=y,
        head=(
            Text("title", _MARGIN, baseline, title),
            *(
                Text("prose", _MARGIN, baseline + at * PROSE_LINE + 4, line)
                for at, line in enumerate(subtitle, 1)
            ),
        ),
        body=tuple(_body(drawing)),
        legend=tuple(legend),
    )


def _summary(graph: Graph) -> str:
    for group in graph.groups:
        if len(graph.groups) == 1 or group.flow == graph.title:
            return visible(group.summary) if group.summary else ""
    steps = sum(not node.unknown for node in graph.nodes)
    return f"{counted(len(graph.groups), 'flow')}, {counted(steps, 'step')}"


def _body(drawing: Drawing) -> Iterator[Shape]:
    for group in drawing.groups:
        yield _group(group)
    for box in drawing.boxes:
        if _is_stacked(box.node):  # below the lines, since some begin or end on it
            form = _form_of(box.node)
            card = _outline(form, box.x + STACK, box.y + STACK, box.width, box.height)
            yield Figure(form, (card,))
    for line in sorted(drawing.lines, key=lambda line: _ON_TOP.get(line.kind, 1)):
        yield _line(line)
    queues = {box.node.id for box in drawing.boxes if _is_stacked(box.node)}
    signs = {line.points[-2:]: line for line in drawing.lines if line.edge.target in queues}
    for line in signs.values():
        yield _queue(line)
    for box in drawing.boxes:
        yield _node(box)
    for words in drawing.words:
        yield _words(words)


def _group(group: GroupBox) -> Figure:
    flow = visible(group.group.flow)
    name = fit(flow, HEADING_SIZE, group.room, bold)
    summary = visible(group.group.summary) if group.group.summary else ""
    lines = wrap(summary, PROSE_SIZE, group.room, sans, lines=2)
    x, y = group.x + GROUP_INSET, group.y + 26
    return Figure(
        "frame",
        (
            Rect("border", group.x, group.y, group.width, group.height, 8),
            Text("flow", x, y, name, group.room),
            *(
                Text("prose", x, y + at * PROSE_LINE, line, group.room)
                for at, line in enumerate(lines, 1)
            ),
        ),
        flow,
    )


def _line(line: Route) -> Line:
    edge = line.edge
    told = [visible(edge.label)] if edge.label else []
    told += [counted(edge.seen, "time"), edge.status] if edge.status else []
    return Line(line.kind, *_rounded(line.points), edge[:2], ", ".join(told))


def _rounded(points: Sequence[Point]) -> tuple[Point, list[Bend], Point]:
    """Return the start, the bends and the end of a line whose parts are at right angles.

    The line ends where its arrowhead begins.
    """
    (x, y), (end_x, end_y) = points[-2:]
    if x == end_x:
        end_y += TIP if end_y < y else -TIP
    else:
        end_x += TIP if end_x < x else -TIP
    bends: list[Bend] = []
    x1, y1 = points[0]
    for at in range(1, len(points) - 1):
        x2, y2 = points[at]
        x3, y3 = points[at + 1] if at < len(points) - 2 else (end_x, end_y)
        # One of each pair of differences is 0.
        before, after = x2 - x1 + y2 - y1, x3 - x2 + y3 - y2
        radius = min(BEND, abs(before) // 2, abs(after) // 2)
        back, forth = (radius if before < 0 else -radius), (radius if after > 0 else -radius)
        first = (x2, y2 + back) if x1 == x2 else (x2 + back, y2)
        last = (x2, y2 + forth) if x2 == x3 else (x2 + forth, y2)
        bends.append((first, (x2, y2), last))
        x1, y1 = x2, y2
    return points[0], bends, (end_x, end_y)


def _queue(line: Route) -> Figure:
    """Return two bars across a line before its arrowhead: what passes there may have to wait."""
    (x1, y1), (x, y) = line.points[-2:]
    bars: list[Rect] = []
    for each in _BARS:
        far = TIP + 2 + each
        if x1 == x:
            top = y - far if y > y1 else y + far - 2
            bars.append(Rect("bar", x - 5, top, 10, 2, 0))
        else:
            left = x - far if x > x1 else x + far - 2
            bars.append(Rect("bar", left, y - 5, 2, 10, 0))
    return Figure(f"queue {line.kind}", tuple(bars), edge=line.edge[:2])


def _words(words: Words) -> Figure:
    middle = words.x + words.width / 2
    return Figure(
        "words",
        (
            Rect("plaque", words.x, words.y, words.width, words.height, 4),
            *(
                Text("prose", middle, words.y + at * PROSE_LINE - 4, line, words.width, middle=True)
                for at, line in enumerate(words.lines, 1)
            ),
        ),
        edge=words.edge[:2],
    )


def _node(box: NodeBox) -> Figure:
    node = box.node
    form = _form_of(node)
    title = visible(node.name) + (f"\n{visible(node.summary)}" if node.summary else "")
    shapes: list[Shape] = [_outline(form, box.x, box.y, box.width, box.height)]
    middle, room = box.x + box.width / 2, box.width - PAD_X
    # The layer may have longer boxes than this label needs.
    y = box.y + PAD_Y + (box.height - box.label.height) // 2
    for line in box.label.name:
        shapes.append(Text("name", middle, y + NAME_LINE - 5, line, room, middle=True))
        y += NAME_LINE
    for lines, look in ((box.label.prose, "prose"), (box.label.counts, "prose counts")):
        y += PROSE_GAP if lines else 0
        for line in lines:
            shapes.append(Text(look, middle, y + PROSE_LINE - 4, line, room, middle=True))
            y += PROSE_LINE
    tag = TAGS.get(node.call_kind)
    if tag:
        across = tag_width(tag)
        x = box.x + box.width - TAG_INSET - across
        shapes.append(Rect("box chip", x, box.y - 8, across, 15, 7.5))
        shapes.append(Text("tag", x + across / 2, box.y + 3, tag, middle=True))
    found = status(node)
    if found:
        word = STATUSES[found]
        across = tag_width(word)
        x, y = box.x + box.width - TAG_INSET - across, box.y + box.height
        shapes.append(Rect("status", x, y - 7, across, 15, 3))
        shapes.append(Text("tag word", x + across / 2, y + 4, word, middle=True))
    if node.call_kind == FLOW:
        shapes.insert(1, Rect("box inner", box.x + 4, box.y + 4, box.width - 8, box.height - 8, 4))
    look = f"node {form} {found}" if found else f"node {form}"
    return Figure(look, tuple(shapes), title, node.id)


def _description(graph: Graph) -> str:
    """Describe `graph` in words, for readers who cannot see it."""
    names = {node.id: visible(node.name) for node in graph.nodes}
    steps = sum(not node.unknown and node.call_kind != FLOW for node in graph.nodes)
    whole = sum(node.call_kind == FLOW for node in graph.nodes)
    flows, edges = whole or len(graph.groups), counted(len(graph.edges), "connection")
    inside = "" if whole else f" {counted(steps, 'step')},"
    sentences = [f"{counted(flows, 'flow')},{inside} {edges}."]
    starts = [names[node.id] for node in graph.nodes if node.entrypoint]
    if 0 < len(starts) <= _TOLD:
        sentences.append(f"It starts at {', '.join(starts)}.")
    if len(graph.edges) <= _TOLD:
        sentences += [
            f"{names[edge.source]} leads to {names[edge.target]}{_said(edge)}."
            for edge in graph.edges
        ]
    return " ".join(sentences)


def _said(edge: Edge) -> str:
    label = f" ({visible(edge.label)})" if edge.label else ""
    return f"{label}{_STATUS.get(edge.status, '')}"


def _outline(form: str, x: int, y: int, across: int, down: int) -> Rect:
    """Return the border of a box of a `form`."""
    radius = min(ROUND_RADIUS, down // 2) if form == "entrypoint" else RADIUS
    return Rect("box", x, y, across, down, radius)


def _form_of(node: Node) -> str:
    """Return the form of a box: "unknown", "whole" (a flow), "entrypoint", "task" or "step"."""
    if node.unknown:
        return "unknown"
    if node.call_kind == FLOW:
        return "whole"
    if node.entrypoint:
        return "entrypoint"
    return "task" if node.call_kind == "task" else "step"


def _is_stacked(node: Node) -> bool:
    """Say whether there is a second card behind the box: copies of it may be waiting in a queue."""
    return node.call_kind == "task"


def _legend_of(drawing: Drawing, room: int, margin: int, y: int) -> tuple[list[Figure], int, int]:
    """Return the entries for what is special in the `drawing`, their width, and their end.

    They begin `margin` pixels from the left, below `y`, and take lines of `room` pixels.
    """
    seen = {_form_of(box.node) for box in drawing.boxes} | {line.kind for line in drawing.lines}
    tasks = {box.node.id for box in drawing.boxes if _is_stacked(box.node)}
    if tasks:
        seen.add("task")
    if any(line.edge.target in tasks for line in drawing.lines):
        seen.add("queue")
    keys = [key for key in LEGEND if key in seen]
    entries: list[Figure] = []
    if keys == ["step"] or not keys:
        return entries, 0, y
    x = far = 0
    y += _ABOVE
    for key in keys:
        extent = SWATCH + _WORD_GAP + width(LEGEND[key], PROSE_SIZE, sans)
        if x and x + extent > room:
            x, y = 0, y + _LINE
        entries.append(_entry(key, x + margin, y))
        far = max(far, x + extent)
        x += extent + _ENTRY_GAP
    return entries, far, y + _LINE // 2


def _entry(key: str, x: int, y: int) -> Figure:
    """Return one entry of the legend, whose middle is at the height `y`."""
    word = Text("prose", x + SWATCH + _WORD_GAP, y + 4, LEGEND[key])
    if key in _LINES:
        end = x + SWATCH - TIP
        if key != "queue":
            return Figure(key, (Line(key, (x, y), (), (end, y)), word))
        bars = (Rect("bar", end - each, y - 5, 2, 10, 0) for each in (7, 11))
        return Figure(key, (Line("next", (x, y), (), (end, y)), *bars, word))
    first = _outline(key, x, y - 8, SWATCH - 6, 16)
    if key == "whole":
        return Figure(key, (first, Rect("box inner", x + 3, y - 5, SWATCH - 12, 10, 3), word))
    if key != "task":
        return Figure(key, (first, word))
    return Figure(key, (_outline(key, x + STACK, y - 8 + STACK, SWATCH - 6, 16), first, word))
