"""The style sheet of the drawings, in the colours of a theme or in CSS variables."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from penstock.formats._style import (
    DARK,
    HEADING_SIZE,
    LIGHT,
    NAME_FONT,
    NAME_SIZE,
    PROSE_FONT,
    PROSE_SIZE,
    TAG_SIZE,
    TITLE_SIZE,
    Palette,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

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
)

# Where it was observed what runs.
_OBSERVED_FORMS = (
    (".line.unseen", "stroke-dasharray:0 6;stroke-linecap:round;stroke-width:2.5"),
    (".line.undeclared", "stroke-dasharray:12 3;stroke-width:3"),
    (".counts", "font-variant-numeric:tabular-nums"),
)
_OBSERVED_COLOURS = (
    (".line.undeclared", "stroke", "alarm"),
    (".tip-undeclared", "fill", "alarm"),
    (".tip-unseen", "fill", "line"),
    (".counts", "fill", "ink"),
)


def standalone(*, is_observed: bool) -> str:
    """Return the rules for a file of its own: light, and dark where the reader prefers that.

    Those for what was observed are in them only where `is_observed`.
    """
    light, dark = (_coloured(_colours_of(each), is_observed) for each in (LIGHT, DARK))
    return f"{_formed(is_observed)}{light}@media(prefers-color-scheme:dark){{{dark}}}"


def themeable(*, is_observed: bool) -> str:
    """Return the rules in CSS variables, which `variables` sets; otherwise as `standalone`."""
    named = {each.name: f"var(--{each.name})" for each in fields(Palette)}
    return _formed(is_observed) + _coloured(named, is_observed)


def variables(palette: Palette) -> str:
    """Return the declarations that set the variables of `themeable` to the colours of `palette`."""
    return "".join(f"--{name}:{colour};" for name, colour in _colours_of(palette).items())


def _colours_of(palette: Palette) -> dict[str, str]:
    return {each.name: getattr(palette, each.name) for each in fields(palette)}


def _scoped(selectors: str) -> str:
    return ",".join(f"{_ROOT} {selector}" for selector in selectors.split(","))


def _formed(is_observed: bool) -> str:
    forms = _FORMS + _OBSERVED_FORMS if is_observed else _FORMS
    return "".join(f"{_scoped(selectors)}{{{form}}}" for selectors, form in forms)


def _coloured(colours: Mapping[str, str], is_observed: bool) -> str:
    rules = _COLOURS + _OBSERVED_COLOURS if is_observed else _COLOURS
    return "".join(
        f"{_scoped(selectors)}{{{prop}:{colours[name]}}}" for selectors, prop, name in rules
    )
