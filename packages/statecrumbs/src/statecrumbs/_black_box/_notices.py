"""Log the deaths of earlier processes of this program, each once, by one log record.

A process of the same program logs the death, so that it is in the log of the service that died.
After an hour of silence any program may log it, except management commands.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from time import time_ns
from typing import TYPE_CHECKING

from corectx.lowlevel import raised_by_signal
from statecrumbs._black_box import _format
from statecrumbs._black_box._folder import KEPT, Claim, Contents, look_into, remove
from statecrumbs._black_box._reader import last_sign, read_in_flight
from statecrumbs._crumb import timestamp
from statecrumbs._endings import WITHOUT_HOOKS, is_warning, sentence
from statecrumbs._lines import escaped, work_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final

    from statecrumbs._black_box._folder import Leftover

_EACH: Final = 5  # deaths that are logged one by one: a pool may leave hundreds
_MOST: Final = 20  # deaths that one start logs, so that it takes no longer beside hundreds
_ADOPTED: Final = 5  # deaths of other programs among them
_HOUR: Final = 3600 * 10**9
_DAY: Final = 24 * _HOUR
_SHOWN: Final = 10  # frames in flight that the message names

# Programs that only look at services.
_NEVER: Final = frozenset(("penstock", "statecrumbs", "pytest", "py.test"))

logger: logging.Logger = logging.getLogger("statecrumbs")


class DeathNotices:
    """Logs the deaths in `directory` in this process of `program`.

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
        self.logged: list[dict[str, Any]] = []
        # Now, before this process has children whose files would be among them.
        self._contents = look_into(self._directory) if self.is_waiting else Contents()
        self._operations = 0

    def found(self) -> Contents | None:
        """Return the content of the folder, None if this process did not look into it."""
        return self._contents if self.is_waiting else None

    def log_if_heard(self) -> bool:
        """Log the deaths if a handler takes them; return whether no more need be done.

        Never raises an exception for the content of the folder.
        """
        if self.is_waiting and not _has_handler():
            return False
        self.log()
        return True

    def log_before_operation(self) -> bool:
        """Log the deaths before the first operation if a handler takes them, else before the next.

        The first operation may be the function that sets up logging, and a server may end without
        its exit hooks. Return whether no more need be done before an operation.
        """
        self._pid = os.getpid()  # a worker that was forked from the process that looked
        self._operations += 1
        if self._operations == 1:
            return self.log_if_heard()
        if _has_handler() or _has_last_resort():
            self.log()
        return True

    def log(self, *, is_asked: bool = False) -> None:
        """Log the deaths now. Never raises an Exception.

        If the logger is disabled and nobody else hears of them, those with work in flight or a
        failure are left to the next start. A caller that `is_asked` hears of them.
        """
        if not self.is_waiting or self._pid != os.getpid():
            return
        self.is_waiting = False
        is_heard = is_asked or self._on_death is not None or _has_handler() or _has_last_resort()
        try:
            self._log(is_heard=is_heard)
        except Exception:
            with suppress(Exception):  # of a handler of the program
                logger.exception("The deaths of earlier processes could not be logged.")

    def _log(self, *, is_heard: bool) -> None:
        now = time_ns()
        contents, self._contents = self._contents, Contents()
        over = [each for each in contents.leftovers if each.is_over]
        logged = [each.path for each in over if each.is_logged]
        self._remove_useless(contents, now)
        mine: list[Leftover] = []
        foreign: list[Leftover] = []
        for each in over:
            if not each.is_logged:
                (mine if self._is_own(each) else foreign).append(each)
        mine += self._adopted(foreign, now)
        mine.sort(key=lambda leftover: leftover.header.created_ns)
        left = max(0, len(mine) - _MOST)
        del mine[:left]
        if not is_heard:
            mine = [each for each in mine if not each.is_serious]
        # Deaths with work in flight or a failure come last here, the newest at the end. The loop
        # takes them first, and logs them in detail.
        mine.sort(key=lambda leftover: leftover.is_serious)
        others = 0
        is_serious = False
        for number, leftover in enumerate(reversed(mine)):
            claim = Claim.take(leftover.path)
            if claim is None:
                continue
            try:
                if number < _EACH:
                    is_kept = self._log_one(leftover, claim)
                else:
                    is_kept = leftover.is_serious
                    others += 1
                    is_serious = is_serious or is_kept
                if is_kept:
                    claim.mark(_format.TOLD)
                    logged.append(leftover.path)
                else:
                    remove(leftover.path)
            finally:
                claim.release()
        if others:
            logger.log(
                logging.WARNING if is_serious else logging.INFO,
                "%d more processes of %s ended.%s To see those that are kept: statecrumbs read %s",
                others,
                self._program or "this program",
                f" The next start logs {left} older deaths." if left else "",
                self._directory,
                extra={"death": {"count": others, "left": left, "path": self._directory}},
            )
        logged.sort(key=os.path.basename)
        for path in logged[: max(0, len(logged) - KEPT)]:
            remove(path)

    def _remove_useless(self, contents: Contents, now: int) -> None:
        """Remove files whose makers died, and those of other machines after days of silence."""
        for path in contents.unfinished:
            remove(path)
        for leftover in contents.leftovers:
            if not leftover.is_over and now - leftover.modified_ns > self._days * _DAY:
                remove(leftover.path)

    def _is_own(self, leftover: Leftover) -> bool:
        """Return whether it is a death of this program."""
        header = leftover.header
        return bool(header.description["program"] == self._program)

    def _adopted(self, foreign: list[Leftover], now: int) -> list[Leftover]:
        """Return the oldest deaths of other programs that no start has logged for an hour.

        There are at most `_ADOPTED`, since each is read whole: the time of a mapped file may be the
        time when it was made (tmpfs). The next start logs more.
        """
        if self._program.partition(" ")[0] == "manage.py":
            return []
        silent = [each for each in foreign if now - each.modified_ns >= _HOUR]
        return [each for each in silent[:_ADOPTED] if now - last_sign(each.path)[0] >= _HOUR]

    def _log_one(self, leftover: Leftover, claim: Claim) -> bool:
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
            return False  # it ended in order, but could not remove its file
        self.logged.append(death)
        logger.log(
            logging.WARNING if serious else logging.INFO,
            "%s",
            _message(death, is_kept=is_kept),
            extra={"death": death},
        )
        if self._on_death is not None:
            try:
                self._on_death(dict(death))
            except BaseException as error:
                # `sys.exit` too: a start must not end because an earlier process has died.
                if issubclass(type(error), KeyboardInterrupt) or raised_by_signal(error):
                    raise
                logger.exception("on_death failed.")
        return is_kept


