"""Find the dumps in the lines of a log: whole ones, cut ones, and several at the same time."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field, replace
from heapq import merge
from typing import TYPE_CHECKING

from statecrumbs._reading._log._decode import readings
from statecrumbs._reading._log._export import is_dump, rows_of_csv
from statecrumbs._reading._log._open_dump import (
    Brace,
    Document,
    OpenDump,
    ShippedDumps,
    begun,
    likeness,
    repaired,
)
from statecrumbs._reading._log._unwrap import Line, Piece, Unwrapper, Whole, after

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Final

_MAX_OPEN: Final = 64  # dumps of one source that are not complete
_MAX_LOOSE: Final = 4000  # pieces that may be the end of a dump whose beginning is cut off
_MAX_SOURCES: Final = 256  # with loose pieces or braces
# The first lines of a printed dump.
_PLAIN: Final = re.compile(r'^\[\n  \{\n    "event": ', re.MULTILINE)
_decoder: Final = json.JSONDecoder()
# The signs of a line of a dump: a member "event", the end of a dump, a line for log shippers. The
# quotes may be escaped. A search for one literal at a time is the fastest.
_MARKS: Final = (
    re.compile(r'event\\*": ?\\*"'),
    re.compile(r'process\\*": ?\{'),
    re.compile(r'statecrumbs\\*": ?\\*"'),
)
# Before a member of a JSON object that is in one line, which is no line of a pretty dump.
_IN_A_LINE: Final = re.compile(r'(?:(?<!\[)\{|,) ?\\*"$')
_MARGIN: Final = 16  # characters before a mark to look at
_MAX_CUT: Final = 1 << 22  # characters of a line that was cut into pieces
_MAX_BRACKETS: Final = 16
_GAP: Final = 2000  # lines of others within a dump
_NEAR: Final = 100  # lines within which a cut line goes on
_INDENT: Final = 2  # spaces of a member more than its brace has


def documents(text: str) -> list[Document]:
    """Return the dumps in the `text` of a log, in the order of their ends. Time is linear in it."""
    rows = rows_of_csv(text)
    if rows is not None:
        return in_rows(rows.split("\n"))
    found = [_in_lines(text)]
    for lines, numbers in readings(text):
        read = _in_lines("\n".join(lines))
        found.append([_placed(document, numbers) for document in read])
    best = max(found, key=_goodness)
    if not all(document.is_whole for document in best):
        best = max(best, _turned(text.split("\n")), key=_goodness)
    another = begun(text)
    is_later = another is not None and all(document.last < another.first for document in best)
    return [*best, another] if another is not None and is_later else best


def in_rows(rows: Sequence[str]) -> list[Document]:
    """Return the dumps in what a log service exported: `rows` may have the newest line first."""
    return max(_in_lines("\n".join(rows)), _turned(rows), key=_goodness)


def _turned(rows: Sequence[str]) -> list[Document]:
    """Return the dumps in `rows` from the last one to the first."""
    last = len(rows) - 1
    return [
        replace(document, first=last - document.last, last=last - document.first)
        for document in _in_lines("\n".join(reversed(rows)))
    ]


def _placed(document: Document, numbers: Sequence[int]) -> Document:
    """Return `document` with the lines of the log that its lines were in."""
    return replace(document, first=numbers[document.first], last=numbers[document.last])


def _goodness(found: list[Document]) -> tuple[int, int, bool]:
    """Return how much was found: in whole dumps, at all, and whether the latest one is the last."""
    whole = sum(_members(document) for document in found if document.is_whole)
    begins = [
        str(document.records[0]["ts"])
        for document in found
        if document.records and document.records[0].get("ts")
    ]
    return whole, sum(map(_members, found)), begins == sorted(begins)


def _members(document: Document) -> int:
    return sum(map(len, document.records))


def _in_lines(text: str) -> list[Document]:
    text, plain = _plain_dumps(text)
    lines = text.split("\n")
    log = _Log(plain)
    unwrapper = Unwrapper()
    at = 0
    for anchor, lines_before in _anchors(text):
        number = max(at, anchor - lines_before)
        # Most lines of a log are far from any dump, and are skipped.
        while number < len(lines) and (number <= anchor + _NEAR or log.is_busy(number)):
            for found in unwrapper.read(lines[number]):
                if isinstance(found, Line):
                    log.take(found, number)
                elif isinstance(found, Whole):
                    log.done.append(Document(found.records, number, number))
                else:
                    log.shipped.add(found.line, number)
            number += 1
        at = max(at, number)
    log.close()
    return sorted(log.done, key=lambda document: (document.last, document.first))


def _plain_dumps(text: str) -> tuple[str, list[Document]]:
    """Return `text` with empty lines in place of unchanged dumps, and these dumps.

    They are parsed at once, which takes a tenth of the time. A dump that something is wrong with
    fails at the first such line, and stays where it is.
    """
    found: list[Document] = []
    kept: list[str] = []
    at = number = 0  # where the text goes on, and the number of that line
    for begin in _PLAIN.finditer(text):
        if begin.start() < at:
            continue
        try:
            value, end = _decoder.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            continue
        if not is_dump(value) or text[end : end + 1] not in ("", "\n"):
            continue
        first = number + text.count("\n", at, begin.start())
        length = text.count("\n", begin.start(), end)
        found.append(Document(value, first, first + length))
        kept += [text[at : begin.start()], "\n" * length]
        at, number = end, first + length
    return ("".join([*kept, text[at:]]), found) if found else (text, found)


def _anchors(text: str) -> Iterator[tuple[int, int]]:
    """Yield lines that may belong to a dump, and how many lines before them are to be looked at."""
    number = at = 0
    lines_before = _MAX_LOOSE  # the first one may be the end of a dump whose beginning is cut off
    for position in merge(*(_positions(mark, text) for mark in _MARKS)):
        number += text.count("\n", at, position)
        at = position
        yield number, lines_before
        lines_before = _NEAR


def _positions(mark: re.Pattern[str], text: str) -> Iterator[int]:
    for found in mark.finditer(text):
        start = found.start()
        is_event = mark is _MARKS[0]
        if not is_event or not _IN_A_LINE.search(text[max(0, start - _MARGIN) : start]):
            yield start


@dataclass
class _Bracket:
    """A line that ends with a "[", which may begin a dump."""

    source: str
    words: tuple[str, ...]
    number: int


@dataclass
class _Log:
    done: list[Document] = field(default_factory=list[Document])
    shipped: ShippedDumps = field(default_factory=ShippedDumps)
    _open: dict[str, list[OpenDump]] = field(default_factory=dict[str, "list[OpenDump]"])
    _recent: deque[OpenDump] = field(default_factory=lambda: deque[OpenDump](maxlen=4))
    _brackets: deque[_Bracket] = field(
        default_factory=lambda: deque[_Bracket](maxlen=_MAX_BRACKETS)
    )
    _braces: dict[str, list[Brace]] = field(default_factory=dict[str, list[Brace]])
    _loose: dict[str, tuple[int, deque[Piece]]] = field(
        default_factory=dict[str, "tuple[int, deque[Piece]]"]
    )

    def take(self, line: Line, number: int) -> None:
        """Take in the next line."""
        if self._goes_on(line, number):
            return
        for piece in line.pieces:
            if self._take(piece, number):
                return
        for dump in reversed(self._recent):
            if dump.may_be_cut and number - dump.last <= _NEAR:
                text = (after(dump.source, line.text) or "").lstrip()
                if text.startswith('"') and all(piece.text != text for piece in line.pieces):
                    dump.cut = text
                    dump.last = number
                    return
        for piece in line.pieces[:1]:
            self._keep_loose(piece, number)

    def _goes_on(self, line: Line, number: int) -> bool:
        """Take the next part of a line that was cut, if `line` is one."""
        for dump in reversed(self._recent):
            if not dump.cut or number - dump.last > _NEAR or len(dump.cut) > _MAX_CUT:
                continue
            if any(piece.source == dump.source and dump.ends_cut(piece) for piece in line.pieces):
                return False
            rest = after(dump.source, line.text)
            if rest is None:
                continue
            joined = dump.cut + (rest[1:] if dump.source and rest.startswith(" ") else rest)
            (whole,) = Unwrapper().read(" " * 8 + joined) if '{"' not in joined else (None,)
            dump.cut = joined
            dump.last = number
            if isinstance(whole, Line):
                for piece in whole.pieces:
                    if piece.text == joined.rstrip() and dump.take(
                        piece, number, ignore_indent=True
                    ):
                        dump.cut = ""
            return True
        return False

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

    def _brace(self, piece: Piece, number: int) -> Brace:
        bracket = self._bracket(piece, number)
        brace = Brace(piece, number, bracket)
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
                (likeness(bracket.words, brace.words), bracket.number)
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
            if number - brace.number <= _NEAR
            and (brace.taken_by is None or brace.taken_by.last == brace.number)
        ]
        if not braces:
            return False
        # A brace of another program has another indentation, unless all of it was taken away.
        brace = max(
            braces,
            key=lambda each: (
                event.indent - each.piece.indent == _INDENT,
                likeness(each.piece.words, event.words),
                each.number,
            ),
        )
        for dump in self._open.get(event.source, ()):
            # A scoped value may have the name "event" too.
            if dump is not brace.taken_by and dump.accepts(event):
                alike = likeness(brace.piece.words, event.words), brace.number
                if (dump.likeness(event.words), dump.last) > alike:
                    return False
        self._braces[event.source].remove(brace)
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

    def _new(self, brace: Brace, *, has_begin: bool) -> OpenDump:
        dump = OpenDump(brace, has_begin=has_begin)
        dumps = self._open.setdefault(dump.source, [])
        dumps.append(dump)
        if len(dumps) > _MAX_OPEN:
            self._finish(dumps[0])
        self._loose.pop(dump.source, None)
        return dump

    def _likely(self, piece: Piece) -> list[OpenDump]:
        """Return the dumps that `piece` may continue: the ones with lines most like its line."""
        dumps = self._open.get(piece.source, [])
        if len(dumps) <= 1:
            return dumps
        alike = [dump.likeness(piece.words) for dump in dumps]
        most = max(alike)
        found = [dump for dump, much in zip(dumps, alike, strict=True) if much == most]
        return sorted(found, key=lambda dump: -dump.last)

    def _touch(self, dump: OpenDump) -> None:
        if not self._recent or self._recent[-1] is not dump:
            if dump in self._recent:
                self._recent.remove(dump)
            self._recent.append(dump)

    def _finish(self, dump: OpenDump) -> None:
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
            record = repaired(pieces)
            if record is not None:
                self.done.append(Document([record], first, number, has_begin=False))
                del self._loose[piece.source]
                return
        pieces.append(piece)
        _bound(self._loose)

    def is_busy(self, number: int) -> bool:
        """Return whether the line `number` may belong to a dump that is not complete."""
        return any(number - dump.last <= _GAP for dumps in self._open.values() for dump in dumps)

    def close(self) -> None:
        """Finish the dumps that are open at the end of the log."""
        for dumps in list(self._open.values()):
            for dump in list(dumps):
                self._finish(dump)
        self.done += self.shipped.dumps()


def _bound(kept: dict[str, Any]) -> None:
    if len(kept) > _MAX_SOURCES:
        del kept[next(iter(kept))]
