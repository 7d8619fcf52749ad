"""How many columns of a terminal text takes.

Unicode 3.2, which every Python carries beside its own version, decides, so that a drawing is the
same under each of them. Newer characters of two columns are listed here.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import ucd_3_2_0 as unicode

# From EastAsianWidth.txt of Unicode 15.1: emoji that became wide, and newer blocks that are.
_WIDE = frozenset(
    "\u231a\u231b\u23e9\u23ea\u23eb\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648\u2649\u264a"
    "\u264b\u264c\u264d\u264e\u264f\u2650\u2651\u2652\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd"
    "\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728"
    "\u274c\u274e\u2753\u2754\u2755\u2757\u2795\u2796\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
)
_WIDE_BLOCKS = (
    (0x2E80, 0xA4CF),
    (0xA960, 0xA97C),
    (0xF900, 0xFAFF),
    (0xFE10, 0xFE19),
    (0x16FE0, 0x1B2FF),
    (0x1F200, 0x1F64F),
    (0x1F680, 0x1F6FF),
    (0x1F7E0, 0x1F7F0),
    (0x1F900, 0x1F9FF),
    (0x1FA70, 0x1FAFF),
    (0x20000, 0x3FFFD),
)
_JOINER = "\N{ZERO WIDTH JOINER}"  # what it joins to an emoji takes no room of its own


def columns(text: str) -> int:
    """Return how many columns `text`, which has no control characters, takes."""
    if text.isascii():
        return len(text)
    return sum(
        _column(char) if before != _JOINER else 0
        for before, char in zip(" " + text, text, strict=False)
    )


def shortened(text: str, room: int) -> str:
    """Return `text`, or as much of its start as fits into `room` columns with an ellipsis."""
    if columns(text) <= room:
        return text
    kept = text[:room]
    while columns(kept) >= room:
        kept = kept[:-1]
    return f"{kept.rstrip()}\N{HORIZONTAL ELLIPSIS}"


@lru_cache(maxsize=4096)
def _column(char: str) -> int:
    category = unicode.category(char)
    if category in {"Mn", "Me", "Cf"}:
        return 0
    if char in _WIDE:
        return 2
    if category == "Cn":
        return 2 if any(first <= ord(char) <= last for first, last in _WIDE_BLOCKS) else 1
    return 2 if unicode.east_asian_width(char) in "WF" else 1
