r"""Find values whose name stands in a notation of its own: markup, forms, errors, t-strings."""

from __future__ import annotations

import re

from statecrumbs._redact._extents import end_of, value_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

_TAG = r"[A-Za-z][\w:.-]{0,32}"
_NAME = r"[\w.\u0300-\u036f\u3099\u309a -]{1,64}"

# An error of pydantic: the place; on the next line the message; and the `repr` of the input. The
# middle of a long input is left out, perhaps with the name of the value that follows.
_INPUT = re.compile(
    r"""
    (?: ^ | (?<=\\n) ) (?P<name> [^\n\\]{1,256} ) (?: \n | \\n ) [ ]{2}
    [^\n]{0,512}? \[type=\w{1,64},[ ]input_value= (?P<start> [^\n]{0,128}? )
    (?P<rest> (?: \.\.\. [^\n]{0,128}? )? ) (?= ,[ ]input_type=\w{1,64}\] )
    """,
    re.MULTILINE | re.VERBOSE,
)
# <entry key="password">x</entry>
_LABELLED = re.compile(
    rf"""
    <(?!input\b|meta\b|link\b|img\b){_TAG} \s [^<>]{{0,200}}?
    (?<![\w-]) (?:name|key|field) \s{{0,4}} = \s{{0,4}} (?P<quote>["']?)
    (?P<name>{_NAME}) (?P=quote) (?: \s [^<>]{{0,200}} )? (?<!/) > (?P<value>[^<]{{1,1000}})
    """,
    re.VERBOSE,
)
# <key>password</key><string>x</string>, <td>password</td><td>x</td>, <b>Password:</b> x
_SIBLING = re.compile(
    rf"""
    <(?!label\b|th\b|option\b|button\b|a\b) (?P<tag>{_TAG}) (?: \s [^<>]{{0,200}} )? >
    \s{{0,32}} (?P<name>{_NAME}?) \s{{0,4}} :? \s{{0,4}} </(?P=tag)>
    (?: (?: \s{{0,32}} <(?!th\b|option\b|input\b|br\b){_TAG} (?: \s [^<>]{{0,200}} )? > ){{1,2}}
      | (?<=:</b>) | (?<=:</strong>) | (?<=:</dt>) | (?<=:</span>) )
    (?P<value> \s{{0,32}} [^<\s] [^<]{{0,1000}} )
    """,
    re.VERBOSE,
)
# XML in XML or HTML
_ESCAPED = re.compile(
    rf"&lt;(?:{_TAG}:)?(?P<name>{_TAG})(?:\s[^<>&]{{0,200}})?&gt;(?P<value>[^<&]{{1,1000}})"
)
# A part of a form: its name is in its header, its value after a blank line.
_PART = re.compile(
    r"""
    form-data; [^\r\n]{0,200}? \bname=\\?["'](?P<name>[^"'\r\n\\]{1,64}) [^\r\n]{0,200}?
    (?P<end>\r?\n|\\r\\n|\\n) (?: [^\r\n\\]{1,200} (?P=end) ){0,4} (?P=end)
    """,
    re.VERBOSE,
)
_EXPRESSION = re.compile(r""",\s{0,4}(?:expression=)?["'](?P<name>[^"']{1,128})["']""")
_INTERPOLATION = "Interpolation("
_VALUE = re.compile(r"value=")
_LONGEST = 1024  # characters of the value of an interpolation
_LONGEST_PART = 8192  # characters of a form's value

_MARKUP = ((_LABELLED, "</"), (_SIBLING, "</"), (_ESCAPED, "&lt;"))


def find_notations(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield where such values stand in `text`."""
    for pattern, sign in _MARKUP:
        if sign in text:
            for found in pattern.finditer(text):
                if names[found["name"]]:
                    yield found.span("value")
    if "form-data" in text:
        yield from _parts(text, names)
    if "input_value=" in text:
        yield from _inputs(text, names)
    start = text.find(_INTERPOLATION)
    while start >= 0:
        start += len(_INTERPOLATION)
        yield from _interpolation(text, start, names)
        start = text.find(_INTERPOLATION, start)


def _parts(text: str, names: SecretNames) -> Iterator[Span]:
    for found in _PART.finditer(text):
        if names[found["name"]]:
            start = found.end()
            end = text.find(found["end"] + "--", start, start + _LONGEST_PART)
            yield start, end if end >= 0 else min(len(text), start + _LONGEST_PART)


def _inputs(text: str, names: SecretNames) -> Iterator[Span]:
    for found in _INPUT.finditer(text):
        hidden = "start" if names[found["name"]] else "rest" if found["rest"] else None
        if hidden is not None:
            yield found.start(hidden), found.end("rest")


def _interpolation(text: str, start: int, names: SecretNames) -> Iterator[Span]:
    """Yield the value of a t-string's interpolation: its value comes first, then its name."""
    window = text[start : start + _LONGEST]
    begin, end = value_at(window, end_of(_VALUE, window, 0))
    after = end + (window[begin - 1 : begin] in ("'", '"') and begin > 0)
    found = _EXPRESSION.match(window, after)
    if found is None or names[found["name"]]:  # without a name it is cut off
        yield start + begin, start + end