def _has_handler() -> bool:
    """Return whether the logger is on, and a handler of the program takes what it logs."""
    return _is_on() and any(type(each) is not logging.NullHandler for each in _handlers())


def _has_last_resort() -> bool:
    """Return whether the logger is on, and Python prints what it logs, for want of a handler."""
    return _is_on() and not any(_handlers())


def _is_on() -> bool:
    # `dictConfig` disables the loggers that it does not name, unless it is told not to.
    return not logger.disabled and logger.isEnabledFor(logging.WARNING)


def _handlers() -> Iterator[logging.Handler]:
    each: logging.Logger | None = logger
    while each is not None:
        yield from each.handlers
        each = each.parent if each.propagate else None


def _is_tool(program: str) -> bool:
    return program.partition(" ")[0] in _NEVER


def _message(death: dict[str, Any], *, is_kept: bool) -> str:
    program = f" ({escaped(death['program'])})" if death["program"] else ""
    text = f"{sentence(death)} That was process {death['pid']}{program}"
    text += f", silent since {death['silent_since']}"
    text += f" after {death['last_event']!r}." if death["last_event"] else "."
    works: list[dict[str, Any]] = death["in_flight"]
    if works:
        is_least = death["ending"] in WITHOUT_HOOKS
        named = [f"{work_name(work)} {_age(work, is_least)}" for work in works[:_SHOWN]]
        more = len(works) - _SHOWN + death["hidden"]
        text += f" In flight: {', '.join(named)}{f', {more} more' if more > 0 else ''}."
    if is_kept:
        text += f" To see all: statecrumbs read {escaped(death['path'])}"
    return text


def _age(work: dict[str, Any], is_least: bool) -> str:
    age = f"{work['seconds']:.1f} s"
    return f"since {work['since'][11:19]} (at least {age})" if is_least else f"for {age}"
