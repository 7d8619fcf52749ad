"""enable() and disable(): the options, the crash hooks, the signal and the black box."""

from __future__ import annotations

import atexit
import os
from _thread import RLock

from statecrumbs import _recorder
from statecrumbs._options import check, options
from statecrumbs._redact import load_patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Unpack

    from statecrumbs._black_box import DeathNotices, Mirror
    from statecrumbs._options import Given

_mirror: Mirror | None = None
_notices: DeathNotices | None = None

# Held by the thread that switches. It is reentrant for a signal handler that switches too. A forked
# child has a new one, since the thread that held it may not exist there.
_switching = RLock()


def _renew_lock() -> None:
    global _switching
    _switching = RLock()


if hasattr(os, "register_at_fork"):  # absent on Windows
    os.register_at_fork(after_in_child=_renew_lock)


def enable(**given: Unpack[Given]) -> None:
    """Dump the crumbs when the program crashes; set options, and leave the others as they are.

    max_crumbs (50)
        How many crumbs the ring of the process keeps.
    max_trail (100)
        How many crumbs each operation (request, task, flow) keeps for itself.
    on_crash ("stderr")
        ``"stderr"``, ``"file"``, ``"none"``, or a function that is called with the list of crumbs;
        ``"lines"`` writes to stderr too, in lines of at most 4 KiB for log shippers.
    output_file ("statecrumbs.json")
        Where ``"file"`` writes JSON, in one step, mode 0600. ``{pid}`` and ``{time}`` are filled.
    include_timestamp, include_thread (True)
        Whether crumbs show the fields ``ts`` and ``thread``.
    redact (True)
        Whether secrets are blanked; or the names of more keys whose values are secrets.
    locals (False)
        Whether dumps also have the variables of the program's own calls in a traceback: bounded and
        redacted as in crumbs, at most 8 KiB of a dump. A black box never has them.
    black_box (None)
        A folder where each process mirrors its crumbs into a file, so that they survive SIGKILL, a
        segfault or `os._exit`: see ``statecrumbs read``. Deaths of earlier processes are logged.
    program (the name of the script and its words)
        The name that the black boxes of this program share. A process logs the deaths of earlier
        processes of the same program.
    on_death (None)
        A function that is called with each death that is logged, as `deaths` returns them.
    signal_stacks (False)
        Whether SIGTERM also writes the stacks of all threads into a file beside the black box, by
        `faulthandler`. It replaces a handler of the program.
    black_box_days (30)
        Black boxes of other machines in the folder are removed after so many days of silence.
    dump_signal (None)
        A signal such as `signal.SIGUSR1` at which the running process dumps its crumbs.

    Recording needs no `enable`. Calling it again changes options, and puts the hooks back in place
    if another tool has replaced them. An unknown option or a wrong type raises `TypeError`, a wrong
    value `ValueError`, and then nothing has changed.
    """
    # Recording alone does not need these modules. A crash does, and must not import anything then.
    from statecrumbs import _crash, _in_flight, _senders

    given = check(given)
    with _switching:
        _crash.listen(given.get("dump_signal", options.dump_signal))
        options.update(given)
        _crash.prepare()
        _recorder.reconfigure()
        _in_flight.in_flight.watch()
        _senders.senders.watch()
        _open_black_box(options.black_box)
        if options.redactor is not None:
            load_patterns()  # otherwise a crash would import it
        _crash.watch()
        atexit.unregister(_at_exit)
        atexit.register(_at_exit)  # registered after the hook of the mirror, so it runs before


def _at_exit() -> None:
    """Report the last exception and the deaths, before the black box is closed."""
    from statecrumbs import _crash, _in_flight

    if _crash.report_last_exception():
        _in_flight.in_flight.release()  # an exit that left work before was caught
        if _mirror is not None:
            _mirror.note_end_by_failure()
    if _notices is not None:
        _notices.log()


def _at_announced_end(is_final: bool) -> None:
    """Do the work of the exit hooks, in a process that may end without them."""
    if not is_final:
        if _notices is not None:
            _notices.log()
        return
    _at_exit()
    if _mirror is not None:
        _mirror.close_at_exit()


def deaths() -> list[dict[str, Any]]:
    """Return the deaths of earlier processes of this program that this process logged, oldest last.

    Each has "pid", "program", "host", "ending" (see docs/endings.md), "silent_since" (ISO 8601),
    "failures", "exit_code", "in_flight" (a list, the outermost frame first), "hidden" and "path".
    Deaths that wait for logging to be set up are logged now.
    """
    if _notices is None:
        return []
    _notices.log(is_asked=True)
    return [dict(death) for death in _notices.logged]


def disable() -> None:
    """Undo `enable`: put back the hooks that it replaced, and set all options to their defaults.

    With a `dump_signal` only the main thread can do this; other threads get a `ValueError`.
    """
    from statecrumbs import _crash, _in_flight, _senders

    with _switching:
        _crash.listen(None)  # first, since it raises outside of the main thread
        _crash.unwatch()
        atexit.unregister(_at_exit)
        _open_black_box(None)
        _in_flight.in_flight.unwatch()
        _senders.senders.unwatch()
        options.reset()
        _recorder.reconfigure()


def _open_black_box(directory: str | os.PathLike[str] | None) -> None:
    """Mirror into a file in `directory` from now on; with None, stop mirroring."""
    global _mirror, _notices
    from statecrumbs._crash import note_failures_with
    from statecrumbs._in_flight import in_flight
    from statecrumbs._process import program_name

    program = "" if directory is None else options.program or program_name()
    wanted = (directory, program)
    if _mirror is not None and not (
        _mirror.is_on and (_mirror.directory, _mirror.program) == wanted
    ):
        note_failures_with(None)
        _mirror.close()
        _mirror = _notices = None
    if _mirror is not None:
        _mirror.reconfigure(signal_stacks=options.signal_stacks)
    elif directory is not None:
        from statecrumbs._black_box import DeathNotices, Mirror

        # It looks into the folder before our own file exists.
        _notices = DeathNotices(directory, program, options.on_death, options.black_box_days)
        _mirror = Mirror(directory, program, _notices.found())
        _mirror.track(signal_stacks=options.signal_stacks)
        note_failures_with(_mirror.note_failure)
        in_flight.at_announced_end = _at_announced_end
        if not _notices.log_if_heard():
            in_flight.call_before_operations(_notices.log_before_operation)
