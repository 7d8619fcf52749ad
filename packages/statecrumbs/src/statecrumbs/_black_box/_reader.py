"""Read a black box file, while its process runs or after it died."""

from __future__ import annotations

import os
from dataclasses import dataclass
from struct import Struct
from time import time_ns
from typing import TYPE_CHECKING
from zlib import adler32

from statecrumbs._black_box import _format
from statecrumbs._black_box._header import open_file, read_header
from statecrumbs._black_box._rows import decode_rows
from statecrumbs._black_box._slots import decode
from statecrumbs._crumb import timestamp
from statecrumbs._endings import WITHOUT_HOOKS

if TYPE_CHECKING:
    from typing import Any, BinaryIO, Final

    from statecrumbs._black_box._header import Header
    from statecrumbs._endings import Ending

# A live process writes while it is read, so what looks torn is read again, this many times.
_ATTEMPTS: Final = 5
_FAULT: Final = "Fatal Python error: "
_MAX_SCANNED: Final = 1 << 21  # bytes of a file that is searched for its newest time
_MAX_STACKS: Final = 1 << 18  # bytes of text that faulthandler wrote


@dataclass(frozen=True)
class Recovered:
    """The content of one file.

    `crumbs` are as in a dump, oldest first. `ending` is one of `_endings.ENDINGS`. `in_flight` are
    the open frames, with "kind", "name", "flow", "correlation_id", "thread", "task", "path",
    "since", "seconds" (up to now, the end, or the last sign of life) and "depth"; `hidden` more had
    no row.
    `failures` is how many unhandled exceptions were noted, `exit_code` that of a SystemExit.
    `stacks` is the text that faulthandler wrote.

    `process` holds pid, parent_pid, argv, python, host and program. `newest` is the number of the
    last crumb. Up to it, `dropped` crumbs were pushed out by newer ones or never completed, `torn`
    crumbs are damaged, and `shortened` ones did not fit. `missing_slots` is not 0 for a truncated
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
        """Return the line in which faulthandler names the fault, such as a segmentation fault.

        A process that is seen to run, or to have run its exit hooks, had none.
        """
        if self.ending not in WITHOUT_HOOKS:
            return ""
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
        header, rows, ending = _settled(file, path)
        best = _Scan(file, header, after)
        for _ in range(_ATTEMPTS - 1):
            if ending != "running" or not best.gaps():
                break
            best = min(best, _Scan(file, header, after), key=_Scan.gaps)
        modified_ns = _modified_ns(file, header)
    begun = (row["since_ns"] for row in rows)
    newest_ns = max(best.newest_ns, header.ended_ns, header.created_ns, *begun)
    return Recovered(
        path=path,
        ending=ending,
        process=header.process,
        created=timestamp(header.created_ns),
        crumbs=best.latest(),
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
        header, rows, ending = _settled(file, path)
        modified_ns = _modified_ns(file, header)
    last_ns = max((row["since_ns"] for row in rows), default=0)
    return header, ending, _with_ages(rows, _until(header, ending, max(last_ns, modified_ns)))


def _settled(file: BinaryIO, path: str) -> tuple[Header, list[dict[str, Any]], Ending]:
    """Return the header of `file`, its open frames, and the ending that follows from both."""
    header = read_header(file, path)
    rows = read_rows(file, header)
    ending = header.ending(len(rows))
    if ending in WITHOUT_HOOKS:
        # It may have done other work, or have run its exit hooks, after we read and before it died.
        file.seek(0)
        header = read_header(file, path)
        rows = read_rows(file, header)
        ending = header.ending(len(rows))
    return header, rows, ending


def _modified_ns(file: BinaryIO, header: Header) -> int:
    """Return when the process changed the file last, as far as the file system knows."""
    return 0 if header.is_copy else os.fstat(file.fileno()).st_mtime_ns


def _until(header: Header, ending: Ending, last_ns: int) -> int:
    """Return the time up to which an age counts: now, the end, or the last sign of life."""
    if ending == "running":
        return time_ns()
    return header.ended_ns or max(last_ns, header.created_ns)


def read_rows(file: BinaryIO, header: Header) -> list[dict[str, Any]]:
    """Return the rows in use, the outermost first."""
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
    except _format.UnreadableError:
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
        self.slots = header.slots
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
        sequence, _, _, flags, ts_ns = _format.SLOT_HEAD.unpack_from(slots, offset)
        self.newest_ns = max(self.newest_ns, ts_ns)
        if sequence <= self.after:
            return
        crumb = _crumb_at(slots, offset, size)
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

    def latest(self) -> list[dict[str, Any]]:
        """Return the crumbs, the oldest first, without those that newer ones pushed out.

        Such a crumb is there if the writer that has its slot is held up, or if its own writer was.
        """
        return [crumb for sequence, crumb in self.crumbs if sequence > self.newest - self.slots]

    def dropped(self) -> int:
        return max(0, self.newest - self.after - len(self.latest()) - self.torn)


def _sequence(numbered: tuple[int, dict[str, Any]]) -> int:
    return numbered[0]


def last_sign(path: str) -> tuple[int, str]:
    """Return the time of the last sign of life in the file at `path`, and its last event.

    The time is in ns, or 0 if it is unknown. For a file that is larger than ours, it is the time of
    the last change, and the event is "". Only the newest crumb is decoded.
    """
    try:
        with open_file(path, follow=False) as file:
            header = read_header(file, path)
            if header.total_size > _MAX_SCANNED:
                return os.fstat(file.fileno()).st_mtime_ns, ""
            rows = read_rows(file, header)
            file.seek(header.slots_offset)
            slots = file.read(header.slots * header.slot_size)
    except _format.UnreadableError:
        return 0, ""
    size = header.slot_size
    head = Struct(f"{_format.SLOT_HEAD.format}{size - _format.SLOT_HEAD.size}x")
    heads = list(head.iter_unpack(slots[: len(slots) // size * size]))
    times = [header.created_ns, header.ended_ns, *(row["since_ns"] for row in rows)]
    last_ns = max(*times, *(ts_ns for *_, ts_ns in heads))
    sequences = [sequence for sequence, *_ in heads]
    for sequence, number in sorted(zip(sequences, range(len(heads)), strict=True), reverse=True):
        crumb = _crumb_at(slots, number * size, size) if sequence else None
        if crumb is not None:
            return last_ns, crumb["event"]
    return last_ns, ""


def _crumb_at(slots: bytes, offset: int, size: int) -> dict[str, Any] | None:
    """Return the crumb of the slot at `offset`, None where it is torn or was never used."""
    sequence, checksum, length, _, ts_ns = _format.SLOT_HEAD.unpack_from(slots, offset)
    start = offset + _format.SLOT_HEAD.size
    payload = slots[start : start + min(length, size - _format.SLOT_HEAD.size - _format.SLOT_END)]
    end = start + _format.padded(len(payload))
    is_whole = slots[end : end + 8] == slots[offset : offset + 8]
    is_whole = is_whole and adler32(payload, sequence) == checksum
    return decode(payload, ts_ns) if is_whole else None
