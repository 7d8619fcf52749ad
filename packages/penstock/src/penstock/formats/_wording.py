"""Show names, numbers, durations and places as text that people can read.

`visible` makes any string fit to be shown, in every format.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from penstock._graph import Node, Ran

# Characters that a reader cannot see, that steer a terminal or the direction of text, or that XML
# 1.0 or UTF-8 cannot carry: controls, soft hyphen, bidirectional marks and overrides, zero-width
# space, line separators, invisible operators, byte order mark, annotations, tags, surrogates and
# noncharacters. Not the joiners U+200C and U+200D, which emoji and Persian need. The list is fixed
# (str.isprintable follows the interpreter's Unicode version, so drawings would too).
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ufdd0-\ufdef\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Return `text` with what cannot be seen or encoded as Python escapes: `\n`, `\x1b`, `\u202e`.

    A text that is empty or only white space is returned quoted, as `''` or `' '`, so that there is
    something to see. Everything else is returned as it is.
    """
    shown = _INVISIBLE.sub(_escape, text)
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
    """Return what is said of a step under its name: how often it ran, and how long that took."""
    if not ran.began:
        outside = f"ran {counted(ran.outside, 'time')} outside its flow"
        return (outside if ran.outside else "never ran",)
    often = counted(ran.began, "run")
    if ran.errors:
        often += f", {share(ran.errors, ran.began)} failed"
    if ran.p50 is None or ran.p95 is None:
        return (often,)
    return often, f"p50 {duration(ran.p50)}, p95 {duration(ran.p95)}"


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
    path = quote((node.file or "").lstrip("/"), errors="replace")
    return template.replace("{file}", path).replace("{line}", str(node.line or 1))
