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
from corectx.lowlevel import NO_VALUES, FrameText, as_id
from statecrumbs.lowlevel import as_caller_of, as_thread, class_name, record_event, safe_text

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

    Outside of any flow, request or task nothing is added. A record of the standard library has the
    ID that `penstock.logging.FlowFilter` put on it: it may be written later and elsewhere.
    """
    made = _made_in(event_dict) if "_record" in event_dict else None
    if made is None:
        flow_id = correlation_id()
    elif isinstance(made, FrameText):
        flow_id = None if made.frame is None else made.frame.correlation_id
    else:
        flow_id = as_id(made) if made != "-" else None
    if flow_id is not None:
        event_dict.setdefault("flow_id", flow_id)
    return event_dict


def _made_in(event_dict: EventDict) -> object:
    """Return the `flow_id` of a log record, which knows its frame, or is of another process."""
    return getattr(event_dict["_record"], "flow_id", None)


def values_processor(logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:  # noqa: ARG001
    """Add the scoped values of `corectx.scope` and `statecrumbs.context`; keep existing keys.

    A value whose key has a meaning for structlog is added as ``level_``, ``event_``, ...
    """
    made = _made_in(event_dict) if "_record" in event_dict else None
    if not isinstance(made, FrameText):
        found = values()
    else:
        found = NO_VALUES if made.frame is None else made.frame.values
    for key, value in found.items():
        event_dict.setdefault(f"{key}_" if key in _RESERVED else key, value)
    return event_dict


def crumb_processor(logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:  # noqa: ARG001
    """Record the event as a crumb with its data and ``level``; the event goes on unchanged.

    ``exc_info`` is recorded as the name of the exception's type, and a crumb without an event is
    named as `statecrumbs.logging.CrumbHandler` names it.
    """
    data: dict[str, Any] = event_dict.copy() if type(event_dict) is dict else {**event_dict}
    if "level" not in data:
        data["level"] = method_name
    try:
        event = data["event"]
        del data["event"]
    except KeyError:
        event = ""
    if type(event) is not str:  # a renderer may not ask for its text, whatever that raises
        event = safe_text(event)
    if "exc_info" in data:
        data["exception"] = _exception_name(data.pop("exc_info"))
    caller: AbstractContextManager[object]
    if "_record" not in data:
        calling = None if _calling_thread is None else _calling_thread(None)
        if calling is None:
            record_event(event or "(no message)", data)
            return event_dict
        caller = as_thread(safe_text(calling[1]))
    else:
        record = data.pop("_record")
        data.pop("_from_structlog", None)
        caller = as_caller_of(record) if isinstance(record, LogRecord) else nullcontext()
    with caller:
        record_event(event or "(no message)", data)
    return event_dict


# The thread that called an async method of a logger: (ident, name). structlog has no public name.
_calling_thread: Any = getattr(getattr(contextvars, "_ASYNC_CALLING_THREAD", None), "get", None)


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
