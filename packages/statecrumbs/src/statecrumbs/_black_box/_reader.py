"""Read a black box file, while its process runs or after it died."""

from __future__ import annotations

import json
import os
import stat
from binascii import crc32
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, cast

from statecrumbs._black_box import _format
from statecrumbs._black_box._in_flight import decode_rows
from statecrumbs._black_box._ring import is_locked
from statecrumbs._black_box._slots import decode
from statecrumbs._crumb import timestamp
from statecrumbs._endings import WITHOUT_HOOKS
from statecrumbs._process import fate

if TYPE_CHECKING:
    from typing import Any, BinaryIO, Final

    from statecrumbs._endings import Ending

_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would translate line ends
_MAX_HEADER: Final = 1 << 20
# A live process writes while it is read, so what looks torn is read again, this many times.
_ATTEMPTS: Final = 5
_FAULT: Final = "Fatal Python error: "
_MAX_SCANNED: Final = 1 << 21  # bytes of a file that is searched for its newest time
_MAX_STACKS: Final = 1 << 18  # bytes of text that faulthandler wrote


@dataclass(frozen=True)
class Header:
    """The header of a file, as far as it could be understood."""

    path: str
    version: int
    size: int
    rows: int
    row_size: int
    slot_size: int
    slots: int
    state: int
    told: int
    failures: int
    hidden: int
    exit_kind: int
    exit_code: int
    program_checksum: int
    is_announced: bool
    ended_ns: int
    is_copy: bool
    pid: int
    start: int
    created_ns: int
    process: dict[str, Any]
    description: dict[str, Any]

    @property
    def slots_offset(self) -> int:
        """Where the slots begin."""
        return self.size + self.rows * self.row_size

    @property
    def total_size(self) -> int:
        """The size of the whole file."""
        return self.slots_offset + self.slots * self.slot_size

    def ending(self, in_flight: int) -> Ending:
        """Return how the process ended, as far as is known now; `in_flight` is its open frames."""
        if self.version == 1:
            if self.state:
                return "ended" if self.state == _format.ENDED else "exception"
        elif self.state == _format.FAILED:
            return "exception"
        elif self.state == _format.ENDED:
            if self.exit_kind == _format.SYSTEM_EXIT:
                return "exited"
            if self.exit_kind == _format.KEYBOARD_INTERRUPT:
                return "interrupted"
            return "unfinished" if in_flight else "ended"
        described = {**self.description, "lock": ""} if self.is_copy else self.description
        found = fate(self.pid, self.start, described, self._is_locked)
        if found in WITHOUT_HOOKS and self.is_announced and not in_flight:
            return "ended"
        return found

    def _is_locked(self) -> bool:
        return is_locked(self.path)


@dataclass(frozen=True)
class Recovered:
    """The content of one file.

    `crumbs` are as in a dump, oldest first. `ending` is a verdict of `_endings`. `in_flight` are
    the open frames, with "kind", "name", "flow", "correlation_id", "thread", "path", "since",
    "seconds" (up to now, the end, or the last sign of life) and "depth"; `hidden` more had no row.
    `failures` is how many unhandled exceptions were noted, `exit_code` that of a SystemExit.
    `stacks` is the text that faulthandler wrote.

    `process` holds pid, parent_pid, argv, python, host and program. Of the crumbs recorded until
    the one numbered `newest`, `dropped` were pushed out by newer ones or never completed, `torn`
    ones are damaged, and `shortened` ones did not fit. `missing_slots` is not 0 for a truncated
    file.
    """

    path: str
    ending: Ending
    process: dict[str, Any]
    created: str
    crumbs: list[dict[str, Any]]
    newest: int
    dropped: int
    torn: int
    shortened: int
    missing_slots: int
    in_flight: list[dict[str, Any]]
    hidden: int
    failures: int
    exit_code: int
    stacks: str
    silent_since: str

    def fault(self) -> str:
        """Return the line in which faulthandler names the fault, such as a segmentation fault."""
        lines = self.stacks.splitlines()
        faults = [line for line in lines if line.startswith(_FAULT)]
        return faults[-1].removeprefix(_FAULT) if faults else ""


def is_black_box(path: str | os.PathLike[str]) -> bool:
    """Return whether the file at `path` begins as a black box does. Raises UnreadableError."""
    with open_file(os.fspath(path)) as file:
        return file.read(len(_format.MAGIC)) == _format.MAGIC


def read(path: str | os.PathLike[str], *, after: int = 0) -> Recovered:
    """Return the content of the file at `path`, with the crumbs numbered above `after`.

    Raises UnreadableError for a file that is not a black box, was never finished, or was written by
    a newer version of the format. Damaged slots and a truncated file give a partial result.
    """
    path = os.fspath(path)
    with open_file(path) as file:
        header = read_header(file, path)
        rows = read_rows(file, header)
        ending = header.ending(len(rows))
        best = _Scan(file, header, after)
        for _ in range(_ATTEMPTS - 1):
            if ending != "running" or not best.gaps():
                break
            best = min(best, _Scan(file, header, after), key=_Scan.gaps)
        modified_ns = os.fstat(file.fileno()).st_mtime_ns
    newest_ns = max(best.newest_ns, header.ended_ns, header.created_ns)
    return Recovered(
        path=path,
        ending=ending,
        process=header.process,
        created=timestamp(header.created_ns),
        crumbs=[crumb for _, crumb in best.crumbs],
        newest=best.newest,
        dropped=best.dropped(),
        torn=best.torn,
        shortened=best.shortened,
        missing_slots=best.missing,
        in_flight=_with_ages(rows, _until(header, ending, max(newest_ns, modified_ns))),
        hidden=header.hidden,
        failures=header.failures,
        exit_code=header.exit_code,
        stacks=read_stacks(path),
        silent_since=timestamp(newest_ns),
    )


