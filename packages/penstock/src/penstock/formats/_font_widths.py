"""How wide text is, and how it is broken into lines, without a font.

Widths are in thousandths of the font size and bounds for the usual fonts, since nobody knows which
of them a reader has: `_SANS` has, for each character, the wider one of Arial and DejaVu Sans; Segoe
UI, Roboto and SF have less. The tables are fixed: `unicodedata` follows the interpreter's Unicode
version, so drawings would differ between interpreters.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

# Advance widths of U+0020 to U+007E: what is wider, in Arial (as Helvetica and Liberation Sans) or
# in DejaVu Sans.
_SANS = (
    "318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 "
    "636 636 636 337 337 838 838 838 556 1015 684 686 722 770 667 611 778 752 295 500 667 557 863 "
    "748 787 667 787 722 667 611 732 684 989 685 667 685 390 337 390 838 556 500 613 635 550 635 "
    "615 352 635 634 278 278 579 278 974 634 612 635 635 411 521 392 634 592 818 592 592 525 636 "
    "337 636 838"
)
_ASCII_WIDTHS = (*[0] * 0x20, *map(int, _SANS.split()), 0)  # without controls, by code
_MONO_WIDTH = 610  # Menlo and DejaVu Sans Mono have 602, Courier New and Liberation Mono 600
_LETTER_WIDTH = 700  # Latin, Greek, Cyrillic beyond ASCII in a sans font
_UNKNOWN_WIDTH = 1000  # any other script: one em
_WIDE_WIDTH = 1000  # a CJK character fills its square
_EMOJI_WIDTH = 1350  # Noto Color Emoji has up to 1.3 em
_CUNEIFORM, _CUNEIFORM_WIDTH = range(0x12000, 0x12550), 3000  # signs that are words
_BASMALA, _BASMALA_WIDTH = 0xFDFD, 9000  # one character that is a sentence

# First code points of ranges that alternate between "in" and "out".
_ALPHABETIC = (0xA0, 0x250, 0x370, 0x530, 0x1E00, 0x2000, 0x2010, 0x2027)
_ZERO = (
    *(0x300, 0x370, 0x483, 0x48A, 0x591, 0x5BE, 0x610, 0x61B, 0x64B, 0x660, 0x6D6, 0x6DD),
    *(0x1AB0, 0x1B00, 0x1DC0, 0x1E00, 0x200B, 0x2010, 0x20D0, 0x2100, 0x302A, 0x3030),
    *(0x3099, 0x309B, 0xFE00, 0xFE10, 0xFE20, 0xFE30, 0x1F3FB, 0x1F400, 0xE0100, 0xE01F0),
)
_WIDE = (
    *(0x1100, 0x1160, 0x2E80, 0x303F, 0x3041, 0x4DC0, 0x4E00, 0xA4D0, 0xA960, 0xA980),
    *(0xAC00, 0xD7B0, 0xF900, 0xFB00, 0xFE30, 0xFE70, 0xFF01, 0xFF61, 0xFFE0, 0xFFE7),
    *(0x16FE0, 0x18D10, 0x1AFF0, 0x1B300, 0x20000, 0x3FFFE),
)
_EMOJI = (0x231A, 0x2400, 0x25A0, 0x27C0, 0x2900, 0x2C00, 0x1F000, 0x1FB00)
_LINE = 400  # characters; none of the lines is so long
_JOINER = "\u200d"
_CJK = 0x1100  # scripts written without spaces, where a line may end after any character


def _within(ranges: tuple[int, ...], code: int) -> bool:
    return bisect_right(ranges, code) % 2 == 1


def mono(text: str) -> int:
    """Return the width of `text` in a monospaced font, in thousandths of the font's size."""
    return len(text) * _MONO_WIDTH if text.isascii() else sum(map(_mono_sign, text))


def _mono_sign(character: str) -> int:
    code = ord(character)
    is_letter = _within(_ALPHABETIC, code) and not _within(_ZERO, code)
    return _MONO_WIDTH if is_letter or character.isascii() else _rare(code)


def sans(text: str) -> int:
    """Return the width of `text` in a proportional sans font, in thousandths of its size."""
    if text.isascii():
        return sum(map(_ASCII_WIDTHS.__getitem__, text.encode()))
    return sum(_ASCII_WIDTHS[ord(each)] if each.isascii() else _rare(ord(each)) for each in text)


def bold(text: str) -> int:
    """Return the width of `text` in the same font's bold letters, in thousandths of its size."""
    return sans(text) * 9 // 8


