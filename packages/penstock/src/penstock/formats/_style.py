"""Sizes in pixels, colours for light and dark, and the words on boxes and in the legend.

Shapes carry the meaning and colours only repeat it: a drawing can be printed, and read by someone
who does not see the colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_SIZE = 14
NAME_LINE = 19
PROSE_SIZE = 12
PROSE_LINE = 16
TAG_SIZE = 10
TITLE_SIZE = 18
HEADING_SIZE = 13

NAME_FONT = "ui-monospace, 'SF Mono', SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"
PROSE_FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, system-ui, sans-serif"

PAD_X = 14  # between the border of a node box and its text
PAD_Y = 11
PROSE_GAP = 4  # between the name, the prose under it and the counts under that
TAG_INSET = 12  # from the right border of a node box to the tag on its upper border
GROUP_INSET = 20  # between the border of a group and what is in it

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


# The meaning of the shapes and lines, in the order of a legend.
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
