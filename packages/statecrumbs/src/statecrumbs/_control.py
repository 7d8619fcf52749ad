"""Switch the recorder's surroundings on and off: crash hooks, options, signal."""

from __future__ import annotations

from statecrumbs import _crash, _live, _recorder
from statecrumbs._options import check, options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def enable(**given: Any) -> None:
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
    dump_signal (None)
        A signal such as `signal.SIGUSR1` at which the running process dumps its crumbs.

    Recording needs no `enable`. Calling it again changes options, and puts the hooks back in place
    if another tool has replaced them. An unknown option or a wrong type raises `TypeError`, a wrong
    value `ValueError`, and then nothing has changed.
    """
    check(given)
    _live.listen(given.get("dump_signal", options.dump_signal))
    options.update(given)
    _recorder.reconfigure()
    _crash.watch()


def disable() -> None:
    """Undo `enable`: the hooks that it replaced are back, and all options at their defaults."""
    _crash.unwatch()
    _live.listen(None)
    options.reset()
    _recorder.reconfigure()
