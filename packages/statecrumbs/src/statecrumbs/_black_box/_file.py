"""The memory-mapped file of one process, and its mapping.

The process IDs of another container mean nothing here. A flock(2) does: it belongs to the open
file, which the mapping of a process keeps open until the process ends. Nobody waits for the lock.

The mapping never closes a descriptor of the program. Before Python 3.13 an `mmap` has a descriptor
of its own, and closes that number when it goes. A program that closes all descriptors closes this
one too, and a file that it opens next gets the number. Such a mapping is kept until the process
ends.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import sys
import time
from binascii import crc32

from corectx.files import create_private
from corectx.lowlevel import process_mark
from statecrumbs._black_box import _format
from statecrumbs._process import boot_id, host_name, pid_namespace, python_version, start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final


if sys.platform != "win32":
    import fcntl


_ZEROS: Final = bytes(1 << 16)

_ATTEMPTS: Final = 100  # to learn the number of the descriptor of a mapping
_kept: Final[list[mmap.mmap]] = []  # mappings whose descriptor belongs to the program

_SLOTS_OFFSET: Final = _format.HEADER_SIZE + _format.ROWS * _format.ROW_SIZE

_ANY: Final = -1  # in place of the number of the last record before an end

# Arguments of the command line that fit in the header: this many, each of this many characters.
_ARGUMENTS: Final = ((64, 512), (32, 128), (16, 32), (0, 0))


class BoxFile:
    """The file of one process, made in `directory` with `slots` of `slot_size` bytes.

    Raises OSError when it cannot be made.
    """

    __slots__ = ("_failed_at", "_mapping", "_pid", "_size", "map", "mark", "path", "slot_size")

    def __init__(
        self, directory: str, slots: int, slot_size: int, argv: Sequence[str], program: str
    ) -> None:
        self.slot_size = slot_size
        self._size = _SLOTS_OFFSET + slots * slot_size
        self.path, descriptor = _create(directory)
        try:
            try:
                _preallocate(descriptor, self._size)
                inode = os.fstat(descriptor).st_ino
                _lock(descriptor)
                self._mapping = Mapping(descriptor, self._size)
            finally:
                os.close(descriptor)
            # Asked after closing: from here on only the mapping keeps the file open.
            has_lock = is_locked(self.path)
            mapped = self._mapping.bytes
            _write_header(mapped, slots, slot_size, argv, program, inode, has_lock=has_lock)
        except BaseException:
            _remove(self.path)
            raise
        # Without a GIL, each use of the mapping itself takes its lock; a view has none.
        self.map = memoryview(mapped)
        self._pid = os.getpid()
        self._failed_at = 0
        self.mark = process_mark()
        """Its first byte is 1. It is 0 after `close`, and, where the kernel can do that, in a
        forked child from the moment of the fork."""

    @property
    def row_offsets(self) -> range:
        """The offsets of the rows of open frames."""
        return range(_format.HEADER_SIZE, _SLOTS_OFFSET, _format.ROW_SIZE)

    @property
    def offsets(self) -> range:
        """The offsets of the slots."""
        return range(_SLOTS_OFFSET, self._size, self.slot_size)

    def is_ours(self) -> bool:
        """Return whether this process made the file, and not one that it was forked from."""
        return self._pid == os.getpid()

    def problem(self) -> str:
        """Return a sentence about damage to the file from outside, "" for none."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return f"The black box {self.path} was removed; crumbs are kept in memory only."
        except OSError:
            return ""  # not allowed any more, after a setuid() say; the mapping still works
        if status.st_size < self._size:
            return f"The black box {self.path} was truncated; crumbs are kept in memory only."
        return ""

    def failures(self) -> int:
        """Return how many failures were noted."""
        return self.map[_format.FAILURES_OFFSET]

    def note_failure(self) -> None:
        """Note in the file an unhandled exception, after which the process may live on."""
        try:
            noted = self.map[_format.FAILURES_OFFSET]
            self.map[_format.FAILURES_OFFSET] = min(noted + 1, 255)
        except ValueError:
            return  # closed before
        self._failed_at = self._newest()

    def note_end_by_failure(self) -> None:
        """Keep in mind that the last failure ends the process, whatever is recorded after it."""
        self._failed_at = _ANY

    def ends_in_failure(self) -> bool:
        """Return whether the last failure is known to end the process, or was recorded last."""
        return self._failed_at in (_ANY, self._newest())

    def _newest(self) -> int:
        """Return the newest sequence number in the slots."""
        newest = 0
        try:
            for offset in self.offsets:
                sequence, *_ = _format.SLOT_HEAD.unpack_from(self.map, offset)
                newest = max(newest, sequence)
        except ValueError:
            pass  # closed before
        return newest

    def end(self, *, by_failure: bool) -> None:
        """Note in the file that the exit hooks ran, `by_failure` right after a failure."""
        try:
            _format.ENDED_AT.pack_into(self.map, _format.ENDED_AT_OFFSET, time.time_ns())
            self.map[_format.STATE_OFFSET] = _format.FAILED if by_failure else _format.ENDED
        except ValueError:
            pass  # closed before

    def close(self) -> None:
        """Let go of the file."""
        self.mark[0] = 0
        for let_go in (self.map.release, self._mapping.close):
            try:
                let_go()
            except BufferError:
                pass  # a thread is writing: the mapping goes when it is done


