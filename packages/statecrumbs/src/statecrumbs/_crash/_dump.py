"""Make a dump of the crumbs, and deliver it to stderr, a file or the user's function."""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from itertools import count
from time import gmtime, strftime, time_ns

from corectx import current, failed_frame
from corectx.files import write_private
from statecrumbs._crash._exceptions import attributes_of, describe, in_short
from statecrumbs._crash._running import running
from statecrumbs._crumb import place_of, timestamp
from statecrumbs._in_flight import in_flight_now
from statecrumbs._options import options
from statecrumbs._process import command_line, host_name, python_version, this_process
from statecrumbs._recorder import collect, thread_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from corectx import Frame
    from statecrumbs._crumb import Crumb

# An exception is reported once for each operation that it fails, however many hooks it passes: the
# process and the operation are noted on it. (Another process, to which it was pickled, has other
# crumbs.)
_MARK = "__statecrumbs_reported__"
_OPERATION = "statecrumbs.operation"  # the key of an operation's number in its store
_MAX_MARKS = 20
_next_operation = count(1).__next__

_note_failure: Callable[[Crumb, int], None] | None = None

# The threads that run the user's function right now.
_in_callback: set[int] = set()


def report(exc: BaseException, /, *, frame: Frame | None = None) -> bool:
    """Dump the crumbs because of `exc`, as `enable` was told to; return whether that was done.

    For programs that catch an exception which would otherwise be a crash: a web framework, a
    worker, a shell. The dump is that of the frame in which `exc` was raised, else of `frame`, else
    of the current one. There is none without `enable`, for `SystemExit`, and for an exception that
    was reported before. Never raises.
    """
    return report_crash(exc, frame, is_end=False)


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
        crumbs = _crumbs_and("unhandled_exception", failing, {"exception": describe(exc)})
        if note is not None:
            note(crumbs[-1], time_ns())
        return not is_silent and _deliver(crumbs)
    except Exception as error:
        _complain(f"could not dump the crumbs: {in_short(error)}")
        return False


def note_failures_with(note: Callable[[Crumb, int], None] | None) -> None:
    """Call `note` with the last record of a dump, and its time in ns, where the process may end."""
    global _note_failure
    _note_failure = note


def dump_at_signal(signal_number: int) -> None:
    """Dump the crumbs of the running process because it was sent a signal. Never raises."""
    try:
        _deliver(_crumbs_and("live_dump", current(), {"signal": signal_number}))
    except Exception as error:
        _complain(f"could not dump the crumbs: {in_short(error)}")


def prepare() -> None:
    """Make a dump and forget it, so that its imports are done when a real one is due.

    That may be in the middle of an import, or without memory or file descriptors. Never raises.
    """
    try:
        from statecrumbs.formatter import format_json, format_lines

        _fill("")
        cause = {"exception": describe(ValueError("token=x"))}
        crumbs = _crumbs_and("unhandled_exception", None, cause)
        format_json(crumbs)
        format_lines(crumbs)
    except Exception:
        return  # the dump itself will report the failure


def _crumbs_and(event: str, frame: Frame | None, cause: dict[str, Any]) -> list[Crumb]:
    """Return the crumbs that belong to `frame`, and last the record of the cause of the dump."""
    crumbs, dropped = collect(frame)
    last: Crumb = {"event": event}
    if options.include_timestamp:
        last["ts"] = timestamp(time_ns())
    if options.include_thread:
        last["thread"] = thread_name()
    if frame is not None:
        (context, identity), _ = place_of(frame)
        if context:
            last["context"] = context
        if identity:
            last["frame"] = identity
    last.update(cause)
    last["dropped"] = dropped
    works = in_flight_now()
    if works:
        last["in_flight"] = works
    others = running(own=event == "live_dump")
    if others:
        last["running"] = others
    last["process"] = _process()
    return [*crumbs, last]


def _process() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "argv": command_line(),
        "python": python_version(),
        "host": host_name(),
    }


def _is_inside(frame: Frame | None, around: Frame) -> bool:
    """Return whether the operation of `frame` is that of `around`, or began inside of it."""
    while frame is not None:
        if frame.store is around.store:
            return True
        frame = frame.parent
    return False


def _is_reported(exc: BaseException, failing: Frame | None) -> bool:
    """Note on `exc` that it is reported here; return whether it was before.

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


def _deliver(crumbs: list[Crumb]) -> bool:
    thread = get_ident()
    # A failure inside the callback, in a `__del__` say, is not given to it: it would fail again.
    if callable(options.on_crash) and thread not in _in_callback:
        _in_callback.add(thread)
        try:
            options.on_crash(crumbs)
        except BaseException as error:
            _complain(f"on_crash failed with {in_short(error)}")
            return False
        finally:
            _in_callback.discard(thread)
        return True
    from statecrumbs.formatter import format_json, format_lines

    if options.on_crash == "lines":
        # One by one, so that those of other processes come between whole lines only.
        return all(_print_error(line) for line in format_lines(crumbs).split("\n"))
    text = format_json(crumbs)
    if options.on_crash == "file":
        path = _fill(os.fspath(options.output_file))
        try:
            write_private(path, text + "\n")
        except OSError as error:
            _complain(f"could not write {path!r} ({error.strerror}); here are the crumbs:")
        else:
            return True
    return _print_error(text)


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
