"""The content of a dump: the crumbs, the work in flight, the stacks of threads and tasks.

All of it is bounded, and made without a lock.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from itertools import islice
from time import time_ns

from statecrumbs._crash._exceptions import call_entry
from statecrumbs._crumb import (
    NOWHERE,
    identity_of,
    name_text,
    place_of,
    thread_name_of,
    timestamp,
    to_crumbs,
)
from statecrumbs._in_flight import in_flight
from statecrumbs._options import options
from statecrumbs._process import command_line, host_name, python_version
from statecrumbs._recorder import records, thread_name, unframed
from statecrumbs._ring import copied
from statecrumbs._senders import received_by
from statecrumbs._trail import trails_around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import Any, Final

    from corectx import Frame
    from statecrumbs._crumb import Crumb, Record
    from statecrumbs._work import Work

_MAX_SHOWN: Final = 100  # frames in flight
_MAX_THREADS: Final = 50
_MAX_TASKS: Final = 50
_MAX_SEARCHED: Final = 1000  # tasks in which the open frames are looked for
_MAX_ENTRIES: Final = 15  # of one stack: the innermost calls, which say where it waits

# The names that a coroutine, a generator and an async generator have for the object they wait for.
_OURS: Final = ("corectx", "penstock")  # what the modules that open frames begin with
_AWAITED: Final = {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}


class Dump:
    """The crumbs that the operation inherited, the records, and the last one, about the cause."""

    __slots__ = ("inherited", "last", "records")

    def __init__(self, inherited: list[Crumb], records: list[Record], last: Crumb) -> None:
        self.inherited = inherited
        self.records = records
        self.last = last

    def crumbs(self, *, is_own: bool) -> list[Crumb]:
        """Return all of it, the cause last; the dicts share dicts unless they are the caller's."""
        return [*self.inherited, *to_crumbs(self.records, is_own=is_own), self.last]


def dump_of(event: str, frame: Frame | None, cause: dict[str, Any]) -> Dump:
    """Return the crumbs that belong to `frame`, with the record of the cause of the dump."""
    inherited, shown, dropped = collect(frame)
    last: Crumb = {"event": event}
    if options.include_timestamp:
        last["ts"] = timestamp(time_ns())
    if options.include_thread:
        last["thread"] = thread_name()
    if frame is not None:
        place, _ = place_of(frame)
        if place.context:
            last["context"] = place.context
        if place.identity:
            last["frame"] = place.identity
    last.update(cause)
    last["dropped"] = dropped
    received = received_by(frame)
    if received is not None:
        last["received"] = received
    works = in_flight_now()
    if works:
        last["in_flight"] = works
    others = _running(own=event == "live_dump")
    if others:
        last["running"] = others
    last["process"] = _process()
    return Dump(inherited, shown, last)


def _process() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "argv": command_line(),
        "python": python_version(),
        "host": host_name(),
    }


def collect(frame: Frame | None) -> tuple[list[Crumb], list[Record], int]:
    """Return what a dump of `frame` has in time order, and how many crumbs are missing.

    First come the crumbs that the operation inherited, as dicts. Then come the records of the ring,
    of the trail of the operation, and of the trails around it, without duplicates. Crumbs of the
    operation that newer ones pushed out are missing. Without a frame, the crumbs outside of frames
    are counted.
    """
    ring = records()
    inherited: list[Crumb] = []
    trails = list(trails_around(frame))
    in_ring = set(map(id, ring)) if trails else set()
    older: list[Record] = []
    for around in trails:
        inherited[:0] = around.inherited
        older += [record for record in copied(around.records) if id(record) not in in_ring]
    # The ring drops its oldest records first, so a record that only a trail has is older than all
    # records in the ring.
    older.sort(key=lambda record: record[0])
    shown = older + ring
    if trails:
        kept = len(trails[0].records)
        dropped = trails[0].recorded() - kept
    else:
        kept = sum(record[3] is NOWHERE for record in ring)
        dropped = unframed() - kept
    return inherited, shown, max(dropped, 0)


def in_flight_now() -> list[dict[str, Any]]:
    """Return the work in flight as data, the outermost first, for a dump."""
    now = time_ns()
    shown: list[dict[str, Any]] = []
    works = in_flight.works()
    tasks = _names_of_tasks() if works else {}
    for work in works[:_MAX_SHOWN]:
        one: dict[str, Any] = {**identity_of(work.frame)}
        path = work.path()
        if path is not None:
            one["path"] = path
        one["thread"] = work.thread()
        if work.frame in tasks:
            one["task"] = tasks[work.frame]
        one["since"] = timestamp(work.since_ns)
        seconds = round(max(0, now - work.since_ns) / 1e9, 3)
        # Collectors may write 2.0 as 2, which would not fit the checksum.
        one["seconds"] = int(seconds) if seconds.is_integer() else seconds
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


