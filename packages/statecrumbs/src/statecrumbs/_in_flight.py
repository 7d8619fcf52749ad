"""The frames that are open in this process: the work in flight, since when, in which thread.

Requests, tasks, entrypoints and steps count; scopes and frames of other processes do not. corectx
knows which frames are open, and `Quiet` is its observer from `enable` on. Steps tell it nothing, so
they cost next to nothing. `InFlight` takes its place if every frame must be heard of: for the table
in a black box, or for a call before the next operation.

If SystemExit or KeyboardInterrupt leaves an operation in the main thread, its frames are kept until
that thread does other work. A process that ends now was in the middle of that operation. (The
timeout of gunicorn raises SystemExit in a signal handler, and the exit hooks run after it.)
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from time import time

from corectx import current, subscribe
from corectx.lowlevel import (
    forget_lost,
    forget_open,
    note_closed,
    note_open,
    open_frames,
    process_mark,
    raised_by_signal,
    search_for_lost,
)
from statecrumbs._endings import KEYBOARD_INTERRUPT, SYSTEM_EXIT, was_caught
from statecrumbs._work import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol, TypeAlias

    from corectx import Frame

    # The IDs of the trace, of the span and of its parent, and the trace flags of W3C.
    Trace: TypeAlias = tuple[bytes, bytes, bytes, int]

    class Table(Protocol):
        """The table of open frames in the black box."""

        def open(self, frame: Frame, trace: Trace | None = None, /) -> None: ...
        def close(self, frame: Frame, /) -> None: ...
        def change(self, work: Work, trace: Trace | None = None, /) -> None: ...
        def frames(self) -> list[Frame]: ...
        def holds(self, frame: Frame, /) -> int: ...
        def note_exit(self, kind: int, code: int, /) -> None: ...
        def announce(self, *, is_ending: bool) -> None: ...


_UNCOUNTED: Final = frozenset(("scope", "remote"))
_EXITS: Final = (SystemExit, KeyboardInterrupt)
_MAX_TRACES: Final = 100  # that wait for their frames
_SEARCH_EACH: Final = 1.0  # second, in which operations begin


class Quiet:
    """The observer of open frames that need not hear of each frame."""

    ignores_scopes = True
    is_inlined = True

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight

    def entered(self, frame: Frame) -> None:
        """Keep `frame`."""
        if frame.site.kind not in _UNCOUNTED:
            self._in_flight.notice_fork()
            note_open(frame)

    def left(self, frame: Frame, exc: BaseException | None) -> None:
        """Keep `frame` no longer, unless `exc` is about to end the process."""
        note_closed(frame)
        if exc is not None and issubclass(type(exc), _EXITS):
            self._in_flight.keep(frame, exc)

    def suspended(self, frame: Frame) -> None:
        """Note that the body of a generator is suspended."""
        self._in_flight.suspended(frame)

    def resumed(self, frame: Frame) -> None:
        """Note that the body of a generator goes on."""
        self._in_flight.resumed(frame)


class InFlight:
    """The observer that hears of each frame, with the state of the open ones."""

    ignores_scopes = True

    def __init__(self) -> None:
        self._quiet = Quiet(self)
        self._observer: object = None  # the one of the two that is subscribed
        self._unsubscribe: Callable[[], None] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all frames, the table, and the functions to call."""
        forget_open()
        self._mark = process_mark()
        self._forked_at = 0.0
        self._next_search = 0.0
        self._left: list[Work] = []
        self._left_by: BaseException | None = None
        self._left_in = 0
        self._is_signal = False
        self._traces: dict[int, Trace] = {}  # of frames to come, by their address
        self.table: Table | None = None
        self._reopen: Callable[[], object] | None = None
        self._before_operations: list[Callable[[], bool]] = []
        self.at_announced_end: Callable[[bool], object] | None = None
        """Called when a framework announces the end of the process, with whether it is final."""

    @property
    def is_watching(self) -> bool:
        """Whether frames are tracked."""
        return self._observer is not None

    def watch(self) -> None:
        """Track frames from now on."""
        if not self.is_watching:
            forget_open()
            frame = current()  # of a `main` that calls `enable` itself
            while frame is not None:
                if frame.site.kind not in _UNCOUNTED:
                    note_open(frame)
                frame = frame.parent
        hears_all = self.table is not None or self._before_operations or self._left
        wanted = self if hears_all else self._quiet
        if wanted is not self._observer:
            before = self._unsubscribe
            self._observer, self._unsubscribe = wanted, subscribe(wanted)
            if before is not None:
                before()

    def unwatch(self) -> None:
        """Track no more frames, and forget those that are open."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        self._observer = None
        if unsubscribe is not None:
            unsubscribe()
        self.reset()

    def _rewatch(self) -> None:
        """Let the right one of the two observers listen."""
        if self.is_watching:
            self.watch()

    def call_before_operations(self, call: Callable[[], bool]) -> None:
        """Call `call` before each operation begins, until it returns True."""
        self._before_operations.append(call)
        self._rewatch()

    def _call_before_operation(self) -> None:
        # The list is empty meanwhile: a call may begin an operation itself.
        calls, self._before_operations = self._before_operations, []
        self._before_operations += [call for call in calls if not call()]
        self._rewatch()

    def entered(self, frame: Frame) -> None:
        """Note that the work of `frame` begins."""
        if frame.site.kind in _UNCOUNTED:
            return
        if not self._mark[0]:
            self.notice_fork()
        if self._left and self._left_in == get_ident():
            self.release()
        if self._before_operations and frame.parent is None:
            self._call_before_operation()
        has_room = note_open(frame)
        table = self.table
        if table is not None and has_room:
            table.open(frame, self._traces.pop(id(frame), None) if self._traces else None)
        if frame.parent is None and frame.since >= self._next_search:
            self._next_search = time() + _SEARCH_EACH
            forget_lost()

    def left(self, frame: Frame, exc: BaseException | None) -> None:
        """Note that the work of `frame` ended by `exc`."""
        note_closed(frame)
        if exc is not None and issubclass(type(exc), _EXITS):
            if self.keep(frame, exc):
                return
        elif self._left and self._left_in == get_ident():
            self.release()
        if self.table is not None:
            self.table.close(frame)

    def suspended(self, frame: Frame) -> None:
        """Note that the body of a generator is suspended."""
        if getattr(frame, "thread_id", 0) > 0:
            frame.thread_id = -frame.thread_id
            self._change(frame)

    def resumed(self, frame: Frame) -> None:
        """Note that the body of a generator goes on."""
        if getattr(frame, "thread_id", 0) < 0:
            frame.thread_id = get_ident()
            self._change(frame)

    def renamed(self, frame: Frame) -> None:
        """Note that the site of `frame` has learnt its name."""
        self._change(frame)

    def _change(self, frame: Frame, trace: Trace | None = None) -> None:
        if self.table is not None and hasattr(frame, "since"):
            self.table.change(Work(frame), trace)

    def ending(self, *, is_final: bool) -> None:
        """Note that a framework announces an ordinary end of the process."""
        if self.at_announced_end is not None:
            self.at_announced_end(is_final)
        if self.table is not None and not is_final:
            self.table.announce(is_ending=True)
            if self._go_on not in self._before_operations:
                self.call_before_operations(self._go_on)

    def _go_on(self) -> bool:
        if self.table is not None:
            self.table.announce(is_ending=False)
        return True

    def note_trace(self, frame: Frame, trace: Trace) -> None:
        """Note the IDs of the trace, the span and its parent, and the trace flags, of `frame`."""
        if self.table is None or not any(trace[0]):  # W3C: all zeros are no trace
            return
        if hasattr(frame, "since"):
            self._change(frame, trace)
            return
        # Tracing that was set up first hears of the frame first.
        if len(self._traces) >= _MAX_TRACES:
            self._traces.clear()
        self._traces[id(frame)] = trace

    def use_table(self, table: Table | None, reopen: Callable[[], object]) -> None:
        """Keep the open frames in `table` from now on, also those that are open already.

        A forked child calls `reopen`, which calls this method again.
        """
        if not self._mark[0]:
            self._reopen = None
            self.notice_fork()
        works = self.works()
        self.table, self._reopen = table, None if table is None else reopen
        self._rewatch()
        if table is not None:
            for work in works:
                table.open(work.frame)

    def frames(self) -> list[Frame]:
        """Return the frames that have a row in the table."""
        return [] if self.table is None else self.table.frames()

    def holds(self, frame: Frame) -> int:
        """Return how many references to `frame` the table has."""
        return 0 if self.table is None else self.table.holds(frame)

    def lose(self, frame: Frame) -> None:
        """Free the row of `frame`, which nobody will leave."""
        if self.table is not None:
            self.table.close(frame)

    def works(self) -> list[Work]:
        """Return the open frames, and those that SystemExit or KeyboardInterrupt just left."""
        self.notice_fork()
        forget_lost()
        left = {work.frame for work in self._left}
        opened = [frame for frame in open_frames(self._forked_at) if frame not in left]
        opened.sort(key=lambda frame: frame.since)
        return [*self._left, *map(Work, opened)]

    def at_exit(self) -> list[Work]:
        """Return the work that was in flight when the exit hooks run; forget all other work."""
        # gunicorn catches the exit that its handler of SIGABRT raised, and ends all the same.
        if self._left_by is not None and not self._is_signal and was_caught(self._left_by):
            self.release()
        works = self.works()
        counted = [work for work in works if work.is_left or work.counts()]
        if self.table is not None:
            for work in works:
                if work not in counted:
                    self.table.close(work.frame)
        return counted

    def keep(self, frame: Frame, exc: BaseException) -> bool:
        """Keep the work of `frame` if `exc` is about to end the process; return whether it is."""
        code = exit_code(exc)
        if not code or not _is_main_thread() or not hasattr(frame, "since"):
            return False
        if self._left_by is not exc:
            self.release()
            self._left_by, self._left_in = exc, get_ident()
            self._is_signal = raised_by_signal(exc)
        frame.thread_id = get_ident()
        work = Work(frame, is_left=True)
        self._left.append(work)
        self._rewatch()
        if self.table is not None:
            is_exit = issubclass(type(exc), SystemExit)
            self.table.note_exit(SYSTEM_EXIT if is_exit else KEYBOARD_INTERRUPT, code)
            self.table.change(work)
        return True

    def release(self) -> None:
        """Close the frames that an exception left: it was caught, or its thread does other work."""
        left, self._left, self._left_by = self._left, [], None
        if self.table is not None and left:
            for work in left:
                self.table.close(work.frame)
            self.table.note_exit(0, 0)
        self._rewatch()

    def notice_fork(self) -> None:
        """Forget the frames of the parent, in a forked child."""
        if self._mark[0]:
            return
        self.forget_parent()
        self._mark = process_mark()
        self.table = None
        if self._reopen is not None:
            self._reopen()

    def forget_parent(self) -> None:
        """Forget what is open in the parent, in a forked child."""
        if self._mark[0]:
            return
        forget_open()
        # Calls on the stack that the parent made are no work of the child.
        self._forked_at = self._forked_at or time()
        self._left, self._left_by = [], None


def exit_code(exc: BaseException) -> int:
    """Return the exit code of a process that `exc` ends, 0 for an ordinary end."""
    if issubclass(type(exc), KeyboardInterrupt):
        return 130
    code: Any = getattr(exc, "code", None)
    if code is None:
        return 0
    # As the interpreter does: it prints other objects, and the code is 1. A C int has 32 bits, and
    # a number that is no C long is -1.
    if not isinstance(code, int):
        return 1
    return (code + 2**31) % 2**32 - 2**31 if -(2**63) <= code < 2**63 else -1


def _is_main_thread() -> bool:
    threading = sys.modules.get("threading")
    return threading is None or threading.main_thread().ident == get_ident()


in_flight: Final = InFlight()
search_for_lost(in_flight)

if hasattr(os, "register_at_fork"):  # absent on Windows
    os.register_at_fork(after_in_child=in_flight.forget_parent)


def note_trace(
    frame: Frame, trace_id: bytes, span_id: bytes, parent_span_id: bytes | None, flags: int
) -> None:
    """Give the open `frame` the IDs of its trace (16 bytes), its span and its parent (8 bytes).

    `flags` are the trace flags of W3C: 1 = sampled. A frame that is not tracked is ignored, and so
    is a trace ID of zeros only, which W3C does not allow.
    """
    in_flight.note_trace(frame, (trace_id, span_id, parent_span_id or bytes(8), flags))
