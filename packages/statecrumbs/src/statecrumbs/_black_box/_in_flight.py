"""The table of the open frames in a black box: its rows, written and read."""

from __future__ import annotations

import json
from binascii import crc32
from collections import deque
from itertools import count
from json.encoder import encode_basestring as quote
from struct import Struct

from corectx.lowlevel import raised_by_signal
from statecrumbs._black_box import _format
from statecrumbs._crumb import name_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from corectx import Frame
    from statecrumbs._black_box._ring import Ring
    from statecrumbs._in_flight import Work

_MAX_DEPTH: Final = 16  # rows of one operation inside one another
_ROOM: Final = _format.ROW_SIZE - _format.ROW_HEAD.size
_LENGTHS: Final = (96, 40, 20, 10)  # characters of one text, until all of them fit in a row
_MAX_KNOWN: Final = 256  # names that are kept quoted
_NO_TRACE: Final = (bytes(16), bytes(8), bytes(8), 0)
_COVERED: Final = Struct("<QQ16s8s8sB7x")

# The kind, name and flow of frames as members of a JSON object, redacted.
_known: dict[tuple[str, str | None, str | None], str] = {}
_threads: dict[str, str] = {}


class RowTable:
    """Write the open frames of this process into the rows of its `ring`, without a lock."""

    def __init__(self, ring: Ring) -> None:
        self._map = ring.map
        self._mark = ring.mark
        self._free = deque(ring.row_offsets)
        self._next = count(1).__next__
        # By the address of the frame: where its row is, its sequence number, and its depth.
        self._rows: dict[int, tuple[int, int, int]] = {}
        self._hidden: set[int] = set()
        self._store = Struct(f"<BBHIQ{_COVERED.size}s{_ROOM}s").pack_into

    def open(self, work: Work) -> None:
        """Give `work` a row. Never raises an Exception."""
        if not self._mark[0]:
            return
        try:
            frame = work.frame
            depth = parent = 0
            rows = self._rows
            outer = frame.parent
            while outer is not None:
                around = rows.get(id(outer))
                if around is not None:
                    depth, parent = around[2] + 1, around[1]
                    break
                outer = outer.parent
            offset = None
            if depth < _MAX_DEPTH:
                try:
                    offset = self._free.popleft()
                except IndexError:
                    offset = self._take_inner() if depth == 0 else None
            if offset is None:
                self._hidden.add(id(frame))
                self._count_hidden()
                return
            sequence = self._next()
            rows[id(frame)] = (offset, sequence, depth)
            self._write(work, offset, sequence, parent)
        except Exception as error:
            if raised_by_signal(error):
                raise  # closed; or no memory: the frame has no row

    def close(self, work: Work) -> None:
        """Free the row of `work`."""
        key = id(work.frame)
        row = self._rows.pop(key, None)
        try:
            if row is not None:
                self._map[row[0]] = 0
                self._free.append(row[0])
            elif key in self._hidden:
                self._hidden.discard(key)
                self._count_hidden()
        except (ValueError, TypeError):
            pass  # the file is closed

    def change(self, work: Work) -> None:
        """Write the row of `work` anew."""
        row = self._rows.get(id(work.frame))
        if row is None or not self._mark[0]:
            return
        try:
            self._write(work, row[0], row[1], self._parent_of(work.frame))
        except Exception as error:
            if raised_by_signal(error):
                raise

    def note_exit(self, kind: int, code: int) -> None:
        """Note that SystemExit or KeyboardInterrupt left an operation; 0 for neither."""
        try:
            _format.EXIT.pack_into(self._map, _format.EXIT_OFFSET, code, kind)
        except (ValueError, TypeError):
            pass  # the file is closed

    def announce(self, *, is_ending: bool) -> None:
        """Note that an ordinary end was announced, or that the process goes on all the same."""
        try:
            self._map[_format.ANNOUNCED_OFFSET] = is_ending
        except (ValueError, TypeError):
            pass  # the file is closed

    def _parent_of(self, frame: Frame) -> int:
        """Return the sequence number of the row of the nearest frame around `frame`, 0 for none."""
        outer = frame.parent
        while outer is not None:
            row = self._rows.get(id(outer))
            if row is not None:
                return row[1]
            outer = outer.parent
        return 0

    def _take_inner(self) -> int | None:
        """Take the row of an inner frame for an outermost one."""
        for key, row in reversed(list(self._rows.items())):
            if row[2] and self._rows.pop(key, None) is not None:
                self._hidden.add(key)
                self._count_hidden()
                return row[0]
        return None

    def _count_hidden(self) -> None:
        _format.HIDDEN.pack_into(self._map, _format.HIDDEN_OFFSET, len(self._hidden))

    def _write(self, work: Work, offset: int, sequence: int, parent: int) -> None:
        thread = work.thread()
        payload = _payload(work, thread)
        flags = 0
        if work.is_suspended:
            flags = _format.SUSPENDED
        if work.is_left:
            flags |= _format.LEFT
        if thread != "MainThread" and work.is_in_daemon():
            flags |= _format.DAEMON
        covered = _COVERED.pack(parent, work.since_ns, *(work.trace or _NO_TRACE))
        length = len(payload)
        checksum = crc32(covered + payload, sequence & 0xFFFFFFFF)
        # Clears the row, then stores it in the order of its fields, the first byte first.
        self._map[offset] = 0
        self._store(self._map, offset, 1, flags, length, checksum, sequence, covered, payload)


