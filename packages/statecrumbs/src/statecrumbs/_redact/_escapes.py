r"""Read a text without its escapes, and find each place of it in the text with them.

The colours of a terminal and characters that cannot be seen are left out. Letters that JSON, a URL,
XML or the `repr` of bytes spell out are read as what they are: contrase\u00f1a, contrase%C3%B1a.
Signs that end a value there, quotes among them, stay as they are.
"""

from __future__ import annotations

import re
from bisect import bisect_right

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from statecrumbs._redact._extents import Span

_UNSEEN = r"""
    (?: [\x1b\x9b] | \\{1,4}(?:x1b|u001[bB]|033|e)(?=\[) )
    (?: \[ [0-?]{0,32} [ -/]{0,4} [@-~] | \][^\x07\x1b]{0,256}(?:\x07|\x1b\\) | [@-Z\\-_] )?
    | [\u200b-\u200f\u2060\ufeff]
    | \\{1,4}(?:xa0|u00[aA]0|u20[01]\w|u202[fF]|u2060|u3000|u[fF][eE][fF][fF])
    """
# All but ASCII, with the exception of & < = >, which encoders of JSON escape for HTML
_CODE = r"(?!00(?:[01456789]|2[0-57-9a-f]|3[0-9abf])|d[89a-f])[0-9a-f]{4}"
_LETTER = rf"""
    (?: \\{{1,8}} | %(?:25){{0,2}}5C ) u (?P<code>{_CODE})
    | &\#x 0{{0,4}} (?P<hex> [89a-f][0-9a-f] | [0-9a-f]{{3,4}} ) ;
    | &\#0{{0,4}} (?P<decimal> 1[3-9]\d | 12[89] | [2-9]\d\d | \d{{4,5}} ) ;
    | \\{{1,4}}x(?P<latin>[c-f][0-9a-f]) (?!\\{{1,4}}x[89ab])
    | (?P<bytes> (?P<sign> %(?:25){{0,2}} | \\{{1,8}}x ) (?:
          [cd][0-9a-f] (?P=sign)[89ab][0-9a-f] | e[0-9a-f] (?: (?P=sign)[89ab][0-9a-f] ){{2}} ) )
    """
_ESCAPE = re.compile(rf"{_UNSEEN} | (?i:{_LETTER})", re.VERBOSE)
_BYTE = re.compile(r"[%x](?:25)*([0-9a-fA-F]{2})")
_BACKSLASHED = re.compile(r"\\(?:x1b|u001[bB]|033|e\[|xa0|u(?!00[014-9])|x[c-fC-F])").search
_PERCENT = re.compile(r"%(?:25){0,2}(?:[c-eC-E][0-9a-fA-F]%|5[cC]u)").search
# Wide signs of East Asia, and blanks that are not broken: a French colon stands behind one
_WIDE_SIGNS = (0xFF02, 0xFF07, 0xFF08, 0xFF09, 0xFF0C, 0xFF1A, 0xFF1B, 0xFF1D, 0xFF3B, 0xFF3D)
_NARROW = {
    **dict.fromkeys((0xA0, 0x2007, 0x202F, 0x3000), " "),
    **{wide: chr(wide - 0xFEE0) for wide in _WIDE_SIGNS},
    # The lines around the cells of a table
    **dict.fromkeys(range(0x2500, 0x2580), "+"),
    **dict.fromkeys((0x2500, 0x2501, 0x2504, 0x2505, 0x2508, 0x2509, 0x2550), "-"),
    **dict.fromkeys((0x2502, 0x2503, 0x2506, 0x2507, 0x250A, 0x250B, 0x2551), "|"),
}
_WIDE = re.compile(f"[{''.join(map(chr, _NARROW))}\u200b-\u200f\u2060\ufeff]").search


class Plain:
    """A `text` without escapes, and of each escape its place in it.

    `_gone` has the number of characters that were left out up to each place. A letter stands at
    the last character of its escape; `_letters` has the number of those before.
    """

    __slots__ = ("_gone", "_letters", "_places", "text")

    def __init__(self, text: str) -> None:
        parts: list[str] = []
        self._places: list[int] = []
        self._gone: list[int] = []
        self._letters: dict[int, int] = {}
        done = gone = 0
        for found in _ESCAPE.finditer(text):
            letter = _letter(found).translate(_NARROW)
            parts += text[done : found.start()], letter
            done = found.end()
            if letter:
                self._letters[found.start() - gone] = done - found.start() - 1
            self._places.append(found.start() - gone)
            gone += done - found.start() - len(letter)
            self._gone.append(gone)
        self.text = "".join([*parts, text[done:]])

    def moved(self, spans: Iterable[Span]) -> list[Span]:
        """Return the `spans` as spans of the text with escapes."""
        before = self._letters.get
        return [
            (self._move(start) - before(start, 0), self._move(end - 1) + 1)
            for start, end in spans
            if end > start
        ]

    def _move(self, at: int) -> int:
        index = bisect_right(self._places, at)
        return at + self._gone[index - 1] if index else at


def without_escapes(text: str) -> Plain | None:
    """Return `text` without escapes and with narrow signs, or None if it is so already."""
    narrow = text if text.isascii() or not _WIDE(text) else text.translate(_NARROW)
    if (
        narrow is not text
        or "\x1b" in text
        or ("\\" in text and _BACKSLASHED(text))
        or ("%" in text and _PERCENT(text))
        or "&#" in text
    ):
        return Plain(narrow)
    return None


def _letter(found: re.Match[str]) -> str:
    """Return the letter that an escape spells; "" of one that is not seen."""
    code = found["code"] or found["hex"] or found["latin"]
    if code or found["decimal"]:
        return chr(int(code, 16) if code else int(found["decimal"]))
    spelled = bytes.fromhex("".join(_BYTE.findall(found["bytes"] or "")))
    return spelled.decode("utf-8", "replace")
