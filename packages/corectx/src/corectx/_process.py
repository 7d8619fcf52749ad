"""Notice what the process does around our code: forks, the garbage collector, signal handlers.

A fork without hooks. uWSGI and other servers written in C call fork(2) themselves, so that
`os.register_at_fork` is not enough: whatever a parent made (a file, a counter, an ID) would be used
by all of its children.

The cyclic garbage collector. CPython before 3.12 runs it inside any allocation, also in the middle
of `ContextVar.set`. If a finalizer then sets a variable in the same context, it frees the mapping
that the outer `set` works on, and the process dies of SIGSEGV: python/cpython#148891. Finalizers
are ``__del__``, callbacks of weak references, and the rest of a generator or coroutine that is
dropped. So code that may run in a finalizer sets no variable of the context that is current there.
It runs in a copy, which nobody else works on (`run_finalizer`), or leaves the current frame as it
is. Later interpreters run the collector between two instructions; there `collecting` is always
empty.

A failure of ours becomes one log record (`log_once`), but an exception that a signal handler of the
program raised in the middle of our code is the program's own.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any, Protocol, TypeVar

    Result = TypeVar("Result")

    class ProcessMark(Protocol):
        """`mark[0]` is 1 in the process that made it, and 0 in every child of a fork."""

        def __getitem__(self, index: int, /) -> int: ...
        def __setitem__(self, index: int, value: int, /) -> None: ...


# MADV_WIPEONFORK of madvise(2), since Linux 4.14; the mmap module does not name it.
_MADV_WIPEONFORK = 18

# The attribute of an exception, although its class may have defined another of that name.
_traceback_of = BaseException.__dict__["__traceback__"].__get__


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


# Not empty while the collector runs in any thread. To look at it first costs one truth test.
collecting: set[str] = set()

# The `info` of the latest phase of the collector, by its name: of all threads, and of each one.
_latest: dict[str, object] = {}
_own: Any = None


def in_collector() -> bool:
    """Tell whether this is a finalizer, on an interpreter where it must not set a variable."""
    return bool(collecting) and getattr(_own, "start", _own) is _latest.get("start")


def run_finalizer(function: Callable[..., Result], /, *args: object) -> Result:
    """Return ``function(*args)``, which may run in a finalizer and may set context variables."""
    if not collecting or not in_collector():
        return function(*args)
    from contextvars import copy_context

    copy = copy_context()
    info, _own.start = _own.start, None  # in the copy there is no danger
    try:
        return copy.run(function, *args)
    finally:
        _own.start = info


def _listen(callbacks: list[Any]) -> None:
    """Add to the collector's `callbacks` four that update the three variables above.

    The collector calls each with ``(phase, info)``. All four are written in C: in a function in
    Python a signal handler of the program could run, and the collector loses the exception that it
    raises. The phase is "start" or "stop". The third callback adds "o" and "p". The fourth removes
    the letters of the phase: "start" has neither, so both stay; "stop" has both, so the set is
    empty.
    """
    method: Any = type(_listen.__get__(callbacks))  # binds an argument, as functools.partial does

    callbacks.append(_latest.__setitem__)
    callbacks.append(_own.__setattr__)
    callbacks.append(method(collecting.update, "op"))
    callbacks.append(collecting.difference_update)


def _thread_local() -> Any:
    """Return a new object whose attributes belong to one thread of the system.

    gevent and eventlet put their own class, one for green threads, in place of the interpreter's.
    That fails while a green thread is being dropped, in which the collector may run.
    """
    name = ("_thread", "_local")
    return next(
        each for each in object.__subclasses__() if (each.__module__, each.__name__) == name
    )()


if sys.version_info < (3, 12) and sys.implementation.name == "cpython":
    import gc

    _own = _thread_local()
    _listen(gc.callbacks)


_logged: set[Hashable] = set()


def log_once(kind: Hashable, message: str, error: BaseException | None = None) -> None:
    """Log `message` on the logger ``corectx``, unless a message of this `kind` was logged before.

    Only once: a flood of bad headers must not become a flood of log records, and a log handler may
    cause the same failure again. Never raises an `Exception`.
    """
    if kind in _logged:
        return
    _logged.add(kind)
    try:
        import logging

        # As a tuple, so that logging does not ask the class for the traceback.
        shown = None if error is None else (type(error), error, _traceback_of(error))
        logging.getLogger("corectx").warning("%s", message, exc_info=shown)
    except Exception:  # noqa: S110 - a broken log handler: there is nowhere else to log
        pass


def forget(kind: Hashable) -> None:
    """Let the next failure of this `kind` be logged again."""
    _logged.discard(kind)


def raised_by_signal(error: BaseException) -> bool:
    """Tell whether a signal handler of the program raised `error`.

    Then it belongs to the program, as a Ctrl-C does: a ``sys.exit()`` at SIGTERM, a time limit at
    SIGALRM. It may have interrupted any code, also ours.
    """
    signal = sys.modules.get("signal")
    if signal is None:  # no handler was ever set
        return False
    codes = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    traceback = _traceback_of(error)
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _code_of(handler: Any) -> object:
    """Return the code that runs when `handler` is called, or None if it is not in Python."""
    from functools import partial

    while isinstance(handler, partial):
        handler = handler.func
    if not callable(handler):  # SIG_DFL, SIG_IGN
        return None
    function = getattr(handler, "__func__", handler)
    call = function if hasattr(function, "__code__") else type(function).__call__
    return getattr(call, "__code__", None)