def _payload(work: Work, thread: str) -> bytes:
    frame = work.frame
    site = frame.site
    kind = site.kind
    key = (kind, site.name, frame.flow)
    names = _known.get(key)
    if names is None:
        names = _learn(key)
    correlation_id = frame.correlation_id
    text = f'{{{names},"thread":{_quoted(thread)}'
    if correlation_id is not None:
        text += f',"correlation_id":"{correlation_id}"'  # of characters that need no escapes
    path = work.path() if kind == "request" else None
    if path is not None:
        text += f',"path":{quote(path)}'
    payload = f"{text}}}".encode("utf-8", "backslashreplace")
    if len(payload) <= _ROOM:
        return payload
    texts = {"kind": kind, "name": key[1], "flow": key[2], "thread": thread}
    for length in _LENGTHS:
        cut = _members({**texts, "correlation_id": correlation_id, "path": path}, length)
        payload = f"{{{cut}}}".encode("utf-8", "backslashreplace")
        if len(payload) <= _ROOM:
            return payload
    return b"{}"


def _learn(key: tuple[str, str | None, str | None]) -> str:
    """Return a kind, a name and a flow as members of a JSON object; keep them for the next row."""
    names = _members(dict(zip(("kind", "name", "flow"), key, strict=True)), _LENGTHS[0])
    if len(_known) < _MAX_KNOWN and all(len(each or "") <= _LENGTHS[0] for each in key):
        _known[key] = names
    return names


def _quoted(thread: str) -> str:
    quoted = _threads.get(thread)
    if quoted is None:
        quoted = quote(thread)
        if len(_threads) < _MAX_KNOWN:
            _threads[thread] = quoted
    return quoted


def _members(texts: dict[str, str | None], length: int) -> str:
    """Return `texts`, redacted and cut, as the members of a JSON object."""
    kept = {key: _cut(name_text(text), length) for key, text in texts.items() if text is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))[1:-1]


def forget_names() -> None:
    """Redact the names of frames again: the names of secrets have changed."""
    _known.clear()


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def decode_rows(raw: bytes, row_size: int) -> tuple[list[dict[str, Any]], int]:
    """Return the rows in use as data, the outermost first, and how many are torn.

    `since_ns` is when the work began, `depth` how many of the other rows are around it, `is_left`,
    `is_suspended` and `is_daemon` are the flags. A row of an open frame has no `is_left`.
    """
    found: dict[int, dict[str, Any]] = {}
    parents: dict[int, int] = {}
    torn = 0
    head = _format.ROW_HEAD
    for offset in range(0, len(raw) - row_size + 1, row_size):
        in_use, flags, length, checksum, sequence, parent, since, trace, span, outer, sampled = (
            head.unpack_from(raw, offset)
        )
        if not in_use:
            continue
        start = offset + head.size
        payload = raw[start : start + min(length, row_size - head.size)]
        covered = raw[offset + _format.ROW_COVERED : start]
        if crc32(payload, crc32(covered, sequence & 0xFFFFFFFF)) != checksum:
            torn += 1
            continue
        try:
            row: dict[str, Any] = dict(json.loads(payload))
        except (ValueError, TypeError, RecursionError):
            torn += 1
            continue
        row = {key: text for key, text in row.items() if isinstance(text, str)}
        row["since_ns"] = since
        row["flags"] = flags
        if any(trace):
            row["trace_id"], row["span_id"] = trace.hex(), span.hex()
            if any(outer):
                row["parent_span_id"] = outer.hex()
            row["trace_flags"] = sampled
        found[sequence] = row
        parents[sequence] = parent
    return _ordered(found, parents), torn


def _ordered(found: dict[int, dict[str, Any]], parents: dict[int, int]) -> list[dict[str, Any]]:
    """Return the rows as a tree that is read from the outside in, the oldest operation first."""
    inside: dict[int, list[int]] = {}
    for sequence in sorted(found):
        parent = parents[sequence] if parents[sequence] in found else 0
        inside.setdefault(parent if parent < sequence else 0, []).append(sequence)
    ordered: list[dict[str, Any]] = []
    stack = [(sequence, 0) for sequence in reversed(inside.get(0, []))]
    while stack:
        sequence, depth = stack.pop()
        ordered.append({**found[sequence], "depth": depth})
        stack += [(each, depth + 1) for each in reversed(inside.get(sequence, []))]
    return ordered
