"""Mirror each crumb into the black box, where `enable(black_box=...)` asked for one."""

from __future__ import annotations

import atexit
import sys
from time import time_ns

from corectx import subscribe
from statecrumbs._black_box import (
    BlackBox,
    UnreadableError,
    encode,
    encode_record,
    recover,
    scope_fragment,
)
from statecrumbs._freeze import place_of
from statecrumbs._options import options
from statecrumbs._recorder import thread_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from corectx import Frame
    from statecrumbs._records import Crumb, Place

# How many frames' scopes are kept encoded; the crumbs of a step come one after the other.
_SCOPES = 256


class Mirror:
    """Hears of each crumb, rendered and redacted, and writes it to a ring file in `directory`."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        scrub = str if options.redactor is None else options.redactor.scrub
        self.directory = directory
        self._box = BlackBox.open(
            directory, argv=[scrub(str(each)) for each in sys.argv], on_error=_warn
        )
        # By the identity of a place, which the entry keeps alive for that.
        self._scopes: dict[int, tuple[Place, str]] = {}
        self._unsubscribe = subscribe(self)
        atexit.register(self.close)

    def crumb(self, frame: Frame | None, at_ns: int, event: str, data: Mapping[str, str]) -> None:
        """Write one crumb, which survives the process from then on."""
        thread = thread_name() if options.include_thread else None
        scope = "" if frame is None else self._scope(frame)
        self._box.write(encode(event, thread, scope, data), at_ns)

    def mark(self, event: str, data: Mapping[str, str]) -> None:
        """Write a mark among the crumbs that is in the black box only."""
        self._box.write(encode(event, None, "", data), time_ns())

    def note_crash(self, last: Crumb, at_ns: int) -> None:
        """Write the last record of a dump, and keep the file when the process ends."""
        self._box.write(encode_record(last), at_ns)
        self._box.note_crash()

    def close(self) -> None:
        """Write no more, and remove the file unless the process crashed."""
        atexit.unregister(self.close)
        self._unsubscribe()
        self._box.close()

    def _scope(self, frame: Frame) -> str:
        place: Place = frame.label[2] if frame.label else place_of(frame)[0]
        known = self._scopes.get(id(place))
        if known is not None:
            return known[1]
        context, facts = place
        fragment = scope_fragment(context, facts or None)
        if len(self._scopes) >= _SCOPES:
            self._scopes.clear()
        self._scopes[id(place)] = (place, fragment)
        return fragment


def report_dead(directory: str | os.PathLike[str]) -> None:
    """Log which processes died without a word and left their crumbs in `directory`."""
    try:
        recovered = recover(directory)
    except UnreadableError as error:
        _warn(str(error))
        return
    for left in recovered:
        if left.died != "exception":  # that one has made its dump
            _warn(
                f"Process {left.process.get('pid')} died without a dump; its last "
                f"{len(left.crumbs)} crumbs are in {left.path}: run `statecrumbs read {left.path}`."
            )


def _warn(problem: str) -> None:
    import logging

    logging.getLogger("statecrumbs").warning(problem)
