"""Dumps in a log, while their lines come in: put together, or kept as far as they came.

A dump is JSON over many lines, or one JSON object a line, as for log shippers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statecrumbs._json import is_object
from statecrumbs._reading._log._export import is_record
from statecrumbs._reading._log._unwrap import VARYING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Final

    from statecrumbs._reading._log._unwrap import Piece

_CLOSER: Final = {"{": "}", "[": "]"}
_OPENER: Final = {"}": "{", "]": "["}
# Bounds for dumps that were written as lines for log shippers.
_MAX_DUMPS: Final = 1000
_MAX_LINES: Final = 1_000_000
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[][{},]')
_HALF_ESCAPE: Final = re.compile(r"\\(u[0-9a-f]{0,3})?\Z")


@dataclass
class Document:
    """A dump in a log: its records, its lines, and its missing parts.

    `damaged` counts records in the middle of which lines are missing.
    """

    records: list[dict[str, Any]]
    first: int
    last: int
    has_begin: bool = True
    has_end: bool = True
    damaged: int = 0
    lost_lines: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether no part of it is missing."""
        return self.has_begin and self.has_end and not self.damaged and not self.lost_lines


@dataclass
class Brace:
    """A line with only a "{" in it, which begins a record if its first member is "event"."""

    piece: Piece
    number: int
    bracket: int | None  # the line of the "[" before it
    taken_by: OpenDump | None = None


class OpenDump:
    """A dump while its lines come in."""

    def __init__(self, brace: Brace, *, has_begin: bool) -> None:
        self.records: list[dict[str, Any]] = []
        self.source = brace.piece.source
        self.first = brace.number if brace.bracket is None else brace.bracket
        self.has_begin = has_begin
        self.last = brace.number
        self.damaged = 0
        self.words = brace.piece.words
        self.cut = ""  # the beginning of a line that was cut into pieces
        self._margin: int | None = brace.piece.indent - 2
        self._stack: list[str] = []
        self._texts: list[str] = []
        self._wants_item = True

    def begin_record(self, brace: Brace, event: Piece, number: int) -> None:
        """Begin a record; an incomplete record stays as it is."""
        self.cut_off()
        if event.indent == brace.piece.indent:
            self._margin = None  # somebody took the indentation away
        self._stack = ["{"]
        self._texts = ["{"]
        self._wants_item = True
        self._add(event, number)

    def take(self, piece: Piece, number: int, *, ignore_indent: bool = False) -> bool:
        """Add `piece` if it can be the next one; return whether it was added."""
        if not self.accepts(piece, ignore_indent=ignore_indent):
            return False
        self._add(piece, number)
        return True

    def accepts(self, piece: Piece, *, ignore_indent: bool = False) -> bool:
        """Return whether `piece` can be the next one."""
        depth = len(self._stack)
        if (
            not ignore_indent
            and self._margin is not None
            and piece.indent != self._margin + 2 * (depth if piece.closes else depth + 1)
        ):
            return False
        if piece.closes:
            if depth:
                if self._wants_item or piece.closes != _CLOSER[self._stack[-1]]:
                    return False
            elif piece.closes != "]" or piece.has_comma or self._wants_item:
                return False
        elif not depth or not self._wants_item or (piece.key is None) is (self._stack[-1] == "{"):
            return False
        return True

    def ends_cut(self, piece: Piece) -> bool:
        """Close the value that was cut, if `piece` follows it: the rest of its line is lost."""
        if self._margin is None or not self._stack or not (piece.key or piece.closes):
            return False
        self._wants_item = not piece.closes
        if not self.accepts(piece):
            self._wants_item = True
            return False
        value = _closed(self.cut)
        if value:
            self._texts.append(value if piece.closes else f"{value},")
        elif piece.closes:
            self._texts[-1] = self._texts[-1].rstrip(",")
        self.cut = ""
        self.damaged += 1
        return True

    def give_back(self) -> None:
        """Undo the last `take`, of a "{" that belongs to a dump of its own."""
        self._texts.pop()
        self._stack.pop()

    def _add(self, piece: Piece, number: int) -> None:
        self.last = number
        self.words = piece.words
        if piece.closes and not self._stack:
            self._texts.append("]")  # of the list itself
            return
        self._texts.append(piece.text)
        if piece.closes:
            self._stack.pop()
        if piece.opens:
            self._stack.append(piece.opens)
            self._wants_item = True
        else:
            self._wants_item = piece.has_comma
        if not self._stack:
            self._keep("".join(self._texts).rstrip(","))
            self._texts = []

    @property
    def is_complete(self) -> bool:
        """Whether the end of the list was taken."""
        return self._texts == ["]"]

    @property
    def is_in_record(self) -> bool:
        return bool(self._stack)

    @property
    def may_be_cut(self) -> bool:
        """Whether the next line may be the first half of a member."""
        return bool(self._stack) and self._wants_item

    @property
    def wants_record(self) -> bool:
        """Whether another record follows."""
        return not self._stack and self._wants_item

    def cut_off(self) -> None:
        """Keep the complete part of an incomplete record."""
        if self._stack:
            if self.cut:
                self._texts.append(_closed(self.cut))
            text = "".join(self._texts).rstrip(",")
            self._keep(text + "".join(_CLOSER[opener] for opener in reversed(self._stack)))
            self.damaged += 1
        self._stack = []
        self._texts = []
        self.cut = ""

    def _keep(self, text: str) -> None:
        record = _parsed(text)
        if is_record(record):
            self.records.append(record)
        else:
            self.damaged += 1

    def document(self) -> Document:
        """Return the dump as it is now."""
        has_end = self.is_complete
        was_in_record = self.is_in_record
        if not has_end:
            self.cut_off()
        return Document(
            self.records,
            self.first,
            self.last,
            has_begin=self.has_begin,
            has_end=has_end,
            damaged=self.damaged - was_in_record,  # the last one is cut off, not damaged
        )

    def likeness(self, words: tuple[str, ...]) -> int:
        """Return how many words before the last line are the same before this one."""
        return likeness(self.words, words)


