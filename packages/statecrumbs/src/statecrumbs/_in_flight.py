"""The frames that are open in this process: the work in flight, since when, in which thread.

An observer of corectx, from `enable` on. Requests, tasks, entrypoints and steps count; scopes and
frames of other processes do not. Nothing here takes a lock: a dict's own operations are atomic.

Where SystemExit or KeyboardInterrupt leaves an operation in the main thread, its frames are kept
until that thread does other work: a process that ends now was in the middle of that operation.
(The timeout of gunicorn raises SystemExit in a signal handler, and the exit hooks run after it.)
"""

from __future__ import annotations

import sys
from _thread import get_ident
from time import time_ns

from corectx import subscribe
from corectx.lowlevel import process_mark
from statecrumbs._crumb import identity_of, name_text, timestamp
from statecrumbs._options import options
from statecrumbs._recorder import thread_name
from statecrumbs._values import jsonable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol

    from corectx import Frame

    class Table(Protocol):
        """The table of open frames in the black box."""

        def open(self, work: Work, /) -> None: ...
        def close(self, work: Work, /) -> None: ...
        def change(self, work: Work, /) -> None: ...
        def note_exit(self, kind: int, code: int, /) -> None: ...
        def announce(self, *, is_ending: bool) -> None: ...


_UNCOUNTED: Final = frozenset(("scope", "remote"))
_EXITS: Final = (SystemExit, KeyboardInterrupt)
_MAX_OPEN: Final = 10_000  # frames that are tracked; a program that never leaves them has more
_MAX_TRACES: Final = 100  # that wait for their frames
_MAX_SHOWN: Final = 100  # of them in a dump

SYSTEM_EXIT: Final = 1
KEYBOARD_INTERRUPT: Final = 2


class Work:
    """One open frame: since when (ns), in which thread, and what became of it since."""

    __slots__ = ("frame", "is_left", "is_suspended", "since_ns", "thread_id", "trace")

    def __init__(self, frame: Frame, since_ns: int, thread_id: int) -> None:
        self.frame = frame
        self.since_ns = since_ns
        self.thread_id = thread_id
        self.is_suspended = False
        self.is_left = False
        self.trace: tuple[bytes, bytes, bytes, int] | None = None

    def counts(self) -> bool:
        """Return whether this work was in flight if the process ends in an ordinary way now.

        It was not where a suspended generator or a daemon thread holds it.
        """
        return not self.is_suspended and not self.is_in_daemon()

    def is_in_daemon(self) -> bool:
        """Return whether it runs in a daemon thread, which does not keep a process alive."""
        thread = self._thread()
        return bool(thread is not None and thread.daemon)

    def thread(self) -> str:
        """Return the name of the thread, redacted and bounded."""
        if self.thread_id == get_ident():
            return thread_name()
        thread = self._thread()
        if thread is None:
            return f"Thread-{self.thread_id}" if "threading" in sys.modules else "MainThread"
        return name_text(str(thread.name))

    def _thread(self) -> Any:
        # Without the lock of `threading`, which a signal handler must not wait for.
        return getattr(sys.modules.get("threading"), "_active", {}).get(self.thread_id)

    def path(self) -> str | None:
        """Return the scoped value `path` of a request, redacted and bounded."""
        if self.frame.kind != "request" or "path" not in self.frame.values:
            return None
        return str(jsonable(self.frame.values["path"], options.redactor, limit=200))


