"""Show names, numbers, durations and places as text that people can read.

`visible` makes any string fit to be shown, in every format. `code`, `escaped_name` and `prose` are
text in Markdown, as GitHub reads it, also in a cell of a table. `columns` is the room that text
takes in a terminal. Unicode 3.2 decides, which every Python carries beside its own version: a
drawing is the same under each of them. Newer characters of two columns are listed here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import ucd_3_2_0 as unicode

if TYPE_CHECKING:
    from penstock._graph import Edge, Node, Ran

# Characters that a reader cannot see, that steer a terminal or the direction of text, or that XML
# 1.0 or UTF-8 cannot carry: controls, soft hyphen, bidirectional marks and overrides, zero-width
# space, line separators, invisible operators, byte order mark, annotations, tags, surrogates and
# noncharacters. Not the joiners U+200C and U+200D, which emoji and Persian need. The list is fixed
# (str.isprintable follows the interpreter's Unicode version, so drawings would too).
#
# Patterns here are text: `re` compiles each when it is used first, which most drawings never do.
_INVISIBLE = (
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ufdd0-\ufdef\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Return `text` with what cannot be seen or encoded as Python escapes: `\n`, `\x1b`, `\u202e`.

    A text that is empty or only white space is returned quoted, as `''` or `' '`, so that there is
    something to see. Everything else is returned as it is.
    """
    is_plain = text.isascii() and text.isprintable()
    shown = text if is_plain else re.sub(_INVISIBLE, _escape, text)
    return shown if shown.strip() else f"'{shown}'"


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))
_LONG = 100 * 1_000_000_000  # ns; from here on in minutes


def duration(nanoseconds: int) -> str:
    """Return a duration with two or three digits: "840 ns", "1.2 ms", "31 s", "12 min".

    In ASCII, since Pillow's own font has no Greek.
    """
    if nanoseconds >= _LONG:
        minutes = nanoseconds / 60_000_000_000
        return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"  # noqa: PLR2004
    for size, unit in _UNITS:
        if nanoseconds >= size:
            amount = nanoseconds / size
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"  # noqa: PLR2004
    return "0 ns"


def share(part: int, whole: int) -> str:
    """Return `part` of `whole` in percent, "0 %" and "100 %" only where it is exactly that."""
    percent = 100 * part / whole if whole else 0.0
    shown = f"{percent:.0f}" if percent >= 10 else f"{percent:.1f}"  # noqa: PLR2004
    if part and not float(shown):
        return "<0.1 %"
    if part < whole and float(shown) == 100:  # noqa: PLR2004
        return ">99 %"
    return f"{shown.removesuffix('.0')} %"


def counted(count: int, noun: str) -> str:
    """Return "1 step", "1,000 steps" or "2 processes"."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"


def summary(ran: Ran) -> tuple[str, ...]:
    """Return what is said of a step under its name: how often it ran, and how long that took.

    A failure that was raised in a step that this one called passed through this one.
    """
    if not ran.began:
        outside = f"ran {counted(ran.outside, 'time')} outside its flow"
        return (outside if ran.outside else "never ran",)
    often = counted(ran.began, "run")
    if raised := ran.errors - ran.passed:
        often += f", {share(raised, ran.began)} failed"
    if ran.passed:
        often += f", {share(ran.passed, ran.began)} passed through"
    if ran.p50 is None or ran.p95 is None:
        return (often,)
    return often, f"p50 {duration(ran.p50)}, p95 {duration(ran.p95)}"


def status(node: Node) -> str:
    """Return "failed" where a failure was raised in the step, "passed", "idle", or "".

    A failure that passed through a step was raised in a step that it called. An idle step never
    ran.
    """
    ran = node.ran
    if ran is None:
        return ""
    if not ran.began:
        return "" if ran.outside else "idle"
    return "failed" if ran.errors > ran.passed else "passed" if ran.passed else ""


def told(edge: Edge) -> str:
    """Return what is written on `edge`: its label, and how often it was seen; "" for most."""
    label = visible(edge.label) if edge.label else ""
    if not edge.status:
        return label
    if edge.status == "unseen":
        return f"{label}, never seen" if label else "never seen"
    if edge.status == "undeclared":
        return f"not declared: {edge.seen:,}"
    return f"{label}: {edge.seen:,}" if label else f"{edge.seen:,}"


BESIDE = "{file}#L{line}"  # relative to the page, where nobody says where the code is


def checked_source(template: str) -> str:
    """Return `template`; ValueError where all its links would be the same."""
    if "{file}" not in template:
        raise ValueError(
            f"source={template!r} has no {{file}}: it is the link to a step's code, such as "
            "'https://github.com/me/shop/blob/main/{file}#L{line}'."
        )
    return template


def link(node: Node, template: str) -> str:
    """Return `template` with `{file}` and `{line}` of `node`, which has a file, filled in."""
    from urllib.parse import quote  # takes a while to import, and few drawings have links

    path = quote((node.file or "").lstrip("/"), errors="replace")
    return template.replace("{file}", path).replace("{line}", str(node.line or 1))


# Signs that a code span shows as they are, and those that are markup outside of one.
_SIGN = r"[A-Za-z0-9_.,:;<>()/=+\x80-\U0010ffff-]"
_HARMLESS = f"{_SIGN}+(?: {_SIGN}+)*"
_MARKUP = r"[!-/:-@\[-`{-~]"
_ADDRESS = r"https?://[^\s<>|`\\\"]*[^\s<>|`\\\"'.,;:!?()\[\]{}*_]"


def code(text: str) -> str:
    """Return a name as code."""
    shown = visible(text)
    if re.fullmatch(_HARMLESS, shown):
        return f"`{shown}`"
    return "<code>" + re.sub(_MARKUP, lambda match: f"&#{ord(match[0])};", shown) + "</code>"


def escaped_name(text: str) -> str:
    """Return a name so that Markdown shows it as it is."""
    return _escaped(visible(text)) if text else ""


def prose(text: str) -> str:
    """Return a line of a docstring so that Markdown shows it as it is, its web addresses as links.

    GitHub makes links of them anyhow, and would take a backslash in them for a part of them.
    """
    shown = visible(text) if text else ""
    parts: list[str] = []
    position = 0
    for address in re.finditer(_ADDRESS, shown):
        parts += [_escaped(shown[position : address.start()]), f"<{address[0]}>"]
        position = address.end()
    return "".join([*parts, _escaped(shown[position:])])


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", text)


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
