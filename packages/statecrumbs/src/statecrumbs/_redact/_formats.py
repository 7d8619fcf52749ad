"""Find the values that fill a format: logger.info('user=%s password=%s', 'bob', '...').

A format and its arguments are parallel lists: the name before a placeholder announces the argument.
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import items_of, unquoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

_PLACEHOLDER = re.compile(r"%[-+ #\d.]{0,8}[sdrfxi]|\{\d?\}")
# A name and its sign before a placeholder
_NAMED = re.compile(r"""(?P<name>[^\W\d][\w.-]{0,63})\s{0,2}[:=]\s{0,2}\Z""")
_BEFORE_STRING = re.compile(r"(?:\A|[\s(\[{,=:])[bBfFrRuU]{0,2}\Z")
_ARGUMENTS = re.compile(
    r"""["'] (?: \s{0,4}[,%]\s{0,8} | ,?\s{0,4}["']?args?["']?\s{0,2}[=:]\s{0,2}(?=[(\[]) )""",
    re.VERBOSE,
)
_LONGEST = 400  # characters of a format
_MOST_ARGUMENTS = 1024  # characters of them


def find_in_formats(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the arguments of formats whose placeholders stand behind a sensitive name."""
    done = 0
    for found in _PLACEHOLDER.finditer(text):
        if found.start() < done:
            continue
        named = _NAMED.search(text, max(0, found.start() - 72), found.start())
        if named is None or not names[named["name"]]:
            continue
        opening = _opening(text, named.start())
        if opening < 0:
            continue
        closing = text.find(text[opening], found.end(), found.end() + _LONGEST)
        after = _ARGUMENTS.match(text, closing) if closing >= 0 else None
        if after:
            done = closing
            yield from _arguments(text, opening, closing, after.end(), names)


def _opening(text: str, at: int) -> int:
    """Return where the string begins that has the name at `at`, or -1."""
    first = max(0, at - _LONGEST)
    opening = max(text.rfind("'", first, at), text.rfind('"', first, at))
    return opening if _BEFORE_STRING.search(text, max(0, opening - 4), opening) else -1


def _arguments(
    text: str, opening: int, closing: int, start: int, names: SecretNames
) -> Iterator[Span]:
    window = text[start - 1 : start + _MOST_ARGUMENTS]
    items, _ = items_of(window[1:], 0) if window[1:2] in ("(", "[") else items_of(window, 0)
    start -= window[1:2] not in ("(", "[")
    placeholders = _PLACEHOLDER.finditer(text, opening, closing)
    for placeholder, item in zip(placeholders, items):  # noqa: B905 - a call has more arguments
        named = _NAMED.search(text, opening, placeholder.start())
        begin, end = unquoted(text, start + item[0], start + item[1])
        is_string = begin > start + item[0]  # and no name of a variable
        if (
            named
            and is_string
            and names[named["name"]]
            and not _PLACEHOLDER.fullmatch(text, begin, end)
        ):
            yield begin, end