class InFlight:
    """The observer, and the list of open frames."""

    ignores_scopes = True

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all frames, the table, and whom to call."""
        self._open: dict[int, Work] = {}  # by the address of the frame, which the work keeps alive
        self._mark = process_mark()
        self._left: list[Work] = []
        self._left_by: BaseException | None = None
        self._left_in = 0
        self._traces: dict[int, tuple[bytes, bytes, bytes, int]] = {}  # of frames to come
        self.is_watching = False
        self.table: Table | None = None
        self._reopen: Callable[[], object] | None = None
        self.before_operation: Callable[[], object] | None = None
        """Called once, before the next operation begins; for notices that wait for logging."""
        self.at_final_end: Callable[[], object] | None = None
        """Called where a framework announces that the process ends for sure."""

    def entered(self, frame: Frame) -> None:
        """Note that the work of `frame` begins."""
        if frame.site.kind in _UNCOUNTED:
            return
        if not self._mark[0]:
            self._forget_parent()
        if self._left and self._left_in == get_ident():
            self._release()
        if self.before_operation is not None and frame.parent is None:
            call, self.before_operation = self.before_operation, None
            call()
        opened = self._open
        if len(opened) < _MAX_OPEN:
            opened[id(frame)] = work = Work(frame, time_ns(), get_ident())
            if self._traces:
                work.trace = self._traces.pop(id(frame), None)
            if self.table is not None:
                self.table.open(work)

    def left(self, frame: Frame, exc: BaseException | None) -> None:
        """Note that the work of `frame` ended by `exc`."""
        work = self._open.pop(id(frame), None)
        if work is None:
            return
        if exc is not None and issubclass(type(exc), _EXITS):
            self._keep(work, exc)
            if work.is_left:
                return
        elif self._left and self._left_in == work.thread_id:
            self._release()
        if self.table is not None:
            self.table.close(work)

    def suspended(self, frame: Frame) -> None:
        """Note that the body of a generator is suspended."""
        self._suspend(frame, is_suspended=True)

    def resumed(self, frame: Frame) -> None:
        """Note that the body of a generator goes on."""
        self._suspend(frame, is_suspended=False)

    def ending(self, *, is_final: bool) -> None:
        """Note that a framework announces an ordinary end of the process."""
        if is_final:
            if self.at_final_end is not None:
                self.at_final_end()
        elif self.table is not None:
            self.table.announce(is_ending=True)
            self.before_operation = self._go_on

    def _go_on(self) -> None:
        if self.table is not None:
            self.table.announce(is_ending=False)

    def renamed(self, frame: Frame) -> None:
        """Note that the site of `frame` has learnt its name."""
        work = self._open.get(id(frame))
        if work is not None and self.table is not None:
            self.table.change(work)

    def note_trace(self, frame: Frame, trace: tuple[bytes, bytes, bytes, int]) -> None:
        """Note the IDs of the trace, the span and its parent, and the trace flags, of `frame`."""
        work = self._open.get(id(frame))
        if work is not None:
            work.trace = trace
            if self.table is not None:
                self.table.change(work)
        elif self.is_watching:
            # The tracing hears of a frame first where it was set up first.
            if len(self._traces) >= _MAX_TRACES:
                self._traces.clear()
            self._traces[id(frame)] = trace

    def use_table(self, table: Table | None, reopen: Callable[[], object]) -> None:
        """Keep the open frames in `table` from now on, also those that are open already.

        In a process that was forked since, `reopen` is called, which calls this again.
        """
        if not self._mark[0]:
            self._reopen = None
            self._forget_parent()
        self.table, self._reopen = table, None if table is None else reopen
        if table is not None:
            for work in list(self._open.values()):
                table.open(work)

    def works(self) -> list[Work]:
        """Return the open frames, and those that SystemExit or KeyboardInterrupt just left."""
        if not self._mark[0]:
            self._forget_parent()
        # The list of a dict's values is made in one step, under the GIL or the dict's own lock.
        return [*self._left, *self._open.values()]

    def at_exit(self) -> list[Work]:
        """Return the work that was in flight, now that the exit hooks run; forget the other."""
        works = self.works()
        counted = [work for work in works if work.is_left or work.counts()]
        if self.table is not None:
            for work in works:
                if work not in counted:
                    self.table.close(work)
        return counted

    def _keep(self, work: Work, exc: BaseException) -> None:
        """Keep `work` where `exc` is about to end the process."""
        code = exit_code(exc)
        if not code or not _is_main_thread():
            return
        if self._left_by is not exc:
            self._release()
            self._left_by, self._left_in = exc, work.thread_id
        work.is_left = True
        self._left.append(work)
        if self.table is not None:
            is_exit = issubclass(type(exc), SystemExit)
            self.table.note_exit(SYSTEM_EXIT if is_exit else KEYBOARD_INTERRUPT, code)
            self.table.change(work)

    def _release(self) -> None:
        """Close the frames that an exception left: their thread does other work."""
        left, self._left, self._left_by = self._left, [], None
        if self.table is not None and left:
            for work in left:
                self.table.close(work)
            self.table.note_exit(0, 0)

    def _suspend(self, frame: Frame, *, is_suspended: bool) -> None:
        work = self._open.get(id(frame))
        if work is not None:
            work.is_suspended = is_suspended
            if self.table is not None:
                self.table.change(work)

    def _forget_parent(self) -> None:
        self._open = {}
        self._left, self._left_by = [], None
        self._mark = process_mark()
        self.table = None
        if self._reopen is not None:
            self._reopen()


def exit_code(exc: BaseException) -> int:
    """Return the exit code of a process that `exc` ends, 0 for an ordinary end."""
    if issubclass(type(exc), KeyboardInterrupt):
        return 130
    code: Any = getattr(exc, "code", None)
    if code is None:
        return 0
    # As the interpreter does: text is printed, and the code is 1. Within 32 bits, signed.
    return max(min(code, 2**31 - 1), -(2**31)) if isinstance(code, int) else 1


def _is_main_thread() -> bool:
    threading = sys.modules.get("threading")
    return threading is None or threading.main_thread().ident == get_ident()


in_flight: Final = InFlight()
_unsubscribe: Callable[[], None] | None = None


def watch() -> None:
    """Track frames from now on."""
    global _unsubscribe
    if _unsubscribe is None:
        _unsubscribe = subscribe(in_flight)
        in_flight.is_watching = True


def unwatch() -> None:
    """Track no more frames, and forget those that are open."""
    global _unsubscribe
    if _unsubscribe is not None:
        _unsubscribe()
        _unsubscribe = None
    in_flight.reset()


def note_trace(
    frame: Frame, trace_id: bytes, span_id: bytes, parent_span_id: bytes | None, flags: int
) -> None:
    """Give the open `frame` the IDs of its trace (16 bytes), its span and its parent (8 bytes).

    `flags` are the trace flags of W3C: 1 = sampled. A frame that is not tracked is ignored.
    """
    in_flight.note_trace(frame, (trace_id, span_id, parent_span_id or bytes(8), flags))


def in_flight_now() -> list[dict[str, Any]]:
    """Return the work in flight as data, the outermost first, for a dump."""
    now = time_ns()
    shown: list[dict[str, Any]] = []
    works = sorted(in_flight.works(), key=lambda work: work.since_ns)
    for work in works[:_MAX_SHOWN]:
        one: dict[str, Any] = {**identity_of(work.frame)}
        path = work.path()
        if path is not None:
            one["path"] = path
        one["thread"] = work.thread()
        one["since"] = timestamp(work.since_ns)
        one["seconds"] = round(max(0, now - work.since_ns) / 1e9, 3)
        one["depth"] = _depth(work, works)
        if work.is_suspended:
            one["suspended"] = True
        shown.append(one)
    if len(works) > _MAX_SHOWN:
        shown.append({"kind": "...", "name": f"({len(works) - _MAX_SHOWN} more)"})
    return shown


def _depth(work: Work, works: list[Work]) -> int:
    """Return how many of `works` are around `work`."""
    open_frames = {id(each.frame) for each in works}
    depth = 0
    frame = work.frame.parent
    while frame is not None:
        depth += id(frame) in open_frames
        frame = frame.parent
    return depth