@lru_cache(maxsize=4096)
def _rare(code: int) -> int:
    if _within(_ZERO, code):
        return 0
    if _within(_WIDE, code):
        return _WIDE_WIDTH
    if _within(_EMOJI, code):
        return _EMOJI_WIDTH
    if _within(_ALPHABETIC, code):
        return _LETTER_WIDTH
    if code in _CUNEIFORM:
        return _CUNEIFORM_WIDTH
    return _BASMALA_WIDTH if code == _BASMALA else _UNKNOWN_WIDTH


def width(text: str, size: int, font: Callable[[str], int]) -> int:
    """Return how many pixels `text` takes at most in `font`, such as `mono`, at `size` pixels."""
    return -(-size * font(text) // 1000)


def widest(lines: Iterable[str], size: int, font: Callable[[str], int]) -> int:
    """Return how many pixels the widest of `lines` takes at most; 0 without lines."""
    return -(-size * max(map(font, lines), default=0) // 1000)


def clusters(text: str) -> list[str]:
    """Return `text` in pieces that are one sign to a reader: accents, joined emoji, flags."""
    pieces: list[str] = []
    for each in text:
        if pieces and _continues(pieces[-1], each):
            pieces[-1] += each
        else:
            pieces.append(each)
    return pieces


def _continues(piece: str, character: str) -> bool:
    code = ord(character)
    if character == _JOINER or _within(_ZERO, code) or piece[-1] == _JOINER:
        return True
    flag = (0x1F1E6, 0x1F200)
    return len(piece) == 1 and _within(flag, code) and _within(flag, ord(piece))


def fit(text: str, size: int, room: int, font: Callable[[str], int]) -> str:
    """Return `text`, or as much of its start as fits into `room` pixels with an ellipsis."""
    if width(text, size, font) <= room:
        return text
    left = room * 1000 - size * font(ELLIPSIS)
    kept: list[str] = []
    for piece in clusters(text):
        left -= size * font(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + ELLIPSIS


def _fit_end(text: str, size: int, room: int, font: Callable[[str], int]) -> str:
    """Return an ellipsis and as much of the end of the name `text` as fits into `room` pixels."""
    left = room * 1000 // size - font(ELLIPSIS)
    taken = _fitting(list(_words(text, code=True))[::-1], left, font)
    kept = taken or _fitting(clusters(text)[::-1], left, font)
    return ELLIPSIS + text[len(text) - kept :].lstrip(" ")


def wrap(
    text: str, size: int, room: int, font: Callable[[str], int], *, lines: int, code: bool = False
) -> list[str]:
    """Return `text` in at most `lines` lines that fit into `room` pixels; the last may be cut.

    Prose is broken at spaces; with `code` also after `_`, `.`, `:`, `/`, `-` and where a capital
    follows a small letter. Text without such a place is broken between characters. Prose is
    cut at its end, a name before its end, since names of one module differ there.
    """
    result: list[str] = []
    while text:
        if width(text, size, font) <= room:
            return [*result, text.rstrip(" ")]
        if len(result) == lines - 1:
            shortened = _fit_end if code else fit
            return [*result, shortened(text, size, room, font)]
        line = _first_line(text, room * 1000 // size, font, code=code)
        result.append(line.rstrip(" "))
        text = text[len(line) :].lstrip(" ")
    return result


def _first_line(text: str, room: int, font: Callable[[str], int], *, code: bool) -> str:
    """Return the start of `text` that fits into `room` thousandths of the font size."""
    taken = _fitting(_words(text, code=code), room, font)
    if not text[:taken].strip(" "):  # a word that does not fit, maybe after spaces
        taken = _fitting(clusters(text[:_LINE]), room, font) or 1
    return text[:taken]


def _fitting(pieces: Iterable[str], room: int, font: Callable[[str], int]) -> int:
    """Return how many characters the pieces have that go into `room` one after the other."""
    taken = used = 0
    for piece in pieces:
        used += font(piece)
        hangs = font(" ") if piece.endswith(" ") else 0
        if used - hangs > room:
            break
        taken += len(piece)
    return taken


def _words(text: str, *, code: bool) -> Iterator[str]:
    """Yield `text` in pieces after each of which a line may end; joined they are `text`."""
    start = 0
    for index in range(1, len(text)):
        before, after = text[index - 1], text[index]
        if (
            (before == " " != after)
            or (code and _joint(before, after))
            or (ord(before) > _CJK and sans(before) == sans(after) == _WIDE_WIDTH)
        ):
            yield text[start:index]
            start = index
    yield text[start:]


def _joint(before: str, after: str) -> bool:
    """Say whether a name may be broken between these two characters."""
    return (before in "_.:/-" and after not in "_.:/-") or (
        "a" <= before <= "z" and "A" <= after <= "Z"
    )
