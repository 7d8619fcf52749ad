"""Report each exception that ends a Python program, a thread or a task, once; dump at a signal.

The hooks of the interpreter are chained: ours reports and then calls the one it found. One hook is
put in place however often `enable` is called. A hook that is put over ours later may call ours or
not, and stays where it is when ours is removed.

    sys.excepthook          the main thread
    threading.excepthook    other threads
    sys.unraisablehook      ``__del__``, weakref callbacks, and other places without a caller
    the logger "asyncio"    tasks and callbacks whose exception was never retrieved: every event
                            loop logs them there unless it has a handler of its own
    multiprocessing         children, which catch all exceptions: around their `run`
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

from corectx.lowlevel import CURRENT
from statecrumbs._crash._report import dump_at_signal, report_crash
from statecrumbs._endings import has_ended_main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger, LogRecord
    from types import FrameType, ModuleType
    from typing import Any

    from corectx import Frame


_hooks: list[_Hook] = []
_in_hooks: set[int] = set()  # the threads that are in one of ours
_asyncio_filter: _AsyncioFilter | None = None
_handler: _Handler | None = None  # of the signal
_children_watched = False
_fork_watched = False
_last_before = id(None)  # the exception that was the last one before `watch`


def watch() -> None:
    """Put every hook in place that is not in place."""
    global _last_before
    import threading

    if not _hooks:
        _last_before = id(_last_exception())
    for module, name, exception_of in (
        (sys, "excepthook", lambda args: args[1]),
        (threading, "excepthook", lambda args: args[0].exc_value),
        (sys, "unraisablehook", lambda args: args[0].exc_value),
    ):
        if type(getattr(module, name)) is not _Hook:
            _hooks.append(_Hook(module, name, exception_of))
    _watch_asyncio()
    _watch_children()


def report_last_exception() -> bool:
    """Return whether an exception ended the program; report it where ours is not the hook.

    The hooks of Typer, rich and others do not call the one before them. The interpreter sets
    `sys.last_exc` all the same. So do interactive interpreters, `code` and pytest, which live on.
    """
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return False
    exc = _last_exception()
    if exc is None or id(exc) == _last_before or not has_ended_main(exc):
        return False
    if not isinstance(getattr(sys, "excepthook", None), _Hook):  # the program may have deleted it
        _report(exc, is_end=True)
    return not issubclass(type(exc), KeyboardInterrupt)


def _last_exception() -> BaseException | None:
    exc: object = getattr(sys, "last_exc", None)  # from 3.12
    if exc is None:
        exc = getattr(sys, "last_value", None)
    return exc if isinstance(exc, BaseException) else None


def unwatch() -> None:
    """Put back the replaced hooks. One of ours that is under another hook stays, and hands on."""
    global _asyncio_filter
    for hook in reversed(_hooks):
        hook.remove()
    _hooks.clear()
    if _asyncio_filter is not None:
        import logging

        logging.getLogger("asyncio").removeFilter(_asyncio_filter)
        _asyncio_filter = None


class _Hook:
    """An interpreter hook that reports, and then calls the hook that it replaced.

    Not a function with the name of the other: tools recognise the default hooks by their names.
    """

    def __init__(
        self,
        module: ModuleType,
        name: str,
        exception_of: Callable[[tuple[Any, ...]], BaseException | None],
    ) -> None:
        self._module = module
        self._name = name
        self._exception_of = exception_of
        self._is_end = module is sys and name == "excepthook"
        self._previous: Callable[..., object] = getattr(module, name)
        setattr(module, name, self)

    def remove(self) -> None:
        """Put the replaced hook back, unless another one was put over this."""
        if getattr(self._module, self._name) is self:
            setattr(self._module, self._name, self._previous)

    def __call__(self, *args: Any) -> None:
        """Report the exception, then call the hook that was there before."""
        thread = get_ident()
        is_outermost = thread not in _in_hooks
        _in_hooks.add(thread)
        try:
            # While the interpreter is finalized, modules are gone.
            if not sys.is_finalizing():
                _report(self._exception_of(args), is_end=self._is_end)
        finally:
            try:
                self._previous(*args)
            except RecursionError:
                # A program that puts a hook over ours again and again makes a chain of any length.
                # Then the exception is shown as Python shows it.
                if not is_outermost:
                    raise
                getattr(self._module, f"__{self._name}__")(*args)
            finally:
                if is_outermost:
                    _in_hooks.discard(thread)


def _report(exc: BaseException | None, frame: Frame | None = None, *, is_end: bool = False) -> None:
    if exc is not None:
        report_crash(exc, frame, is_end=is_end)


# --- asyncio: only the event loop sees the exception of a task that was never awaited


class _AsyncioFilter:
    """Reads along on the logger of the event loops; lets every record through."""

    def filter(self, record: LogRecord) -> bool:
        if record.exc_info and record.levelname == "ERROR":
            _report(record.exc_info[1], _frame_of_task())
        return True


def _watch_asyncio() -> None:
    global _asyncio_filter
    if _asyncio_filter is None:
        import logging

        _asyncio_filter = _AsyncioFilter()
        logging.getLogger("asyncio").addFilter(_asyncio_filter)


def _frame_of_task() -> Frame | None:
    """Return the frame in which the failed task ran, if Python has it (from 3.12).

    The loop logs in a context of its own. The task stands in the dict that its handler got.
    """
    # Its name is private, but it is documented for CPython and PyPy.
    caller: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while caller is not None and caller.f_code.co_name != "default_exception_handler":
        caller = caller.f_back
    context = caller.f_locals.get("context") if caller is not None else None
    if not isinstance(context, dict):
        return None
    failed = context.get("task") or context.get("future") or context.get("handle")
    get_context = getattr(failed, "get_context", None)
    return None if get_context is None else get_context().get(CURRENT)


# --- multiprocessing: a child prints its exception and exits without any hook


def _watch_children() -> None:
    """Let the children of this process, and itself if it is a child, report their exceptions."""
    global _children_watched, _fork_watched
    if not _fork_watched and hasattr(os, "register_at_fork"):
        # multiprocessing may be imported later; code that forks through it has imported it.
        _fork_watched = True
        os.register_at_fork(after_in_child=_watch_children)
    process = sys.modules.get("multiprocessing.process")
    if process is None or _children_watched:
        return
    _children_watched = True
    from multiprocessing import get_logger, util

    # Under "fork" this runs in each child right before its work.
    util.register_after_fork(_watch_work, lambda _: _watch_work())
    if getattr(process.current_process(), "_inheriting", False):
        # Under "spawn" and "forkserver" there is no such hook. But the child, which is this process
        # while it imports the main module, logs one message at that very moment.
        _StartFilter(get_logger())


class _StartFilter:
    """Waits on the logger of multiprocessing for the start of this child's work."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._level = logger.level
        logger.setLevel("INFO")
        logger.addFilter(self)
        if not logger.handlers:  # without one its warnings would begin to show on stderr
            from logging import NullHandler

            logger.addHandler(NullHandler())

    def filter(self, record: LogRecord) -> bool:
        self._logger.removeFilter(self)
        self._logger.setLevel(self._level)
        _watch_work()
        return record.levelno >= self._logger.getEffectiveLevel()


