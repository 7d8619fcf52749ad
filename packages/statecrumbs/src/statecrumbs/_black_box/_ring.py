"""One preallocated, memory-mapped file of slots, and who may write in it."""

from __future__ import annotations

import errno
import json
import mmap
import os
import sys
import time
from binascii import crc32
from collections import deque
from functools import partial
from itertools import count, filterfalse
from struct import Struct

from statecrumbs._black_box import _layout as layout
from statecrumbs._black_box import _process
from statecrumbs._black_box._payload import shorten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

_ZEROS: Final = bytes(1 << 16)

# MADV_WIPEONFORK of madvise(2), since Linux 4.14; the mmap module does not name it.
_MADV_WIPEONFORK: Final = 18

# Arguments of the command line that fit in the header: this many, each of this many characters.
_ARGUMENTS: Final = ((64, 512), (32, 128), (16, 32), (0, 0))


class Ring:
    """The file of one process, made in `directory` with `slots` of `slot_size` bytes.

    Raises OSError when it cannot be made. `write(payload, ts_ns)` stores one crumb in it; what it
    cannot store, because this is a forked child by now, goes to `elsewhere(payload, ts_ns)`, and
    what somebody else did to the file is told to `on_problem`.
    """

    __slots__ = ("_map", "_mark", "_pid", "_size", "path", "write")

    def __init__(
        self,
        directory: str,
        slots: int,
        slot_size: int,
        *,
        argv: Sequence[str],
        elsewhere: Callable[[bytes, int], object],
        on_problem: Callable[[str], object],
    ) -> None:
        self._size = layout.HEADER_SIZE + slots * slot_size
        self.path, descriptor = _create(directory)
        try:
            _preallocate(descriptor, self._size)
            self._map = _map(descriptor, self._size)
            _write_header(self._map, slots, slot_size, argv)
        except BaseException:
            os.close(descriptor)  # before: Windows removes no open file
            _remove(self.path)
            raise
        os.close(descriptor)
        self._pid = os.getpid()
        self._mark = _mark_of_this_process()
        self.write = self._writer(slot_size, elsewhere, on_problem)

    def _writer(
        self,
        slot_size: int,
        elsewhere: Callable[[bytes, int], object],
        on_problem: Callable[[str], object],
    ) -> Callable[[bytes, int], None]:
        """Return `write`, a closure, since a crumb is counted in nanoseconds."""
        file = self._map
        is_ours = self._mark
        room = slot_size - layout.SLOT_HEAD.size
        # Fills a slot, in the order of its fields; what is left of it becomes zero.
        store = Struct(f"{layout.SLOT_HEAD.format}{room}s").pack_into
        next_sequence = count(1).__next__
        slots = (self._size - layout.HEADER_SIZE) // slot_size
        # The slots that nobody writes in, the one completed longest ago first. Whoever takes one
        # has it alone until it is given back, so a thread that is held up in between never
        # overwrites a newer crumb, however many laps the others have made. Appends and pops of a
        # deque are thread-safe by its documentation.
        offsets = range(layout.HEADER_SIZE, self._size, slot_size)
        free = deque(offsets)
        give_back = free.append
        # Takes a slot and clears its first byte in one step ("x" is a zero byte), all in C, where
        # neither another thread nor a signal gets in between: the old crumb is to be gone by the
        # time that others overtake this writer.
        taken = filterfalse(partial(Struct("x").pack_into, file), iter(free.popleft, None))

        def write(payload: bytes, ts_ns: int) -> None:
            if not is_ours[0]:
                elsewhere(payload, ts_ns)
                return
            try:
                flags = 0
                if len(payload) > room:
                    payload = shorten(payload, room)
                    flags = layout.SHORTENED
                length = len(payload)
                sequence = next_sequence()
                if not sequence % slots and (problem := self.problem()):
                    on_problem(problem)
                    return
                checksum = crc32(payload, sequence)
                try:
                    offset = next(taken)
                except IndexError:
                    # More writers than slots, or slots lost to a KeyboardInterrupt just below. Two
                    # writers in one slot are better than none: the checksum will tell.
                    free.extend(offsets)
                    offset = next(taken)
                try:
                    store(file, offset, 1, flags, length, checksum, sequence, ts_ns, payload)
                finally:
                    give_back(offset)
            except Exception:
                return  # closed; or no memory, no stack: readers count the gap in the sequence

        return write

    def is_ours(self) -> bool:
        """Tell whether this process made the file, and not one that it was forked from."""
        return self._pid == os.getpid()

    def problem(self) -> str:
        """Return what somebody else did to the file since it was made, "" for nothing."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return f"The black box {self.path} was removed; crumbs are kept in memory only."
        except OSError:
            return ""  # no longer ours to look at, after a setuid() say; the mapping still works
        if status.st_size < self._size:
            return f"The black box {self.path} was truncated; crumbs are kept in memory only."
        return ""

    def note_crash(self) -> None:
        """Note in the file that the process ends by an unhandled exception."""
        self._note(layout.CRASHED)

    def has_crash(self) -> bool:
        """Tell whether `note_crash` was called."""
        return self._map[layout.STATE_OFFSET] == layout.CRASHED

    def end(self) -> None:
        """Note in the file that the process ends by itself."""
        self._note(layout.ENDED)

    def _note(self, state: int) -> None:
        try:
            self._map[layout.STATE_OFFSET] = state
        except ValueError:
            pass  # closed before

    def close(self) -> None:
        """Let go of the file; what is written from now on goes elsewhere."""
        if isinstance(self._mark, mmap.mmap):
            self._mark[0] = 0
        try:
            self._map.close()
        except BufferError:
            pass  # a thread is writing: the mapping goes when it is done


def _create(directory: str) -> tuple[str, int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
        flags |= getattr(os, name, 0)
    while True:
        now = time.time_ns()
        clock = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9))
        micros = now // 1000 % 10**6
        path = os.path.join(directory, f"{clock}.{micros:06}Z-{os.getpid()}{layout.SUFFIX}")
        try:
            return path, os.open(path, flags, 0o600)
        except FileExistsError:
            continue  # made by another box of ours within the same microsecond


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # what made us give up the file may be in the way of this too


def _preallocate(descriptor: int, size: int) -> None:
    """Reserve the blocks of the file: storing into a hole of a full disk would be a SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            # What file systems without it say where the C library does not write zeros itself.
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    missing = size
    while missing:
        missing -= os.write(descriptor, _ZEROS[:missing])


