r"""Find values whose name stands in a notation of its own: markup, forms, errors, tuples, calls.

<key>password</key><string>...</string>   {("db", "password"): "..."}   setattr(user, "pin", "...")
HTTPBasicAuth('bob', '...')               user.set_password('...')      SecretStr('...')
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import QUOTE, end_of, items_of, unquoted, value_at
from statecrumbs._redact._names import is_plain_name, split_words

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
    [^\n]{0,512}? \[type=(?!missing,)\w{1,64},[ ]input_value= (?P<start> [^\n]{0,128}? )
    (?P<rest> (?: \.\.\. [^\n]{0,128}? )? ) (?= ,[ ]input_type=\w{1,64}\] )
    """,
    re.MULTILINE | re.VERBOSE,
)
# <entry key="password">x</entry>
_LABELLED = re.compile(
    rf"""
    <(?!input\b|meta\b|link\b|img\b|button\b){_TAG} \s [^<>]{{0,200}}?
    (?<![\w-]) (?:[Nn]ame|[Kk]ey|field) \s{{0,4}} = \s{{0,4}} (?P<quote>\\{{0,4}}["']?)
    (?P<name>{_NAME}) (?P=quote) (?: \s [^<>]{{0,200}} )? (?<!/) >
    (?: \s{{0,32}} <(?:\w{{1,16}}:)?\w{{0,16}}[Vv]alue(?:\s[^<>]{{0,200}})?> )?
    (?P<value>[^<]{{1,1000}})
    """,
    re.VERBOSE,
)
# <key>password</key><string>x</string>, <td>password</td><td>x</td>, <b>Password:</b> x
_SIBLING = re.compile(
    rf"""
    <(?!label\b|option\b|button\b|a\b|h[1-6]\b|p\b|li\b|title\b) (?P<tag>{_TAG})
    (?P<attributes> (?: \s [^<>]{{0,200}} )? ) >
    \s{{0,32}} (?P<name>{_NAME}?) \s{{0,4}} :? \s{{0,4}} </(?P=tag)>
    (?: (?: \s{{0,32}} <(?!th\b|option\b|input\b|br\b){_TAG} (?: \s [^<>]{{0,200}} )? > ){{1,2}}
      | [ ]?:[ ](?=[^<\s]) | (?<=:</b>) | (?<=:</strong>) | (?<=:</dt>) | (?<=:</span>) )
    (?P<value> \s{{0,32}} [^<\s] [^<]{{0,1000}} )
    """,
    re.VERBOSE,
)
# XML in XML or HTML
_ESCAPED = re.compile(
    rf"&lt;(?:{_TAG}:)?(?P<name>{_TAG})(?:\s[^<>&]{{0,200}})?&gt;(?P<value>[^<&]{{1,1000}})"
)
_CELL = re.compile(
    r"<(?P<kind>table|tr|th|td)\b[^<>]{0,200}>(?P<value>[^<]{0,1000})", re.IGNORECASE
)
# A part of a form: its name is in its header, its value after a blank line.
_PART = re.compile(
    r"""
    form-data; [^\r\n]{0,200}? \bname=\\?["'](?P<name>[^"'\r\n\\]{1,64}) [^\r\n]{0,200}?
    (?P<end>\r?\n|\\r\\n|\\n) (?: [^\r\n\\]{1,200} (?P=end) ){0,4} (?P=end)
    """,
    re.VERBOSE,
)
_LONGEST_PART = 8192  # characters of a form's value

# An error of pydantic 1
_GIVEN = re.compile(
    r"""
    (?: ^ | (?<=\\n) ) (?P<name> [^\n\\]{1,256} ) (?: \n | \\n ) [ ]{2}
    [^\n]{0,512}? \(type=[\w.]{1,64}; [^\n()]{0,200}? given= (?P<value> [^;)\n]{1,500} )
    """,
    re.MULTILINE | re.VERBOSE,
)
# A key of a dict that is a tuple of names
_TUPLE = re.compile(
    rf"""
    \( (?P<names>
        (?: \s{{0,4}} (?:{QUOTE}[\w.-]{{1,64}}{QUOTE}|\d{{1,9}}) \s{{0,4}} ,? ){{1,8}} ) \)
    \s{{0,4}} : \s{{0,4}}
    """,
    re.VERBOSE,
)
# Terraform: variable "db_password" { default = "..." }
_VARIABLE = re.compile(
    r"""
    variable \s{1,4} \\{0,4}"(?P<name>[\w-]{1,64})\\{0,4}" \s{0,4} \{ [^{}]{0,500}?
    \bdefault \s{1,16} = \s{1,4} \\{0,4}" (?P<value> [^"\n\\]{1,400} )
    """,
    re.VERBOSE,
)
# PHP: s:8:"password";s:7:"...";
_SERIALIZED = re.compile(
    r"""s:\d{1,9}:"(?P<name>[\w.-]{1,64})";s:\d{1,9}:"(?P<value>[^"]{1,1000})"""
)
# A letter of the name is percent-encoded.
_ENCODED = re.compile(
    r"""(?<![\w.%\]-]) (?P<name> (?: [\w.\[\]-] | %[2-7][0-9A-Fa-f] ){2,128} )
    = (?P<value> [^&\s\#"'<>]{1,2000} )""",
    re.VERBOSE,
)
_LETTER = re.compile("%([0-9A-Fa-f]{2})")
_QUOTED = re.compile(r"""["']([\w.-]{1,64}?)\\{0,16}["']""")

