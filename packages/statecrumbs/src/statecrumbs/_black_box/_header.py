"""The header of a black box file: its process, and the ending of that process."""

from __future__ import annotations

import json
import os
import stat
from binascii import crc32
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from statecrumbs._black_box import _format
from statecrumbs._black_box._file import is_locked
from statecrumbs._endings import ending_of, fate
from statecrumbs._process import here

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from typing import Any, BinaryIO, Final

    from statecrumbs._endings import Ending

_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would translate line ends
_MAX_HEADER: Final = 1 << 20


@dataclass(frozen=True)
class Header:
    """The header of a file, as far as it could be understood."""

    path: str
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
        """The offset of the first slot."""
        return self.size + self.rows * self.row_size

    @property
    def total_size(self) -> int:
        """The size of the whole file."""
        return self.slots_offset + self.slots * self.slot_size

    def ending(
        self,
        in_flight: int,
        own: Mapping[str, str] | None = None,
        is_locked: Callable[[], bool] | None = None,
    ) -> Ending:
        """Return the ending of the process, as far as it is known; `in_flight` frames are open.

        `own` is the result of `here`, for a caller with many files. `is_locked` is for one that has
        the file open: it returns whether a process has the file locked.
        """
        described = {**self.description, "lock": ""} if self.is_copy else self.description
        return ending_of(
            has_failed=self.state == _format.FAILED,
            has_ended=self.state == _format.ENDED,
            exit_kind=self.exit_kind,
            is_announced=self.is_announced,
            in_flight=in_flight,
            find_fate=lambda: fate(
                self.pid, self.start, described, is_locked or self._is_locked, own or here()
            ),
        )

    def _is_locked(self) -> bool:
        return is_locked(self.path)


@contextmanager
def open_file(path: str, *, follow: bool = True) -> Generator[BinaryIO, None, None]:
    """Open the regular file at `path` for reading in the block.

    Raises UnreadableError, also for an `OSError` in the block: a disk fails, or somebody put a link
    to a file such as ``/proc/self/mem`` into the folder.
    """
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
    with open(descriptor, "rb", buffering=0) as file:
        try:
            yield file
        except OSError as error:
            raise _format.UnreadableError(f"Cannot read {path}: {error.strerror}.") from None


def read_header(file: BinaryIO, path: str) -> Header:
    """Return the header of `file`. Raises UnreadableError, with `path` in its message."""
    start = file.read(_format.HEADER_SIZE)
    offset = _format.DESCRIPTION_OFFSET
    if len(start) >= offset and start.startswith(bytes(len(_format.MAGIC))):
        raise _format.UnreadableError(
            f"{path} is a black box that was never finished: its process died while making it, "
            "or is about to go on.",
        )
    if len(start) < offset or not start.startswith(_format.MAGIC):
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
    if version != _format.VERSION:
        raise _format.UnreadableError(
            f"{path} has version {version} of the black box format; this statecrumbs reads version "
            f"{_format.VERSION}. Read it with the statecrumbs that wrote it.",
        )
    second = _format.HEADER_2.unpack_from(start, _format.HEADER_2_OFFSET)
    rows, row_size, failures, _, hidden, exit_code, exit_kind, announced, *last = second
    _, ended_ns, inode = last
    if not (
        offset <= size <= _MAX_HEADER
        and _format.MIN_SLOT_SIZE <= slot_size <= _format.MAX_SLOT_SIZE
        and _format.MIN_SLOTS <= slots <= _format.MAX_SIZE // slot_size
        and rows <= _format.MAX_ROWS
        and _format.ROW_HEAD.size + _format.ROW_END < row_size <= _format.MAX_ROW_SIZE
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
        size=size,
        rows=rows,
        row_size=row_size,
        slot_size=slot_size,
        slots=slots,
        state=state,
        told=told,
        failures=failures,
        hidden=hidden,
        exit_kind=exit_kind,
        exit_code=exit_code,
        is_announced=bool(announced),
        ended_ns=ended_ns,
        is_copy=inode != os.fstat(file.fileno()).st_ino,
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
