"""The table of the open frames in a black box: its rows, written and read."""

from __future__ import annotations

import json
import sys
from _weakref import ref
from collections import deque
from itertools import count
from json.encoder import encode_basestring as quote
from struct import Struct
from zlib import adler32

from corectx.lowlevel import raised_by_signal
from statecrumbs._black_box import _format
from statecrumbs._crumb import name_text
from statecrumbs._work import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

    from corectx import Frame
    from statecrumbs._black_box._file import BoxFile
    from statecrumbs._in_flight import Trace

    # The members that say where it runs; thread, correlation ID, flags of the thread
    _Where: TypeAlias = tuple[bytes, int, str | None, int]
    # offset, sequence, depth, sequence of the row around, where it runs, flags, trace, the member
    # that names the asyncio task
    _Row: TypeAlias = tuple[int, int, int, int, _Where, int, Trace | None, bytes]

_DAEMON: Final = _format.DAEMON
_MAX_DEPTH: Final = 16  # rows of one operation inside one another
_ROOM: Final = _format.ROW_SIZE - _format.ROW_HEAD.size - _format.ROW_END
_LENGTHS: Final = (96, 40, 20, 10)  # characters of one text, until all of them fit in a row
_MAX_KNOWN: Final = 256  # sites whose names are kept encoded
_LATEST: Final = 1 << 33  # the largest time that there can be, in seconds
_TRACE: Final = Struct("<16s8s8sB7x").pack
# These fill a row, each for the payloads of 8 lengths.
_LENGTHS_OF_PAYLOADS: Final = range(0, _ROOM + 1, 8)
_STORES: Final = [
    Struct(_format.ROW.format("40x", _format.padded(length))).pack_into
    for length in _LENGTHS_OF_PAYLOADS
]
_STORES_TRACE: Final = [
    Struct(_format.ROW.format("40s", _format.padded(length))).pack_into
    for length in _LENGTHS_OF_PAYLOADS
]

# The first members of the rows of a site, redacted, as bytes, and whether it may be in a task of
# its own; by the address of the site, which the entry keeps alive. Only of steps and entrypoints,
# whose names never change.
_known: dict[int, tuple[object, bytes, bool]] = {}

# The asyncio task that was named last, and the member with its name: most steps are in the same.
_latest_task: list[tuple[ref[Any] | None, bytes]] = [(None, b"")]


