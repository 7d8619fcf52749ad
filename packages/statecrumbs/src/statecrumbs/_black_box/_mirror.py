"""Mirror each crumb of the recorder, and each open frame, into the black box."""

from __future__ import annotations

import atexit
from time import time_ns

from statecrumbs._black_box._rows import forget_names
from statecrumbs._black_box._writer import BlackBox
from statecrumbs._crumb import rendered_value
from statecrumbs._in_flight import in_flight
from statecrumbs._options import options
from statecrumbs._process import command_line
from statecrumbs._recorder import exchange_mirror, mirror_to, stop_mirroring

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from statecrumbs._black_box._folder import Contents
    from statecrumbs._black_box._rows import RowTable
    from statecrumbs._black_box._slots import Store
    from statecrumbs._crumb import Crumb, Record


class Mirror:
    """Write each record, rendered and redacted, to a file in `directory`."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        program: str = "",
        contents: Contents | None = None,
    ) -> None:
        self.directory = directory
        self.program = program
        self._box = BlackBox.open(
            directory,
            argv=command_line(),
            program=program,
            render=rendered_value,
            on_error=_warn,
            contents=contents,
        )
        self._store: Store = _ignore
        self._mirror: Store = _ignore
        self._box.call_with_store(self._use)
        mirror_to(self._mirror)
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
        self._use(self._store)
        forget_names()
        self._box.write_stacks(at_sigterm=signal_stacks)

    def _use(self, store: Store) -> None:
        """Let the recorder call `store` itself, unless parts of its records are left out."""
        self._store = store
        before = self._mirror
        is_whole = options.include_thread and options.include_timestamp
        self._mirror = store if is_whole else self._store_in_part
        exchange_mirror(before, self._mirror)

    def _store_in_part(self, record: Record) -> None:
        at_ns, event, data, place, thread = record
        self._store(
            (
                at_ns if options.include_timestamp else 0,
                event,
                data,
                place,
                thread if options.include_thread else None,  # type: ignore[arg-type]
            )
        )

    def mark(self, event: str, data: Mapping[str, str]) -> None:
        """Write a mark among the crumbs, into the black box only."""
        self._box.write_record({"event": event, **data}, time_ns())

    def note_failure(self, last: Crumb, at_ns: int) -> None:
        """Write the last record of a dump, and keep the file when the process ends."""
        self._box.write_record(last, at_ns)
        self._box.note_failure()

    def note_end_by_failure(self) -> None:
        """Note that the last failure ends the process, whatever is recorded after it."""
        self._box.note_end_by_failure()

    def close(self) -> None:
        """Write no more, and remove the file unless a failure was noted."""
        atexit.unregister(self.close_at_exit)
        stop_mirroring(self._mirror)
        self._box.close()

    def close_at_exit(self) -> None:
        """Write no more since the exit hooks run; keep the file where work is in flight."""
        stop_mirroring(self._mirror)
        self._box.close_at_exit()


def _ignore(_record: Record) -> None:
    """Store nothing yet."""


def _warn(problem: str) -> None:
    import logging

    logging.getLogger("statecrumbs").warning(problem)