def _map(descriptor: int, size: int) -> mmap.mmap:
    if sys.version_info >= (3, 13) and sys.platform != "win32":
        return mmap.mmap(descriptor, size, trackfd=False)
    return mmap.mmap(descriptor, size)


def _mark_of_this_process() -> mmap.mmap | bytes:
    """Return something whose first byte is 1, and 0 in forked children where the kernel can do it.

    A hook of `os.register_at_fork` alone would leave a gap: hooks that were registered before it
    run before it, and may record.
    """
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return b"\x01"
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if sys.platform == "linux":
        try:
            page.madvise(_MADV_WIPEONFORK)
        except OSError:
            pass  # an older kernel, or one that only looks like Linux
    page[0] = 1
    return page


def _write_header(file: mmap.mmap, slots: int, slot_size: int, argv: Sequence[str]) -> None:
    pid = os.getpid()
    facts = _facts(argv)
    file[layout.FACTS_OFFSET : layout.FACTS_OFFSET + len(facts)] = facts
    header = layout.HEADER.pack(
        layout.MAGIC,
        layout.VERSION,
        layout.HEADER_SIZE,
        slot_size,
        slots,
        pid,
        os.getppid(),
        layout.IN_USE,
        0,
        len(facts),
        _process.start_time(pid),
        time.time_ns(),
        crc32(facts),
    )
    magic = len(layout.MAGIC)
    file[magic : len(header)] = header[magic:]
    file[:magic] = header[:magic]


def _facts(argv: Sequence[str]) -> bytes:
    """Return the facts of this process, with as much of `argv` as there is room for."""
    for arguments, length in _ARGUMENTS:
        kept = [argument[:length] for argument in argv[:arguments]]
        facts = json.dumps(_process.facts(kept)).encode("ascii")
        if len(facts) <= layout.FACTS_ROOM:
            return facts
    return b"{}"
