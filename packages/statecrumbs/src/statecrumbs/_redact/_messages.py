r"""Find values that a message names: of databases, of validators, about changes; or that fill it.

Key (api_token)=(...) already exists.      argument --pin: invalid int value: '...'
password changed from '...' to '...'       SET app.api_key TO '...'

A format and its arguments are parallel lists: the name before a placeholder announces the argument.
logger.info('user=%s password=%s', 'bob', '...')
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import items_of, unquoted
from statecrumbs._redact._harmless import is_of_a_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

# Messages of database drivers and parsers about a value. Each names the column, too.
_MESSAGES = tuple(
    (sign, re.compile(pattern, re.VERBOSE | re.IGNORECASE))
    for sign, pattern in {
        # PostgreSQL, with one column or several
        ")=(": r"""
            \( (?P<columns> (?: [^()] | \( [^()]{0,64} \) ){1,400} ) \) =
            \( (?P<values> .{0,4000}? ) \)
            (?= \s(?:already|is\s|conflicts|does\s|with) | [.,;"'] | \s*$ | \\n )
        """,
        # MySQL: Duplicate entry 'x' for key 'u.api_token'; Incorrect value: 'x' for column 'pin'
        " for ": r"""
            (?P<quote>\\{0,4}["']) (?P<value> [^\n"'\\]{1,1000} ) (?P=quote)
            \s for \s (?: \w{1,16} \s ){1,2}
            [`"'\\]{0,2} (?: [\w$]{1,64}[`"']?\.[`"']? ){0,2} (?P<column> [\w.-]{1,64} )
        """,
        # SQL Server
        "duplicate key value is": r"""
            (?:index|constraint) \s ['"] (?P<column> [^'"\n]{1,128} ) ['"] [^()]{0,200}
            duplicate\skey\svalue\sis\s \( (?P<value> [^\n]{1,1000}? ) \)
        """,
        "Truncated value": r"""
            column \s ['"] (?P<column> [^'"\n]{1,128} ) ['"] \. \s Truncated\svalue: \s
            ['"] (?P<value> [^\n]{1,1000}? ) ['"]
        """,
        # Spring
        ": rejected value [": r"""
            on\sfield\s '(?P<column> [^'\n]{1,128} )' :\srejected\svalue\s
            \[ (?P<value> [^\n]{1,1000}? ) \] (?=;|\s|\\n|["']|$)
        """,
        # MongoDB before 4.2
        "dup key": r"""
            index: \s (?: [\w.]{1,64} \.\$ )? (?P<column> [\w.$-]{1,128} ) \s{1,4}
            dup\skey: \s \{ \s : \s (?P<value> [^\n]{1,1000}? ) \s \}
        """,
    }.items()
)
# Validators: password must be str, got 'x'; argument --pin: invalid int value: 'x'
_GOT = re.compile(
    r"""
    \b(?:value|choice|got|received|literal|input) s? :? \s{1,2}
    (?P<quote>\\{0,4}["']) (?P<value> [^\n]{1,500}? ) (?P=quote)
    """,
    re.VERBOSE,
)
_LINE = re.compile(r"\n|\\n|[{};]")
_NAME = re.compile(r"[^\W\d][\w.-]{0,63}")
_NEAR = 80  # characters between a name and its value


# A name, and what it was set to: password changed from 'a' to 'b'; SET app.api_key TO 'a'
_CHANGED = re.compile(
    r"""
    (?P<name> [^\W\d][\w.-]{0,63} ) ["'`\\]{0,3} \s{1,2} (?: (?:was|is|has|been|be) \s{1,2} ){0,2}
    (?: (?:changed|updated|modified|reset|set|rotated) \s{1,2} )? (?:from|to|TO) \s{1,2}
    (?P<quote>\\{0,4}["']) (?P<value> [^\n]{1,400}? ) (?P=quote)
    (?: \s{1,2} (?:to|TO) \s{1,2} (?P<other>\\{0,4}["']) (?P<next> [^\n]{1,400}? ) (?P=other) )?
    """,
    re.VERBOSE,
)
_IMPORTED = ("module '", "import name '")
_CHANGES = ("from '", 'from "', "to '", 'to "', "TO '", "from \\", "to \\")


# A name, and what a verb or a person joins to it: your password is: x; Passwort für kim: x
_SAID = re.compile(
    r"""
    [ ] (?: (?P<person> (?:for|für|pour|para|per|dla|для) [ ] [^\s:]{1,64} (?:[ ](?:is|ist|est))?
            (?=:) )
          | (?:is|ist|lautet|est|es|é|è|jest) (?=[ ]{0,2}:?[ ]) ) [ ]? (?P<colon> :? ) [ ]{1,2}
    (?P<quote> \\{0,4}["'`]? ) (?!None:) (?P<value> [^\s"'`<>\\]{4,128}? ) (?P=quote)
    (?= [.,!]? (?: \s*\Z | \s*\n | \\n | ["')] | [ ](?:and|und|et|y|e|i)[ ] ) | [.!][ ] )
    """,
    re.VERBOSE,
)
_VERBS = (
    *(" is ", " is: ", " ist ", " ist: ", " lautet", " est ", " est: ", " es ", " es: "),
    *(
        " é ",
        " é: ",
        " è ",
        " è: ",
        " jest ",
        " jest: ",
        " for ",
        " für ",
        " pour ",
        " para ",
        " per ",
        " dla ",
    ),
)
_LETTERS = re.compile(r"[^\W\d_]+")
# hunter2 is a password, but sha256 an algorithm, and 2026-11-30 a day.
_NO_SECRET = re.compile(
    r"(?:base|sha|md|utf|oauth|hs|rs|es|ps|aes|rsa|v|http|ipv|tls|argon|python)[\d._-]+"
    r"|\d{4}-\d\d-\d\d|[\d.:,]+(?:%|ms|[smhdkMG]i?B?)?|https?:.*|/.*",
    re.IGNORECASE | re.DOTALL,
)
_CODE = re.compile(r"\d{4,10}|\d{3}-\d{3}")
_LONGEST_PHRASE = 6  # words before the verb


def find_said(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values that a verb or a person joins to a name."""
    if not any(map(text.__contains__, _VERBS)):
        return
    for found in _SAID.finditer(text):
        value = found["value"]
        before = text[max(0, found.start() - _NEAR) : found.start()]
        words = _LETTERS.findall(_SENTENCE.split(before)[-1])[-_LONGEST_PHRASE:]
        if not _is_named(words, names):
            continue
        if _NO_SECRET.fullmatch(value):
            is_secret = _CODE.fullmatch(value) is not None and words[-1].lower() in _OF_DIGITS
        else:
            is_secret = not value.isalpha()
        if is_secret:
            yield found.span("value")


def _is_named(words: list[str], names: SecretNames) -> bool:
    """Return whether a secret is among the `words` of a sentence before its verb."""
    return any(
        names[words[at]] or names.ends_secret(" ".join(words[max(0, at - 2) : at + 1]))
        for at in range(len(words))
    )


_SENTENCE = re.compile(r"[.;!?\n{}\[\]()<>=]|\\n")
_OF_DIGITS = frozenset("code kennwort otp passcode passwort password pin totp".split())


def find_changes(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values before and after a change."""
    if any(map(text.__contains__, _CHANGES)):
        for found in _CHANGED.finditer(text):
            # <module 'secrets' from '...'>, cannot import name 'token' from '...'
            if names[found["name"]] and not text.endswith(_IMPORTED, 0, found.start()):
                yield found.span("value")
                yield found.span("next")


def find_in_messages(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values of sensitive columns in the messages of databases and validators."""
    for sign, pattern in _MESSAGES:
        if sign not in text:
            continue
        for found in pattern.finditer(text):
            if "columns" in pattern.groupindex:
                yield from _keyed(found, names)
            elif names[found["column"].lstrip(".")]:
                yield found.span("value")
    for found in _GOT.finditer(text):
        start = found.start()
        before = _LINE.split(text[max(0, start - _NEAR) : start])[-1]
        if any(names[name] for name in _NAME.findall(before)) and not is_of_a_parser(
            before, found["value"]
        ):
            yield found.span("value")


def _keyed(found: re.Match[str], names: SecretNames) -> Iterator[Span]:
    columns = found["columns"].split(", ")
    values = found["values"].split(", ")
    if len(columns) != len(values):
        if any(names[column] for column in columns):
            yield found.span("values")
        return
    start = found.start("values")
    for column, value in zip(columns, values):  # noqa: B905 - they are equally many
        if names[column]:
            yield start, start + len(value)
        start += len(value) + len(", ")


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
