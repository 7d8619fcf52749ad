"""Find all that is secret in a text, and blank it.

This module is imported at the first text that needs it, because it needs `re`. The time is linear
in the length of the text. Secrets without a recognisable name or format are not detected.
"""

from __future__ import annotations

import re

from statecrumbs._redact._commands import SIGNS, find_in_commands, find_in_phrase
from statecrumbs._redact._gate import Gate, forms_of
from statecrumbs._redact._names import REDACTED
from statecrumbs._redact._notations import find_notations
from statecrumbs._redact._sql import find_in_messages, find_in_statements
from statecrumbs._redact._tables import find_in_rows, find_in_tables
from statecrumbs._redact._tokens import RUN, find_blocks, find_cookies, find_tokens, find_webhooks
from statecrumbs._redact._urls import find_after_schemes, find_in_urls
from statecrumbs._redact._values import NamedValues

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames


class TextScrubber:
    """Blanks secrets in texts. `names` decide which names are sensitive."""

    __slots__ = ("_gate", "_names")

    def __init__(self, names: SecretNames) -> None:
        self._names = names
        self._gate = Gate(names)

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
        """Return where the secrets of `text` stand, in no order."""
        spans = self._spans_by_rule(text)
        return spans + _repeated(text, spans) if spans else spans

    def _spans_by_rule(self, text: str) -> list[Span]:
        signs, kinds = forms_of(text)
        spans: list[Span] = []
        if ("=" in signs or ":" in signs) and "//" in signs:
            if "@" in signs and "://" in text:
                spans += find_in_urls(text)
            if "hook" in text or "chat.g" in text:
                spans += find_webhooks(text)
        has_options = "-" in signs and (
            " -" in text or ("'" in signs and "'-" in text) or ('"' in signs and '"-' in text)
        )
        if has_options:
            spans += find_in_commands(text)
        if has_options or self._gate.may_name(text, signs, kinds):
            self._find_named(text, spans)
        if ("\n" in signs or "\\" in signs) and self._gate.may_head(text, kinds):
            spans += find_in_tables(text, self._names)
        if ("(" in signs or "?" in signs or "%" in signs or "$" in signs) and any(
            map(text.__contains__, _OF_STATEMENTS)
        ):
            spans += find_in_statements(text, self._names)
        self._find_said(text, signs, spans)
        if RUN in kinds:
            spans += find_tokens(text, signs, kinds)
        if "---" in signs:
            spans += find_blocks(text)
        return spans

    def _find_named(self, text: str, spans: list[Span]) -> None:
        names = self._names
        named = NamedValues(text, names, spans)
        spans += named.spans
        spans += find_notations(text, names)
        spans += find_in_messages(text, names)
        spans += find_in_rows(text, names)
        spans += find_cookies(text)
        if named.has_placeholder:
            spans += find_in_statements(text, names)

    def _find_said(self, text: str, signs: str, spans: list[Span]) -> None:
        """Find the secrets after words. The rare letters of a word are among the `signs`."""
        if any(map(signs.__contains__, _OF_PHRASES)):
            for word in SIGNS:
                if word in text:
                    spans += find_in_phrase(text, word)
        if ("b" in signs or "B" in signs) and (
            "earer " in text
            or "asic " in text
            or ("B" in signs and ("EARER " in text or "ASIC " in text))
        ):
            spans += find_after_schemes(text)


_OF_STATEMENTS = ("alues", "ALUES", "stdin", "param", "args", "(?", "($")
# The rare letters of: requirepass, sqlplus, rabbitmqctl; password; AUTH; PASSWORD(; vault; echo |
_OF_PHRASES = ("q", "pw", "AUTH", "A(", "vu", "|")

_ALIKE = 8  # characters; a shorter value may stand elsewhere by chance
_QUOTED_ALIKE = 6  # characters of a value in quotes in both places
_MOST_REPEATED = 8  # values
_TELLING = re.compile(r"(?=.*\d)(?=.*[^\d\s.,:-])\S+", re.DOTALL)


def _repeated(text: str, spans: list[Span]) -> list[Span]:
    """Return where values that were found stand once more, without their name.

    An ordinary word counts only where it is a whole string in quotes again, as in Django's log of
    SQL: ``... VALUES ('correct horse'); args=('correct horse',)``.
    """
    found: list[Span] = []
    for value in {text[start:end] for start, end in spans[:_MOST_REPEATED]}:
        if not _QUOTED_ALIKE <= len(value) <= 256 or REDACTED in value:  # noqa: PLR2004
            continue
        if len(value) >= _ALIKE and _TELLING.fullmatch(value):
            found += _places_of(value, text, 0)
        else:
            found += _places_of(f"'{value}'", text, 1) + _places_of(f'"{value}"', text, 1)
    return found


def _places_of(value: str, text: str, quotes: int) -> list[Span]:
    """Return where `value` stands in `text`, without as many characters at both ends."""
    places: list[Span] = []
    at = text.find(value)
    while at >= 0:
        places.append((at + quotes, at + len(value) - quotes))
        at = text.find(value, at + len(value))
    return places


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
