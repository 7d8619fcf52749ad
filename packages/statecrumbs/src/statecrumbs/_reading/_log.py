"""Find the dumps in the lines of a log: whole ones, cut ones, and several at the same time."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statecrumbs._json import is_object
from statecrumbs._reading._shipped import ShippedDumps
from statecrumbs._reading._unwrap import Line, Piece, Unwrapper, Whole, is_record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

_MAX_OPEN: Final = 64  # dumps of one source that are not complete
_MAX_LOOSE: Final = 4000  # pieces that may be the end of a dump whose beginning is cut off
_MAX_SOURCES: Final = 256  # with loose pieces or braces
_MAX_CUT: Final = 1 << 22  # characters of a line that was cut into pieces
_MAX_BRACKETS: Final = 16
_NEAR: Final = 100  # lines within which a cut line goes on
_CLOSER: Final = {"{": "}", "[": "]"}
_OPENER: Final = {"}": "{", "]": "["}


@dataclass
class Document:
    """A dump in a log: its records, the lines in which it stands, and what of it is missing.

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
        """Whether nothing of it is missing."""
        return self.has_begin and self.has_end and not self.damaged and not self.lost_lines


def documents(lines: Iterable[str]) -> list[Document]:
    """Return the dumps in `lines`, in the order of their ends. Time is linear in the lines."""
    log = _Log()
    number = -1
    unwrapper = Unwrapper()
    for number, line in enumerate(lines):  # noqa: B007 - the last number is used below
        for found in unwrapper.read(line):
            if isinstance(found, Line):
                log.take(found, number)
            elif isinstance(found, Whole):
                log.done.append(Document(found.records, number, number))
            else:
                log.shipped.add(found.line, number)
    log.close()
    return sorted(log.done, key=lambda document: (document.last, document.first))


@dataclass
class _Bracket:
    """A line that ends with a "[", which may begin a dump."""

    source: str
    words: tuple[str, ...]
    number: int


@dataclass
class _Brace:
    """A line with only a "{" in it, which begins a record if its first member is "event"."""

    piece: Piece
    number: int
    bracket: int | None  # the line of the "[" before it
    taken_by: _Dump | None = None


class _Dump:
    """A dump while its lines come in."""

    def __init__(self, brace: _Brace, *, has_begin: bool) -> None:
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

    def begin_record(self, brace: _Brace, event: Piece, number: int) -> None:
        """Begin a record; one that is not complete stays as it is."""
        self.cut_off()
        if event.indent == brace.piece.indent:
            self._margin = None  # somebody took the indentation away
        self._stack = ["{"]
        self._texts = ["{"]
        self._wants_item = True
        self._add(event, number)

    def take(self, piece: Piece, number: int) -> bool:
        """Take `piece` if it can be the next one; return whether it was taken."""
        if not self.accepts(piece):
            return False
        self._add(piece, number)
        return True

    def accepts(self, piece: Piece) -> bool:
        """Return whether `piece` can be the next one."""
        depth = len(self._stack)
        if self._margin is not None and piece.indent != self._margin + 2 * (
            depth if piece.closes else depth + 1
        ):
            return False
        if piece.closes:
            if depth:
                if self._wants_item or piece.closes != _CLOSER[self._stack[-1]]:
                    return False
            elif piece.closes != "]" or piece.has_comma:
                return False
        elif not depth or not self._wants_item:
            return False
        elif (piece.key is None) is (self._stack[-1] == "{"):
            return False
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
        """Keep what there is of a record that is not complete."""
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
        return sum(mine == other for mine, other in zip(self.words, words, strict=False))