def _create(directory: str) -> tuple[str, int]:
    while True:
        now = time.time_ns()
        clock = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9))
        micros = now // 1000 % 10**6
        path = os.path.join(directory, f"{clock}.{micros:06}Z-{os.getpid()}{_format.SUFFIX}")
        try:
            return path, create_private(path)
        except FileExistsError:
            continue  # made by another box of ours within the same microsecond


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # the cause of giving up the file may prevent this too


def _preallocate(descriptor: int, size: int) -> None:
    """Reserve the blocks of the file: storing into a hole of a full disk would be a SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            # File systems without it give these where the C library does not write zeros itself.
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    missing = size
    while missing:
        missing -= os.write(descriptor, _ZEROS[:missing])


def _write_header(
    file: mmap.mmap,
    slots: int,
    slot_size: int,
    argv: Sequence[str],
    program: str,
    inode: int,
    *,
    has_lock: bool,
) -> None:
    pid = os.getpid()
    description = _description(argv, program, has_lock=has_lock)
    _format.HEADER_2.pack_into(
        file,
        _format.HEADER_2_OFFSET,
        _format.ROWS,
        _format.ROW_SIZE,
        0,
        0,
        0,
        0,
        0,
        0,
        crc32(program.encode("utf-8", "backslashreplace")),
        0,
        inode,
    )
    file[_format.DESCRIPTION_OFFSET : _format.DESCRIPTION_OFFSET + len(description)] = description
    header = _format.HEADER.pack(
        _format.MAGIC,
        _format.VERSION,
        _format.HEADER_SIZE,
        slot_size,
        slots,
        pid,
        os.getppid(),
        _format.IN_USE,
        0,
        len(description),
        start_time(pid),
        time.time_ns(),
        crc32(description),
    )
    magic = len(_format.MAGIC)
    file[magic : len(header)] = header[magic:]
    file[:magic] = header[:magic]


def _description(argv: Sequence[str], program: str, *, has_lock: bool) -> bytes:
    """Return the description of this process, with as much of `argv` as there is room for."""
    for arguments, length in _ARGUMENTS:
        process = {
            "host": host_name(),
            "python": python_version(),
            "boot_id": boot_id(),
            "pid_namespace": pid_namespace(),
            "program": program,
            "argv": [argument[:length] for argument in argv[:arguments]],
            "lock": "flock" if has_lock else "",
        }
        description = json.dumps(process).encode("ascii")
        if len(description) <= _format.DESCRIPTION_ROOM:
            return description
    return b"{}"


def _lock(descriptor: int) -> None:
    """Lock the file, if that can be done here."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass  # a file system without locks: `is_locked` finds out


def is_locked(path: str | os.PathLike[str]) -> bool:
    """Return whether a process, perhaps this one, has the file at `path` locked."""
    if sys.platform == "win32":
        return False
    try:
        # It is only read, and whoever names a link to it may.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_held(descriptor)
    finally:
        os.close(descriptor)


def is_held(descriptor: int) -> bool:
    """Return whether a process has the file locked that is open as `descriptor`.

    If not, it may be locked until `descriptor` is closed, so that others who ask are not refused.
    """
    if sys.platform == "win32":
        return False
    try:
        # Shared, so that several readers can ask at the same time.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class Mapping:
    """The first `size` bytes of the file that `descriptor` has open."""

    __slots__ = ("_descriptor", "_identity", "bytes")

    def __init__(self, descriptor: int, size: int) -> None:
        self._identity = identity_of(descriptor)
        self._descriptor: int | None = None
        if sys.version_info >= (3, 13) and sys.platform != "win32":
            self.bytes = mmap.mmap(descriptor, size, trackfd=False)
        elif sys.platform == "win32":
            self.bytes = mmap.mmap(descriptor, size)
        else:
            self._map_and_find(descriptor, size)

    def _map_and_find(self, descriptor: int, size: int) -> None:
        for _ in range(_ATTEMPTS):
            # It gets the lowest free number, unless another thread is faster.
            self._descriptor = number = os.dup(descriptor)
            os.close(number)
            self.bytes = mmap.mmap(descriptor, size)
            if self._has_descriptor():
                return

    def _has_descriptor(self) -> bool:
        return self._descriptor is None or identity_of(self._descriptor) == self._identity

    def close(self) -> None:
        """Let go of the file. Raises BufferError while a thread uses the mapping."""
        if self._has_descriptor():
            self.bytes.close()
            return
        _kept.append(self.bytes)
        try:
            # The interpreter frees lists at its end, before it writes what files have buffered.
            import ctypes

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.bytes))
        except (ImportError, AttributeError):
            pass  # an interpreter without it


def identity_of(descriptor: int) -> tuple[int, int] | None:
    """Return the device and the inode of an open file, None if `descriptor` is not open."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
