"""Mirror each crumb of the recorder into the black box, and report dead processes."""

from __future__ import annotations

import atexit
import os
from time import time_ns

from statecrumbs._black_box._folder import recover
from statecrumbs._black_box._format import UnreadableError
from statecrumbs._black_box._slots import scope_fragment
from statecrumbs._black_box._writer import BlackBox
from statecrumbs._crumb import rendered_data
from statecrumbs._options import options
from statecrumbs._process import command_line
from statecrumbs._recorder import mirror_to, stop_mirroring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from statecrumbs._crumb import Crumb, Place, Record
    from statecrumbs._values import Scalar

# How many frames' scopes are kept encoded; the crumbs of a step come one after the other.
_SCOPES = 256

# How many dead processes are logged one by one: a pool may leave hundreds.
_REPORTED = 5


class Mirror:
    """Writes each record, rendered and redacted, to a ring file in `directory`."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = directory
        self._box = BlackBox.open(
            directory,
            argv=command_line(),
            render=_rendered,
            on_error=_warn,
        )
        # By the ID of a place, which the entry keeps alive for that.
        self._scopes: dict[int, tuple[Place, str]] = {}
        mirror_to(self._write)
        atexit.register(self.close)

    @property
    def is_on(self) -> bool:
        """Whether crumbs are written: not after a problem of the disk."""
        return self._box.is_on

    def reconfigure(self) -> None:
        """Take over the options in force: the names of secrets may have changed."""
        self._box.forget_rendered()

    def _write(self, record: Record) -> None:
        """Write one crumb, which survives the process from then on."""
        at_ns, event, data, place, thread = record
        known = self._scopes.get(id(place))
        self._box.write(
            event,
            thread if options.include_thread else None,
            self._scope(place) if known is None else known[1],
            data,
            at_ns if options.include_timestamp else 0,
        )

    def mark(self, event: str, data: Mapping[str, str]) -> None:
        """Write a mark among the crumbs, into the black box only."""
        self._box.write_record({"event": event, **data}, time_ns())

    def note_crash(self, last: Crumb, at_ns: int) -> None:
        """Write the last record of a dump, and keep the file when the process ends."""
        self._box.write_record(last, at_ns)
        self._box.note_crash()

    def close(self) -> None:
        """Write no more, and remove the file unless the process crashed."""
        atexit.unregister(self.close)
        stop_mirroring(self._write)
        self._box.close()

    def _scope(self, place: Place) -> str:
        context, identity = place
        fragment = scope_fragment(context, identity or None)
        if len(self._scopes) >= _SCOPES:
            self._scopes.clear()
        self._scopes[id(place)] = (place, fragment)
        return fragment


def _rendered(name: str, value: Scalar) -> str:
    return rendered_data({name: value})[name]


def report_dead(directory: str | os.PathLike[str]) -> None:
    """Log each process that died and left crumbs in `directory`, and how, as far as is known."""
    try:
        recovered = recover(directory)
    except UnreadableError:
        return  # making the box has reported it
    if not recovered:
        return
    from statecrumbs._endings import how_it_died
    from statecrumbs._lines import escaped

    for left in recovered[-_REPORTED:]:
        last = left.crumbs[-1] if left.crumbs else {"event": "nothing"}
        _warn(
            f"{how_it_died(left.died)} That was process {left.process['pid']}, and the last it "
            f"recorded was {last['event']!r}. To see all: statecrumbs read {escaped(left.path)}"
        )
    if len(recovered) > _REPORTED:
        _warn(
            f"{len(recovered) - _REPORTED} more processes died before. "
            f"To see all: statecrumbs read {os.fspath(directory)}"
        )


def _warn(problem: str) -> None:
    import logging

    logging.getLogger("statecrumbs").warning(problem)
