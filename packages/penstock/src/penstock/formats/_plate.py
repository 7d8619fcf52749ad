"""Put a layout on a plate: title above, legend below, margins all around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.formats import visible
from penstock.formats._layout import Box, Drawing, Frame, Line, lay_out
from penstock.formats._layout._measure import PAD_Y, PROSE_GAP
from penstock.formats._metrics import bold, fit, sans, width, wrap
from penstock.formats._style import (
    HEADING_SIZE,
    LEGEND,
    NAME_LINE,
    PROSE_LINE,
    PROSE_SIZE,
    SWATCH,
    TITLE_SIZE,
    is_stacked,
    shape,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock._graph import Graph

MARGIN = 28
_TOLD = 40  # entrypoints or edges; a longer description would be read aloud for minutes
_TITLE_LINE = 24
_SUBTITLE_ROOM = 480  # pixels that a summary may take, also above a narrower drawing
_BELOW_TITLE = 22
_ABOVE_LEGEND = 46
_LEGEND_LINE = 24
_WORD_GAP = 8
_ENTRY_GAP = 22


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one entry of the legend: which shape or line, its word, and where its picture begins.

    `y` is the height of its middle.
    """

    key: str
    word: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Plate:
    """Hold a drawing that begins at (`x`, `y`) of a plate of `width` and `height`.

    `title` is one line, `subtitle` several; their first baseline is at `title_y`.
    """

    drawing: Drawing
    x: int
    y: int
    width: int
    height: int
    title: str
    title_y: int
    subtitle: tuple[str, ...]
    legend: tuple[Entry, ...]


def plate(graph: Graph, *, direction: str) -> Plate:
    """Return `graph` laid out, with its title and the legend of what appears in it."""
    drawing = lay_out(graph, direction=direction)
    room = max(drawing.width, _SUBTITLE_ROOM)
    title = visible(graph.title)
    title = wrap(title, TITLE_SIZE, room, bold, lines=1)[0]
    subtitle = tuple(wrap(_summary(graph), PROSE_SIZE, room, sans, lines=2))
    y = MARGIN + _TITLE_LINE + PROSE_LINE * len(subtitle) + _BELOW_TITLE
    entries, bottom = _legend(drawing, room, y + drawing.height)
    wide = max(
        drawing.width,
        width(title, TITLE_SIZE, bold),
        *(width(line, PROSE_SIZE, sans) for line in subtitle),
        *(entry.x + SWATCH + _WORD_GAP + width(entry.word, PROSE_SIZE, sans) for entry in entries),
        0,
    )
    return Plate(
        drawing=drawing,
        x=MARGIN,
        y=y,
        width=wide + 2 * MARGIN,
        height=bottom + MARGIN,
        title=title,
        title_y=MARGIN + TITLE_SIZE,
        subtitle=subtitle,
        legend=tuple(entries),
    )


def _summary(graph: Graph) -> str:
    for group in graph.groups:
        if len(graph.groups) == 1 or group.flow == graph.title:
            return visible(group.summary) if group.summary else ""
    steps = sum(not node.unknown for node in graph.nodes)
    return f"{_counted(len(graph.groups), 'flow')}, {_counted(steps, 'step')}"


def _legend(drawing: Drawing, room: int, y: int) -> tuple[list[Entry], int]:
    """Return the entries for what is special in the `drawing`, and where the legend ends."""
    seen = {shape(box.node) for box in drawing.boxes} | {line.kind for line in drawing.lines}
    if any(is_stacked(box.node) for box in drawing.boxes):
        seen.add("task")
    keys = [key for key in LEGEND if key in seen]
    entries: list[Entry] = []
    if keys == ["step"] or not keys:
        return entries, y
    x = 0
    y += _ABOVE_LEGEND
    for key in keys:
        word = LEGEND[key]
        extent = SWATCH + _WORD_GAP + width(word, PROSE_SIZE, sans)
        if x and x + extent > room:
            x, y = 0, y + _LEGEND_LINE
        entries.append(Entry(key, word, x, y))
        x += extent + _ENTRY_GAP
    return entries, y + _LEGEND_LINE // 2


def painted(lines: Iterable[Line]) -> list[Line]:
    """Return `lines` in the order in which they are painted: what is not declared lies on top."""
    return sorted(lines, key=lambda line: line.kind == "undeclared")


def box_texts(box: Box) -> list[tuple[str, str, int]]:
    """Return the lines in a box, all centred: text, its form, and its baseline."""
    texts: list[tuple[str, str, int]] = []
    # The layer may have longer boxes than this label needs.
    y = box.y + PAD_Y + (box.height - box.label.height) // 2
    for line in box.label.name:
        texts.append((line, "name", y + NAME_LINE - 5))
        y += NAME_LINE
    for lines, form in ((box.label.prose, "prose"), (box.label.counts, "prose counts")):
        y += PROSE_GAP if lines else 0
        for line in lines:
            texts.append((line, form, y + PROSE_LINE - 4))
            y += PROSE_LINE
    return texts


def frame_texts(frame: Frame) -> list[tuple[str, str, int]]:
    """Return what is written at the top of a frame: text, its form, and its baseline."""
    name = fit(visible(frame.group.flow), HEADING_SIZE, frame.room, bold)
    summary = visible(frame.group.summary) if frame.group.summary else ""
    lines = wrap(summary, PROSE_SIZE, frame.room, sans, lines=2)
    return [
        (name, "flow", frame.y + 26),
        *((line, "prose", frame.y + 26 + at * PROSE_LINE) for at, line in enumerate(lines, 1)),
    ]


def describe(graph: Graph) -> str:
    """Return in words what `graph` shows, for those who cannot see it."""
    names = {node.id: visible(node.name) for node in graph.nodes}
    steps = sum(not node.unknown for node in graph.nodes)
    flows, edges = _counted(len(graph.groups), "flow"), _counted(len(graph.edges), "connection")
    sentences = [f"{flows}, {_counted(steps, 'step')}, {edges}."]
    starts = [names[node.id] for node in graph.nodes if node.entrypoint]
    if 0 < len(starts) <= _TOLD:
        sentences.append(f"It starts at {', '.join(starts)}.")
    if len(graph.edges) <= _TOLD:
        sentences += [
            f"{names[edge.source]} leads to {names[edge.target]}{_OBSERVED.get(edge.status, '')}."
            for edge in graph.edges
        ]
    return " ".join(sentences)


_OBSERVED = {"unseen": ", which was never seen", "undeclared": ", which is not declared"}


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
