"""Log records as crumbs: what the program logged just before it failed.

logging.getLogger().addHandler(CrumbHandler())
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from corectx import attach, current, detach, is_valid_id
from corectx.lowlevel import raised_by_signal, remote
from statecrumbs._recorder import crumb, set_thread_name, thread_name
from statecrumbs._values import name_of, safe_text

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

__all__ = ["CrumbHandler", "as_caller_of", "as_thread"]

# The attributes of every record: all others are the caller's `extra`.
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",  # 3.12
}
# Our own failures are logged there; they must not come back as crumbs.
_OURS = ("statecrumbs", "corectx")


class _NoLock:
    """Stands for the lock of a handler that needs none."""

    def acquire(self) -> None:
        """Wait for nothing."""

    def release(self) -> None:
        """Let nobody in."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class CrumbHandler(logging.Handler):
    """Record each log record as a crumb.

    The message is the event; the data are ``level``, ``logger``, for a record with an exception its
    type as ``exception``, and what was given as ``extra``: of the same names with an underscore. A
    record that is logged while a crumb is being recorded (by somebody's ``__repr__``) is left out.

    Add it to loggers directly: it takes no lock and never waits. Behind a
    `logging.handlers.QueueListener` the crumb has the thread of the caller, and its operation if
    the `QueueHandler` has the filter `penstock.logging.FlowFilter`.
    """

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._recording = threading.local()

    def createLock(self) -> None:  # noqa: N802 - overrides
        """Have no lock: recording needs none, and a handler's would be held over a ``__repr__``."""
        self.lock: Any = _NoLock()

    def emit(self, record: logging.LogRecord) -> None:
        """Record `record` as a crumb. Never raises."""
        name = safe_text(record.name)
        if name.partition(".")[0] in _OURS or getattr(self._recording, "now", False):
            return
        self._recording.now = True
        try:
            with as_caller_of(record):
                crumb(_message(record), **_data(record, name))
        finally:
            self._recording.now = False


def as_caller_of(record: logging.LogRecord) -> AbstractContextManager[None]:
    """Give the crumbs of the block the thread and the operation in which `record` was made.

    That matters where another thread or process handles the record. The operation is known if
    the record has the attribute `flow_id`, which `penstock.logging.FlowFilter` adds.
    """
    if record.thread == threading.get_ident() and record.process in (None, os.getpid()):
        return nullcontext()
    return _elsewhere(record)


@contextmanager
def _elsewhere(record: logging.LogRecord) -> Generator[None, None, None]:
    fields = vars(record)
    found = fields.get("flow_id")
    is_known = current() is None and is_valid_id(found) and found != "-"
    flow, step = _text(fields.get("flow")), _text(fields.get("step"))
    token = attach(remote(correlation_id=found, flow=flow, name=step)) if is_known else None
    try:
        with as_thread(safe_text(record.threadName)):
            yield
    finally:
        if token is not None:
            detach(token)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value not in ("", "-") else None


@contextmanager
def as_thread(name: str) -> Generator[None, None, None]:
    """Give the crumbs of the block the thread `name`."""
    before = thread_name()
    set_thread_name(name)
    try:
        yield
    finally:
        set_thread_name(before)


def _message(record: logging.LogRecord) -> str:
    """Return the text of a record, whatever the ``__str__`` of its parts may raise."""
    try:
        text = record.getMessage()
    except BaseException as error:
        if raised_by_signal(error):
            raise
        text = safe_text(record.msg)  # without arguments that do not fit it says more than nothing
    return text or "(no message)"


def _data(record: logging.LogRecord, name: str) -> dict[str, Any]:
    data: dict[str, Any] = {"level": record.levelname, "logger": name}
    exception = _exception(record.exc_info)
    if exception is not None:
        data["exception"] = exception
    own = frozenset(data)
    for key, value in vars(record).items():
        if key not in _STANDARD:
            text = safe_text(key)  # `extra` takes any key
            data[f"{text}_" if text in own else text] = value
    return data


def _exception(exc_info: Any) -> str | None:
    """Return the name of the class in ``(type, value, traceback)``, None where there is none."""
    kind: object = exc_info[0] if isinstance(exc_info, tuple) and exc_info else None
    return name_of(kind) if isinstance(kind, type) else None
