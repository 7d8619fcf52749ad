"""The tracing backend "logging": a record for the start and the end of every step."""

from __future__ import annotations

import logging
import threading
from time import perf_counter
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from corectx import Frame

__all__ = ["LoggingBackend"]

_logger = logging.getLogger("penstock")


class LoggingBackend:
    """Log each start and end of an entrypoint or a step on the logger ``penstock``.

    A failure is logged as WARNING, without the traceback, since the handler of the exception logs
    it. All other records have the level `level`. Each record has the attributes `flow_id`, `flow`,
    `step`, `kind`,
    `outcome` ("started", "done", "cancelled" or "failed") and, at an end, `duration` in seconds. As
    in penstock 0.1.0 there are also `correlation_id`, the same as `flow_id`, and `duration_ms`.
    Steps that a log handler runs to send a record are not logged.
    """

    def __init__(self, level: int = logging.INFO) -> None:
        self._level = level
        # perf_counter() of the frames that did not end yet. A frame that is never left, since a
        # signal handler raised meanwhile, is not kept alive.
        self._began: WeakKeyDictionary[Frame, float] = WeakKeyDictionary()
        self._logging = threading.local()  # whether this thread is logging right now

    def entered(self, frame: Frame, /) -> None:
        """Log that a step begins."""
        if frame.kind in ("entrypoint", "step"):
            self._began[frame] = perf_counter()
            if _logger.isEnabledFor(self._level):
                self._log(self._level, frame, "started", None, "")

    def left(self, frame: Frame, exc: BaseException | None, /) -> None:
        """Log that a step ended, when and how."""
        began = self._began.pop(frame, None)
        if began is None:  # not ours, or begun before this backend was configured
            return
        duration = perf_counter() - began
        if exc is None:
            level, outcome, why = self._level, "done", ""
        elif isinstance(exc, Exception):
            level, outcome, why = logging.WARNING, "failed", f": {type(exc).__name__}"
        else:  # CancelledError, KeyboardInterrupt, SystemExit
            level, outcome, why = self._level, "cancelled", f": {type(exc).__name__}"
        if _logger.isEnabledFor(level):
            self._log(level, frame, outcome, duration, f" in {duration:.6f} s{why}")

    def _log(
        self, level: int, frame: Frame, outcome: str, duration: float | None, more: str
    ) -> None:
        extra: dict[str, object] = {
            "flow_id": frame.correlation_id,
            "correlation_id": frame.correlation_id,
            "flow": frame.flow,
            "step": frame.name,
            "kind": frame.kind,
            "outcome": outcome,
        }
        if duration is not None:
            extra["duration"] = duration
            extra["duration_ms"] = duration * 1000
        if getattr(self._logging, "now", False):
            return
        self._logging.now = True
        try:
            _logger.log(level, "%s.%s %s%s", frame.flow, frame.name, outcome, more, extra=extra)
        finally:
            self._logging.now = False