def _running(*, own: bool) -> list[dict[str, Any]]:
    """Return the stack of each thread and of each waiting task, the outermost call first.

    With `own` the thread that asks is one of them. Never raises an Exception.
    """
    found: list[dict[str, Any]] = []
    loops: list[Any] = []
    # Documented for debugging; it returns a dict of its own.
    frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    try:
        for ident in list(frames):
            # Emptied, since it has this very call: the cycle would keep all stacks alive.
            frame = frames.pop(ident)
            loop = _loop_of(frame)
            if loop is not None:
                loops.append(loop)
            if (own or ident != get_ident()) and len(found) < _MAX_THREADS:
                found.append({"thread": thread_name_of(ident), "stack": _entries(_calls(frame))})
            del frame
        for loop in loops:
            found += _tasks(loop)
    except Exception:
        return found  # half of it is better than nothing
    finally:
        frames.clear()
    return found


def _calls(frame: FrameType | None) -> list[tuple[CodeType, int | None]]:
    calls: list[tuple[CodeType, int | None]] = []
    while frame is not None and len(calls) < _MAX_ENTRIES:
        calls.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return calls[::-1]


def _loop_of(frame: FrameType | None) -> Any:
    """Return the event loop that runs in a thread; its own method is on the stack."""
    if "asyncio" not in sys.modules:
        return None
    while frame is not None:
        code = frame.f_code
        if code.co_name == "run_forever" and code.co_filename.endswith("base_events.py"):
            return frame.f_locals.get("self")
        frame = frame.f_back
    return None


def _tasks(loop: Any) -> Iterator[dict[str, Any]]:
    import asyncio

    # A copy; to make it raises if another thread adds to the set again and again.
    for number, task in enumerate(asyncio.all_tasks(loop)):
        if number == _MAX_TASKS:
            return
        calls = [(call.f_code, call.f_lineno) for call in _waiting(task.get_coro())]
        if calls:  # else it runs just now, in its thread
            name = name_text(str(task.get_name()))
            yield {"task": name, "stack": _entries(calls[-_MAX_ENTRIES:])}


def _names_of_tasks() -> dict[Frame, str]:
    """Return the name of the asyncio task in which each open frame was found.

    To note the task when a frame opens would make an async step a third slower. Never raises an
    Exception.
    """
    found: dict[Frame, str] = {}
    asyncio: Any = sys.modules.get("asyncio")  # not imported: this may be a signal handler
    if asyncio is None:
        return found
    frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    running: FrameType | None = None
    try:
        for ident in list(frames):
            running = frames.pop(ident)
            loop = _loop_of(running)
            if loop is None:
                continue
            for task in islice(asyncio.all_tasks(loop), _MAX_SEARCHED):
                is_running = task is asyncio.current_task(loop)
                calls = _inside_loop(running) if is_running else _waiting(task.get_coro())
                opened = [frame for frame in map(_opened_by, calls) if frame is not None]
                if opened:
                    found.update(dict.fromkeys(opened, name_text(str(task.get_name()))))
    except Exception:
        return found  # half of it is better than nothing
    finally:
        running = None
        frames.clear()
    return found


def _inside_loop(call: FrameType | None) -> Iterator[FrameType]:
    """Yield the calls from `call` outwards, up to the event loop that runs them."""
    while call is not None and call.f_code.co_name != "run_forever":
        yield call
        call = call.f_back


def _opened_by(call: FrameType) -> Frame | None:
    """Return the frame that a call of ours has opened: a wrapper of a function, a middleware."""
    module = str(call.f_globals.get("__name__"))
    code = call.f_code  # a variable that a function inside uses is in a cell
    if "frame" not in (*code.co_varnames, *code.co_cellvars) or not module.startswith(_OURS):
        return None
    frame: Frame | None = call.f_locals.get("frame")
    return frame


def _waiting(coroutine: Any) -> Iterator[FrameType]:
    """Yield the calls in which a coroutine, and those that it awaits, are suspended."""
    while coroutine is not None:
        kind = next((kind for kind in _AWAITED if hasattr(coroutine, f"{kind}_frame")), None)
        if kind is None or getattr(coroutine, f"{kind}_running"):
            return
        frame: FrameType | None = getattr(coroutine, f"{kind}_frame")
        if frame is None:
            return
        yield frame
        coroutine = getattr(coroutine, _AWAITED[kind])


def _entries(calls: list[tuple[CodeType, int | None]]) -> list[dict[str, Any]]:
    return [call_entry(code, line) for code, line in calls]
