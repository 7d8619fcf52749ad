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

    from statecrumbs._black_box import Mirror, Teller
    from statecrumbs._options import Given

_mirror: Mirror | None = None
_teller: Teller | None = None

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
    black_box (None)
        A folder where each process mirrors its crumbs into a file, so that they survive SIGKILL, a
        segfault or `os._exit`: see ``statecrumbs read``. Deaths of earlier processes are logged.
    program (the name of the script and its words)
        The name under which the black boxes of this program belong together: the death of a process
        is told to a process of the same program.
    on_death (None)
        A function that is called with each death that is told, as `deaths` returns them.
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
    from statecrumbs import _crash, _in_flight

    given = check(given)
    _crash.prepare()
    with _switching:
        _crash.listen(given.get("dump_signal", options.dump_signal))
        options.update(given)
        _recorder.reconfigure()
        _in_flight.watch()
        _open_black_box(options.black_box)
        if options.redactor is not None:
            load_patterns()  # or it would be imported in the middle of a crash
        _crash.watch()
        atexit.unregister(_at_exit)
        atexit.register(_at_exit)  # after that of the mirror, so that it runs before it


def _at_exit() -> None:
    """Do what is still to be done when the exit hooks run."""
    from statecrumbs import _crash

    _crash.report_last_exception()
    if _teller is not None:
        _teller.tell()


def _end_for_sure() -> None:
    """Do all that the exit hooks do, in a process that ends without them."""
    _at_exit()
    if _mirror is not None:
        _mirror.close_at_exit()


def deaths() -> list[dict[str, Any]]:
    """Return the deaths of earlier processes of this program that this process told, oldest last.

    Each has "pid", "program", "host", "ending" (see docs/endings.md), "silent_since" (ISO 8601),
    "failures", "exit_code", "in_flight" (a list, the outermost frame first), "hidden" and "path".
    Deaths that wait for logging to be set up are told now.
    """
    if _teller is None:
        return []
    _teller.tell()
    return [dict(death) for death in _teller.told]


def disable() -> None:
    """Undo `enable`: the hooks that it replaced are back, and all options at their defaults.

    With a `dump_signal` only the main thread can do that; other threads get a `ValueError`.
    """
    from statecrumbs import _crash, _in_flight

    with _switching:
        _crash.listen(None)  # first, since it raises outside of the main thread
        _crash.unwatch()
        atexit.unregister(_at_exit)
        _open_black_box(None)
        _in_flight.unwatch()
        options.reset()
        _recorder.reconfigure()


def _open_black_box(directory: str | os.PathLike[str] | None) -> None:
    """Mirror into a file in `directory` from now on; None: into none."""
    global _mirror, _teller
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
        _mirror = _teller = None
    if _mirror is not None:
        _mirror.reconfigure(signal_stacks=options.signal_stacks)
    elif directory is not None:
        from statecrumbs._black_box import Mirror, Teller

        _mirror = Mirror(directory, program)
        _mirror.track(signal_stacks=options.signal_stacks)
        note_failures_with(_mirror.note_failure)
        in_flight.at_final_end = _end_for_sure
        _teller = Teller(directory, program, options.on_death, options.black_box_days)
        if not _teller.tell_if_heard():
            in_flight.before_operation = _teller.tell_if_heard