def read_in_flight(path: str | os.PathLike[str]) -> tuple[Header, Ending, list[dict[str, Any]]]:
    """Return the header of the file at `path`, the ending and the open frames, without crumbs.

    Raises UnreadableError.
    """
    path = os.fspath(path)
    with open_file(path) as file:
        header = read_header(file, path)
        rows = read_rows(file, header)
        modified_ns = os.fstat(file.fileno()).st_mtime_ns
    ending = header.ending(len(rows))
    return header, ending, _with_ages(rows, _until(header, ending, modified_ns))


def _until(header: Header, ending: Ending, last_ns: int) -> int:
    """Return the time up to which an age counts: now, the end, or the last sign of life."""
    if ending == "running":
        return time_ns()
    return header.ended_ns or max(last_ns, header.created_ns)


def read_rows(file: BinaryIO, header: Header) -> list[dict[str, Any]]:
    """Return the rows in use, the outermost first; none of a file of version 1."""
    if not header.rows:
        return []
    rows: list[dict[str, Any]] = []
    for _ in range(_ATTEMPTS):  # a live process writes meanwhile
        file.seek(header.size)
        rows, torn = decode_rows(file.read(header.rows * header.row_size), header.row_size)
        if not torn:
            break
    return rows


def read_stacks(path: str) -> str:
    """Return the stacks that faulthandler wrote beside the file at `path`, "" for none."""
    try:
        with open_file(path.removesuffix(_format.SUFFIX) + _format.STACKS_SUFFIX) as file:
            return file.read(_MAX_STACKS).decode("utf-8", "replace")
    except (_format.UnreadableError, OSError):
        return ""


def _with_ages(rows: list[dict[str, Any]], until_ns: int) -> list[dict[str, Any]]:
    """Return the rows as people get them: "since" and "seconds" in place of nanoseconds."""
    shown: list[dict[str, Any]] = []
    for row in rows:
        flags = row["flags"]
        since: int = row["since_ns"]
        one = {key: row[key] for key in row if key not in ("flags", "since_ns", "depth")}
        one["since"] = timestamp(since)
        one["seconds"] = round(max(0, until_ns - since) / 1e9, 3)
        one["depth"] = row["depth"]
        for flag, name in _FLAGS.items():
            if flags & flag:
                one[name] = True
        shown.append(one)
    return shown


_FLAGS: Final = {
    _format.SUSPENDED: "suspended",
    _format.DAEMON: "daemon",
    _format.LEFT: "left",
}


class _Scan:
    """One pass over the slots of a file."""

    def __init__(self, file: BinaryIO, header: Header, after: int) -> None:
        self.crumbs: list[tuple[int, dict[str, Any]]] = []
        self.newest = self.after = after
        self.newest_ns = 0
        self.torn = 0
        self.shortened = 0
        # In one go, since a live process writes meanwhile.
        file.seek(header.slots_offset)
        slots = file.read(header.slots * header.slot_size)
        for offset in range(0, len(slots) - header.slot_size + 1, header.slot_size):
            self._add(slots, offset, header.slot_size)
        self.missing = header.slots - len(slots) // header.slot_size
        self.crumbs.sort(key=_sequence)

    def _add(self, slots: bytes, offset: int, size: int) -> None:
        head = _format.SLOT_HEAD.unpack_from(slots, offset)
        in_use, flags, length, checksum, sequence, ts_ns = head
        self.newest_ns = max(self.newest_ns, ts_ns)
        if sequence <= self.after:
            return
        start = offset + _format.SLOT_HEAD.size
        payload = slots[start : start + min(length, size - _format.SLOT_HEAD.size)]
        is_whole = in_use and crc32(payload, sequence) == checksum
        crumb = decode(payload, ts_ns) if is_whole else None
        if crumb is None:
            self.torn += 1
            return
        self.newest = max(self.newest, sequence)
        self.shortened += flags & _format.SHORTENED
        self.crumbs.append((sequence, crumb))

    def gaps(self) -> int:
        """Return how far this is from being the newest crumbs, all of them.

        A crumb that its writer stored late counts as one, however many the others recorded in
        between. A crumb that was missed counts as two, since an older one is in its place.
        """
        pushed_out = self.newest - len(self.crumbs) - self.torn
        kept = [sequence for sequence, _ in self.crumbs if sequence > pushed_out]
        missing = self.newest + 1 - kept[0] - len(kept) if kept else 0
        return len(self.crumbs) - len(kept) + max(missing, self.torn)

    def dropped(self) -> int:
        return max(0, self.newest - self.after - len(self.crumbs) - self.torn)


