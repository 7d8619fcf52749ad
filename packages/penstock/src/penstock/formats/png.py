"""Paint a graph as PNG with Pillow: the layout of the SVG, in Pillow's own font.

Pillow is the extra `penstock[png]`; it is imported when something is painted. Its built-in font
needs no system fonts but has hardly more than ASCII: accents are left out, dashes and arrows are
spelled in ASCII, and other characters become small boxes with their hexadecimal code, unless the
path of another font is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.formats._layout import PAGE
from penstock.formats._picture import paint
from penstock.formats._style import THEMES

if TYPE_CHECKING:
    from penstock._graph import Graph
    from penstock.formats._picture import Picture

__all__ = ["render"]

_MAX_PIXELS = 25_000_000
_MAX_SIDE = 30_000  # pixels; many viewers refuse more
_MIN_SCALE = 0.25  # below it names cannot be read


def render(
    graph: Graph,
    *,
    direction: str = "TD",
    page: int = PAGE,
    scale: float = 2,
    theme: str = "light",
    font: str | None = None,
) -> bytes:
    """Return `graph` as a PNG file, `scale` pixels for each pixel of the SVG for a `page`.

    A picture of more than 25 million pixels or 30,000 a side is painted at a smaller scale. Raises
    ValueError if that would be less than a quarter, and ImportError if Pillow is missing. `theme`
    is "light" or "dark"; `font` is the path of a TrueType font.
    """
    if theme not in THEMES:
        raise ValueError(f"theme is {theme!r}; it must be one of {', '.join(THEMES)}")

    from penstock.formats._raster import rasterise

    picture = paint(graph, direction=direction, page=page)
    return rasterise(picture, _possible(scale, picture), THEMES[theme], font)


def _possible(scale: float, picture: Picture) -> float:
    """Return `scale`, or the largest one under it for which the picture is not too large."""
    if not scale > 0:
        raise ValueError(f"scale is {scale!r}; it must be a positive number")
    largest = min(
        _MAX_SIDE / max(picture.width, picture.height),
        (_MAX_PIXELS / (picture.width * picture.height)) ** 0.5,
    )
    if largest < min(scale, _MIN_SCALE):
        raise ValueError(
            f"The drawing of {picture.title!r} is {picture.width} x {picture.height} pixels,"
            " too large to be read as a PNG. Use the format 'svg' or 'html'."
        )
    return min(scale, float(largest))
