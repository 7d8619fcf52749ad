"""Find all that is secret in a text, and blank it.

This module is imported at the first text that needs it, because it needs `re`. The time is linear
in the length of the text. Secrets without a recognisable name or format are not detected.
"""

from __future__ import annotations

import re

from statecrumbs._redact.commands import PHRASES, find_in_commands, find_in_phrases
from statecrumbs._redact.fields import VALUE, role_of
from statecrumbs._redact.names import REDACTED, is_holder
from statecrumbs._redact.notations import find_notations
from statecrumbs._redact.sql import find_in_messages, find_in_statements
from statecrumbs._redact.tables import find_in_rows, find_in_tables
from statecrumbs._redact.tokens import RUN, find_blocks, find_tokens
from statecrumbs._redact.urls import find_after_schemes, find_in_urls
from statecrumbs._redact.values import NamedValues

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from statecrumbs._redact.extents import Span
    from statecrumbs._redact.names import SecretNames


class TextScrubber:
    """Blanks secrets in texts. `names` decide which names are sensitive."""

    __slots__ = ("_announce", "_names")

    def __init__(self, names: SecretNames) -> None:
        self._names = names
        self._announce = _Announcements(names).__getitem__

    def scrub(self, text: str) -> str:
        """Return `text` with `[redacted]` in place of each secret."""
        spans = self._spans(text)
        return _blank(text, spans) if spans else text

    def scrub_fields(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the `fields` of one object, scrubbed together: one may be the name of another."""
        text = "{"
        starts: dict[str, int] = {}
        for name, value in fields.items():
            text += f"{name!r}: "
            starts[name] = len(text)
            text += f"{value}, "
        spans = self._spans(text)
        scrubbed = dict(fields)
        for name, start in starts.items() if spans else ():
            end = start + len(fields[name])
            own = [
                (max(first, start) - start, min(last, end) - start)
                for first, last in spans
                if first < end and last > start
            ]
            scrubbed[name] = _blank(fields[name], own)
        return scrubbed

    def _spans(self, text: str) -> list[Span]:
        classes = text.encode("ascii", "replace").translate(_CLASSES)
        spans: list[Span] = []
        has_marks = b"=" in classes
        if has_marks and "@" in text and "://" in text:
            spans += find_in_urls(text)
        has_options = " -" in text or "'-" in text or '"-' in text
        if has_options:
            spans += find_in_commands(text)
        if has_options or (has_marks and self._may_name(text)):
            self._find_named(text, spans)
        if has_marks:
            self._find_lists(text, spans)
            spans += find_blocks(text)
        if any(map(text.__contains__, PHRASES)):
            spans += find_in_phrases(text)
        if RUN in classes:
            spans += find_tokens(text, classes)
        if any(map(text.__contains__, _SCHEMES)):
            spans += find_after_schemes(text)
        return spans

    def _may_name(self, text: str) -> bool:
        """Return whether a sensitive name may announce a value in `text`.

        Most texts cost one search from behind, and a look at each name that it finds.
        """
        if any(map(self._announce, _NAMES_REVERSED.findall(text[::-1]))):
            return True
        if "<" in text and any(map(self._names.__getitem__, _ELEMENTS.findall(text))):
            return True
        return (
            ("%" in text and _PERCENT.search(text) is not None)
            or ("&" in text and _ENTITY.search(text) is not None)
            or "\\u002" in text
        )

    def _find_named(self, text: str, spans: list[Span]) -> None:
        named = NamedValues(text, self._names, spans)
        spans += named.spans
        if named.has_placeholder:
            spans += find_in_statements(text, self._names)
        if named.spans:
            spans += _repeated(text, named.spans)

    def _find_lists(self, text: str, spans: list[Span]) -> None:
        names = self._names
        spans += find_notations(text, names)
        if "(" in text or '"' in text or "'" in text:
            spans += find_in_messages(text, names)
            if any(map(text.__contains__, _STATEMENTS)):
                spans += find_in_statements(text, names)
            if any(map(text.__contains__, _LISTS)):
                spans += find_in_rows(text, names)
        if "\n" in text or "\\n" in text:
            spans += find_in_tables(text, names)


class _Announcements(dict[str, bool]):
    """Remembers for each name, read backwards, whether it may announce a value that is secret."""

    __slots__ = ("_names",)

    def __init__(self, names: SecretNames) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, backwards: str) -> bool:
        name = backwards[::-1]
        answer = self._decide(name)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[backwards] = answer
        return answer

    def _decide(self, name: str) -> bool:
        names = self._names
        *before, last = name.split(" ")
        if last[:1] == "\\":
            return names[last[1:]] or names[last[2:]]
        if (
            names[last]
            or role_of(last) == VALUE
            or is_holder(last)
            or last.lower() in _SAYING
            or last[-6:].lower() == "tokens"
        ):
            return True
        return bool(before) and (names.ends_secret(name) or "for" in before)


_REMEMBERED = 2048  # names; then the dict is cleared
_SAYING = frozenset("by as got choice received literal values inputs".split())

# The classes of characters: "a" what a token consists of, "=" what may stand beside a name.
_CLASSES = bytes(
    97
    if chr(code).isalnum() or chr(code) in "_-"
    else 61
    if chr(code) in "=:'\"`<>%&@|/\\\t\n,("
    else 32
    for code in range(128)
).ljust(256)

# In a text that is read backwards: the sign before a value; a subscript; a quote; the name.
_NAMES_REVERSED = re.compile(
    r"""
    (?: [=:]{1,3} !? | >[=-] | ,(?=["'`\\]) | ["'`](?=N?[ \t]+\w) | >(?=[\w.]) )
    N? [ \t\r\n]{0,8}
    (?: \]\d{0,6}\[ | \] ){0,3}
    (?: ["'`]\\{0,16} )?
    ( [^\W\d_]{1,32} (?: [ ][^\W\d_]{1,24} ){1,3} | [\w.\u0300-\u036f\u3099\u309a-]{1,128} \\? )
    """,
    re.VERBOSE,
)
_ELEMENTS = re.compile(r"<(?:[\w-]{1,32}:)?([^\W\d][\w.-]{0,63})")
_PERCENT = re.compile("%[0-9A-Fa-f]{2}")
_ENTITY = re.compile("&(?:quot|apos|lt|#)")
_SCHEMES = ("earer", "asic", "EARER", "ASIC", "oken ", "egotiate", "NTLM", "piKey ", "PI-Key ")
_STATEMENTS = ("VALUES", "values", "Values", "stdin")
_LISTS = ('["', "['", "('", '("', '[\\"', "[b'", "(b'", "[\n")

_ALIKE = 8  # characters; a shorter value may stand elsewhere by chance
_MOST_REPEATED = 8  # values
_TELLING = re.compile(r"(?=.*\d)(?=.*[^\d\s.,:-])\S+", re.DOTALL)


def _repeated(text: str, spans: list[Span]) -> list[Span]:
    """Return where values that were found stand once more, without their name."""
    found: list[Span] = []
    for value in {text[start:end] for start, end in spans[:_MOST_REPEATED]}:
        if _ALIKE <= len(value) <= 256 and REDACTED not in value and _TELLING.fullmatch(value):  # noqa: PLR2004
            at = text.find(value)
            while at >= 0:
                found.append((at, at + len(value)))
                at = text.find(value, at + len(value))
    return found


def _blank(text: str, spans: Iterable[Span]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if end <= done or start >= end:
            continue
        if start >= done:
            parts += text[done:start], REDACTED
        done = end
    parts.append(text[done:])
    return "".join(parts)
