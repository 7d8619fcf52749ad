"""Notice that this process is a forked child, also where the fork ran no hook of Python.

uWSGI and other servers written in C call fork(2) themselves, so that `os.register_at_fork` is not
enough: whatever a parent made (a file, a counter, an ID) would be used by all of its children.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class ProcessMark(Protocol):
        """`mark[0]` is 1 in the process that made it, and 0 in every child of a fork."""

        def __getitem__(self, index: int, /) -> int: ...
        def __setitem__(self, index: int, value: int, /) -> None: ...


# MADV_WIPEONFORK of madvise(2), since Linux 4.14; the mmap module does not name it.
_MADV_WIPEONFORK = 18


class _ProcessID:
    """A mark that compares process IDs, which is slower."""

    __slots__ = ("_is_on", "_pid")

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._is_on = 1

    def __getitem__(self, index: int, /) -> int:
        return self._is_on if self._pid == os.getpid() else 0

    def __setitem__(self, index: int, value: int, /) -> None:
        self._is_on = value


def process_mark() -> ProcessMark:
    """Return a mark of this process: `mark[0]` is 1 here, and 0 in a child from its fork on.

    On Linux the kernel clears it, so that the test takes some 30 ns and needs no hook. It may be
    set to 0. Make a new mark in the child.
    """
    if sys.platform != "linux":
        return _ProcessID()
    import mmap

    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
    except OSError:
        return _ProcessID()  # an older kernel, or one that only looks like Linux; no memory
    page[0] = 1
    return memoryview(page)  # without a GIL, each look at the page itself takes its lock
