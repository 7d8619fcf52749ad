"""Tell the deaths of earlier processes of this program: once each, by one log record.

A death is told to a process of the same program, so that it lands in the log of the service that
died. After an hour of silence any program may tell it, but for management commands.
"""

from __future__ import annotations

import logging
import os
from time import time_ns
from typing import TYPE_CHECKING

from statecrumbs._black_box import _format
from statecrumbs._black_box._folder import KEPT, Claim, leftovers_in, remove
from statecrumbs._black_box._reader import last_sign, read_in_flight
from statecrumbs._crumb import timestamp
from statecrumbs._endings import is_warning, sentence
from statecrumbs._lines import escaped, work_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from statecrumbs._black_box._folder import Leftover

_EACH: Final = 5  # deaths that are logged one by one: a pool may leave hundreds
_HOUR: Final = 3600 * 10**9
_DAY: Final = 24 * _HOUR
_SHOWN: Final = 10  # frames in flight that the message names

# Programs that look at services, and are none.
_NEVER: Final = frozenset(("penstock", "statecrumbs", "pytest", "py.test"))

logger: logging.Logger = logging.getLogger("statecrumbs")


class Teller:
    """Tells the deaths in `directory` to this process, which is `program`.

    `on_death` is called with each death too. Boxes of other machines are removed after `days` days
    of silence.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        program: str,
        on_death: Callable[[dict[str, Any]], object] | None,
        days: int,
    ) -> None:
        self._directory = os.fspath(directory)
        self._program = program
        self._on_death = on_death
        self._days = days
        self._pid = os.getpid()
        self.is_waiting = not _is_tool(program)
        self.told: list[dict[str, Any]] = []
        # Looked for now: the children of this process are none of them.
        self._leftovers = leftovers_in(self._directory) if self.is_waiting else []

    def tell_if_heard(self) -> bool:
        """Tell the deaths if log records have a handler; return whether that was done.

        Raises nothing, whatever lies in the folder.
        """
        if not self.is_waiting:
            return True
        if not logger.hasHandlers():
            return False
        self.tell()
        return True

    def tell(self) -> None:
        """Tell the deaths now. Never raises an Exception."""
        if not self.is_waiting or self._pid != os.getpid():
            return
        self.is_waiting = False
        try:
            self._tell()
        except Exception:
            logger.exception("The deaths of earlier processes could not be told.")

    def _tell(self) -> None:
        now = time_ns()
        leftovers, self._leftovers = self._leftovers, []
        told = [each.path for each in leftovers if each.is_over and each.is_told]
        for leftover in leftovers:
            if not leftover.is_over and now - leftover.modified_ns > self._days * _DAY:
                remove(leftover.path)
        mine = [each for each in leftovers if self._is_mine(each, now)]
        # Those with work in flight or a failure first, and of them the newest: they are named.
        mine.sort(key=lambda leftover: (leftover.is_serious(), leftover.header.created_ns))
        others = 0
        is_serious = False
        for number, leftover in enumerate(reversed(mine)):
            claim = Claim.take(leftover.path)
            if claim is None:
                continue
            try:
                if number < _EACH:
                    is_kept = self._tell_one(leftover, claim)
                else:
                    is_kept = leftover.is_serious()
                    others += 1
                    is_serious = is_serious or is_kept
                if is_kept:
                    claim.mark(_format.TOLD)
                    told.append(leftover.path)
                else:
                    remove(leftover.path)
            finally:
                claim.release()
        if others:
            logger.log(
                logging.WARNING if is_serious else logging.INFO,
                "%d more processes of %s ended. To see those that are kept: statecrumbs read %s",
                others,
                self._program or "this program",
                self._directory,
                extra={"death": {"count": others, "path": self._directory}},
            )
        told.sort(key=os.path.basename)
        for path in told[: max(0, len(told) - KEPT)]:
            remove(path)

    def _is_mine(self, leftover: Leftover, now: int) -> bool:
        """Return whether this process may tell the death."""
        header = leftover.header
        if not leftover.is_over or leftover.is_told:
            return False
        if header.version == 1 or header.description["program"] == self._program:
            return True
        if self._program.partition(" ")[0] == "manage.py" or now - leftover.modified_ns < _HOUR:
            return False
        # The time of a file that is mapped may be that of its making (tmpfs): look inside.
        return now - last_sign(leftover.path)[0] >= _HOUR

    def _tell_one(self, leftover: Leftover, claim: Claim) -> bool:
        """Log one death; return whether its box is kept."""
        path = leftover.path
        # If decoding the file kills this process, the next start must not read it again.
        claim.mark(_format.DECODING)
        header, ending, in_flight = read_in_flight(path)
        if header.state == _format.IN_USE:
            ending = leftover.ending  # as it was before the claim, which holds the lock now
        silent_ns, last_event = last_sign(path)
        claim.mark(0)
        death: dict[str, Any] = {
            "pid": header.pid,
            "program": header.description["program"],
            "host": header.description["host"],
            "ending": ending,
            "silent_since": timestamp(silent_ns),
            "last_event": last_event,
            "failures": header.failures,
            "exit_code": header.exit_code,
            "in_flight": in_flight,
            "hidden": header.hidden,
            "path": path,
        }
        serious = is_warning(
            ending, in_flight=len(in_flight) + header.hidden, failures=header.failures
        )
        is_kept = serious or bool(in_flight or header.failures)
        if ending == "ended" and not is_kept:
            return False  # only its removal had failed
        self.told.append(death)
        logger.log(
            logging.WARNING if serious else logging.INFO,
            "%s",
            _message(death, is_kept=is_kept),
            extra={"death": death},
        )
        if self._on_death is not None:
            try:
                self._on_death(dict(death))
            except Exception:
                logger.exception("on_death failed.")
        return is_kept


def _is_tool(program: str) -> bool:
    return program.partition(" ")[0] in _NEVER


def _message(death: dict[str, Any], *, is_kept: bool) -> str:
    program = f" ({escaped(death['program'])})" if death["program"] else ""
    text = f"{sentence(death)} That was process {death['pid']}{program}"
    text += f", silent since {death['silent_since']}"
    text += f" after {death['last_event']!r}." if death["last_event"] else "."
    works: list[dict[str, Any]] = death["in_flight"]
    if works:
        named = [f"{work_name(work)} for {work['seconds']:.1f} s" for work in works[:_SHOWN]]
        more = len(works) - _SHOWN + death["hidden"]
        text += f" In flight: {', '.join(named)}{f', {more} more' if more > 0 else ''}."
    if is_kept:
        text += f" To see all: statecrumbs read {escaped(death['path'])}"
    return text
