"""Paint a graph on a sheet: its title above the drawing, the legend below, margins all around."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.formats._font_widths import bold, fit, sans, width, wrap
from penstock.formats._layout import lay_out, tag_width
from penstock.formats._paint._shapes import Line, Part, Picture, Rect, Text, rounded
from penstock.formats._style import (
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
    SWATCH,
    TAG_INSET,
    TAGS,
    TIP,
    TITLE_SIZE,
)
from penstock.formats._wording import counted, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock._graph import Graph, Node
    from penstock.formats._layout import Drawing, GroupBox, NodeBox
    from penstock.formats._layout import Line as Route
    from penstock.formats._paint._shapes import Shape

_MARGIN = 28
_TOLD = 40  # entrypoints or edges; a longer description would be read aloud for minutes
_TITLE_LINE = 24
_SUBTITLE_ROOM = 480  # pixels that a summary may take, also above a narrower drawing
_BELOW_TITLE = 22
_ABOVE_LEGEND = 46
_LEGEND_LINE = 24
_WORD_GAP = 8
_ENTRY_GAP = 22
_LINES = ("back", "link", "unseen", "undeclared")  # entries of the legend that are lines


def paint(graph: Graph, *, direction: str) -> Picture:
    """Return `graph` laid out in `direction`, with its title and the legend of what appears in it.

    Undeclared lines lie on top of the other lines, which lie on top of second cards.
    """
    drawing = lay_out(graph, direction=direction)
    room = max(drawing.width, _SUBTITLE_ROOM)
    whole_title, summary = visible(graph.title), _summary(graph)
    title = wrap(whole_title, TITLE_SIZE, room, bold, lines=1)[0]
    subtitle = wrap(summary, PROSE_SIZE, room, sans, lines=2)
    baseline = _MARGIN + TITLE_SIZE
    y = _MARGIN + _TITLE_LINE + PROSE_LINE * len(subtitle) + _BELOW_TITLE
    legend, far, bottom = _legend(drawing, room, y + drawing.height)
    wide = max(
        drawing.width,
        far,
        width(title, TITLE_SIZE, bold),
        *(width(line, PROSE_SIZE, sans) for line in subtitle),
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
    return f"{_counted(len(graph.groups), 'flow')}, {_counted(steps, 'step')}"


def _body(drawing: Drawing) -> Iterator[Shape]:
    for group in drawing.groups:
        yield _group(group)
    for box in drawing.boxes:
        if _is_stacked(box.node):  # below the lines, since some begin or end on it
            form = _form(box.node)
            card = _outline(form, box.x + STACK, box.y + STACK, box.width, box.height)
            yield Part(form, (card,))
    for line in sorted(drawing.lines, key=lambda line: line.kind == "undeclared"):
        yield _line(line)
    for box in drawing.boxes:
        yield _node(box)


def _group(group: GroupBox) -> Part:
    flow = visible(group.group.flow)
    name = fit(flow, HEADING_SIZE, group.room, bold)
    summary = visible(group.group.summary) if group.group.summary else ""
    lines = wrap(summary, PROSE_SIZE, group.room, sans, lines=2)
    x, y = group.x + GROUP_INSET, group.y + 26
    return Part(
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
    title = f"{counted(edge.seen, 'time')}, {edge.status}" if edge.status else ""
    return Line(line.kind, *rounded(line.points), edge[:2], title)


def _node(box: NodeBox) -> Part:
    node = box.node
    form = _form(node)
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
    return Part(f"node {form}", tuple(shapes), title, node.id)


def _outline(form: str, x: int, y: int, across: int, down: int) -> Rect:
    radius = min(ROUND_RADIUS, down // 2) if form == "entrypoint" else RADIUS
    return Rect("box", x, y, across, down, radius)


def _form(node: Node) -> str:
    """Return the form of the box of `node`: "unknown", "entrypoint", "task" or "step"."""
    if node.unknown:
        return "unknown"
    if node.entrypoint:
        return "entrypoint"
    return "task" if node.call_kind == "task" else "step"


def _is_stacked(node: Node) -> bool:
    """Say whether there is a second card behind the box: copies of it may be waiting in a queue."""
    return node.call_kind == "task"


def _legend(drawing: Drawing, room: int, y: int) -> tuple[list[Part], int, int]:
    """Return the entries for what is special in the `drawing`, their width, and their end."""
    seen = {_form(box.node) for box in drawing.boxes} | {line.kind for line in drawing.lines}
    if any(_is_stacked(box.node) for box in drawing.boxes):
        seen.add("task")
    keys = [key for key in LEGEND if key in seen]
    entries: list[Part] = []
    if keys == ["step"] or not keys:
        return entries, 0, y
    x = far = 0
    y += _ABOVE_LEGEND
    for key in keys:
        extent = SWATCH + _WORD_GAP + width(LEGEND[key], PROSE_SIZE, sans)
        if x and x + extent > room:
            x, y = 0, y + _LEGEND_LINE
        entries.append(_entry(key, x + _MARGIN, y))
        far = max(far, x + extent)
        x += extent + _ENTRY_GAP
    return entries, far, y + _LEGEND_LINE // 2


def _entry(key: str, x: int, y: int) -> Part:
    """Return one entry of the legend, whose middle is at the height `y`."""
    word = Text("prose", x + SWATCH + _WORD_GAP, y + 4, LEGEND[key])
    if key in _LINES:
        return Part(key, (Line(key, (x, y), (), (x + SWATCH - TIP, y)), word))
    first = _outline(key, x, y - 8, SWATCH - 6, 16)
    if key != "task":
        return Part(key, (first, word))
    return Part(key, (_outline(key, x + STACK, y - 8 + STACK, SWATCH - 6, 16), first, word))


def _description(graph: Graph) -> str:
    """Return in words what `graph` shows, for readers who cannot see it."""
    names = {node.id: visible(node.name) for node in graph.nodes}
    steps = sum(not node.unknown for node in graph.nodes)
    flows, edges = _counted(len(graph.groups), "flow"), _counted(len(graph.edges), "connection")
    sentences = [f"{flows}, {_counted(steps, 'step')}, {edges}."]
    starts = [names[node.id] for node in graph.nodes if node.entrypoint]
    if 0 < len(starts) <= _TOLD:
        sentences.append(f"It starts at {', '.join(starts)}.")
    if len(graph.edges) <= _TOLD:
        sentences += [
            f"{names[edge.source]} leads to {names[edge.target]}{_STATUS.get(edge.status, '')}."
            for edge in graph.edges
        ]
    return " ".join(sentences)


_STATUS = {"unseen": ", which was never seen", "undeclared": ", which is not declared"}


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
