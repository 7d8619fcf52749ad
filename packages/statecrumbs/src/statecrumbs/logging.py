"""Log records as crumbs: the last messages of a program before it failed.

logging.getLogger().addHandler(CrumbHandler())
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager, nullcontext
from threading import get_ident
from typing import TYPE_CHECKING, Any

from corectx import attach, current, detach
from corectx.lowlevel import FrameText, as_id, process_mark, raised_by_signal, remote
from statecrumbs._recorder import record_message, set_thread_name, thread_name
from statecrumbs._values import name_of, safe_text

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

__all__ = ["CrumbHandler", "as_caller_of", "as_thread"]

_RECORD = logging.LogRecord
# The attributes of every record: all others are the caller's `extra`.
_BARE = tuple(vars(logging.LogRecord("", 0, "", 0, "", (), None)))
_STANDARD = frozenset(_BARE) | {
    "message",
    "asctime",
    "taskName",  # 3.12
}
_COUNT, _LAST = len(_BARE), _BARE[-1]

# Our own failures are logged there; they must not come back as crumbs.
_OURS = ("statecrumbs", "corectx")
# Names of loggers that are not ours. Bounded, since a name may be made of input from outside.
_others: dict[str, None] = {}
_MOST_OTHERS = 1024


class CrumbHandler(logging.Handler):
    """Record each log record as a crumb.

    The message is the event. Data are ``level``, ``logger``, the type of an exception as
    ``exception``, and the ``extra``. An ``extra`` of one of these names gets an underscore. A
    record that a ``__repr__`` logs while a crumb is recorded is left out.

    Add it to loggers directly: it takes no lock and never waits. Behind a
    `logging.handlers.QueueListener` the crumb has the thread of the caller, and its operation if
    the `QueueHandler` has the filter `penstock.logging.FlowFilter`.

    A record of the level `dump_at` or above, such as `logging.ERROR`, also makes a dump, of its
    exception if it has one: once for each operation, unless that has a dump already, and at most 10
    times in a minute. `statecrumbs.enable` says where dumps go; without it there is none.
    """

    def __init__(
        self, level: int | str = logging.NOTSET, *, dump_at: int | str | None = None
    ) -> None:
        super().__init__(level)
        self._dump_at = None if dump_at is None else _level(dump_at)
        self._recording = threading.local()

    def createLock(self) -> None:  # noqa: N802 - overrides
        """Make no lock: recording needs none, and this one would be held during a ``__repr__``."""
        self.lock: Any = None

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]
        """Record `record` unless a filter of this handler refuses it."""
        if not self.filters:
            self.emit(record)
            return True
        passed: Any = self.filter(record)
        if passed:  # since Python 3.12 a filter may return another record
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return passed  # type: ignore[no-any-return]

    def emit(  # noqa: C901, PLR0912 - inline, for speed
        self, record: logging.LogRecord
    ) -> None:
        """Record `record` as a crumb. Never raises."""
        # All attributes before the `__dict__`: Python makes it when it is first asked for, and then
        # reads attributes in a slower way.
        name, thread, process, level = record.name, record.thread, record.process, record.levelname
        if type(name) is not str:
            name = safe_text(name)
        if name not in _others and _is_ours(name):
            return
        try:
            busy = self._recording.busy
        except AttributeError:
            busy = self._recording.busy = []
        if busy:
            return
        try:
            busy.append(True)
            try:
                message = record.getMessage()
            except BaseException as error:  # whatever the `__str__` of its parts may raise
                if raised_by_signal(error):
                    raise
                message = record.msg  # without arguments that do not fit it says more than nothing
            if type(message) is not str:
                message = safe_text(message)
            data: dict[str, Any] = {"level": level, "logger": name}
            if record.exc_info is not None:
                exception = _exception_class(record.exc_info)
                if exception is not None:
                    data["exception"] = exception
            if not _mark[0]:
                _look_at_process()
            is_here = thread == get_ident() and (process == _pid or process is None)
            fields = record.__dict__
            # Most records have no `extra`, and so no `flow_id` that says where they are of.
            if not (
                type(record) is _RECORD
                and len(fields) == _COUNT
                and next(reversed(fields)) is _LAST
            ) and not _STANDARD.issuperset(fields):
                _add_extra(data, fields)
                is_here = is_here and _is_of_frame(fields)
            if is_here:
                self._record(record, message or "(no message)", data)
            else:
                with _elsewhere(record):
                    self._record(record, message or "(no message)", data)
        finally:
            busy.clear()

    def _record(self, record: logging.LogRecord, message: str, data: dict[str, Any]) -> None:
        record_message(message, data)
        if self._dump_at is None:
            return
        level: Any = record.levelno  # a record that is made by hand may have anything there
        if isinstance(level, int) and level >= self._dump_at:
            from statecrumbs._crash import report_once

            report_once(message, _exception(record.exc_info))


def _is_ours(name: str) -> bool:
    """Tell whether the logger `name` is one of ours; remember the others."""
    if name.partition(".")[0] in _OURS:
        return True
    if len(_others) >= _MOST_OTHERS:
        _others.clear()
    _others[name] = None
    return False


def as_caller_of(record: logging.LogRecord) -> AbstractContextManager[None]:
    """Give the crumbs of the block the thread and the operation in which `record` was made.

    That matters if the record is handled later or elsewhere. The operation is known if the record
    has the attribute `flow_id`, which `penstock.logging.FlowFilter` adds.
    """
    return nullcontext() if _is_of_here(record) else _elsewhere(record)


def _is_of_here(record: logging.LogRecord) -> bool:
    return _is_of_thread(record) and _is_of_frame(vars(record))


def _is_of_thread(record: logging.LogRecord) -> bool:
    if not _mark[0]:
        _look_at_process()
    return record.thread == get_ident() and (record.process == _pid or record.process is None)


def _is_of_frame(fields: dict[str, object]) -> bool:
    # A handler that keeps records may write them in another operation of the same thread.
    made = fields.get("flow_id")
    return type(made) is not FrameText or made.frame is current()


# The system takes as long to tell the process ID as a record takes in all.
_mark = process_mark()
_pid = os.getpid()


def _look_at_process() -> None:
    global _mark, _pid
    _mark = process_mark()
    _pid = os.getpid()


@contextmanager
def _elsewhere(record: logging.LogRecord) -> Generator[None, None, None]:
    fields = vars(record)
    made = fields.get("flow_id")
    token = None
    if type(made) is FrameText:
        token = attach(made.frame)
    elif current() is None:  # made in another process, or the ID is the program's own
        found = as_id(made)
        if found not in (None, "-"):
            flow, step = _text(fields.get("flow")), _text(fields.get("step"))
            token = attach(remote(correlation_id=found, flow=flow, name=step))
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


def _add_extra(data: dict[str, Any], fields: dict[str, object]) -> None:
    own = frozenset(data)
    for key, value in fields.items():
        if key not in _STANDARD:
            text = safe_text(key)  # `extra` takes any key
            if type(value) is FrameText:
                value = str(value)  # noqa: PLW2901 - an exact text is kept fastest
            data[f"{text}_" if text in own else text] = value


def _exception_class(exc_info: Any) -> str | None:
    """Return the name of the class in ``(type, value, traceback)``, or None without a class."""
    kind: object = exc_info[0] if isinstance(exc_info, tuple) and exc_info else None
    return name_of(kind) if isinstance(kind, type) else None


def _exception(exc_info: Any) -> BaseException | None:
    """Return the exception in ``(type, value, traceback)``, or None without one."""
    value: object = exc_info[1] if type(exc_info) is tuple and len(exc_info) > 1 else None
    return value if issubclass(type(value), BaseException) else None  # type: ignore[return-value]


def _level(level: Any) -> int:
    """Return the number of a level of `logging`. Raises TypeError and ValueError."""
    if isinstance(level, bool) or not isinstance(level, (int, str)):
        raise TypeError(f"dump_at= is a level such as logging.ERROR, or its name, not {level!r}.")
    # A level by its name, also one that the program added; 3.10 has no other function for it.
    number: object = (
        logging.getLevelName(level)  # pyright: ignore[reportDeprecated]
        if isinstance(level, str)
        else level
    )
    if isinstance(number, int):
        return number
    raise ValueError(f"dump_at={level!r} is no level of logging; one is 'ERROR'.")
