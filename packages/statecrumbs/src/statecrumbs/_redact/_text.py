"""Find all secrets in a text, and blank them.

This module is imported at the first text that needs it, because it needs `re`. The time is linear
in the length of the text. Secrets without a recognisable name or format are not detected.
"""

from __future__ import annotations

import re

from statecrumbs._redact._clues import CONTROL, look_at
from statecrumbs._redact._commands import (
    PROGRAMS,
    find_in_commands,
    find_in_encoded_urls,
    find_in_urls,
)
from statecrumbs._redact._escapes import without_escapes
from statecrumbs._redact._gate import Gate, find_options, has_spaced_quote, words_of
from statecrumbs._redact._harmless import is_nothing
from statecrumbs._redact._messages import find_changes, find_in_formats, find_in_messages
from statecrumbs._redact._named_values import DullNames, NamedValues
from statecrumbs._redact._names import REDACTED, is_plain_name
from statecrumbs._redact._notations import find_in_calls, find_notations
from statecrumbs._redact._sql import find_in_statements
from statecrumbs._redact._tables import find_in_blocks, find_in_fields, find_in_rows, find_in_tables
from statecrumbs._redact._tokens import (
    RUN,
    find_blocks,
    find_cookies,
    find_granted,
    find_links,
    find_tokens,
    find_webhooks,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from statecrumbs._redact._clues import Clues
    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames


class TextScrubber:
    """Blanks secrets in texts. `names` decide which names are sensitive."""

    __slots__ = ("_dull", "_gate", "_names")

    def __init__(self, names: SecretNames) -> None:
        self._names = names
        self._gate = Gate(names)
        self._dull = DullNames(names)

    def scrub(self, text: str) -> str:
        """Return `text` with `[redacted]` in place of each secret."""
        spans = self._spans(text, *look_at(text))
        return _blank(text, spans) if spans else text

    def scrub_repr(self, text: str) -> str:
        """Return the `repr` of the scrubbed `text`; most texts have nothing to escape."""
        kinds, clues = look_at(text)
        spans = self._spans(text, kinds, clues)
        if spans:
            return repr(_blank(text, spans))
        if clues.may_quote or CONTROL in kinds or "\t" in text:
            return repr(text)
        return f"'{text}'"

    def scrub_fields(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the `fields` of one object, scrubbed together: one may be the name of another."""
        text = "{"
        starts: dict[str, int] = {}
        for name, value in fields.items():
            text += f"{name!r}: "
            starts[name] = len(text)
            text += f"{value}, "
        spans = self._spans(text, *look_at(text))
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

    def _spans(self, text: str, kinds: str, clues: Clues) -> list[Span]:
        """Return the spans of the secrets in `text`, in no order; see `look_at`."""
        plain = without_escapes(text) if clues.may_escape else None
        if plain:
            text = plain.text
            kinds, clues = look_at(text)
        spans: list[Span] = []
        if clues.may_name:
            self._find_near_names(text, clues.signs, kinds, spans)
        last = None
        for word, others, find in clues.triggers:
            if (
                word in text
                and find is not last
                and (not others or any(map(text.__contains__, others)))
            ):
                spans += find(text, self._names)
                last = find
        signs = clues.signs
        if RUN in kinds:
            spans += find_tokens(text, signs, kinds)
            if "'" in signs:
                spans += find_granted(text, signs)
            if "/" in signs:
                spans += find_links(text)
        if "---" in signs:
            spans += find_blocks(text)
        if spans:
            spans = [span for span in spans if not is_nothing(text[slice(*span)])]
            spans += _repeated(text, spans)
        return plain.moved(spans) if plain else spans

    def _find_near_names(self, text: str, signs: str, kinds: str, spans: list[Span]) -> None:
        if "@" in signs or "//" in signs or "%%%" in signs or "%A%%" in signs:
            self._find_in_addresses(text, signs, spans)
        options = find_options(text) if "-" in signs else ()
        if options and not PROGRAMS.isdisjoint(words_of(text)):
            spans += find_in_commands(text)
        is_spaced = has_spaced_quote(signs, kinds)
        if self._gate.may_name(text, signs, kinds, is_spaced=is_spaced) or (
            options and (any(map(self._names.__getitem__, options)) or "value" in options)
        ):
            self._find_named(text, spans)
        if ("\n" in signs or "\\" in signs) and self._gate.may_head(text, kinds):
            spans += find_in_tables(text, self._names)
            spans += find_in_fields(text, self._names)
        is_phrase = is_spaced and _is_phrase(text, kinds)
        if (
            is_phrase
            or "(" in signs
            or "?" in signs
            or "%" in signs
            or "$" in signs
            or "<" in signs
        ):
            self._find_in_code(text, signs, kinds, spans, is_phrase=is_phrase)

    def _find_in_addresses(self, text: str, signs: str, spans: list[Span]) -> None:
        if "@" in signs and ("://" in text or ":oracle:" in text or "(" in signs):
            spans += find_in_urls(text)
        if "//" in signs and ("hook" in text or "chat.g" in text):
            spans += find_webhooks(text)
        if "%%" in signs and ("2F%" in text or "2f%" in text):
            spans += find_in_encoded_urls(text)

    def _find_in_code(
        self, text: str, signs: str, kinds: str, spans: list[Span], *, is_phrase: bool
    ) -> None:
        names = self._names
        if (is_phrase or _is_statement(text, signs)) and any(
            map(names.__getitem__, words_of(text))
        ):
            spans += find_in_statements(text, names)
            if is_phrase:
                spans += find_changes(text, names)
        elif "(" in signs and _is_one_of(text, names):
            spans += find_in_statements(text, names)
        if "(" in signs and (
            ("\\" in signs and "a(\\" in kinds)
            or (
                "'" in signs
                and (
                    "a(q" in kinds
                    or "a(aq" in kinds
                    or (
                        (", q" in kinds or "=q" in kinds) and any(map(text.__contains__, _OF_CALLS))
                    )
                )
            )
        ):
            spans += find_in_calls(text, kinds, names)

    def _find_named(self, text: str, spans: list[Span]) -> None:
        names = self._names
        named = NamedValues(text, names, self._dull, spans)
        spans += named.spans
        spans += find_notations(text, names)
        spans += find_in_messages(text, names)
        spans += find_in_rows(text, names)
        spans += find_cookies(text)
        spans += find_in_blocks(text, names)
        if named.has_placeholder:
            spans += find_in_formats(text, names)
            spans += find_in_statements(text, names)


_OF_CALLS = (
    "setattr(",
    "polation(",
    "ogin(",
    "uth(",
    "word_hash(",
)  # their first argument may be no string
# Words before a quote or a parenthesis: LIKE '...', token IN (...), changed from '...'
_BEFORE_QUOTES = (
    *"LIKE like BETWEEN between SELECT select THEN then ELSE else from".split(),
    *(" to", " TO"),
)
_ENDS = frozenset(word[-2:] for word in _BEFORE_QUOTES)  # looked up faster

_LONGEST_NAME = 64  # characters of the name of a column
_ALIKE = 8  # characters; a shorter value may stand elsewhere by chance
_QUOTED_ALIKE = 6  # characters of a value in quotes in both places
_MOST_REPEATED = 8  # values
_ESCAPED_IN_STRINGS = re.compile(r"['\\\n]")
_OF_DJANGO = "; args=("
_QUOTES = ("'", '"', "\\'", '\\"')  # the last two in the string of another string
_TELLING = re.compile(r"(?=.*\d)(?=.*[^\d\s.,:-])\S+", re.DOTALL)


def _is_phrase(text: str, kinds: str) -> bool:
    """Return whether a string stands behind a word of SQL, or of a change."""
    for sign in ("a q", "a \\"):
        at = kinds.find(sign)
        while at >= 0:
            if text[at - 1 : at + 1] in _ENDS and text[max(0, at - 6) : at + 1].endswith(
                _BEFORE_QUOTES
            ):
                return True
            at = kinds.find(sign, at + 1)
    return False


def _is_statement(text: str, signs: str) -> bool:
    """Return whether there may be a statement of SQL with values or placeholders."""
    if "(" in signs and (
        ("V" in signs and "ALUES" in text)
        or ("u" in signs and "alues" in text)
        or "(?" in signs
        or "($" in signs
        or ("=(" in signs and (") = (" in text or ")=(" in text))
        or ("\n" in signs and "stdin" in text)
        or ("\\" in signs and "stdin" in text)
    ):
        return True
    return ("<" in signs and "<> '" in text) or (
        ("?" in signs or "%" in signs or "$" in signs) and ("param" in text or "args" in text)
    )


def _is_one_of(text: str, names: SecretNames) -> bool:
    """Return whether a secret is one of a list: token IN ('...', '...')."""
    for sign in (" IN (", " in ("):
        at = text.find(sign)
        while at >= 0:
            words = text[max(0, at - _LONGEST_NAME) : at].split(" ")
            if words[-1] in ("NOT", "not"):
                words.pop()
            if not words or words[-1][-1:] == ")" or names[words[-1]]:
                return True
            at = text.find(sign, at + 1)
    return False


def _repeated(text: str, spans: list[Span]) -> list[Span]:
    """Return the spans where found values stand once more, without their name.

    An ordinary word counts only where it is a whole string in quotes again, as in Django's log of
    SQL: ``... VALUES ('correct horse'); args=('correct horse',)``.
    """
    found: list[Span] = []
    for value in {text[start:end] for start, end in spans[:_MOST_REPEATED]}:
        if len(value) > 256 or REDACTED in value:  # noqa: PLR2004
            continue
        if len(value) < _QUOTED_ALIKE:
            if _OF_DJANGO in text:  # its parameters follow the statement with their values
                found += _in_quotes(value, text, text.index(_OF_DJANGO))
            continue
        is_escaped = _ESCAPED_IN_STRINGS.search(value) is not None
        if not is_escaped and text.find(value) == text.rfind(value):  # most stand there once
            continue
        if value[-1].isalpha() and is_plain_name(
            value
        ):  # password=password: the word stands elsewhere, too
            continue
        if len(value) >= _ALIKE and _TELLING.fullmatch(value):
            found += _places_of(value, text, 0)
        else:
            found += _in_quotes(value, text)
        for other in _spellings(value) if is_escaped else ():
            found += _in_quotes(other, text)
    return found


def _spellings(value: str) -> set[str]:
    """Return how Python shows a string that is escaped as in SQL, and the other way round."""
    plain = value.replace("''", "'").replace("\\\\", "\\").replace("\\'", "'")
    shown = repr(plain)[1:-1]
    return {plain, shown, shown.replace("'", "\\'"), plain.replace("'", "''")} - {value}


def _in_quotes(value: str, text: str, since: int = 0) -> list[Span]:
    places: list[Span] = []
    for quote in _QUOTES if "\\" in text else _QUOTES[:2]:
        places += _places_of(f"{quote}{value}{quote}", text, len(quote), since)
    return places


def _places_of(value: str, text: str, quotes: int, since: int = 0) -> list[Span]:
    """Return the spans of `value` in `text`, without so many `quotes` at both ends."""
    places: list[Span] = []
    at = text.find(value, since)
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
