"""Know when the cyclic garbage collector runs, for the interpreters where that is dangerous.

CPython before 3.12 runs the collector inside any allocation, also in the middle of
`ContextVar.set`. If a finalizer then sets a variable in the same context, it frees the mapping that
the outer `set` works on, and the process dies of SIGSEGV: python/cpython#148891. Finalizers are
``__del__``, callbacks of weak references, and the rest of a generator or coroutine that is dropped.

So code that may run in a finalizer sets no variable of the context that is current there. It runs
in a copy, which nobody else works on (`run_finalizer`), or leaves the current frame as it is. Later
interpreters run the collector between two instructions; there `collecting` is always empty.
"""

from __future__ import annotations

import sys
from _thread import _local  # pyright: ignore[reportPrivateUsage]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Result = TypeVar("Result")

# Not empty while the collector runs, in whatever thread. The first look costs a truth test.
collecting: set[str] = set()

# The `info` of the latest phase of the collector, by its name: of all threads, and of each one.
_latest: dict[str, object] = {}
_own: Any = _local()


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
    """Have the collector's `callbacks`, called as ``(phase, info)``, keep the three above.

    All are written in C: in a function in Python a signal handler of the program could run, and the
    collector loses the exception that it raises. The phase is "start" or "stop". A set takes it as
    its letters: those of both are added, then those of this phase and the keys of `info` are taken
    away, so that "op" are left at the start and nothing at the stop.
    """
    method: Any = type(_listen.__get__(callbacks))  # binds an argument, as functools.partial does

    callbacks.append(_latest.__setitem__)
    callbacks.append(_own.__setattr__)
    callbacks.append(method(collecting.update, "op"))
    callbacks.append(collecting.difference_update)


if sys.version_info < (3, 12) and sys.implementation.name == "cpython":
    import gc

    _listen(gc.callbacks)
