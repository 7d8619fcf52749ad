"""Put the flow ID and the scoped values into structlog's events, and record events as crumbs.

A processor may stand anywhere before the renderer: in `structlog.configure`, or for records of the
standard library in the ``foreign_pre_chain`` of a `structlog.stdlib.ProcessorFormatter`.
"""

from __future__ import annotations

from contextlib import nullcontext
from logging import LogRecord
from typing import TYPE_CHECKING, Any

from structlog import contextvars

from corectx import correlation_id, values
from statecrumbs import crumb
from statecrumbs.lowlevel import as_caller_of, as_thread, class_name, safe_text

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from structlog.typing import EventDict, WrappedLogger

__all__ = ["crumb_processor", "flow_processor", "values_processor"]

# ProcessorFormatter adds these for itself; they are no part of the event.
_META = frozenset(("_record", "_from_structlog"))

# Keys with a meaning for structlog, whose processors and renderers may fail on other values.
_RESERVED = _META.union(
    ("event", "level", "timestamp", "logger", "logger_name", "exc_info", "exception", "stack"),
    ("stack_info", "stackLevel", "stacklevel", "positional_args"),
)


def flow_processor(logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:  # noqa: ARG001
    """Add the active correlation ID as ``flow_id``, unless the event has one of its own.

    Outside of any flow, request or task nothing is added.
    """
    flow_id = correlation_id() or _flow_id_of(event_dict.get("_record"))
    if flow_id is not None:
        event_dict.setdefault("flow_id", flow_id)
    return event_dict


def _flow_id_of(record: object) -> str | None:
    """Return the ID that `penstock.logging.FlowFilter` put on a log record of another thread."""
    found = getattr(record, "flow_id", None)
    return found if isinstance(found, str) and found != "-" else None


def values_processor(logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:  # noqa: ARG001
    """Add the scoped values of `corectx.scope` and `statecrumbs.context`; keep existing keys.

    A value whose key has a meaning for structlog is added as ``level_``, ``event_``, ...
    """
    for key, value in values().items():
        event_dict.setdefault(f"{key}_" if key in _RESERVED else key, value)
    return event_dict


def crumb_processor(logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:  # noqa: ARG001
    """Record the event as a crumb with its data and ``level``; the event goes on unchanged.

    ``exc_info`` is recorded as the name of the exception's type.
    """
    data: dict[str, Any] = {"level": method_name}
    for key, value in event_dict.items():
        if key == "exc_info":
            data["exception"] = _exception_name(value)
        elif key != "event" and key not in _META:
            data[key] = value
    event = event_dict.get("event", "")
    if type(event) is not str:  # a renderer may not ask for its text, whatever that raises
        event = safe_text(event)
    with _as_caller(event_dict.get("_record")):
        try:
            crumb(event, **data)
        except TypeError:  # `extra` of the standard library takes any key, and a call does not
            crumb(event, **{safe_text(key): value for key, value in data.items()})
    return event_dict


# The thread that called an async method of a logger: (ident, name). structlog has no public name.
_CALLING_THREAD: Any = getattr(contextvars, "_ASYNC_CALLING_THREAD", None)


def _as_caller(record: object) -> AbstractContextManager[None]:
    """Give the crumb the thread that logged, where another one runs the processors."""
    if isinstance(record, LogRecord):
        return as_caller_of(record)
    calling = None if _CALLING_THREAD is None else _CALLING_THREAD.get(None)
    return nullcontext() if calling is None else as_thread(safe_text(calling[1]))


def _exception_name(exc_info: object) -> str | None:
    """Return the name of the exception's type for each of the forms that ``exc_info`` may have."""
    import sys

    if isinstance(exc_info, tuple) and exc_info:
        kind: object = exc_info[0]
    elif isinstance(exc_info, BaseException):
        kind = type(exc_info)
    else:
        kind = sys.exc_info()[0] if exc_info else None
    return class_name(kind) if isinstance(kind, type) else None
