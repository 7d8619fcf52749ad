"""A log as it was before somebody changed all lines of it: escaped, quoted, wrapped, or turned.

The finder reads what collectors do to single lines. Here are the changes by people and tools: an
e-mail, a page, a chat, a terminal, the `repr` of a program's output. Each reading gives lines, and
is tried only where there is a sign of it.
"""

from __future__ import annotations

import ast
import html
import re
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING

from statecrumbs._reading._log._unwrap import ANSI, VARYING, is_piece, varying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final, TypeAlias

    # Lines, and for each the number of the line that it was in.
    Reading: TypeAlias = tuple[list[str], list[int]]
    # A rare text, and patterns that are all found where the sign is.
    _Sign: TypeAlias = tuple[str, tuple[re.Pattern[str], ...]]

_MARK: Final = r'\\*"(?:event|statecrumbs)\\*": '
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_SMART: Final = "\u201c\u201d\u201e\u201f"
_STRAIGHT: Final = str.maketrans(dict.fromkeys(_SMART, '"'))
# A string of Python, of a shell, or of YAML; or one of Ruby and of Fluent Bit after a "=>".
_LITERAL: Final = re.compile(
    r"(?<!\\)b?'(?P<single>(?:[^'\\]|\\.|'')*)'|(?<==>)\"(?P<double>(?:[^\"\\]|\\.)*)\""
)
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}
_ENDS: Final = re.compile(r'[\[{},](?P<end>\\n|#012) *\\*["{\]}]')
_NEXT_OBJECT: Final = re.compile(r'\}[ ,]*(?=\{"statecrumbs")')
_EVENT: Final = '"event": "'
# The text between a member and the end of its line, as in ``"event": "paid",^M$`` of `cat -A`.
_SUFFIX: Final = re.compile(
    _EVENT + r'[^"\\\n]*(?:\\.[^"\\\n]*)*",[ \t]*(?P<suffix>[^\s"][^"\n]{0,200})$', re.MULTILINE
)
_MAX_LOOKS: Final = 100
_MAX_SUFFIX: Final = 300  # characters
_MIN_WIDTH: Final = 40  # of a terminal, in characters
_MAX_WIDTH: Final = 1000
_MIN_FULL: Final = 3  # lines that fill it
_MAX_FULL: Final = 1000  # one after the other, of one line


def readings(text: str) -> Iterator[Reading]:
    """Yield the other ways to read `text` that there is a sign of."""
    is_in = cache(text.__contains__)  # several signs share a text or a pattern

    @cache
    def is_found(pattern: re.Pattern[str]) -> bool:
        return pattern.search(text) is not None

    def has_any(signs: tuple[_Sign, ...]) -> bool:
        return any(is_in(rare) and all(map(is_found, patterns)) for rare, patterns in signs)

    for signs, changes in _CHANGES:
        if has_any(signs):
            for change in changes:
                yield _changed(text, change)
    suffix = _suffix_of(text) if is_in(_EVENT) else None
    if suffix is not None:
        yield _changed(text, partial(_without, suffix))
    wrapped = _joined(text.split("\n")) if has_any(_PRETTY) else None
    if wrapped is not None:
        yield wrapped


def _changed(text: str, change: Callable[[str], str]) -> Reading:
    lines: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(text.split("\n")):
        made = change(line).split("\n")
        lines += made
        numbers += [number] * len(made)
    return lines, numbers


def _uncoloured(line: str) -> str:
    return ANSI.sub("", line)


def _without_html(line: str) -> str:
    return html.unescape(_TAG.sub("", line))


def _with_straight_quotes(line: str) -> str:
    return line.translate(_STRAIGHT)


def _with_line_ends(line: str) -> str:
    """Undo the escapes of a `line` that holds several ones."""
    ends = _ENDS.search(line)
    if ends is None:
        return line
    if ends["end"] == "#012":
        return line.replace("#012", "\n")
    return _unescaped(line)


def _with_one_object_a_line(line: str) -> str:
    return _NEXT_OBJECT.sub("}\n", line)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)


def _out_of_literals(line: str) -> str:
    """Return the strings in `line` that hold lines of a dump, with their escapes undone."""
    return _from_literals(line, _evaluated)


def _out_of_quotes(line: str) -> str:
    """Return the same, of strings in which only the quotes are escaped."""
    return _from_literals(line, _unquoted)