_MARKUP = (
    (_LABELLED, "</"),
    (_SIBLING, "</"),
    (_ESCAPED, "&lt;"),
    (_GIVEN, "given="),
    (_VARIABLE, "variable "),
    (_SERIALIZED, '";s:'),
)

_CALL = re.compile(r"""\((?=\s{0,8}(?:[\w.]{1,64},\s{0,8})?[bB]?\\{0,4}["'])""")
_LONGEST_NAME = 64  # characters of the name of a call
_SETTING = re.compile(r"""\bsetattr\([\w.]{1,64},\s{0,4}["'](?P<name>\w{1,64})["'],\s{0,4}""")
# The first words of functions that take a secret
_VERBS = frozenset(
    "add change check configure confirm make secret set update use verify with".split()
)
_PAIR = 2
_WINDOW = 1024  # characters of a call

_INTERPOLATION = "Interpolation("
_VALUE = re.compile(r"value=")
_EXPRESSION = re.compile(r",\s{0,4}(?:expression=)?(?=\\{0,16}[\"'])")


def find_notations(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield where such values stand in `text`."""
    for pattern, sign in _MARKUP:
        if sign in text:
            for found in pattern.finditer(text):
                # In <password>secret</password><user>bob</user> the text is no name.
                is_text = pattern is _SIBLING and (
                    names[found["tag"]] or "name=" in found["attributes"]
                )
                if names[found["name"]] and not is_text and not _is_title(found["value"]):
                    yield found.span("value")
    if "<th" in text:
        yield from _below_headings(text, names)
    if "form-data" in text:
        yield from _parts(text, names)
    if "input_value=" in text:
        yield from _inputs(text, names)
    if "%" in text:
        yield from _encoded(text, names)
    if "):" in text:
        yield from _below_tuples(text, names)


def _is_title(value: str) -> bool:
    """Return whether `value` is shown beside a field: <string name="password">Password</string>."""
    return value[:1].isupper() and is_plain_name(value)


def _below_headings(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the cells of a table of HTML that are below a sensitive heading."""
    secret: set[int] = set()
    column = -1
    for tag in _CELL.finditer(text):
        kind = tag["kind"].lower()
        if kind == "table":
            secret.clear()
        if kind in ("table", "tr"):
            column = -1
            continue
        column += 1
        start, end = tag.span("value")
        if kind == "th" and names[text[start:end].strip()]:
            secret.add(column)
        elif kind == "td" and column in secret and end > start:
            yield unquoted(text, start, end)


def _below_tuples(text: str, names: SecretNames) -> Iterator[Span]:
    done = 0
    while found := _TUPLE.search(text, done):
        done = found.end()
        if any(map(names.__getitem__, _QUOTED.findall(found["names"]))):
            start, done = value_at(text, done)
            yield start, done


def _encoded(text: str, names: SecretNames) -> Iterator[Span]:
    for found in _ENCODED.finditer(text):
        if "%" in found["name"] and names[_LETTER.sub(_decoded, found["name"])]:
            yield found.span("value")


def _decoded(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


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


def find_in_calls(text: str, kinds: str, names: SecretNames) -> Iterator[Span]:
    """Yield the secret arguments of calls. `kinds` has an "a" for each character of a name."""
    for found in _CALL.finditer(text):
        at = found.start()
        first = max(0, at - _LONGEST_NAME)
        name = text[first + len(kinds[first:at].rstrip("a")) : at]
        is_login = name.endswith(("Auth", "_auth", "login", "Credentials"))
        if is_login or name == "auth" or (names[name] and split_words(name)[0] in _VERBS):
            yield from _argument(text, found.end(), is_login=is_login)
    if "setattr(" in text:
        for found in _SETTING.finditer(text):
            if names[found["name"]]:
                begin, end = value_at(text[found.end() : found.end() + _WINDOW], 0)
                yield found.end() + begin, found.end() + end
    start = text.find(_INTERPOLATION)
    while start >= 0:
        start += len(_INTERPOLATION)
        yield from _interpolation(text, start, names)
        start = text.find(_INTERPOLATION, start)


def _argument(text: str, start: int, *, is_login: bool) -> Iterator[Span]:
    """Yield the last string among the arguments; of a login the second one, a password."""
    window = text[start - 1 : start + _WINDOW]
    items, _ = items_of(window, 0)
    if is_login:
        items = items[1:_PAIR]
    for begin, end in reversed(items):
        first, last = unquoted(window, begin, end)
        if first > begin:
            yield start - 1 + first, start - 1 + last
            return


def _interpolation(text: str, start: int, names: SecretNames) -> Iterator[Span]:
    """Yield the value of a t-string's interpolation: its value comes first, then its name."""
    window = text[start : start + _WINDOW]
    begin, end = value_at(window, end_of(_VALUE, window, 0))
    after = end + (window[begin - 1 : begin] in ("'", '"') and begin > 0)
    found = _EXPRESSION.match(window, after)
    first, last = value_at(window, found.end()) if found else (0, len(window))
    if last == len(window) or names[window[first:last]]:  # without a name it is cut off
        yield start + begin, start + end