def _watch_work() -> None:
    """Let the work of this child report its exception before multiprocessing catches it."""
    from multiprocessing import current_process

    process = current_process()
    work = process.run

    def run() -> None:
        try:
            work()
        except BaseException as exc:
            _report(exc, is_end=True)
            raise

    process.run = run  # type: ignore[method-assign]


def listen(number: int | None) -> None:
    """Dump at signal `number` from now on, in place of the earlier signal; with None at no signal.

    Raises `ValueError` outside of the main thread, and for a signal that the platform cannot catch;
    then nothing has changed.
    """
    global _handler
    before = _handler
    if number == (None if before is None else before.number):
        return
    try:
        after = None if number is None else _Handler(number)
        if before is not None:
            before.remove()
    except (ValueError, OSError) as error:
        named = number if before is None or number is not None else before.number
        raise ValueError(
            f"dump_signal={named!r} cannot be used here: {error}. Call enable() and disable() in "
            "the main thread, with a signal that this platform lets a program catch"
            f"{'; on Windows that is SIGBREAK' if os.name == 'nt' else ''}."
        ) from error
    _handler = after


class _Handler:
    """Dumps at a signal, and then calls the handler that it replaced.

    Each handler is an object of its own: one that was removed, but is called by another handler,
    only hands on.
    """

    def __init__(self, number: int) -> None:
        import signal

        self.number = number
        self._is_on = True
        self._previous: Any = None
        self._previous = signal.signal(number, self)

    def remove(self) -> None:
        """Put the replaced handler back, unless another one was put over this."""
        import signal

        handler: object = signal.getsignal(self.number)
        if handler is self:
            signal.signal(self.number, self._previous)
        self._is_on = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Dump, then call the handler that was there before."""
        if self._is_on:
            dump_at_signal(number)
        if callable(self._previous):
            self._previous(number, frame)
