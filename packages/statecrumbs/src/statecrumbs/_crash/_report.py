"""Report a problem once: deliver a dump to stderr, to a file or to the user's function."""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from itertools import count
from time import gmtime, monotonic, strftime, time_ns

from corectx import current, failed_frame
from corectx.files import write_private
from corectx.lowlevel import keep_with_failures
from statecrumbs._crash._dump import Dump, dump_of
from statecrumbs._crash._exceptions import (
    attributes_of,
    describe_exception,
    redacted,
    summarize_exception,
)
from statecrumbs._options import options
from statecrumbs._process import this_process
from statecrumbs._trail import context_of
from statecrumbs._values import safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from corectx import Frame
    from statecrumbs._crumb import Crumb

# An exception is reported once for each operation that it fails, however many hooks it passes: the
# process and the operation are noted on it. (Another process, to which it was pickled, has other
# crumbs.)
_MARK = "__statecrumbs_reported__"
_OPERATION = "statecrumbs.operation"  # the key of an operation's number in its store
keep_with_failures(_OPERATION, context_of)  # the operation may be gone before the exception
_DUMPED = "statecrumbs.dumped"  # in the store of an operation that has a dump
_MAX_MARKS = 20
_PER_MINUTE = 10
_counts: dict[int, Iterator[int]] = {}  # by minute: how many reports without a crash
_next_operation = count(1).__next__

_note_failure: Callable[[Crumb, int], None] | None = None

# The threads that run the user's function right now.
_in_callback: set[int] = set()


def report(problem: BaseException | str, /, *, frame: Frame | None = None) -> bool:
    """Dump the crumbs because of `problem`, by the options of `enable`; return whether it was done.

    An exception is one that the program catches and that would otherwise be a crash: in a web
    framework, a worker, a shell. The dump is that of the frame in which it was raised, else of
    `frame`, else of the current one. There is none for `SystemExit`, and for an exception that was
    reported before.

    A message is dumped once for each operation, unless that has a dump already; outside of any
    operation each one is. There are at most 10 such dumps in a minute.

    There is no dump without `enable`. Never raises.
    """
    if issubclass(type(problem), BaseException):
        return report_crash(problem, frame, is_end=False)  # type: ignore[arg-type]
    if issubclass(type(problem), str):
        return report_once(problem, None, frame)  # type: ignore[arg-type]
    _complain(f"report() takes an exception or a message, not {redacted(safe_text(problem))}.")
    return False


def report_once(message: str, exc: BaseException | None, frame: Frame | None = None) -> bool:
    """Report `exc`, or a `message` without one: once for each operation, some times in a minute."""
    try:
        around = frame or current()
        store: dict[Any, Any] = {} if around is None else around.store
        is_wanted = options.is_enabled and options.on_crash != "none"
        if not is_wanted or _DUMPED in store or not _is_within_rate():
            return False
        if exc is not None:
            return report_crash(exc, frame, is_end=False)
        mark = object()
        if store.setdefault(_DUMPED, mark) is not mark:  # another thread was first
            return False
        return _deliver(dump_of("reported", around, {"message": redacted(message)}))
    except Exception as error:
        _complain(f"could not dump the crumbs: {summarize_exception(error)}")
        return False


