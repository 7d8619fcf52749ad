"""One open frame, as somebody looks at it: since when it is open, and where it runs."""

from __future__ import annotations

import sys
from _thread import get_ident

from statecrumbs._crumb import thread_name_of
from statecrumbs._options import options
from statecrumbs._recorder import thread_name
from statecrumbs._values import jsonable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from corectx import Frame


class Work:
    """One open frame, as somebody looks at it."""

    __slots__ = ("frame", "is_left", "since_ns")

    def __init__(self, frame: Frame, *, is_left: bool = False) -> None:
        self.frame = frame
        self.is_left = is_left
        self.since_ns = int(frame.since * 1e9)

    @property
    def is_suspended(self) -> bool:
        """Whether it is a generator whose body is suspended."""
        return self.frame.thread_id < 0

    def counts(self) -> bool:
        """Return whether this work counts at an ordinary end of the process.

        Work in a suspended generator or a daemon thread does not.
        """
        return not self.is_suspended and not self.is_in_daemon()

    def is_in_daemon(self) -> bool:
        """Return whether it runs in a daemon thread, which does not keep a process alive."""
        thread = self._thread()
        return bool(thread is not None and thread.daemon)

    def thread(self) -> str:
        """Return the name of the thread, redacted and bounded."""
        ident = abs(self.frame.thread_id)
        if ident == get_ident():
            return thread_name()
        if not ident:
            return "greenlet"  # one that waits; its thread is unknown
        return thread_name_of(ident)

    def _thread(self) -> Any:
        # Without the lock of `threading`, which a signal handler must not wait for.
        threads = getattr(sys.modules.get("threading"), "_active", {})
        return threads.get(abs(self.frame.thread_id))

    def path(self) -> str | None:
        """Return the scoped value `path` of a request, redacted and bounded."""
        if self.frame.kind != "request" or "path" not in self.frame.values:
            return None
        return str(jsonable(self.frame.values["path"], options.redactor, limit=200))
