"""Paint a picture with Pillow: shapes and lines smoothly, by painting larger than asked for.

Text is written also where the font does not have all of its characters.
"""

from __future__ import annotations

import io
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as _error:
    raise ImportError('PNG needs Pillow. Run: pip install "penstock[png]"') from _error

from penstock.formats._font_widths import sans
from penstock.formats._picture import Figure, Line, Rect, Text
from penstock.formats._style import (
    HEADING_SIZE,
    NAME_SIZE,
    PROSE_SIZE,
    TAG_SIZE,
    TIP,
    TITLE_SIZE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from penstock.formats._picture import Picture, Shape
    from penstock.formats._style import Palette

    Point = tuple[float, float]

_STRIP = 1_200_000  # pixels that are painted at once; a large picture is painted in strips
_SAMPLES = 3  # a pixel of the picture is the mean of so many squared
_CURVE_STEPS = 6
_LINE, _BORDER, _ENTRY_BORDER, _FAILED_BORDER = 1.5, 1.25, 2.25, 3
_DASHES = {
    "back": (6.0, 4.0),
    "unknown": (2.0, 3.0),
    "unseen": (2.0, 5.0),
    "undeclared": (12.0, 3.0),
}
_THICKNESS = {"unseen": 2.0, "undeclared": 3.0, "implied": 1.0}  # of lines unlike the others
_BOX_DASHES = {"unknown": (5.0, 4.0), "idle": (1.5, 4.0)}
_SIZES = {"title": TITLE_SIZE, "flow": HEADING_SIZE, "name": NAME_SIZE, "tag": TAG_SIZE}
_BOLD = ("title", "flow", "name")
_AROUND = 10  # pixels that strokes and arrowheads take beside the points that a shape names
# In parts of the font size: a stroke around letters that makes them bold, and what sets them apart.
_STROKE, _APART = 0.018, 0.022
# Replacements for signs that docstrings often have, and that Pillow's own font lacks.
_INSTEAD = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),  # hyphens, dashes, minus
    "\N{LEFTWARDS ARROW}": "<-",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{NOT EQUAL TO}": "!=",
    "\N{MULTIPLICATION SIGN}": "x",
}
_MISSING = "\U0010fffd"  # a code point that no font has
_PROBE = 48  # pixels of a picture of one character
_CODE_SIZE = 0.42  # of the font size: the digits in the box of a missing character