def _sequence(numbered: tuple[int, dict[str, Any]]) -> int:
    return numbered[0]


def last_sign(path: str) -> tuple[int, str]:
    """Return the time of the last sign of life in the file at `path`, and its last event.

    The time is in ns, 0 where it is unknown. Of a file that is larger than ours are it is the time
    of the last change, and the event is unknown, "".
    """
    try:
        with open_file(path, follow=False) as file:
            header = read_header(file, path)
            if header.total_size > _MAX_SCANNED:
                return os.fstat(file.fileno()).st_mtime_ns, ""
            rows = read_rows(file, header)
            scan = _Scan(file, header, 0)
    except (_format.UnreadableError, OSError):
        return 0, ""
    times = (header.created_ns, header.ended_ns, scan.newest_ns, *(row["since_ns"] for row in rows))
    return max(times), scan.crumbs[-1][1]["event"] if scan.crumbs else ""


def open_file(path: str, *, follow: bool = True) -> BinaryIO:
    """Open the regular file at `path` for reading. Raises UnreadableError."""
    try:
        # Not blocking: opening a pipe of that name would wait for ever.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | _BINARY
        if not follow:
            flags |= getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags)
    except OSError as error:
        raise _format.UnreadableError(f"Cannot read {path}: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _format.UnreadableError(f"Cannot read {path}: it is not a regular file.")
    return open(descriptor, "rb", buffering=0)


def read_header(file: BinaryIO, path: str) -> Header:
    """Return the header of `file`. Raises UnreadableError, with `path` in its message."""
    start = file.read(_format.HEADER_SIZE)
    first = _format.DESCRIPTION_OFFSETS[1]
    if len(start) >= first and start.startswith(bytes(len(_format.MAGIC))):
        raise _format.UnreadableError(
            f"{path} is a black box that was never finished: its process died while making it, "
            "or is about to go on.",
        )
    if len(start) < first or not start.startswith(_format.MAGIC):
        raise _format.UnreadableError(f"{path} is not a black box of statecrumbs.")
    (
        _,
        version,
        size,
        slot_size,
        slots,
        pid,
        parent_pid,
        state,
        told,
        length,
        started,
        created_ns,
        checksum,
    ) = _format.HEADER.unpack_from(start)
    if version not in _format.VERSIONS:
        raise _format.UnreadableError(
            f"{path} has version {version} of the black box format; this statecrumbs reads version "
            f"{_format.VERSION} and older. Read it with the statecrumbs that wrote it, or a newer "
            "one.",
        )
    offset = _format.DESCRIPTION_OFFSETS[version]
    second = (0,) * 11
    if version > 1 and len(start) >= offset:
        second = _format.HEADER_2.unpack_from(start, _format.HEADER_2_OFFSET)
    rows, row_size, failures, _, hidden, exit_code, exit_kind, announced, *last = second
    program, ended_ns, inode = last
    if not (
        offset <= size <= _MAX_HEADER
        and _format.MIN_SLOT_SIZE <= slot_size <= _format.MAX_SLOT_SIZE
        and _format.MIN_SLOTS <= slots <= _format.MAX_SIZE // slot_size
        and rows <= _format.MAX_ROWS
        and (not rows or _format.ROW_HEAD.size < row_size <= _format.MAX_SLOT_SIZE)
    ):
        raise _format.UnreadableError(
            f"{path} is damaged: its header says {slots} slots of {slot_size} bytes after {size}, "
            f"and {rows} rows of {row_size}.",
        )
    if size > len(start):
        start += file.read(size - len(start))
    description = _description(start[offset : offset + length], checksum)
    return Header(
        path=path,
        version=version,
        size=size,
        rows=rows,
        row_size=row_size,
        slot_size=slot_size,
        slots=slots,
        state=state,
        told=told,
        failures=failures if version > 1 else int(state == _format.FAILED),
        hidden=hidden,
        exit_kind=exit_kind,
        exit_code=exit_code,
        program_checksum=program,
        is_announced=bool(announced),
        ended_ns=ended_ns,
        is_copy=version > 1 and inode != os.fstat(file.fileno()).st_ino,
        pid=pid,
        start=started,
        created_ns=created_ns,
        process={
            "pid": pid,
            "parent_pid": parent_pid,
            "argv": description["argv"],
            "python": description["python"],
            "host": description["host"],
            "program": description["program"],
        },
        description=description,
    )


def _description(raw: bytes, checksum: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if crc32(raw) == checksum:
        try:
            found = dict(json.loads(raw))
        except (ValueError, TypeError, RecursionError):
            pass  # the crumbs can be read all the same
    argv: object = found.get("argv")
    described: dict[str, Any] = {
        name: str(found.get(name, ""))
        for name in ("host", "python", "boot_id", "pid_namespace", "lock", "program")
    }
    described["argv"] = (
        [str(argument) for argument in cast("list[object]", argv)] if isinstance(argv, list) else []
    )
    return described