def _from_literals(line: str, decoded: Callable[[re.Match[str]], str]) -> str:
    if "'" not in line and '=>"' not in line:
        return line
    parts: list[str] = []
    before = ""
    for literal in _LITERAL.finditer(line):
        text = decoded(literal).rstrip("\r\n")
        if "\n" in text or is_piece(text):
            parts.append(text)
            before = line[: literal.start()]
    # A single one stands behind the words before it, as a piece does in other logs.
    return before + parts[0] if len(parts) == 1 else "\n".join(parts) or line


def _evaluated(literal: re.Match[str]) -> str:
    if literal["double"] is not None:
        return _unescaped(literal["double"])
    try:
        value: object = ast.literal_eval(literal[0].replace("\n", ""))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _unescaped(literal["single"])
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _unquoted(literal: re.Match[str]) -> str:
    if literal["double"] is not None:
        return literal["double"].replace('\\"', '"')
    doubled = literal["single"].replace("''", "'")
    return literal["single"].replace("\\'", "'") if doubled == literal["single"] else doubled


def _suffix_of(text: str) -> re.Pattern[str] | None:
    """Return what follows each line of a dump in `text`, None if that is nothing or differs."""
    suffixes = (each["suffix"] for each in islice(_SUFFIX.finditer(text), _MAX_LOOKS))
    found = {VARYING.sub("0", suffix.rstrip()) for suffix in suffixes}
    return re.compile(f"{varying(found.pop())}$") if len(found) == 1 else None


def _without(suffix: re.Pattern[str], line: str) -> str:
    line = line.rstrip()
    end = max(0, len(line) - _MAX_SUFFIX)
    return line[:end] + suffix.sub("", line[end:]).rstrip()


def _joined(lines: list[str]) -> Reading | None:
    """Return `lines` that a terminal has cut at its width as they were; None if there are none."""
    lines = [line.rstrip("\r") for line in lines]
    width = max(map(len, lines))
    if all(len(line) in (0, width) for line in lines):  # filled up with spaces
        lines = [line.rstrip() for line in lines]
        width = max(map(len, lines))
    if not _MIN_WIDTH <= width <= _MAX_WIDTH:
        return None
    if sum(len(line) == width for line in lines) < _MIN_FULL:
        return None
    joined: list[list[str]] = []
    numbers: list[int] = []
    goes_on = False
    for number, line in enumerate(lines):
        if goes_on:
            joined[-1].append(line)
            if len(joined[-1]) > _MAX_FULL:
                return None
        else:
            joined.append([line])
            numbers.append(number)
        goes_on = len(line) == width
    return ["".join(parts) for parts in joined], numbers


def _sign(rare: str, *patterns: str) -> _Sign:
    return rare, tuple(map(re.compile, patterns))


# Most logs have no sign, and to look for it must cost little beside their plain reading. So a rare
# text comes first, and the first pattern begins with a literal: a search for these takes a tenth of
# the time of one for a choice.
_ENTITY: Final = "&(?:quot|#34|#x22);"
_ESCAPE_SEQUENCE: Final = r'event"?(?:\x1b|#033|\^\[)\['
_LINE_END: Final = rf"\\n *\{{?{_MARK}"
_CHANGES: Final[tuple[tuple[tuple[_Sign, ...], tuple[Callable[[str], str], ...]], ...]] = (
    (tuple(_sign(rare, _ESCAPE_SEQUENCE) for rare in "\x1b#^"), (_uncoloured,)),
    (
        (_sign("&", f"event{_ENTITY}"), _sign("statecrumbs", f"statecrumbs{_ENTITY}")),
        (_without_html,),
    ),
    (
        tuple(
            _sign(rare, f"{word}[{_SMART}]", f"[{_SMART}]{word}[{_SMART}]")
            for word, rares in (("event", _SMART), ("statecrumbs", ["statecrumbs"]))
            for rare in rares
        ),
        (_with_straight_quotes,),
    ),
    (
        (
            _sign("'", rf"'[ {{]*{_MARK}"),
            _sign(">", rf'=>"[ {{]*{_MARK}'),
            _sign("\\", _LINE_END, rf"'[^'\n]{{0,40}}\\n *{_MARK}"),
        ),
        (_out_of_literals, _out_of_quotes),
    ),
    (
        (_sign("\\", _LINE_END), _sign("#", rf"#012 *\{{?{_MARK}")),
        (_with_line_ends,),
    ),
    (
        (_sign("statecrumbs", r'\{"statecrumbs"', r'\}[ ,]*\{"statecrumbs"'),),
        (_with_one_object_a_line,),
    ),
)
# Not as a member of an object in one line, which many logs consist of.
_PRETTY: Final = (_sign('    "event": "'), _sign("statecrumbs", r'\{"statecrumbs": "'))
