"""Carry one current frame through threads, tasks, generators and processes.

A *frame* names one piece of work in progress (a request, a task, a step, a scope of values) and
knows its parent, its correlation ID and its values. One context variable holds the current one.

    _process       a fork without hooks, the garbage collector, signal handlers; log_once()
    _frame         Site and Frame; make and check their IDs
    _failures      failed_frame(): which frame an exception left first; treat_as_control_flow()
    _observers     subscribe(): tell observers of frames and crumbs
    _open          the frames that are open, if an observer wants to know
    _runs          the runs of flows that an operation remembers
    _current       the context variable; start, attach/detach, enter/leave
    _generators    a frame around a generator, current only while its body runs
    _signature     the signature of a function, made when somebody first asks
    _wrap          a frame around a function, coroutine, generator or async generator; bind()
    _scope         scope(**values): a frame made of values; add_values(**values)
    _headers       inject/extract: the frame as headers
    executors      ContextExecutor: the submitter's frame in the threads and processes of a pool
    files          write files: atomic, never blocking, never through a file of others
    lowlevel       the door for other distributions: hot paths, observers, failures
"""

from __future__ import annotations

from corectx._current import (
    Token,
    attach,
    correlation_id,
    current,
    detach,
    enter,
    leave,
    new_correlation_id,
    start,
    values,
)
from corectx._failures import failed_frame, treat_as_control_flow
from corectx._frame import Frame, Site, is_valid_id
from corectx._observers import subscribe
from corectx._scope import add_values, scope
from corectx._wrap import bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corectx._headers import CORRELATION_HEADER, HEADER, extract, inject

__all__ = [
    "CORRELATION_HEADER",
    "HEADER",
    "Frame",
    "Site",
    "Token",
    "add_values",
    "attach",
    "bind",
    "correlation_id",
    "current",
    "detach",
    "enter",
    "extract",
    "failed_frame",
    "inject",
    "is_valid_id",
    "leave",
    "new_correlation_id",
    "scope",
    "start",
    "subscribe",
    "treat_as_control_flow",
    "values",
]


_OF_HEADERS = ("CORRELATION_HEADER", "HEADER", "extract", "inject")


def __getattr__(name: str) -> object:
    # A program that sends no messages does not load the module that writes headers.
    if name not in _OF_HEADERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from corectx import _headers

    found: object = getattr(_headers, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