def likeness(some: tuple[str, ...], others: tuple[str, ...]) -> int:
    """Return how many words are the same, and at the same place."""
    return sum(one == other for one, other in zip(some, others, strict=False))


def _closed(text: str) -> str:
    """Return the beginning of a member as a whole member, or "" if it has no value yet."""
    for end in ('…"', '"', ""):
        candidate = text.rstrip("\\") + end if end else text
        if is_object(_parsed(f"{{{candidate}}}")):
            return candidate
    return ""


def _parsed(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def repaired(pieces: Iterable[Piece]) -> dict[str, Any] | None:
    """Return the record of a crash from its end alone, or None if it is no such record."""
    missing: list[tuple[str, bool]] = []  # the openers that were cut off, the innermost first
    depth = 0
    has_members = False
    for piece in pieces:
        has_members = has_members or piece.key in ("type", "message")
        if piece.opens:
            depth += 1
        elif piece.closes and depth:
            depth -= 1
        elif piece.closes:
            missing.append((_OPENER[piece.closes], has_members))
    if depth or not missing or missing[-1][0] != "{":
        return None
    text = "{"
    for place in range(len(missing) - 2, -1, -1):
        opener, has_members = missing[place]
        if missing[place + 1][0] == "{":
            is_exceptions = has_members or place > 1
            name = "exceptions" if is_exceptions else "traceback"
            text += '"exception":' if opener == "{" else f'"{name}":'
        text += opener
    record = _parsed(text + "".join(piece.text for piece in pieces).rstrip(","))
    if not is_object(record) or not is_object(record.get("process")):
        return None
    if not is_object(record.get("exception")):
        return None
    exception = {"type": "…", **record["exception"]}
    return {"event": "unhandled_exception", **record, "exception": exception}


# --- dumps that `formatter.format_lines` wrote as lines for log shippers


@dataclass
class _Arrived:
    of: int
    first: int
    last: int
    lines: dict[int, dict[str, Any]] = field(default_factory=dict[int, "dict[str, Any]"])


class ShippedDumps:
    """Collect the lines of dumps, in any order."""

    def __init__(self) -> None:
        self._arrived: dict[str, _Arrived] = {}

    def add(self, line: dict[str, Any], number: int) -> None:
        """Add the content of a line; `number` is its place in the log."""
        identity, place, of = line.get("statecrumbs"), line.get("line"), line.get("of")
        if not isinstance(identity, str) or type(place) is not int or type(of) is not int:
            return
        if not 1 <= place <= of <= _MAX_LINES:
            return
        arrived = self._arrived.setdefault(identity, _Arrived(of, number, number))
        arrived.last = number
        arrived.lines[place] = line
        if len(self._arrived) > _MAX_DUMPS:
            del self._arrived[next(iter(self._arrived))]

    def dumps(self) -> Iterator[Document]:
        """Yield the dumps with at least one line."""
        for arrived in self._arrived.values():
            lines = arrived.lines
            lowest, highest = min(lines), max(lines)
            found = list(_records(lines))
            has_end = highest == arrived.of
            yield Document(
                [record for record, _ in found],
                arrived.first,
                arrived.last,
                has_begin=lowest == 1,
                has_end=has_end,
                lost_lines=highest - lowest + 1 - len(lines),
                # As in other dumps: the last record is cut off where the end is missing.
                damaged=sum(not is_whole for _, is_whole in (found if has_end else found[:-1])),
            )


def _records(lines: dict[int, dict[str, Any]]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield each record, and whether it is whole."""
    pieces: list[str] = []  # of one record, from its first on
    of = 0
    for place in sorted(lines):
        line = lines[place]
        piece, text = line.get("piece"), line.get("text")
        match piece, text:
            case [int(number), int(count)], str():
                pass
            case _:
                number = count = 0
        if pieces and number <= 1:
            yield from _joined(pieces, of)
            pieces = []
        if is_record(line.get("record")):
            yield line["record"], True
        elif count and number == len(pieces) + 1:
            pieces.append(str(text))
            of = count
    if pieces:
        yield from _joined(pieces, of)


def _joined(pieces: list[str], of: int) -> Iterator[tuple[dict[str, Any], bool]]:
    is_whole = len(pieces) == of
    text = "".join(pieces)
    record = _parsed(text) if is_whole else _beginning(text)
    if is_record(record):
        yield record, is_whole


def _beginning(text: str) -> object:
    """Return the value that `text`, which ends too early, is the beginning of."""
    open_at: list[str] = []
    end, closers = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token[0][0]
        if mark == '"':
            continue
        if mark in _CLOSER:
            open_at.append(_CLOSER[mark])
        elif mark != "," and open_at:
            open_at.pop()
        end = token.start() if mark == "," else token.end()
        closers = "".join(reversed(open_at))
    in_string = _parsed(_HALF_ESCAPE.sub("", text) + '…"' + closers)
    return in_string or _parsed(text[:end] + closers)


_EVENT: Final = '"event": "'
_BEGINS: Final = "|".join(_EVENT[:end] for end in range(2, len(_EVENT)))
_CUT: Final = re.compile(rf'(?:{_BEGINS}|{_EVENT}(?:[^"\\]|\\.)*\\?)$')
_SHIPPED: Final = re.compile(
    r'\{\\*"statecrumbs\\*": ?\\*"[0-9a-f]{8}\\*", ?\\*"line\\*": ?1, ?\\*"of\\*"'
)


def begun(text: str) -> Document | None:
    """Return a dump without records if `text` ends in the first line of one that says so.

    Nothing of this dump can be shown, but the dump before it is not the last one.
    """
    end = text.rstrip()
    number = end.count("\n")
    before, brace, last = ["", "", *end.rsplit("\n", 3)][-3:]
    if _SHIPPED.search(last):
        return Document([], number, number, has_end=False)
    cut = _CUT.search(last)
    if cut is None:
        return None
    around = {_prefix(before, "["), _prefix(brace, "{"), _source(last[: cut.start()])}
    return Document([], number - 2, number, has_end=False) if len(around) == 1 else None


def _prefix(line: str, opener: str) -> str | None:
    """Return what is before `opener` at the end of a line, None if it ends otherwise."""
    line = line.rstrip()
    return _source(line[:-1]) if line.endswith(opener) else None


def _source(prefix: str) -> str:
    return VARYING.sub("0", " ".join(prefix.split()))