def rasterise(picture: Picture, scale: float, palette: Palette, font: str | None) -> bytes:
    """Return `picture` as a PNG file, `scale` pixels for each of its own."""
    width, height = round(picture.width * scale), round(picture.height * scale)
    image = Image.new("RGB", (width, height))
    sheet = _with_reach([*picture.head, *picture.legend])
    body = _with_reach(picture.body)
    letters = Lettering(font)
    rows = max(1, _STRIP // (width * _SAMPLES * _SAMPLES))
    for top in range(0, height, rows):
        strip = _Strip((width, min(rows, height - top)), top, scale, palette, letters)
        strip.paint(sheet, (0, 0))
        strip.paint(body, (picture.x, picture.y))
        image.paste(strip.image.reduce(_SAMPLES), (0, top))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _with_reach(shapes: Iterable[Shape]) -> list[tuple[tuple[float, float], Shape]]:
    return [(_reach(shape), shape) for shape in shapes]


def _reach(shape: Shape) -> tuple[float, float]:
    """Return the upper and the lower end of `shape`."""
    if isinstance(shape, Figure):
        ends = [_reach(each) for each in shape.shapes]
        return min(top for top, _ in ends), max(bottom for _, bottom in ends)
    if isinstance(shape, Rect):
        return shape.y - _AROUND, shape.y + shape.height + _AROUND
    if isinstance(shape, Text):
        return shape.y - 2 * _AROUND, shape.y + _AROUND
    heights = [shape.start[1], shape.end[1], *(corner[1] for _, corner, _ in shape.bends)]
    return min(heights) - _AROUND, max(heights) + _AROUND


class _Strip:
    """Paint the strip of a picture that is `size` pixels and begins `top` pixels down.

    `scale` is the number of pixels for each pixel of the picture; `image` has _SAMPLES times more.
    """

    def __init__(
        self,
        size: tuple[int, int],
        top: int,
        scale: float,
        palette: Palette,
        letters: Lettering,
    ) -> None:
        self._unit = scale * _SAMPLES
        self._top, self._bottom = top / scale, (top + size[1]) / scale  # in the picture's pixels
        self._origin = (0.0, 0.0)
        self._palette = palette
        self.image = Image.new("RGB", (size[0] * _SAMPLES, size[1] * _SAMPLES), palette.paper)
        self._draw = ImageDraw.Draw(self.image)
        self._letters = letters

    def paint(
        self, shapes: Iterable[tuple[tuple[float, float], Shape]], origin: tuple[int, int]
    ) -> None:
        """Paint those of `shapes`, each with its upper and lower end, that are in the strip."""
        across, down = origin
        self._origin = (across, down - self._top)
        for (top, bottom), shape in shapes:
            if top + down < self._bottom and bottom + down > self._top:
                self._shape(shape, frozenset())

    def _shape(self, shape: Shape, around: frozenset[str]) -> None:
        """Paint `shape` in a part whose look has the words `around`."""
        if isinstance(shape, Figure):
            words = frozenset(shape.look.split())
            for each in shape.shapes:
                self._shape(each, words)
        elif isinstance(shape, Rect):
            self._rect(shape, around)
        elif isinstance(shape, Text):
            self._text(shape, around)
        else:
            self._line(shape)

    def _at(self, point: Point) -> Point:
        return (
            (point[0] + self._origin[0]) * self._unit,
            (point[1] + self._origin[1]) * self._unit,
        )

    def _text(self, text: Text, around: frozenset[str]) -> None:
        palette, look = self._palette, text.look
        ink = palette.alarm if "unknown" in around else palette.ink
        inks = {"prose": palette.prose, "tag": palette.prose, "tag word": palette.paper}
        self._letters.write(
            self._draw,
            text.text,
            self._at((text.x, text.y)),
            _SIZES.get(look.partition(" ")[0], PROSE_SIZE) * self._unit,
            inks.get(look, ink),
            room=text.room * self._unit,
            middle=text.middle,
            bold=look in _BOLD,
        )

    def _rect(self, rect: Rect, around: frozenset[str]) -> None:
        palette = self._palette
        if rect.look in {"plaque", "bar", "status"}:
            self._filled(rect, around)
            return
        fill, border, thickness = palette.box, palette.border, _BORDER
        if rect.look == "border":
            fill, border, thickness = palette.group, palette.group_border, 1
        elif "entrypoint" in around:
            fill, border, thickness = palette.entry_box, palette.entry, _ENTRY_BORDER
        if "failed" in around and rect.look == "box":
            border, thickness = palette.alarm, _FAILED_BORDER
        if rect.look == "box chip":
            thickness = _BORDER
        _, x, y, width, height, radius = rect
        # As in SVG, where a border's middle is the edge of the box.
        half = thickness / 2 if rect.look == "box" else 0
        dashes = _BOX_DASHES.get(next(iter(around & _BOX_DASHES.keys()), ""))
        dashed = dashes is not None and rect.look == "box"
        self._draw.rounded_rectangle(
            (self._at((x - half, y - half)), self._at((x + width + half, y + height + half))),
            (radius + half) * self._unit,
            fill,
            None if dashed else border,
            0 if dashed else round(thickness * self._unit),
        )
        if dashes and dashed:
            colour = palette.alarm if "unknown" in around else border
            edges = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
            for dash in _dashes(edges, dashes):
                self._stroke(dash, colour, thickness)

    def _filled(self, rect: Rect, around: frozenset[str]) -> None:
        """Paint a rectangle without a border: behind words, or the bar of a queue."""
        palette = self._palette
        kind = next(iter(around & {"link", "back"}), "next")
        fill = {
            "plaque": palette.paper,
            "bar": self._line_colour(kind),
            "status": palette.alarm if "failed" in around else palette.ink,
        }[rect.look]
        _, x, y, width, height, radius = rect
        corners = (self._at((x, y)), self._at((x + width, y + height)))
        self._draw.rounded_rectangle(corners, radius * self._unit, fill)

    def _stroke(self, points: Sequence[Point], colour: str, thickness: float) -> None:
        self._draw.line(
            [self._at(point) for point in points], colour, round(thickness * self._unit), "curve"
        )

    def _line(self, line: Line) -> None:
        points: list[Point] = [line.start]
        for first, corner, last in line.bends:
            points += _curve(first, corner, last)
        points.append(line.end)
        dashes = _DASHES.get(line.look)
        for part in _dashes(points, dashes) if dashes else [points]:
            self._stroke(part, self._line_colour(line.look), _THICKNESS.get(line.look, _LINE))
        self._tip(points[-2], line.end, line.look)

    def _line_colour(self, kind: str) -> str:
        palette = self._palette
        colours = {
            "back": palette.back,
            "link": palette.link,
            "unknown": palette.alarm,
            "undeclared": palette.alarm,
            "implied": palette.faint,
        }
        return colours.get(kind, palette.line)

    def _tip(self, before: Point, end: Point, kind: str) -> None:
        """Paint the arrowhead after the `end` of a line that comes from `before`."""
        across, down = end[0] - before[0], end[1] - before[1]
        length = abs(across) + abs(down) or 1
        ahead, aside = (across / length, down / length), (-down / length, across / length)

        def corner(forth: float, right: float) -> Point:
            return (
                end[0] + ahead[0] * forth + aside[0] * right,
                end[1] + ahead[1] * forth + aside[1] * right,
            )

        wings = [corner(TIP - 8, -4), corner(TIP, 0), corner(TIP - 8, 4)]
        if kind == "link":
            self._stroke([end, wings[1]], self._line_colour(kind), _LINE)
            self._stroke(wings, self._line_colour(kind), _LINE)
        else:
            self._draw.polygon([self._at(wing) for wing in wings], self._line_colour(kind))


def _curve(first: Point, corner: Point, last: Point) -> Iterator[Point]:
    """Yield points of a quadratic Bezier curve."""
    for step in range(_CURVE_STEPS + 1):
        t = step / _CURVE_STEPS
        one, two, three = (1 - t) ** 2, 2 * t * (1 - t), t**2
        yield (
            one * first[0] + two * corner[0] + three * last[0],
            one * first[1] + two * corner[1] + three * last[1],
        )


def _dashes(points: Sequence[Point], pattern: tuple[float, float]) -> Iterator[list[Point]]:
    """Yield the parts of a line that are painted, where `pattern` is the length of dash and gap."""
    painted = True
    left = pattern[0]
    dash: list[Point] = [points[0]]
    for start, end in pairwise(points):
        length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
        done = 0.0
        while length - done > left:
            done += left
            point = (
                start[0] + (end[0] - start[0]) * done / length,
                start[1] + (end[1] - start[1]) * done / length,
            )
            if painted:
                yield [*dash, point]
            painted = not painted
            left = pattern[0] if painted else pattern[1]
            dash = [point]
        left -= length - done
        dash.append(end)
    if painted and len(dash) > 1:
        yield dash


class Lettering:
    """Write with the TrueType font at `path`, or with Pillow's own where that is None."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._fonts: dict[int, ImageFont.FreeTypeFont] = {}
        self._shown: dict[str, str] = {}

    def _sized(self, size: float) -> ImageFont.FreeTypeFont:
        pixels = max(1, round(size))
        if pixels not in self._fonts:
            font = (
                ImageFont.truetype(self._path, pixels)
                if self._path
                else ImageFont.load_default(pixels)
            )
            if not isinstance(font, ImageFont.FreeTypeFont):
                raise ImportError("PNG needs a Pillow that was built with FreeType")
            self._fonts[pixels] = font
        return self._fonts[pixels]

    def write(
        self,
        draw: ImageDraw.ImageDraw,
        text: str,
        place: tuple[float, float],
        size: float,
        colour: str,
        *,
        room: float = 0,
        middle: bool = False,
        bold: bool = False,
    ) -> None:
        """Write `text` on `draw`, smaller than `size` if it needs more `room`.

        `place` is on the baseline: the middle of the text with `middle`, else its start.
        """
        pieces = list(self._pieces(text))
        if bold:
            pieces = [(each, known) for piece, known in pieces for each in piece]
        apart = _APART if bold else 0
        width = sum(self._width(piece, size, known=known) + apart * size for piece, known in pieces)
        if room and width > room:
            size *= room / width
            width = room
        x, y = place
        if middle:
            x -= width / 2
        for piece, known in pieces:
            if known:
                stroke = round(size * _STROKE) if bold else 0
                draw.text((x, y), piece, colour, self._sized(size), "ls", stroke_width=stroke)
            else:
                self._write_code(draw, piece, (x, y), size, colour)
            x += self._width(piece, size, known=known) + apart * size

    def _width(self, piece: str, size: float, *, known: bool) -> float:
        return self._sized(size).getlength(piece) if known else size * sans(piece) / 1000

    def _pieces(self, text: str) -> Iterator[tuple[str, bool]]:
        """Yield runs of characters that the font has, and one by one those that it has not."""
        run = ""
        for character in text:
            shown = self._substitute(character)
            if shown or not sans(character):  # what has no width and no sign is left out
                run += shown
                continue
            if run:
                yield run, True
                run = ""
            yield character, False
        if run:
            yield run, True

    def _substitute(self, character: str) -> str:
        """Return a text that the font has in place of `character`, or an empty string."""
        if character not in self._shown:
            base = unicodedata.normalize("NFKD", character)
            bare = "".join(each for each in base if not unicodedata.combining(each))
            if not bare.isalpha():  # a stroke through a sign is no accent: it says the opposite
                bare = ""
            choices = (character, base, bare, _INSTEAD.get(character, ""))
            self._shown[character] = next((each for each in choices if self._has(each)), "")
        return self._shown[character]

    def _has(self, text: str) -> bool:
        missing = self._picture(_MISSING)
        return bool(text) and all(each == " " or self._picture(each) != missing for each in text)

    def _picture(self, character: str) -> bytes:
        """Return the picture of one `character` in the font; fonts do not say what they lack."""
        image = Image.new("L", (_PROBE, _PROBE))
        ImageDraw.Draw(image).text((0, 0), character, 255, self._sized(_PROBE // 2))
        return image.tobytes()

    def _write_code(
        self,
        draw: ImageDraw.ImageDraw,
        character: str,
        place: tuple[float, float],
        size: float,
        colour: str,
    ) -> None:
        """Write the code of a missing character in two lines, in a box."""
        x, y = place
        digits = f"{ord(character):04X}"
        half = (len(digits) + 1) // 2
        right = x + size * sans(character) / 1000
        draw.rectangle(
            (x + size * 0.06, y - size * 0.82, right - size * 0.06, y + size * 0.14),
            outline=colour,
            width=max(1, round(size * 0.04)),
        )
        for line, depth in ((digits[:half], 0.40), (digits[half:], -0.03)):
            font = self._sized(size * _CODE_SIZE)
            draw.text(((x + right) / 2, y - size * depth), line, colour, font, "ms")
