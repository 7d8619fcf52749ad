"""Read what a black box file holds, while its process runs or after it died."""

from __future__ import annotations

import json
import os
import stat
from binascii import crc32
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from statecrumbs._black_box import _layout as layout
from statecrumbs._black_box import _lock
from statecrumbs._black_box._payload import decode, isoformat
from statecrumbs._black_box._process import fate

if TYPE_CHECKING:
    from typing import Any, BinaryIO, Final

    from statecrumbs._black_box._process import Fate

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
    facts: dict[str, Any]

    def died(self) -> Fate:
        """Return how the process died, as far as that can be known now."""
        if self.state == layout.ENDED:
            return "clean"
        if self.state == layout.CRASHED:
            return "exception"
        return fate(self.pid, self.start, self.facts, self._is_in_use)

    def _is_in_use(self) -> bool | None:
        """Tell whether some process has the file; None where its writer could not lock it."""
        return _lock.is_taken(self.path) if self.facts["lock"] == "flock" else None


@dataclass(frozen=True)
class Recovered:
    """What one file holds.

    `crumbs` are as in a dump, oldest first. `died` is how the process died, as far as can be known:

    - "clean": it ended by itself; "exception": by an unhandled exception;
    - "alive": it runs; on systems without /proc, a process of that ID runs;
    - "gone": it does not run any more, and had no time to say why;
    - "pid reused": the same, and another process has its ID now;
    - "unknown": it ran on another machine, or the system does not tell.

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
    """Tell whether the file at `path` starts as a black box does. Raises UnreadableError."""
    with open_file(os.fspath(path)) as file:
        return file.read(len(layout.MAGIC)) == layout.MAGIC


def read(path: str | os.PathLike[str], *, after: int = 0) -> Recovered:
    """Return what the file at `path` holds of the crumbs numbered above `after`.

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
        head = layout.SLOT_HEAD.unpack_from(slots, offset)
        in_use, flags, length, checksum, sequence, ts_ns = head
        if sequence <= self.after:
            return
        start = offset + layout.SLOT_HEAD.size
        payload = slots[start : start + min(length, size - layout.SLOT_HEAD.size)]
        is_whole = in_use and crc32(payload, sequence) == checksum
        crumb = decode(payload, ts_ns) if is_whole else None
        if crumb is None:
            self.torn += 1
            return
        self.newest = max(self.newest, sequence)
        self.shortened += flags & layout.SHORTENED
        self.crumbs.append((sequence, crumb))

    def gaps(self) -> int:
        """Return how far this is from being the newest crumbs, all of them.

        A crumb that a writer stored late, since it was held up, counts as one, however many the
        others recorded in between; one that was missed as two, since an older one is in its place.
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
        # Not blocking: a pipe of that name would hold up its reader for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except OSError as error:
        raise layout.UnreadableError(f"Cannot read {path}: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise layout.UnreadableError(f"Cannot read {path}: it is not a regular file.")
    return open(descriptor, "rb", buffering=0)


def read_header(file: BinaryIO, path: str) -> Header:
    """Return the header of `file`. Raises UnreadableError, with `path` in its message."""
    start = file.read(layout.FACTS_OFFSET)
    if len(start) == layout.FACTS_OFFSET and start.startswith(bytes(len(layout.MAGIC))):
        raise layout.UnreadableError(
            f"{path} is a black box that was never finished: its process died while making it, "
            "or is about to go on.",
        )
    if len(start) < layout.FACTS_OFFSET or not start.startswith(layout.MAGIC):
        raise layout.UnreadableError(f"{path} is not a black box of statecrumbs.")
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
        facts_length,
        started,
        created_ns,
        facts_checksum,
    ) = layout.HEADER.unpack_from(start)
    if version != layout.VERSION:
        raise layout.UnreadableError(
            f"{path} has version {version} of the black box format; this statecrumbs reads version "
            f"{layout.VERSION}. Read it with the statecrumbs that wrote it, or a newer one.",
        )
    if not (
        layout.FACTS_OFFSET <= size <= _MAX_HEADER
        and layout.MIN_SLOT_SIZE <= slot_size <= layout.MAX_SLOT_SIZE
        and layout.MIN_SLOTS <= slots <= layout.MAX_SIZE // slot_size
    ):
        raise layout.UnreadableError(
            f"{path} is damaged: its header says {slots} slots of {slot_size} bytes after {size}.",
        )
    facts = _facts(file.read(size - layout.FACTS_OFFSET)[:facts_length], facts_checksum)
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
            "argv": facts["argv"],
            "python": facts["python"],
            "host": facts["host"],
        },
        facts=facts,
    )


def _facts(raw: bytes, checksum: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if crc32(raw) == checksum:
        try:
            told = dict(json.loads(raw))
        except (ValueError, TypeError, RecursionError):
            pass  # the crumbs can be read all the same
    argv: object = told.get("argv")
    return {
        "argv": [str(argument) for argument in cast("list[object]", argv)]
        if isinstance(argv, list)
        else [],
        "host": str(told.get("host", "")),
        "python": str(told.get("python", "")),
        "boot_id": str(told.get("boot_id", "")),
        "pid_namespace": str(told.get("pid_namespace", "")),
        "lock": str(told.get("lock", "")),
    }
