r"""Find where the value begins and ends that stands behind a name and its sign.

A string may end in a name and its sign: print('token=', '...'). The quote behind the sign closes
that string and opens no value. The value is the next argument, if that is a string:
write('Password: ', '...'), {'prompt': 'Password: ', 'answer': '...'}. A list of prompts has none:
['Username: ', 'Password: '].
"""

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
    items_of,
    opens_quote,
    skip_space,
    value_at,
)
from statecrumbs._redact._names import is_operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs._redact._extents import Span

# A quote that ends a string, and the text behind it
_CLOSING = re.compile(
    r"""
    (?P<quote> \\{0,16}["'] )
    (?= \s{0,4} (?: [,)\]}:;|<>] | \Z | \n | \\n | (?P=quote) )
      | [ \t]{1,8} [\w+%&.(/-] | \.[a-z] | [ \t]{1,8} ["'] )
    """,
    re.VERBOSE,
)
# The text before a string, up to its opening quote
_BEFORE_STRING = re.compile(r"(?:\A|[\s(\[{,=:+>])[bBfFrRuUtT]{0,2}\Z")
_NEXT_ARGUMENT = re.compile(r"""[ \t]{0,4},\s{0,8}b?(?=\\{0,4}["'])""")
# The string goes on in another one, or is an argument of a shell: echo 'token=' '...'
_ADJACENT = re.compile(r"""[ \t]{1,4}(?=\\{0,4}["'](?=[^"'\n]{0,64}\d)[^\s"'\n]{6})""")
_ANSWER = re.compile(
    r"""
    \s{0,4},\s{0,8} \\{0,4}["']?
    (?:answer|response|reply|respond|send|sent|typed|entered|input|value|text) \\{0,4}["']?
    \s{0,4}[:=]\s{0,4} b?(?=\\{0,4}["'])
    """,
    re.VERBOSE,
)
_PROMPT = re.compile(r"[^\n]{0,80}[:=?>]\s{0,4}")  # the next one
# A t-string: a string, an interpolation, a string, ...
_T_STRING = "Template(strings="
_INTERPOLATION = "Interpolation("
_LONGEST_T_STRING = 1024  # characters
_LONGEST = 120  # characters of the string before the name
_FAR = 400  # characters; the bracket around a string is looked for so far


def closing_quote(text: str, name_at: int, start: int) -> int:
    """Return the end of the quote at `start` if it closes the string of the name, or 0."""
    found = _CLOSING.match(text, start)
    if found is None:
        return 0
    opening = _opening(text, name_at, found["quote"])
    return found.end() if opening >= 0 else 0


def value_after(text: str, name_at: int, closed: int) -> Span | None:
    """Return the span of the value behind the string that ends at `closed`, if there is one."""
    quote = text[closed - 1]
    opening = text.rfind(quote, 0, name_at)
    window = max(0, opening - _FAR)
    bare = text[window:opening].rstrip("\\bBfFrRuUtT").rstrip()
    before = bare[-1:]
    call = _open_call(bare) if before in ("(", ",") else -1
    if adjacent := _ADJACENT.match(text, closed):
        found: re.Match[str] | None = adjacent
    elif before in (":", "="):
        found = _ANSWER.match(text, closed)
    elif call >= 0 and bare.endswith(_T_STRING, 0, call):
        return _interpolated(text, window + call, name_at)
    elif call >= 0:
        found = _NEXT_ARGUMENT.match(text, closed)
    else:
        found = None
    if found is None:
        return None
    start, end = value_at(text, found.end())
    return None if _PROMPT.fullmatch(text, start, end) else (start, end)


def _opening(text: str, name_at: int, quote: str) -> int:
    """Return where the string begins that has the name at `name_at`, or -1."""
    at = text.rfind(quote, max(0, name_at - _LONGEST), name_at)
    before = text[max(0, at - 4) : at]
    return at if at >= 0 and _BEFORE_STRING.search(before) else -1


def _open_call(before: str) -> int:
    """Return where the innermost open bracket of `before` is if it is a parenthesis, else -1."""
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        if before[at] in ")]}":
            depth += 1
        elif before[at] in "([{":
            depth -= 1
            if depth < 0:
                return at if before[at] == "(" else -1
    return -1


def _interpolated(text: str, strings: int, name_at: int) -> Span | None:
    """Return the value of the interpolation that follows the string with the name."""
    items, at = items_of(text[: strings + _LONGEST_T_STRING], strings)
    for start, end in items:
        at = text.find(_INTERPOLATION, at, strings + _LONGEST_T_STRING)
        if at < 0:
            return None
        at += len(_INTERPOLATION)
        if start <= name_at < end:
            return value_at(text, at)
    return None


_BEFORE_ARGUMENT = re.compile(r"""(?:\A|[\s"'])--?[A-Za-z][\w-]{0,32}[ =]\Z""")
_NEXT_FIELD = re.compile(r"[ ,;&][\w.-]{1,64}=")
_LONGEST_OPTION = 40  # characters


def argument_end(text: str, at: int, start: int) -> int:
    """Return where the item or the argument in quotes ends that begins with the name `at`, or 0.

    Its value is at `start`. It is one item of a list, as in ["user=bob", "password=a b"], or the
    argument of an option: -d "password=a b".
    """
    quote = text[at - 1 : at]
    if quote not in ("'", '"') or text[start - 1] in "'\"":
        return 0
    is_option = _BEFORE_ARGUMENT.search(text, max(0, at - _LONGEST_OPTION), at - 1) is not None
    before = text[max(0, at - _LONGEST_OPTION) : at - 1].rstrip()
    if not is_option and before[-1:] not in ("[", ","):
        return 0
    end = text.find(quote, start)
    if end < 0 or (not is_option and text[end + 1 : end + 2] not in (",", "]")):
        return 0
    following = _NEXT_FIELD.search(text, start, end)
    return following.start() if following else end


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