def _is_within_rate() -> bool:
    """Count one more report in this minute; return whether that many are dumped. No lock."""
    minute = int(monotonic() // 60)
    for old in list(_counts):
        if old != minute:
            _counts.pop(old, None)
    return next(_counts.setdefault(minute, count(1))) <= _PER_MINUTE


def report_crash(exc: BaseException, frame: Frame | None, *, is_end: bool) -> bool:
    """Do the same as `report`; with `is_end` note in the black box that the process ends."""
    try:
        # An interrupt is no failure; the black box knows the work that it left.
        is_failure = is_end and not issubclass(type(exc), KeyboardInterrupt)
        note = _note_failure if is_failure else None
        is_silent = options.on_crash == "none"
        is_wanted = options.is_enabled and not (is_silent and note is None)
        if not is_wanted or issubclass(type(exc), SystemExit):
            return False
        around = frame or current()
        failing = failed_frame(exc) or around
        if _is_reported(exc, failing):
            # The same object may have been raised again, in another operation, and not left it yet.
            if around is None or _is_inside(failing, around) or _is_reported(exc, around):
                return False
            failing = around
        if failing is not None and not is_silent:
            failing.store.setdefault(_DUMPED, True)
        described = describe_exception(exc, with_locals=options.locals and not is_silent)
        dump = dump_of("unhandled_exception", failing, {"exception": described})
        if note is not None:
            # A black box never has the variables.
            last = (
                {**dump.last, "exception": describe_exception(exc)} if options.locals else dump.last
            )
            note(last, time_ns())
        return not is_silent and _deliver(dump)
    except Exception as error:
        _complain(f"could not dump the crumbs: {summarize_exception(error)}")
        return False


def note_failures_with(note: Callable[[Crumb, int], None] | None) -> None:
    """Call `note` with the last record of a dump, and its time in ns, where the process may end."""
    global _note_failure
    _note_failure = note


def dump_at_signal(signal_number: int) -> None:
    """Dump the crumbs of the running process because it was sent a signal. Never raises."""
    try:
        _deliver(dump_of("live_dump", current(), {"signal": signal_number}))
    except Exception as error:
        _complain(f"could not dump the crumbs: {summarize_exception(error)}")


def prepare() -> None:
    """Make a dump and forget it, so that its imports are done when a real one is due.

    That may be in the middle of an import, or without memory or file descriptors. Never raises.
    """
    try:
        from statecrumbs.formatter import format_lines

        _fill("")
        cause = {"exception": describe_exception(ValueError("token=x"), with_locals=options.locals)}
        dump = dump_of("unhandled_exception", None, cause)
        _text_of(dump)
        format_lines(_sealed(dump))
    except Exception:
        return  # the dump itself will report the failure


def _is_inside(frame: Frame | None, around: Frame) -> bool:
    """Return whether the operation of `frame` is that of `around`, or began inside of it."""
    while frame is not None:
        if frame.store is around.store:
            return True
        frame = frame.parent
    return False


def _is_reported(exc: BaseException, failing: Frame | None) -> bool:
    """Note on `exc` that it is reported; return whether it was reported before.

    Here is the operation of the frame `failing`, outside of one this thread, in this process.
    """
    attributes = attributes_of(exc)
    if failing is None:
        place = f"thread {get_ident()}"
    else:
        # setdefault: of two threads that come first, one wins.
        place = f"operation {failing.store.setdefault(_OPERATION, _next_operation())}"
    mark = f"{this_process()} {place}"
    marks = attributes.get(_MARK)
    if not isinstance(marks, tuple):
        marks = ()
    if mark in marks:
        return True
    attributes[_MARK] = (*marks[-_MAX_MARKS:], mark)
    return False


def _deliver(dump: Dump) -> bool:
    thread = get_ident()
    # A failure inside the callback, such as in a `__del__`, does not call it: it would fail again.
    if callable(options.on_crash) and thread not in _in_callback:
        _in_callback.add(thread)
        try:
            options.on_crash(dump.crumbs(is_own=True))
        except BaseException as error:
            _complain(f"on_crash failed with {summarize_exception(error)}")
            return False
        finally:
            _in_callback.discard(thread)
        return True
    if options.on_crash == "lines":
        from statecrumbs.formatter import format_lines

        # One write for each line, so that lines of other processes come between whole lines only.
        return all(_print_error(line) for line in format_lines(_sealed(dump)).split("\n"))
    text = _text_of(dump)
    if options.on_crash == "file":
        path = _fill(os.fspath(options.output_file))
        try:
            write_private(path, text + "\n")
        except OSError as error:
            _complain(f"could not write {path!r} ({error.strerror}); here are the crumbs:")
        else:
            return True
    return _print_error(text)


def _sealed(dump: Dump) -> list[Crumb]:
    """Return the crumbs of `dump` with their checksum: other programs may write between them."""
    from statecrumbs._json import checksum

    crumbs = dump.crumbs(is_own=False)
    return [*crumbs[:-1], {**crumbs[-1], "checksum": checksum(crumbs)}]


def _text_of(dump: Dump) -> str:
    """Return the JSON text of `dump` with its checksum."""
    from statecrumbs._crash._text import sealed_text
    from statecrumbs.formatter import format_json

    try:
        return sealed_text(dump.inherited, dump.records, dump.last)
    except (TypeError, ValueError, RecursionError):  # values that JSON lacks
        return format_json(_sealed(dump))


def _fill(path: str) -> str:
    """Fill in this process and this moment for ``{pid}`` and ``{time}``."""
    seconds, rest = divmod(time_ns(), 10**9)
    now = f"{strftime('%Y%m%dT%H%M%S', gmtime(seconds))}.{rest // 1000:06}Z"
    return path.replace("{pid}", str(os.getpid())).replace("{time}", now)


def _complain(message: str) -> None:
    _print_error(f"statecrumbs: {message}")


def _print_error(text: str) -> bool:
    """Print to stderr, which may be absent, closed or broken; return whether that was done."""
    text += "\n"
    try:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except RuntimeError:  # a signal came while the program itself was writing there
            os.write(sys.stderr.fileno(), text.encode("utf-8", "backslashreplace"))
    except Exception:
        return False
    return True
