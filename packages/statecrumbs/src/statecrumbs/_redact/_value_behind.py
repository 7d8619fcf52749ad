"""Find where the value begins and ends that stands behind a name and its sign."""

from __future__ import annotations

import re

from statecrumbs._redact._extents import (
    ANY_SPACE,
    QUOTE,
    WORDY,
    bare_value,
    element_end,
    encoded_value,
    end_of,
    opens_quote,
    skip_space,
    value_at,
)
from statecrumbs._redact._fields import is_operator
from statecrumbs._redact._prompts import closing_quote, value_after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs._redact._extents import Span

_QUOTES_OR_ESCAPE = frozenset("\"'\\")
_LENGTH = re.compile(r"string\(\d{1,9}\)[ ](?=\\{0,4}\")|")  # ["password"]=> string(8) "..." of PHP
_OPERATOR = re.compile(rf"{QUOTE}(?P<sign>[a-zA-Z ]{{2,10}}|[=<>!~:]{{1,2}}){QUOTE}\s*,\s*")
# A key of an object: {"option": "--password", "argument": "..."}
_KEY = re.compile(
    r"""\\{0,4}["'](?:(?P<is_argument>arg(?:ument)?|val(?:ue)?)|[\w-]{1,32})\\{0,4}["']\s{0,4}:\s{0,4}"""
)


def value_behind(text: str, found: re.Match[str]) -> Span:
    """Return the span of the value of the name in `found`, a match of the names of `text`."""
    position = found.end()
    if found["element"]:
        return position, element_end(text, position, found["attributes"])
    if found["encoded"]:
        return encoded_value(text, position, found["encoded"])
    return _value_behind_sign(text, found, position)


def _value_behind_sign(text: str, found: re.Match[str], position: int) -> Span:
    quoted = found["quoted"] or found["first"] or found["around"]
    position = end_of(ANY_SPACE, text, position) if quoted else skip_space(text, position)
    if not found["flag"] and not quoted:
        end = _end_of_words(text, found, position)
        if end > position:
            return position, end
    if not quoted and found["mark"] and text[position : position + 1] in _QUOTES_OR_ESCAPE:
        closed = closing_quote(text, found.start(), position)
        if closed:
            return value_after(text, found.start(), closed) or (position, position)
    if found["first"]:
        position = _after_operator(text, position)
    if found["around"] and (key := _KEY.match(text, position)):
        position = key.end()
        if not key["is_argument"]:
            return position, position
    position = end_of(_LENGTH, text, position)
    if text[position : position + 1] == "%" and not (quoted and quoted[0] == "%"):
        return bare_value(text, position)
    return value_at(text, position)


def _end_of_words(text: str, found: re.Match[str], position: int) -> int:
    """Return the end of a value of several words, such as the pairs of a cookie."""
    name = (found["name"] or "").lower().rstrip("s")
    for ending, pattern in WORDY.items():
        if (
            name.endswith(ending)
            and text[position : position + 1] not in "\"'`[({<\\&%"
            and not opens_quote(text, position)
        ):
            end = end_of(pattern, text, position)
            if end > position:
                return end
    return position


def _after_operator(text: str, position: int) -> int:
    """Return where the value of a pair begins, behind an operator: ("token", "=", "...")."""
    operator = _OPERATOR.match(text, position)
    return operator.end() if operator and is_operator(operator["sign"]) else position
