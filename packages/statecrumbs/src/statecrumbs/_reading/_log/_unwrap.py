"""Take the lines of a dump out of the lines of a log, however a collector wrapped them.

A line of a dump is one piece of JSON: an opener, a closer, or a member. A collector puts a prefix
before it, puts it into a string of a JSON object or of logfmt, colours it, or cuts it into pieces.
None of them is known by name but for CRI, the format of Kubernetes, which marks its pieces.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from statecrumbs._json import is_list, is_object
from statecrumbs._reading._log._export import has_rows, is_dump, rows_of_json, shipped_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

_STRING: Final = r'(?<!\\)"[^"\\]*(?:\\.[^"\\]*)*"'
_SCALAR: Final = r"(?:\{\}|\[\]|-?\d[\d.eE+-]*|-?Infinity|NaN|true|false|null)"
# The end of a line of a dump. A search begins anew only at quotes that are not escaped, so that
# its time is linear in the line.
_PIECE: Final = re.compile(
    rf"(?P<key>{_STRING}):\ ?(?:{_STRING}|(?P<begins>[\[{{])|{_SCALAR})(?P<comma>,?)$"
    rf"|(?P<string>{_STRING})(?P<then>,?)$"
    r"|(?P<opens>[\[{])$|(?P<closes>[\]}])(?P<and>,?)$"
)
_LAST: Final = frozenset('[]{},"0123456789elyN')
ANSI: Final = re.compile(r"(?:\x1b|#033|\^\[)(?:\[[0-9:;?]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
# https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
_CRI: Final = re.compile(
    r'(?P<prefix>[^"]{0,200}?\d{4}-\d\d-\d\dT\S+ std(?:out|err) )(?P<tag>[FP])\S* ?'
)
# The beginning of a record. A line end in a value has no brace before it and no name after it.
_ESCAPED_ENDS: Final = re.compile(r'\{(?P<mark>#012|\\n) *"event"')
_LITERAL: Final = re.compile(_STRING)
_BARE: Final = re.compile(r"=(?P<text>[\[\]{}],?)(?=\s|$)")  # logfmt quotes only if it must
_ANY: Final = r"(?:[0-9a-fA-F]{8,}|\d+)"
_BEFORE_A_TEXT: Final = ("=", ":", ": ", "- ")  # of logfmt, and of YAML
VARYING: Final = re.compile(_ANY)  # what differs from line to line
_OF_GREP: Final = re.compile(r"(?:^|[:-])0[:-]$")  # ":" where it found its words, else "-"
_MAX_LINE: Final = 1 << 18  # characters of a line that may be one line of a pretty dump
_MAX_HELD: Final = 1 << 22  # characters of a line that was cut into pieces
_MAX_DEPTH: Final = 4  # wrappers in wrappers
_MAX_LITERALS: Final = 32
_MAX_BRACKETS: Final = 3  # before a dump in one line

_decoder: Final = json.JSONDecoder()


class Piece(NamedTuple):
    """One line of a dump, and what stands around it.

    `source` is the text before it without what varies from line to line, `words` are all words of
    it, and `indent` is the number of spaces.
    """

    source: str
    words: tuple[str, ...]
    indent: int
    text: str
    key: str | None
    opens: str
    closes: str
    has_comma: bool


@dataclass(frozen=True)
class Line:
    """A line as it stands after its wrappers, and all ways to take a piece out of it."""

    text: str
    pieces: list[Piece]


@dataclass(frozen=True)
class Whole:
    """A whole dump in one line."""

    records: list[Any]


@dataclass(frozen=True)
class Shipped:
    """One line of a dump that was written for log shippers."""

    line: dict[str, Any]


@dataclass(frozen=True)
class _Around:
    """The wrappers of a text: what is the same in each line, and the other words of this one."""

    source: str = ""
    words: tuple[str, ...] = ()
    depth: int = 0


@dataclass
class Unwrapper:
    """Take pieces out of the lines of one log, in order."""

    _held: dict[str, str] = field(default_factory=dict[str, str])
    _with_line_ends: set[str] = field(default_factory=set[str])  # paths of JSON
    _held_pieces: set[str] = field(default_factory=set[str])  # paths of JSON, too

    def read(self, line: str) -> Iterator[Line | Whole | Shipped]:
        """Yield what is in `line`; of its pieces, the likeliest first."""
        return self._read(line, _Around())

    def _read(self, line: str, around: _Around) -> Iterator[Line | Whole | Shipped]:
        if "\x1b" in line or "#033" in line or "^[" in line:
            line = ANSI.sub("", line)
        line = line.strip("\r\n\ufeff")
        cri = _CRI.match(line) if " std" in line else None
        if cri is not None:
            around = _inside(around, cri["prefix"])
            text = self._joined(f"{around.source}|cri", line[cri.end() :], cri["tag"] == "P")
            if text is not None:
                yield from self._read_inside(text, around)
            return
        line = line.rstrip()
        yield from (
            self._in_json(line, around)
            or _whole_dump(line)
            or self._with_escaped_ends(line, around)
            or self._in_texts(line, around)
            or (_line(line, around),)
        )

    def _read_inside(self, text: str, around: _Around) -> Iterator[Line | Whole | Shipped]:
        for line in text.split("\n"):
            yield from self._read(line, around)

    def _joined(self, identity: str, text: str, is_cut: bool) -> str | None:
        """Return `text` with the pieces of its line that came before; None where more follow."""
        text = self._held.pop(identity, "") + text
        if is_cut and len(text) < _MAX_HELD:
            self._held[identity] = text
            return None
        return text

    def _with_escaped_ends(self, line: str, around: _Around) -> list[Line | Whole | Shipped]:
        """Read several lines in one, whose ends are escaped as by syslog and others."""
        found = _ESCAPED_ENDS.search(line) if '"event"' in line else None
        if found is None or around.depth >= _MAX_DEPTH:
            return []
        alone = _Around(depth=_MAX_DEPTH)
        return [each for part in line.split(found["mark"]) for each in self._read(part, alone)]

    def _in_texts(self, line: str, around: _Around) -> list[Line | Whole | Shipped]:
        """Return what is of dumps in the JSON objects that strings of `line` hold, as in logfmt."""
        if '{\\"' not in line or around.depth >= _MAX_DEPTH:
            return []
        found: list[Line | Whole | Shipped] = []
        for literal in islice(_LITERAL.finditer(line), _MAX_LITERALS):
            text = _decoded(line, literal.start())
            if isinstance(text, str) and '{"' in text:
                inside = _inside(around, line[: literal.start()])
                found += self._read_inside(text, inside)
        return [each for each in found if not isinstance(each, Line)]

    def _in_json(self, line: str, around: _Around) -> list[Line | Whole | Shipped]:
        """Return what is in the JSON object in `line`, nothing if there is none."""
        start = line.find('{"')
        if start < 0 or around.depth >= _MAX_DEPTH or (start and line[start - 1] in '["\\'):
            return []
        value = _decoded(line, start)
        if not is_object(value):
            return []
        shipped = shipped_line(value)
        if shipped is not None:
            return [Shipped(shipped)]
        before = _inside(around, line[:start])
        if has_rows(value):
            beside = replace(before, depth=around.depth)  # a row is no deeper than its document
            return [each for row in rows_of_json(value) for each in self._read(row, beside)]
        scalars = dict(_scalars(value, "", 0))
        found: list[Line | Whole | Shipped] = [Line("", [])]
        for path, text in scalars.items():
            if is_list(text):
                found.append(Whole(text))
            elif isinstance(text, str) and (path in self._held_pieces or _may_hold_a_piece(text)):
                others = tuple(f"{key}={other}" for key, other in scalars.items() if key != path)
                source = f"{before.source}{path}="
                inside = _Around(source, (*before.words, *others), before.depth)
                sender = f"{source}|{VARYING.sub('0', ' '.join(others))}"
                found += self._in_member(path, text, inside, sender)
        return found

    def _in_member(
        self, path: str, text: str, inside: _Around, sender: str
    ) -> Iterator[Line | Whole | Shipped]:
        joined: str | None = text
        if text.endswith("\n"):
            self._with_line_ends.add(path)
        if path in self._with_line_ends:
            joined = self._joined(sender, text, not text.endswith("\n"))
        if joined is not None:
            for each in self._read_inside(joined.removesuffix("\n"), inside):
                if not isinstance(each, Line) or each.pieces:
                    self._held_pieces.add(path)
                yield each


def is_piece(text: str) -> bool:
    """Return whether `text` ends with a line of a dump, or is one for log shippers."""
    text = text.rstrip()
    if text.startswith('{"statecrumbs": '):
        return True
    return text[-1:] in _LAST and _PIECE.search(text) is not None


def _may_hold_a_piece(text: str) -> bool:
    return any(mark in text for mark in '\n"\x1b') or text.rstrip()[-1:] in _LAST


def varying(text: str) -> str:
    """Return a pattern for `text`, in which a "0" stands for what `VARYING` finds."""
    return _ANY.join(map(re.escape, text.split("0")))


def after(source: str, text: str) -> str | None:
    """Return `text` without the varying part of `source` before it; None if it begins otherwise."""
    if not source:
        return text
    found = re.match(r"\s*" + r"\s+".join(map(varying, source.split(" "))), text)
    return None if found is None else text[found.end() :]


def _inside(around: _Around, prefix: str) -> _Around:
    source, words = _split(prefix)
    return _Around(around.source + source, (*around.words, *words), around.depth + 1)


def _split(prefix: str) -> tuple[str, tuple[str, ...]]:
    words = tuple(prefix.split())
    return _OF_GREP.sub(":0:", VARYING.sub("0", " ".join(words))), words


def _line(line: str, around: _Around) -> Line:
    pieces = list(_pieces(line, around)) if len(line) < _MAX_LINE else []
    return Line(around.source + line, pieces)


def _pieces(line: str, around: _Around) -> Iterator[Piece]:
    if line[-1:] not in _LAST:
        if '="' in line or "=" in line:
            yield from _in_logfmt(line, around)
        return
    found = _PIECE.search(line)
    if found is None:
        if "=" in line:
            yield from _in_logfmt(line, around)
        return
    if found["string"] is not None and found.start():
        # Either a member of a list, or a string of logfmt around a piece.
        yield from _in_logfmt(line, around)
    yield _piece(line[: found.start()], found, around)


def _piece(prefix: str, found: re.Match[str], around: _Around) -> Piece:
    bare = prefix.rstrip(" \t")
    source, words = _split(bare)
    return Piece(
        around.source + source,
        (*around.words, *words),
        len(prefix) - len(bare) + prefix.count("\t", len(bare)),  # a tab for two spaces
        found[0],
        found["key"] and found["key"][1:-1],
        found["opens"] or found["begins"] or "",
        found["closes"] or "",
        has_comma=bool(found["comma"] or found["then"] or found["and"]),
    )


def _in_logfmt(line: str, around: _Around) -> Iterator[Piece]:
    """Yield the pieces in strings of `line` that follow a "=", as in ``msg="  {" pod=web``."""
    for number, literal in enumerate(_LITERAL.finditer(line)):
        if number >= _MAX_LITERALS:
            return
        start = literal.start()
        if not line.endswith(_BEFORE_A_TEXT, 0, start):
            continue
        text = _decoded(line, start)
        if not isinstance(text, str):
            continue
        text = text.rstrip()
        found = _PIECE.search(text) if text[-1:] in _LAST else None
        if found is not None:
            inner = _piece(text[: found.start()], found, around)
            source, words = _split(line[:start])
            source = around.source + source + inner.source
            yield inner._replace(source=source, words=(*words, *inner.words))
    bare = _BARE.search(line)
    if bare is not None:
        found = _PIECE.search(bare["text"])
        if found is not None:
            source, words = _split(line[: bare.start() + 1])
            piece = _piece("", found, around)
            yield piece._replace(source=around.source + source, words=words)


def _decoded(text: str, start: int) -> object:
    try:
        value: object = _decoder.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None
    return value


def _scalars(value: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the texts, numbers and dumps in a JSON object, with their paths.

    The journal has a text as a list of bytes where it is not in ASCII.
    """
    for key, item in value.items():
        name = f"{path}.{key}" if path else key
        if is_object(item):
            if depth < _MAX_DEPTH:
                yield from _scalars(item, name, depth + 1)
        elif not is_list(item) or is_dump(item):
            yield name, item
        elif item and all(type(byte) is int and 0 <= byte < 256 for byte in item):  # noqa: PLR2004
            yield name, bytes(item).decode("utf-8", "replace")


def _whole_dump(line: str) -> list[Line | Whole | Shipped]:
    """Return the dump that is whole in `line`, nothing if there is none."""
    start = -1
    for _ in range(_MAX_BRACKETS if '"event"' in line else 0):
        start = line.find("[", start + 1)
        value = _decoded(line, start) if start >= 0 else None
        if is_list(value) and is_dump(value):
            return [Whole(value)]
    return []
