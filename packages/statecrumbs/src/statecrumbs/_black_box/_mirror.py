"""Mirror each crumb of the recorder, and each open frame, into the black box."""

from __future__ import annotations

import atexit
from time import time_ns

from statecrumbs._black_box._in_flight import forget_names
from statecrumbs._black_box._slots import scope_fragment
from statecrumbs._black_box._writer import BlackBox
from statecrumbs._crumb import rendered_data
from statecrumbs._in_flight import in_flight
from statecrumbs._options import options
from statecrumbs._process import command_line
from statecrumbs._recorder import mirror_to, stop_mirroring

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from statecrumbs._black_box._in_flight import RowTable
    from statecrumbs._crumb import Crumb, Place, Record
    from statecrumbs._values import Scalar

# How many frames' scopes are kept encoded; the crumbs of a step come one after the other.
_SCOPES = 256


class Mirror:
    """Write each record, rendered and redacted, to a ring file in `directory`."""

    def __init__(self, directory: str | os.PathLike[str], program: str = "") -> None:
        self.directory = directory
        self.program = program
        self._box = BlackBox.open(
            directory,
            argv=command_line(),
            program=program,
            render=_rendered,
            on_error=_warn,
        )
        # By the ID of a place, which the entry keeps alive for that.
        self._scopes: dict[int, tuple[Place, str]] = {}
        mirror_to(self._write)
        atexit.register(self.close_at_exit)

    @property
    def is_on(self) -> bool:
        """Whether crumbs are written: not after a problem of the disk."""
        return self._box.is_on

    @property
    def path(self) -> str | None:
        """The file of this process; None while there is none."""
        return self._box.path

    def track(self, *, signal_stacks: bool) -> None:
        """Write the open frames into the file too, and the stacks at a fault beside it."""
        self._box.track(self._use_table, self._works_at_exit)
        self._box.write_stacks(at_sigterm=signal_stacks)

    def _use_table(self, table: RowTable | None) -> None:
        in_flight.use_table(table, self._box.reopen)

    def _works_at_exit(self) -> int:
        return len(in_flight.at_exit())

    def reconfigure(self, *, signal_stacks: bool) -> None:
        """Take over the options in force: the names of secrets may have changed."""
        self._box.forget_rendered()
        forget_names()
        self._box.write_stacks(at_sigterm=signal_stacks)

    def _write(self, record: Record) -> None:
        """Write one crumb, which survives the process from then on."""
        at_ns, event, data, place, thread = record
        # Not `get`: without a GIL it takes the dict's lock. Threads would wait for each other, and
        # children that are forked meanwhile would hang.
        try:
            _, scope = self._scopes[id(place)]
        except KeyError:
            scope = self._scope(place)
        self._box.write(
            event,
            thread if options.include_thread else None,
            scope,
            data,
            at_ns if options.include_timestamp else 0,
        )

    def mark(self, event: str, data: Mapping[str, str]) -> None:
        """Write a mark among the crumbs, into the black box only."""
        self._box.write_record({"event": event, **data}, time_ns())

    def note_failure(self, last: Crumb, at_ns: int) -> None:
        """Write the last record of a dump, and keep the file when the process ends."""
        self._box.write_record(last, at_ns)
        self._box.note_failure()

    def close(self) -> None:
        """Write no more, and remove the file unless a failure was noted."""
        atexit.unregister(self.close_at_exit)
        stop_mirroring(self._write)
        self._box.close()

    def close_at_exit(self) -> None:
        """Write no more since the exit hooks run; keep the file where work is in flight."""
        stop_mirroring(self._write)
        self._box.close_at_exit()

    def _scope(self, place: Place) -> str:
        context, identity = place
        fragment = scope_fragment(context, identity or None)
        if len(self._scopes) >= _SCOPES:
            self._scopes.clear()
        self._scopes[id(place)] = (place, fragment)
        return fragment


def _rendered(name: str, value: Scalar) -> str:
    return rendered_data({name: value})[name]


def _warn(problem: str) -> None:
    import logging

    logging.getLogger("statecrumbs").warning(problem)
