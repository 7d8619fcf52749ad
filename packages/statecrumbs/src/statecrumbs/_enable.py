"""enable() and disable(): the options, the crash hooks, the signal and the black box."""

from __future__ import annotations

import os
from _thread import RLock

from statecrumbs import _recorder
from statecrumbs._options import check, options
from statecrumbs._redact import load_patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Unpack

    from statecrumbs._black_box import Mirror
    from statecrumbs._options import Given

_mirror: Mirror | None = None

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
        ``"stderr"``, ``"file"``, ``"none"``, or a function that is called with the list of crumbs.
    output_file ("statecrumbs.json")
        Where ``"file"`` writes JSON, in one step, mode 0600. ``{pid}`` and ``{time}`` are filled.
    include_timestamp, include_thread (True)
        Whether crumbs show the fields ``ts`` and ``thread``.
    redact (True)
        Whether secrets are blanked; or the names of more keys whose values are secrets.
    black_box (None)
        A folder where each process mirrors its crumbs into a file, so that they survive SIGKILL, a
        segfault or `os._exit`: see ``statecrumbs read``. Deaths of earlier processes are logged.
    dump_signal (None)
        A signal such as `signal.SIGUSR1` at which the running process dumps its crumbs.

    Recording needs no `enable`. Calling it again changes options, and puts the hooks back in place
    if another tool has replaced them. An unknown option or a wrong type raises `TypeError`, a wrong
    value `ValueError`, and then nothing has changed.
    """
    # Recording alone does not need this module; a crash needs it, and must not import it then.
    from statecrumbs import _crash

    given = check(given)
    _crash.prepare()
    with _switching:
        _crash.listen(given.get("dump_signal", options.dump_signal))
        options.update(given)
        _recorder.reconfigure()
        _open_black_box(options.black_box)
        if options.redactor is not None:
            load_patterns()  # or it would be imported in the middle of a crash
        _crash.watch()


def disable() -> None:
    """Undo `enable`: the hooks that it replaced are back, and all options at their defaults.

    With a `dump_signal` only the main thread can do that; other threads get a `ValueError`.
    """
    from statecrumbs import _crash

    with _switching:
        _crash.listen(None)  # first, since it raises outside of the main thread
        _crash.unwatch()
        _open_black_box(None)
        options.reset()
        _recorder.reconfigure()


def _open_black_box(directory: str | os.PathLike[str] | None) -> None:
    """Mirror into a file in `directory` from now on; None: into none."""
    global _mirror
    from statecrumbs._crash import note_end_with

    if _mirror is not None and not (_mirror.is_on and _mirror.directory == directory):
        note_end_with(None)
        _mirror.close()
        _mirror = None
    if _mirror is not None:
        _mirror.reconfigure()
    elif directory is not None:
        from statecrumbs._black_box import Mirror, report_dead

        _mirror = Mirror(directory)
        report_dead(directory)
        note_end_with(_mirror.note_crash)