@dataclass
class _Log:
    done: list[Document] = field(default_factory=list[Document])
    shipped: ShippedDumps = field(default_factory=ShippedDumps)
    _open: dict[str, list[_Dump]] = field(default_factory=dict[str, "list[_Dump]"])
    _recent: deque[_Dump] = field(default_factory=lambda: deque[_Dump](maxlen=4))
    _brackets: deque[_Bracket] = field(
        default_factory=lambda: deque[_Bracket](maxlen=_MAX_BRACKETS)
    )
    _braces: dict[str, list[_Brace]] = field(default_factory=dict[str, list[_Brace]])
    _loose: dict[str, tuple[int, deque[Piece]]] = field(
        default_factory=dict[str, "tuple[int, deque[Piece]]"]
    )

    def take(self, line: Line, number: int) -> None:
        """Take in the next line."""
        if self._goes_on(line.text, number):
            return
        for piece in line.pieces:
            if self._take(piece, number):
                return
        for dump in reversed(self._recent):
            if dump.may_be_cut and number - dump.last <= _NEAR:
                text = (_after(dump.source, line.text) or "").lstrip()
                if text.startswith('"') and all(piece.text != text for piece in line.pieces):
                    dump.cut = text
                    dump.last = number
                    return
        for piece in line.pieces[:1]:
            self._keep_loose(piece, number)

    def _goes_on(self, text: str, number: int) -> bool:
        """Take the next part of a line that was cut, if `text` is one."""
        for dump in reversed(self._recent):
            if not dump.cut or number - dump.last > _NEAR or len(dump.cut) > _MAX_CUT:
                continue
            rest = _after(dump.source, text)
            if rest is None:
                continue
            joined = dump.cut + (rest[1:] if dump.source and rest.startswith(" ") else rest)
            (line,) = Unwrapper().read(" " * 8 + joined) if '{"' not in joined else (None,)
            dump.cut = joined
            dump.last = number
            if isinstance(line, Line):
                for piece in line.pieces:
                    if piece.text == joined.rstrip() and self._take_whole(dump, piece, number):
                        dump.cut = ""
            return True
        return False

    def _take_whole(self, dump: _Dump, piece: Piece, number: int) -> bool:
        margin, dump._margin = dump._margin, None
        is_taken = dump.take(piece, number)
        dump._margin = margin
        return is_taken

    def _take(self, piece: Piece, number: int) -> bool:
        if piece.opens == "[" and piece.key is None:
            self._brackets.append(_Bracket(piece.source, piece.words, number))
            return False
        if piece.key == "event" and self._begin_record(piece, number):
            return True
        brace = None
        if piece.opens == "{" and piece.key is None:
            brace = self._brace(piece, number)
        for dump in self._likely(piece):
            if dump.take(piece, number):
                if brace is not None:
                    brace.taken_by = dump
                self._touch(dump)
                if dump.is_complete:
                    self._finish(dump)
                return True
        return False

    def _brace(self, piece: Piece, number: int) -> _Brace:
        bracket = self._bracket(piece, number)
        brace = _Brace(piece, number, bracket)
        braces = self._braces.setdefault(piece.source, [])
        braces.append(brace)
        del braces[:-_MAX_BRACKETS]
        _bound(self._braces)
        return brace

    def _bracket(self, brace: Piece, number: int) -> int | None:
        """Return the line of the "[" before `brace`, None if a dump goes on with another record."""
        going_on = max(
            (
                (dump.likeness(brace.words), dump.last)
                for dump in self._open.get(brace.source, ())
                if dump.wants_record
            ),
            default=(-1, -1),
        )
        near = [bracket for bracket in self._brackets if number - bracket.number <= _NEAR]
        alike = max(
            (
                (_likeness(bracket.words, brace.words), bracket.number)
                for bracket in near
                if bracket.source == brace.source
            ),
            default=(-1, -1),
        )
        if max(alike, going_on) != (-1, -1):
            return alike[1] if alike > going_on else None
        # The line of the "[" may have begun with the end of another one, so its source is longer.
        return max(
            (each.number for each in near if each.source.startswith(brace.source)), default=None
        )

    def _begin_record(self, event: Piece, number: int) -> bool:
        braces = [
            brace
            for brace in self._braces.get(event.source, ())
            if brace.taken_by is None or brace.taken_by.last == brace.number
        ]
        if not braces:
            return False
        brace = max(braces, key=lambda each: (_likeness(each.piece.words, event.words), each.number))
        for dump in self._open.get(event.source, ()):
            # A scoped value may have the name "event" too.
            if dump is not brace.taken_by and dump.accepts(event):
                alike = _likeness(brace.piece.words, event.words), brace.number
                if (dump.likeness(event.words), dump.last) > alike:
                    return False
        self._braces[event.source].remove(brace)
        if number - brace.number > _NEAR:
            return False
        if brace.taken_by is not None:
            brace.taken_by.give_back()
        if brace.bracket is not None:
            self._forget_bracket(brace.bracket)
            for old in list(self._open.get(event.source, ())):
                if old.words == event.words:
                    self._finish(old)  # its process was restarted in the middle of it
            dump = self._new(brace, has_begin=True)
        else:
            likely = self._likely(event)
            dump = likely[0] if likely else self._new(brace, has_begin=False)
        dump.begin_record(brace, event, number)
        self._touch(dump)
        return True

    def _forget_bracket(self, number: int) -> None:
        left = (each for each in self._brackets if each.number != number)
        self._brackets = deque(left, maxlen=_MAX_BRACKETS)

    def _new(self, brace: _Brace, *, has_begin: bool) -> _Dump:
        dump = _Dump(brace, has_begin=has_begin)
        dumps = self._open.setdefault(dump.source, [])
        dumps.append(dump)
        if len(dumps) > _MAX_OPEN:
            self._finish(dumps[0])
        self._loose.pop(dump.source, None)
        return dump

    def _likely(self, piece: Piece) -> list[_Dump]:
        """Return the dumps that `piece` may continue: those whose lines are most like its line."""
        dumps = self._open.get(piece.source, [])
        if len(dumps) < 2:
            return dumps
        alike = [dump.likeness(piece.words) for dump in dumps]
        most = max(alike)
        found = [dump for dump, much in zip(dumps, alike, strict=True) if much == most]
        return sorted(found, key=lambda dump: -dump.last)

    def _touch(self, dump: _Dump) -> None:
        if not self._recent or self._recent[-1] is not dump:
            if dump in self._recent:
                self._recent.remove(dump)
            self._recent.append(dump)

    def _finish(self, dump: _Dump) -> None:
        self._open[dump.source].remove(dump)
        if not self._open[dump.source]:
            del self._open[dump.source]
        if dump in self._recent:
            self._recent.remove(dump)
        self.done.append(dump.document())

    def _keep_loose(self, piece: Piece, number: int) -> None:
        """Keep a piece that belongs to no dump, for one whose beginning is cut off."""
        if piece.source in self._open:
            return
        first, pieces = self._loose.setdefault(
            piece.source, (number, deque[Piece](maxlen=_MAX_LOOSE))
        )
        if piece.closes == "]" and not piece.has_comma and pieces and pieces[-1].closes == "}":
            record = _repaired(pieces)
            if record is not None:
                self.done.append(Document([record], first, number, has_begin=False))
                del self._loose[piece.source]
                return
        pieces.append(piece)
        _bound(self._loose)

    def close(self) -> None:
        """Finish the dumps that are open at the end of the log."""
        for dumps in list(self._open.values()):
            for dump in list(dumps):
                self._finish(dump)
        for whole in self.shipped.dumps():
            self.done.append(
                Document(
                    whole.records,
                    whole.first,
                    whole.last,
                    has_end=whole.has_end,
                    has_begin=whole.has_begin,
                    lost_lines=whole.lost_lines,
                )
            )


def _likeness(some: tuple[str, ...], others: tuple[str, ...]) -> int:
    return sum(one == other for one, other in zip(some, others, strict=False))


def _bound(kept: dict[str, Any]) -> None:
    if len(kept) > _MAX_SOURCES:
        del kept[next(iter(kept))]


def _after(source: str, text: str) -> str | None:
    """Return `text` without what varies of `source` before it; None if it begins otherwise."""
    if not source:
        return text
    pattern = r"(?:[0-9a-fA-F]{8,}|\d+)".join(map(re.escape, source.split("0")))
    found = re.match(pattern, text)
    return None if found is None else text[found.end() :]


def _closed(text: str) -> str:
    """Return the beginning of a member as a whole one, "" where there is no value yet."""
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


def _repaired(pieces: deque[Piece]) -> dict[str, Any] | None:
    """Return the record of a crash of which only the end is there, None if it is none."""
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
