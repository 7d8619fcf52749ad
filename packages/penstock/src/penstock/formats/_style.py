"""Sizes in pixels, colours for light and dark, the words on boxes and in the legend; their CSS.

Shapes carry the meaning and colours only repeat it: a drawing can be printed, and read by someone
who does not see the colours.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

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


class Palette(NamedTuple):
    """Hold one theme's colours, as #rrggbb."""

    paper: str
    ink: str  # names and titles
    prose: str
    line: str  # arrows
    faint: str  # arrows that others imply
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
    faint="#b7bec6",
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
    faint="#4b5461",
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


# The word on the lower border of a box, for what was observed.
STATUSES: Mapping[str, str] = MappingProxyType(
    {"failed": "failed", "passed": "passed through", "idle": "never ran"}
)

# The meaning of the shapes and lines, in the order of a legend.
LEGEND: Mapping[str, str] = MappingProxyType(
    {
        "entrypoint": "Entrypoint",
        "step": "Step",
        "task": "Task",
        "whole": "Flow",
        "unknown": "Unknown step",
        "back": "Leads back",
        "link": "To another flow",
        "queue": "To a task, through a queue",
        "implied": "Implied by others",
        "unseen": "Never seen",
        "undeclared": "Not declared",
    }
)


_ROOT = ".penstock"

_FORMS = (
    ("text", f"font-family:{PROSE_FONT};font-size:{PROSE_SIZE}px"),
    (".title", f"font-size:{TITLE_SIZE}px;font-weight:600"),
    (".flow", f"font-size:{HEADING_SIZE}px;font-weight:600"),
    (".name", f"font-family:{NAME_FONT};font-size:{NAME_SIZE}px;font-weight:600"),
    (".tag", f"font-size:{TAG_SIZE}px;font-weight:500;letter-spacing:.02em"),
    (".middle", "text-anchor:middle"),
    (".box", "stroke-width:1.25"),
    (".entrypoint .box", "stroke-width:2.25"),
    (".node .chip", "stroke-width:1.25;stroke-dasharray:none"),
    (".unknown .box", "stroke-dasharray:5 4"),
    (".unknown .name", "font-style:italic"),
    (".line", "fill:none;stroke-width:1.5"),
    (".line.back", "stroke-dasharray:6 4"),
    (".line.unknown", "stroke-dasharray:2 3"),
    (".line.implied", "stroke-width:1"),
    (".tip-link", "fill:none;stroke-width:1.5"),
)

# Selector, property, and the name of the colour in the palette.
_COLOURS = (
    (".paper", "fill", "paper"),
    (".title,.flow,.name", "fill", "ink"),
    (".prose,.tag", "fill", "prose"),
    (".box", "fill", "box"),
    (".box", "stroke", "border"),
    (".entrypoint .box", "fill", "entry_box"),
    (".entrypoint .box", "stroke", "entry"),
    (".unknown .box", "stroke", "alarm"),
    (".unknown .name", "fill", "alarm"),
    (".frame .border", "fill", "group"),
    (".frame .border", "stroke", "group_border"),
    (".line", "stroke", "line"),
    (".tip-next", "fill", "line"),
    (".line.back", "stroke", "back"),
    (".tip-back", "fill", "back"),
    (".line.link,.tip-link", "stroke", "link"),
    (".line.unknown", "stroke", "alarm"),
    (".tip-unknown", "fill", "alarm"),
    (".line.implied", "stroke", "faint"),
    (".tip-implied", "fill", "faint"),
    (".plaque", "fill", "paper"),
    (".bar", "fill", "line"),
    (".link .bar", "fill", "link"),
    (".back .bar", "fill", "back"),
)

# For graphs with evidence.
_OBSERVED_FORMS = (
    (".line.unseen", "stroke-dasharray:0 6;stroke-linecap:round;stroke-width:2.5"),
    (".line.undeclared", "stroke-dasharray:12 3;stroke-width:3"),
    (".counts", "font-variant-numeric:tabular-nums"),
    (".idle .box:not(.chip)", "stroke-dasharray:1 4;stroke-linecap:round;stroke-width:2"),
    (".failed .box:not(.chip)", "stroke-width:3"),
    (".status", "stroke:none"),
    (".word", "font-weight:700"),
)
_OBSERVED_COLOURS = (
    (".line.undeclared", "stroke", "alarm"),
    (".tip-undeclared", "fill", "alarm"),
    (".tip-unseen", "fill", "line"),
    (".counts", "fill", "ink"),
    (".failed .box:not(.chip)", "stroke", "alarm"),
    (".status", "fill", "ink"),
    (".failed .status", "fill", "alarm"),
    (".word", "fill", "paper"),
)

# For a crash: the steps of its operation, and the step in which it ended.
_CRASH_FORMS = (
    (".taken .box:not(.chip)", "stroke-width:2.5"),
    (".end .box:not(.chip)", "stroke-width:4"),
    (".line.taken", "stroke-width:4"),
    (".sign", "font-weight:700;letter-spacing:.02em"),
    (".taken .mark", "stroke-width:1.25"),
)
_CRASH_COLOURS = (
    (".taken .box:not(.chip),.taken .mark,.line.taken", "stroke", "ink"),
    (".mark,.tip-taken,.sign", "fill", "ink"),
    (".node .sign", "fill", "paper"),
    (".end .box:not(.chip),.end .mark", "stroke", "alarm"),
    (".end .mark,.cause", "fill", "alarm"),
)


def standalone(*, is_observed: bool, is_crash: bool = False) -> str:
    """Return the rules for a file of its own: light, and dark where the reader prefers that.

    Those for what was observed are in them only where `is_observed`, those for a crash only where
    `is_crash`.
    """
    light, dark = (_coloured(each._asdict(), is_observed, is_crash) for each in (LIGHT, DARK))
    return f"{_formed(is_observed, is_crash)}{light}@media(prefers-color-scheme:dark){{{dark}}}"


def themeable(*, is_observed: bool, is_crash: bool = False) -> str:
    """Return the rules in CSS variables, which `variables` sets; otherwise as `standalone`."""
    named = {name: f"var(--{name})" for name in Palette._fields}
    return _formed(is_observed, is_crash) + _coloured(named, is_observed, is_crash)


def variables(palette: Palette) -> str:
    """Return the declarations that set the variables of `themeable` to the colours of `palette`."""
    return "".join(f"--{name}:{colour};" for name, colour in palette._asdict().items())


def _scoped(selectors: str) -> str:
    return ",".join(f"{_ROOT} {selector}" for selector in selectors.split(","))


def _formed(is_observed: bool, is_crash: bool) -> str:
    forms = _FORMS + _OBSERVED_FORMS * is_observed + _CRASH_FORMS * is_crash
    return "".join(f"{_scoped(selectors)}{{{form}}}" for selectors, form in forms)


def _coloured(colours: Mapping[str, str], is_observed: bool, is_crash: bool) -> str:
    rules = _COLOURS + _OBSERVED_COLOURS * is_observed + _CRASH_COLOURS * is_crash
    return "".join(
        f"{_scoped(selectors)}{{{prop}:{colours[name]}}}" for selectors, prop, name in rules
    )
