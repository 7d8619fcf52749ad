"""Log records as crumbs: what the program logged just before it failed.

logging.getLogger().addHandler(CrumbHandler())
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from statecrumbs._recorder import crumb

__all__ = ["CrumbHandler"]

# What every record has, so that what is left is what the caller gave as `extra`.
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

    The message is the event; the data are ``level``, ``logger``, what was given as ``extra``, and
    for a record with an exception its type as ``exception``. A record that is logged while a crumb
    is being recorded (by somebody's ``__repr__``) is left out.
    """

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._recording = threading.local()

    def createLock(self) -> None:  # noqa: N802 - overrides
        """Have no lock: recording needs none, and a handler's would be held over a ``__repr__``."""
        self.lock: Any = _NoLock()

    def emit(self, record: logging.LogRecord) -> None:
        """Record `record` as a crumb. Never raises."""
        if record.name.partition(".")[0] in _OURS or getattr(self._recording, "now", False):
            return
        self._recording.now = True
        try:
            crumb(_message(record), **_data(record))
        finally:
            self._recording.now = False


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage() or "(no message)"
    except Exception:
        return str(record.msg)


def _data(record: logging.LogRecord) -> dict[str, Any]:
    data: dict[str, Any] = {"level": record.levelname, "logger": record.name}
    if record.exc_info and record.exc_info[0] is not None:
        data["exception"] = record.exc_info[0].__name__
    data.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
    return data