class RowTable:
    """Write the open frames of this process into the rows of its `box_file`, without a lock."""

    def __init__(self, box_file: BoxFile) -> None:
        self._map = box_file.map
        self._mark = box_file.mark
        self._free = deque(box_file.row_offsets)
        self._next = count(1).__next__
        self._rows: dict[Frame | None, _Row] = {}
        self._hidden: set[Frame] = set()
        self._latest: _Where | None = None

    def open(self, frame: Frame, trace: Trace | None = None) -> None:
        """Give `frame` a row. Never raises an Exception."""
        try:
            try:
                # The usual case inline, for speed: a step in the same thread and operation as the
                # frame around it. It does what `_open` and `_write` do.
                _, parent, depth, _, where, _, _, _ = self._rows[frame.parent]
                _, names, may_be_task = _known[id(frame.site)]
                tail, thread_id, correlation_id, flags = where
                if (
                    trace is None
                    and not may_be_task
                    and depth < _MAX_DEPTH - 1
                    and thread_id == frame.thread_id
                    and correlation_id is frame.correlation_id
                ):
                    payload = names + tail
                    length = len(payload)
                    store = _STORES[length >> 3]
                    offset = self._free.popleft()
                    sequence = self._next()
                    row = offset, sequence, depth + 1, parent, where, flags, None, b""
                    self._rows[frame] = row
                    since = frame.since
                    store(
                        self._map, offset,
                        1, flags, length, adler32(payload, sequence), sequence, parent, since,
                        payload, sequence, parent, since,
                    )  # fmt: skip
                    return
            except LookupError as error:
                # Nearly always raised right here; a signal handler has a call of its own.
                if getattr(error.__traceback__, "tb_next", None) and raised_by_signal(error):
                    raise
            self._open(frame, trace)
        except Exception as error:
            if raised_by_signal(error):
                raise  # closed; or no memory: the frame has no row

    def _open(self, frame: Frame, trace: Trace | None) -> None:
        around = self._row_around(frame)
        where = around[4] if around is not None else self._latest
        # The next step of a flow that began before is one more root.
        is_same = (
            where is not None and where[1] == frame.thread_id and where[2] is frame.correlation_id
        )
        if not is_same or where is None:
            where = _where(frame)
        if around is None:
            parent = depth = 0
            self._latest = where
        else:
            parent, depth = around[1], around[2] + 1
        has_task = around is None or not is_same or _may_be_task(frame)
        try:
            offset = self._free.popleft() if depth < _MAX_DEPTH else None
        except IndexError:
            offset = self._take_inner() if depth == 0 else None
        if offset is None:
            self._hidden.add(frame)
            self._count_hidden()
            return
        task = _task() if has_task else b""
        row = offset, self._next(), depth, parent, where, where[3], trace, task
        self._rows[frame] = row
        self._write(frame, row)

    def close(self, frame: Frame) -> None:
        """Free the row of `frame`."""
        try:
            try:
                row = self._rows[frame]
            except KeyError:
                if frame in self._hidden:
                    self._hidden.discard(frame)
                    self._count_hidden()
                return
            # In this order: an exception of a signal handler in between loses a free row only.
            offset = row[0]
            self._map[offset] = 0
            del self._rows[frame]
            self._free.append(offset)
        except (ValueError, TypeError, KeyError):
            pass  # the file is closed; or another thread was faster

    def frames(self) -> list[Frame]:
        """Return the frames that have a row."""
        return [frame for frame in self._rows.copy() if frame is not None]

    def holds(self, frame: Frame) -> int:
        """Return how many references to `frame` this table has."""
        return (frame in self._rows) + (frame in self._hidden)

    def change(self, work: Work, trace: Trace | None = None) -> None:
        """Write the row of `work` anew; with its `trace`, if that is known now.

        The new row is whole before the old one is free: at each moment one of them can be read.
        """
        frame = work.frame
        row = self._rows.get(frame)
        if row is None or not self._mark[0]:
            return
        try:
            before, sequence, depth, parent, where, flags, known, task = row
            was_suspended = flags & _format.SUSPENDED
            flags &= _DAEMON
            if work.is_suspended:
                flags |= _format.SUSPENDED
            elif where[1] != frame.thread_id:
                where = _where(frame)
                flags = where[3]
                task = _task()
            elif was_suspended:
                task = _task()
            if work.is_left:
                flags |= _format.LEFT
            try:
                offset = self._free.popleft()
            except IndexError:
                offset = before  # in its place: it cannot be read while it is written
                self._map[before] = 0
            trace = trace or known
            row = offset, sequence, depth, parent, where, flags, trace, task
            self._write(frame, row)
            self._rows[frame] = row
            if offset != before:
                self._map[before] = 0
                self._free.append(before)
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

    def _row_around(self, frame: Frame) -> _Row | None:
        """Return the row of the nearest frame around `frame` that has one."""
        outer = frame.parent
        while outer is not None:
            row = self._rows.get(outer)
            if row is not None:
                return row
            outer = outer.parent
        return None

    def _take_inner(self) -> int | None:
        """Take the row of an inner frame for an outermost one."""
        for frame, row in reversed(list(self._rows.items())):
            if row[2] and frame is not None and self._rows.pop(frame, None) is not None:
                self._hidden.add(frame)
                self._count_hidden()
                self._map[row[0]] = 0
                return row[0]
        return None

    def _count_hidden(self) -> None:
        _format.HIDDEN.pack_into(self._map, _format.HIDDEN_OFFSET, len(self._hidden))

    def _write(self, frame: Frame, row: _Row) -> None:
        """Store a row in the order of its fields, so that the last is there when all others are."""
        offset, sequence, _, parent, where, flags, trace, task = row
        payload = _payload(frame, task + where[0])
        traced = b"" if trace is None else _TRACE(*trace)
        since = frame.since
        length = len(payload)
        _STORES_TRACE[length >> 3](
            self._map, offset,
            1, flags, length, adler32(traced + payload, sequence), sequence, parent, since,
            traced, payload, sequence, parent, since,
        )  # fmt: skip


