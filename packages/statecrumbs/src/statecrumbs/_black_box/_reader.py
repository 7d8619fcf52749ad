"""Read a black box file, while its process runs or after it died."""

from __future__ import annotations

import json
import os
import stat
from binascii import crc32
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from statecrumbs._black_box import _format
from statecrumbs._black_box._ring import is_locked
from statecrumbs._black_box._slots import decode, isoformat
from statecrumbs._process import fate

if TYPE_CHECKING:
    from typing import Any, BinaryIO, Final

    from statecrumbs._process import Fate

_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would translate line ends
_MAX_HEADER: Final = 1 << 20
# A live process writes while it is read, so what looks torn is read again, this many times.
_ATTEMPTS: Final = 5


@dataclass(frozen=True)
class Header:
    """The header of a file, as far as it could be understood."""

    path: str
    size: int
    slot_size: int
    slots: int
    state: int
    is_reported: bool
    pid: int
    start: int
    created_ns: int
    process: dict[str, Any]
    description: dict[str, Any]

    def died(self) -> Fate:
        """Return how the process died, as far as that can be known now."""
        if self.state == _format.ENDED:
            return "clean"
        if self.state == _format.CRASHED:
            return "exception"
        return fate(self.pid, self.start, self.description, self._is_in_use)

    def _is_in_use(self) -> bool | None:
        """Return whether a process has the file open; None where its writer could not lock it."""
        return is_locked(self.path) if self.description["lock"] == "flock" else None


@dataclass(frozen=True)
class Recovered:
    """The content of one file.

    `crumbs` are as in a dump, oldest first. `died` is how the process ended, as far as is known:

    - "clean": it ended by itself; "exception": by an unhandled exception;
    - "alive": it runs; on systems without /proc, a process of that ID runs;
    - "gone": it does not run any more, and noted no cause;
    - "pid reused": the same, and another process has its ID now;
    - "unknown": it ran on another machine, or the system has no answer.

    `process` holds pid, parent_pid, argv, python and host. Of the crumbs recorded until the one
    numbered `newest`, `dropped` were pushed out by newer ones or never completed, `torn` ones are
    damaged, and `shortened` ones did not fit. `missing_slots` is not 0 for a truncated file.
    """

    path: str
    died: Fate
    process: dict[str, Any]
    created: str
    crumbs: list[dict[str, Any]]
    newest: int
    dropped: int
    torn: int
    shortened: int
    missing_slots: int


def is_black_box(path: str | os.PathLike[str]) -> bool:
    """Return whether the file at `path` begins as a black box does. Raises UnreadableError."""
    with open_file(os.fspath(path)) as file:
        return file.read(len(_format.MAGIC)) == _format.MAGIC


def read(path: str | os.PathLike[str], *, after: int = 0) -> Recovered:
    """Return the crumbs numbered above `after` of the file at `path`.

    Raises UnreadableError for a file that is not a black box, was never finished, or was written by
    a newer version of the format. Damaged slots and a truncated file give a partial result.
    """
    path = os.fspath(path)
    with open_file(path) as file:
        header = read_header(file, path)
        died = header.died()
        best = _Scan(file, header, after)
        for _ in range(_ATTEMPTS - 1):
            if died != "alive" or not best.gaps():
                break
            best = min(best, _Scan(file, header, after), key=_Scan.gaps)
    return Recovered(
        path=path,
        died=died,
        process=header.process,
        created=isoformat(header.created_ns),
        crumbs=[crumb for _, crumb in best.crumbs],
        newest=best.newest,
        dropped=best.dropped(),
        torn=best.torn,
        shortened=best.shortened,
        missing_slots=best.missing,
    )


class _Scan:
    """One pass over the slots of a file."""

    def __init__(self, file: BinaryIO, header: Header, after: int) -> None:
        self.crumbs: list[tuple[int, dict[str, Any]]] = []
        self.newest = self.after = after
        self.torn = 0
        self.shortened = 0
        # In one go, since a live process writes meanwhile.
        file.seek(header.size)
        slots = file.read(header.slots * header.slot_size)
        for offset in range(0, len(slots) - header.slot_size + 1, header.slot_size):
            self._add(slots, offset, header.slot_size)
        self.missing = header.slots - len(slots) // header.slot_size
        self.crumbs.sort(key=_sequence)

    def _add(self, slots: bytes, offset: int, size: int) -> None:
        head = _format.SLOT_HEAD.unpack_from(slots, offset)
        in_use, flags, length, checksum, sequence, ts_ns = head
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


def open_file(path: str) -> BinaryIO:
    """Open the regular file at `path` for reading. Raises UnreadableError."""
    try:
        # Not blocking: opening a pipe of that name would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except OSError as error:
        raise _format.UnreadableError(f"Cannot read {path}: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _format.UnreadableError(f"Cannot read {path}: it is not a regular file.")
    return open(descriptor, "rb", buffering=0)


def read_header(file: BinaryIO, path: str) -> Header:
    """Return the header of `file`. Raises UnreadableError, with `path` in its message."""
    start = file.read(_format.DESCRIPTION_OFFSET)
    if len(start) == _format.DESCRIPTION_OFFSET and start.startswith(bytes(len(_format.MAGIC))):
        raise _format.UnreadableError(
            f"{path} is a black box that was never finished: its process died while making it, "
            "or is about to go on.",
        )
    if len(start) < _format.DESCRIPTION_OFFSET or not start.startswith(_format.MAGIC):
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
        reported,
        description_length,
        started,
        created_ns,
        description_checksum,
    ) = _format.HEADER.unpack_from(start)
    if version != _format.VERSION:
        raise _format.UnreadableError(
            f"{path} has version {version} of the black box format; this statecrumbs reads version "
            f"{_format.VERSION}. Read it with the statecrumbs that wrote it, or a newer one.",
        )
    if not (
        _format.DESCRIPTION_OFFSET <= size <= _MAX_HEADER
        and _format.MIN_SLOT_SIZE <= slot_size <= _format.MAX_SLOT_SIZE
        and _format.MIN_SLOTS <= slots <= _format.MAX_SIZE // slot_size
    ):
        raise _format.UnreadableError(
            f"{path} is damaged: its header says {slots} slots of {slot_size} bytes after {size}.",
        )
    description = _description(
        file.read(size - _format.DESCRIPTION_OFFSET)[:description_length], description_checksum
    )
    return Header(
        path=path,
        size=size,
        slot_size=slot_size,
        slots=slots,
        state=state,
        is_reported=bool(reported),
        pid=pid,
        start=started,
        created_ns=created_ns,
        process={
            "pid": pid,
            "parent_pid": parent_pid,
            "argv": description["argv"],
            "python": description["python"],
            "host": description["host"],
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
    return {
        "argv": [str(argument) for argument in cast("list[object]", argv)]
        if isinstance(argv, list)
        else [],
        "host": str(found.get("host", "")),
        "python": str(found.get("python", "")),
        "boot_id": str(found.get("boot_id", "")),
        "pid_namespace": str(found.get("pid_namespace", "")),
        "lock": str(found.get("lock", "")),
    }
