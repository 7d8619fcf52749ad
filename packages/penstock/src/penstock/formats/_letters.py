"""Write text into a Pillow image, also where the font does not have all of its characters."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as _error:
    raise ImportError('PNG needs Pillow. Run: pip install "penstock[png]"') from _error

from penstock.formats._font_widths import sans

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Image", "ImageDraw", "Lettering"]

# In parts of the font size: a stroke around letters that makes them bold, and what sets them apart.
_BOLD, _APART = 0.018, 0.022
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


class Lettering:
    """Write with the TrueType font at `path`, or with Pillow's own where that is None."""

    def __init__(self, draw: ImageDraw.ImageDraw, path: str | None) -> None:
        self._draw = draw
        self._path = path
        self._fonts: dict[int, ImageFont.FreeTypeFont] = {}
        self._shown: dict[str, str] = {}

    def write_on(self, draw: ImageDraw.ImageDraw) -> None:
        """Write on another picture from now on, with the same fonts."""
        self._draw = draw

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
        text: str,
        place: tuple[float, float],
        size: float,
        colour: str,
        *,
        room: float = 0,
        middle: bool = False,
        bold: bool = False,
    ) -> None:
        """Write `text` with its baseline at `place`, smaller than `size` if it needs more `room`.

        With `middle` the place is that of the text's middle, else of its start.
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
                stroke = round(size * _BOLD) if bold else 0
                self._draw.text((x, y), piece, colour, self._sized(size), "ls", stroke_width=stroke)
            else:
                self._write_code(piece, (x, y), size, colour)
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
        self, character: str, place: tuple[float, float], size: float, colour: str
    ) -> None:
        """Write the code of a missing character in two lines, in a box."""
        x, y = place
        digits = f"{ord(character):04X}"
        half = (len(digits) + 1) // 2
        right = x + size * sans(character) / 1000
        self._draw.rectangle(
            (x + size * 0.06, y - size * 0.82, right - size * 0.06, y + size * 0.14),
            outline=colour,
            width=max(1, round(size * 0.04)),
        )
        for line, depth in ((digits[:half], 0.40), (digits[half:], -0.03)):
            font = self._sized(size * _CODE_SIZE)
            self._draw.text(((x + right) / 2, y - size * depth), line, colour, font, "ms")