def _may_be_task(frame: Frame) -> bool:
    """Tell whether an inner `frame` may run in another asyncio task than the frame around it.

    A call of a plain function is in the task of its caller, whose row names it.
    """
    return getattr(frame.site, "call_kind", None) not in ("function", "generator")


def _task() -> bytes:
    """Return the member of a row that names the asyncio task which runs here, b"" for none."""
    asyncio: Any = sys.modules.get("asyncio")  # not imported: this may be a signal handler
    if asyncio is None:
        return b""
    try:
        loop = asyncio._get_running_loop()  # noqa: SLF001 - documented, in spite of its name
        task = None if loop is None else asyncio.current_task(loop)
        if task is None:
            return b""
        latest, member = _latest_task[0]
        if latest is None or latest() is not task:
            name = name_text(str(task.get_name()))[: _LENGTHS[0]]
            member = f',"task":{quote(name)}'.encode("utf-8", "backslashreplace")
            _latest_task[0] = ref(task), member
        return member
    except Exception as error:
        if raised_by_signal(error):
            raise
        return b""  # asyncio is being imported, or the task is of a class of the program


def _where(frame: Frame) -> _Where:
    """Return the last members of a row, which say where it runs; its thread, and that's flags."""
    work = Work(frame)
    thread = work.thread()
    tail = f',"thread":{quote(thread[: _LENGTHS[0]])}'
    if frame.correlation_id is not None:
        tail += f',"correlation_id":"{frame.correlation_id}"'  # of characters that need no escapes
    is_daemon = thread != "MainThread" and work.is_in_daemon()
    return (
        f"{tail}}}".encode("utf-8", "backslashreplace"),
        frame.thread_id,
        frame.correlation_id,
        _format.DAEMON if is_daemon else 0,
    )


def _payload(frame: Frame, tail: bytes) -> bytes:
    site = frame.site
    texts = {"kind": site.kind, "name": site.name, "flow": frame.flow}
    names = _encoded(texts, _LENGTHS[0])
    if site.flow is not None and site.kind in ("step", "entrypoint"):
        if len(_known) < _MAX_KNOWN:
            _known[id(site)] = site, names, _may_be_task(frame)
        path = None
    else:
        path = Work(frame).path()
    if path is not None:
        tail = tail[:-1] + f',"path":{quote(path)}}}'.encode("utf-8", "backslashreplace")
    if len(names) + len(tail) <= _ROOM:
        return names + tail
    last: dict[str, str] = json.loads(b"{" + tail[1:])
    for length in _LENGTHS:
        cut = _encoded({**texts, **last}, length) + b"}"
        if len(cut) <= _ROOM:
            return cut
    return b"{}"


def _encoded(texts: dict[str, str | None], length: int) -> bytes:
    """Return `texts` as the first members of a JSON object, without its end."""
    return b"{" + _members(texts, length).encode("utf-8", "backslashreplace")


def _members(texts: dict[str, str | None], length: int) -> str:
    """Return `texts`, redacted and cut, as the members of a JSON object."""
    kept = {key: _cut(name_text(text), length) for key, text in texts.items() if text is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))[1:-1]


def forget_names() -> None:
    """Redact the names of frames again: the names of secrets have changed."""
    _known.clear()
    _latest_task[0] = None, b""


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
        payload = raw[start : start + min(length, row_size - head.size - _format.ROW_END)]
        end = start + _format.padded(len(payload))
        traced = raw[offset + _format.ROW_TRACE : start]
        covered = traced + payload if any(traced) else payload
        numbers = raw[offset + _format.ROW_NUMBERS : offset + _format.ROW_TRACE]
        is_whole = raw[end : end + len(numbers)] == numbers and 0 <= since < _LATEST
        if not is_whole or adler32(covered, sequence) != checksum:
            torn += 1
            continue
        try:
            row: dict[str, Any] = dict(json.loads(payload))
        except (ValueError, TypeError, RecursionError):
            torn += 1
            continue
        row = {key: text for key, text in row.items() if isinstance(text, str)}
        row["since_ns"] = int(since * 1e9)
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
