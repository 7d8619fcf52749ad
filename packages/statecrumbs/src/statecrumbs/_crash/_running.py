"""Where each thread and each asyncio task is: their stacks as data, bounded, without a lock."""

from __future__ import annotations

import sys
from _thread import get_ident

from statecrumbs._crash._exceptions import redacted
from statecrumbs._crumb import name_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import Any, Final

_MAX_THREADS: Final = 50
_MAX_TASKS: Final = 50
_MAX_ENTRIES: Final = 15  # of one stack: the innermost calls, which say where it waits

# The names that a coroutine, a generator and an async generator have for the object they wait for.
_AWAITED: Final = {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}


def running(*, own: bool) -> list[dict[str, Any]]:
    """Return the stack of each thread and of each waiting task, the outermost call first.

    With `own` the thread that asks is one of them. Never raises an Exception.
    """
    found: list[dict[str, Any]] = []
    loops: list[Any] = []
    try:
        # Documented for debugging; it returns a dict of its own.
        frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        for ident, frame in list(frames.items()):
            loop = _loop_of(frame)
            if loop is not None:
                loops.append(loop)
            if (own or ident != get_ident()) and len(found) < _MAX_THREADS:
                found.append({"thread": _name_of(ident), "stack": _entries(_calls(frame))})
        for loop in loops:
            found += _tasks(loop)
    except Exception:
        return found  # half of it is better than nothing
    return found


def _name_of(ident: int) -> str:
    threading = sys.modules.get("threading")
    thread = None if threading is None else getattr(threading, "_active", {}).get(ident)
    if thread is None:
        return "MainThread" if threading is None else f"Thread-{ident}"
    return name_text(str(thread.name))


def _calls(frame: FrameType | None) -> list[tuple[CodeType, int]]:
    calls: list[tuple[CodeType, int]] = []
    while frame is not None and len(calls) < _MAX_ENTRIES:
        calls.append((frame.f_code, frame.f_lineno or 0))
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

    # A copy of what is there now; it raises where another thread adds to it again and again.
    for number, task in enumerate(asyncio.all_tasks(loop)):
        if number == _MAX_TASKS:
            return
        calls = list(_waiting(task.get_coro()))
        if calls:  # else it runs just now, in its thread
            name = name_text(str(task.get_name()))
            yield {"task": name, "stack": _entries(calls[-_MAX_ENTRIES:])}


def _waiting(coroutine: Any) -> Iterator[tuple[CodeType, int]]:
    """Yield where a coroutine is suspended, and where those that it awaits are."""
    while coroutine is not None:
        kind = next((kind for kind in _AWAITED if hasattr(coroutine, f"{kind}_frame")), None)
        if kind is None or getattr(coroutine, f"{kind}_running"):
            return
        frame: FrameType | None = getattr(coroutine, f"{kind}_frame")
        if frame is None:
            return
        yield frame.f_code, frame.f_lineno or 0
        coroutine = getattr(coroutine, _AWAITED[kind])


def _entries(calls: list[tuple[CodeType, int]]) -> list[dict[str, Any]]:
    return [
        {"file": redacted(code.co_filename), "line": line, "function": redacted(code.co_name)}
        for code, line in calls
    ]
