"""The last crumbs of the process: in one ring for all threads, or in one for each thread.

With a GIL, one thread runs at a time, and all append to one bounded deque. Without a GIL they would
wait for each other there, so each thread has a deque of its own. These are merged when somebody
looks. Each has the last records of its thread, so the last records of the process are among them.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from _weakref import ref
from gc import get_referents
from itertools import repeat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from statecrumbs._crumb import Record

    Append: TypeAlias = Callable[[Record], None]
else:
    # To import `collections` would be a quarter of the import time of this package.
    from _collections import deque

HAS_GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()

# https://github.com/python/cpython/issues/144809
_IS_COPY_ATOMIC: bool = HAS_GIL or sys.version_info >= (3, 14, 4)

# So many rings of ended threads are kept apart; then they are merged.
_SPARE = 32

# Held while the rings of ended threads are merged. Nobody waits for it. A forked child has a new
# one, since the thread that held it may not exist there.
_folding = allocate_lock()


def _renew_lock() -> None:
    global _folding
    _folding = allocate_lock()


if hasattr(os, "register_at_fork"):  # absent on Windows
    os.register_at_fork(after_in_child=_renew_lock)


def bounded(bound: int | None, records: Iterable[Record] = ()) -> deque[Record]:
    """Return a deque that keeps the last `bound` records, beginning with `records`."""
    return deque(records, bound)


def copied(records: deque[Record]) -> list[Record]:
    """Return a list of `records`; other threads may append meanwhile."""
    if _IS_COPY_ATOMIC:
        return list(records.copy())
    # The copy and `list(records)` raise if another thread appends meanwhile. `get_referents` stops
    # all other threads.
    return [each for each in get_referents(records) if each is not deque]


def ticks() -> Iterator[None]:
    """Return an iterator that counts its steps for `taken`.

    The length hint of `repeat` counts down. That is cheaper than an `itertools.count`, which makes
    a number each time. (Without a GIL two steps at the very same moment may count as one.)
    """
    return repeat(None, sys.maxsize)


def taken(steps: Iterator[None]) -> int:
    """Return how many steps of `ticks` were taken."""
    return sys.maxsize - steps.__length_hint__()  # type: ignore[attr-defined,no-any-return]


class Member:
    """The ring as one thread records into it; the thread keeps it alive."""

    __slots__ = ("__weakref__", "append", "ticks")

    def __init__(self, append: Append, ticks: Iterator[None]) -> None:
        self.append: Append = append
        self.ticks: Iterator[None] = ticks
        """Each record that belongs to no frame takes a step."""


class _OfThread:
    """The ring of one thread."""

    __slots__ = ("member", "records", "ticks")

    def __init__(self, bound: int | None) -> None:
        self.records = bounded(bound)
        self.ticks = ticks()
        self.member: Callable[[], Member | None] = lambda: None


class Ring:
    """The last `bound` records of the process, `records` to begin with; None is no bound.

    `unframed` counts those records so far that belong to no frame.
    """

    __slots__ = ("_fold_at", "_is_shared", "_records", "_threads", "_ticks", "_unframed", "bound")

    def __init__(
        self,
        bound: int | None,
        records: Iterable[Record] = (),
        *,
        unframed: int = 0,
        is_shared: bool = HAS_GIL,
    ) -> None:
        self.bound: int | None = bound
        self._is_shared = is_shared
        # The records of all threads, or of those that have ended.
        self._records = bounded(bound, records)
        self._ticks = ticks()
        self._unframed = unframed
        self._threads: dict[int, _OfThread] = {}
        self._fold_at = _SPARE

    def join(self) -> Member:
        """Return the member with which the current thread records from now on."""
        if self._is_shared:
            return Member(self._records.append, self._ticks)
        if len(self._threads) >= self._fold_at:
            self._fold()
        own = _OfThread(self.bound)
        member = Member(own.records.append, own.ticks)
        own.member = ref(member)
        self._threads[id(own)] = own
        return member

    def records(self) -> list[Record]:
        """Return the last records of all threads, oldest first."""
        # The threads come first: if one ends meanwhile, it is found twice rather than never.
        own = [copied(each.records) for each in list(self._threads.values())]
        others = copied(self._records)
        return list(bounded(self.bound, _in_time_order([others, *own]))) if own else others

    def unframed(self) -> int:
        """Return how many records belonged to no frame, since the beginning or `clear`."""
        own = sum(taken(each.ticks) for each in list(self._threads.values()))
        return self._unframed + taken(self._ticks) + own

    def clear(self) -> None:
        """Forget the records, and that there were any."""
        self._unframed -= self.unframed()
        self._records.clear()
        for each in list(self._threads.values()):
            each.records.clear()

    def _fold(self) -> None:
        """Merge the rings of threads that have ended."""
        if not _folding.acquire(blocking=False):
            return
        try:
            ended = [each for each in list(self._threads.values()) if each.member() is None]
            rings = [copied(self._records), *(copied(each.records) for each in ended)]
            self._records = bounded(self.bound, _in_time_order(rings))
            for each in ended:
                del self._threads[id(each)]
                self._unframed += taken(each.ticks)
            self._fold_at = 2 * len(self._threads) + _SPARE
        finally:
            _folding.release()


def _in_time_order(rings: Iterable[list[Record]]) -> list[Record]:
    """Return the records of `rings` by time, each once; those of one ring stay in their order."""
    found: dict[int, tuple[int, Record]] = {}
    for ring in rings:
        latest = 0  # the clock may have been set back meanwhile
        for record in ring:
            latest = max(latest, record[0])
            found[id(record)] = latest, record
    return [record for _, record in sorted(found.values(), key=lambda each: each[0])]
