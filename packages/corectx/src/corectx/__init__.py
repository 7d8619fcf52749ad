"""Carry one current frame through threads, tasks, generators and processes.

A *frame* names one piece of work in progress (a request, a task, a step, a scope of values) and
knows its parent, its correlation ID and its values. One context variable holds the current one.

    _frame       Site and Frame; start() makes the first frame of an operation
    _current     the context variable; attach/detach, enter/leave
    _scope       scope(**values), a frame made of values
    _functions   a frame around a function, coroutine, generator or async generator; bind()
    _carrier     inject/extract: the frame as headers
    _failures    which frame an exception left first
    _observers   subscribe(): hear of frames and crumbs
    _ids         correlation IDs and frame IDs
    _reports     one log record for each kind of failure of ours
    _signals     what a signal handler raised is no failure of ours
    executors    ContextExecutor: the submitter's frame in a pool's threads and processes
    lowlevel     the parts that sibling packages need on their hot paths
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
    values,
)
from corectx._failures import failed_frame
from corectx._frame import Frame, Site, start
from corectx._functions import bind
from corectx._ids import is_valid_id, new_correlation_id
from corectx._observers import subscribe
from corectx._scope import scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corectx._carrier import CORRELATION_HEADER, HEADER, extract, inject

__all__ = [
    "CORRELATION_HEADER",
    "HEADER",
    "Frame",
    "Site",
    "Token",
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
    "values",
]


_OF_CARRIER = ("CORRELATION_HEADER", "HEADER", "extract", "inject")


def __getattr__(name: str) -> object:
    # A program that sends no messages does not load what writes headers.
    if name not in _OF_CARRIER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from corectx import _carrier

    found: object = getattr(_carrier, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
