"""What the drawings look like: sizes in pixels, colours for light and dark, words for kinds.

Shapes carry the meaning and colours only repeat it, so that a drawing can be printed, or read by
someone who does not see the colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock._graph import Node

NAME_SIZE = 14
NAME_LINE = 19
PROSE_SIZE = 12
PROSE_LINE = 16
TAG_SIZE = 10
TITLE_SIZE = 18
HEADING_SIZE = 13

NAME_FONT = "ui-monospace, 'SF Mono', SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"
PROSE_FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, system-ui, sans-serif"

RADIUS = 6  # of a box
ROUND_RADIUS = 18  # of an entrypoint
STACK = 5  # how far the second card of a task is shifted
BEND = 8  # radius of a line's corners
TIP = 6  # an arrowhead begins so far before the line's end
SWATCH = 30  # width of a picture in the legend


@dataclass(frozen=True, slots=True)
class Palette:
    """Hold one theme's colours, as #rrggbb."""

    paper: str
    ink: str  # names and titles
    prose: str
    line: str  # arrows
    border: str
    box: str
    entry: str  # border of an entrypoint
    entry_box: str
    link: str  # from one flow to another
    back: str  # closes a cycle
    alarm: str  # declared, but does not exist; or the other way round
    group: str
    group_border: str


LIGHT = Palette(
    paper="#ffffff",
    ink="#1b1f24",
    prose="#57606a",
    line="#6e7781",
    border="#868f99",
    box="#ffffff",
    entry="#0b5cad",
    entry_box="#eaf3fc",
    link="#7a3e9d",
    back="#9a5b00",
    alarm="#b3261e",
    group="#f6f7f9",
    group_border="#d5d9de",
)
DARK = Palette(
    paper="#0f1216",
    ink="#e8ebef",
    prose="#a3acb8",
    line="#8d97a5",
    border="#626c7a",
    box="#171b21",
    entry="#6cb2f5",
    entry_box="#13263a",
    link="#c79be6",
    back="#e0a553",
    alarm="#ff8f85",
    group="#14181d",
    group_border="#2d343d",
)
THEMES: Mapping[str, Palette] = MappingProxyType({"light": LIGHT, "dark": DARK})

# The word on a box, for what its shape does not say.
TAGS: Mapping[str, str] = MappingProxyType(
    {
        "coroutine": "async",
        "generator": "yields",
        "async_generator": "async yields",
        "task": "task",
    }
)


def shape(node: Node) -> str:
    """Return which shape `node` has: "unknown", "entrypoint", "task" or "step"."""
    if node.unknown:
        return "unknown"
    if node.entrypoint:
        return "entrypoint"
    return "task" if node.call_kind == "task" else "step"


def outline_radius(form: str, height: int) -> int:
    """Return the radius of the corners of a box that has the shape `form`."""
    return min(ROUND_RADIUS, height // 2) if form == "entrypoint" else RADIUS


def is_stacked(node: Node) -> bool:
    """Say whether there is a second card behind the box: copies of it may be waiting in a queue."""
    return node.call_kind == "task"


# What the shapes and lines mean, in the order in which a legend shows them.
LEGEND: Mapping[str, str] = MappingProxyType(
    {
        "entrypoint": "Entrypoint",
        "step": "Step",
        "task": "Task",
        "unknown": "Unknown step",
        "back": "Leads back",
        "link": "To another flow",
        "unseen": "Never seen",
        "undeclared": "Not declared",
    }
)
