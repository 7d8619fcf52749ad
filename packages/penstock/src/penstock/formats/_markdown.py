"""Text in Markdown, as GitHub reads it: shown as it is, also in a cell of a table."""

from __future__ import annotations

import re

from penstock.formats._wording import visible

# Signs that a code span shows as they are, and those that are markup outside of one.
_SIGN = r"[A-Za-z0-9_.,:;<>()/=+\x80-\U0010ffff-]"
_HARMLESS = re.compile(f"{_SIGN}+(?: {_SIGN}+)*")
_MARKUP = re.compile(r"[!-/:-@\[-`{-~]")
_ADDRESS = re.compile(r"https?://[^\s<>|`\\\"]*[^\s<>|`\\\"'.,;:!?()\[\]{}*_]")


def code(text: str) -> str:
    """Return a name as code."""
    shown = visible(text)
    if _HARMLESS.fullmatch(shown):
        return f"`{shown}`"
    return "<code>" + _MARKUP.sub(lambda match: f"&#{ord(match[0])};", shown) + "</code>"


def plain(text: str) -> str:
    """Return a name as text."""
    return _escaped(visible(text)) if text else ""


def prose(text: str) -> str:
    """Return a line of a docstring so that Markdown shows it as it is, its web addresses as links.

    GitHub makes links of them anyhow, and would take a backslash in them for a part of them.
    """
    shown = visible(text) if text else ""
    parts: list[str] = []
    position = 0
    for address in _ADDRESS.finditer(shown):
        parts += [_escaped(shown[position : address.start()]), f"<{address[0]}>"]
        position = address.end()
    return "".join([*parts, _escaped(shown[position:])])


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", text)
