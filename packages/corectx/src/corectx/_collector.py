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
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")

# The thread that the collector runs in, while it runs. The first look costs a truth test.
collecting: list[int] = []


def in_collector() -> bool:
    """Tell whether this is a finalizer, on an interpreter where it must not set a variable."""
    return get_ident() in collecting


def run_finalizer(function: Callable[..., Result], /, *args: object) -> Result:
    """Return ``function(*args)``, which may run in a finalizer and may set context variables."""
    if not collecting or not in_collector():
        return function(*args)
    from contextvars import copy_context

    copy = copy_context()
    thread = get_ident()
    collecting.remove(thread)  # in the copy there is no danger
    try:
        return copy.run(function, *args)
    finally:
        collecting.append(thread)


def _note(phase: str, _: object) -> None:
    if phase == "start":
        collecting.append(get_ident())
    else:
        collecting.clear()


if sys.version_info < (3, 12) and sys.implementation.name == "cpython":
    import gc

    gc.callbacks.append(_note)
