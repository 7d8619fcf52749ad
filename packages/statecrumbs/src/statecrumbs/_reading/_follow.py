"""Follow black boxes as their processes write them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError, boxes_in, read
from statecrumbs._endings import sentence
from statecrumbs._lines import Columns, clock_times, escaped, in_flight_lines, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Final

    from statecrumbs._black_box import Recovered
    from statecrumbs._lines import Paint

_PAUSE: Final = 0.2  # seconds between two looks


class Tail:
    """Show the new crumbs of one black box that `wants` takes, with the time of day in UTC."""

    def __init__(
        self,
        path: str,
        show: Callable[[str], object],
        paint: Paint,
        name: str,
        wants: Callable[[dict[str, Any]], bool] = bool,
    ) -> None:
        self.path = path
        self._wants = wants
        self._show = show
        self._paint = paint
        self._prefix = f"{paint('time', name)}  " if name else ""
        self._columns = Columns()
        self._newest = 0

    def look(self, limit: int | None = None) -> Recovered:
        """Show the new crumbs, at most the last `limit` ones. Raises UnreadableError."""
        found = read(self.path, after=self._newest)
        crumbs = [crumb for crumb in found.crumbs if self._wants(crumb)]
        if limit is not None:
            crumbs = crumbs[max(0, len(crumbs) - limit) :]
        elif found.dropped:
            self._show(f"{self._prefix}({found.dropped} crumbs were pushed out before a look)")
        times = clock_times(crumbs)
        for line in lines(crumbs, times, columns=self._columns, paint=self._paint):
            self._show(self._prefix + line)
        self._newest = found.newest
        return found

    def follow(self) -> bool:
        """Show the new crumbs. Once the process has ended, show how and return False."""
        try:
            found = self.look()
            about: dict[str, Any] = {
                "ending": found.ending,
                "failures": found.failures,
                "exit_code": found.exit_code,
                "in_flight": found.in_flight,
                "hidden": found.hidden,
            }
        except UnreadableError:
            if os.path.exists(self.path):
                raise
            about = {"ending": "ended"}  # an end that removes the file
        if about["ending"] in ("running", "unknown"):
            return True
        self._show(self._prefix + escaped(sentence(about)))
        for line in in_flight_lines(about.get("in_flight", []), about.get("hidden")):
            self._show(self._prefix + line)
        return False


def follow(
    paths: Sequence[str],
    open_tail: Callable[[str], Tail],
    tails: dict[str, Tail],
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Show the crumbs of `tails` by path, and of processes that start later in folders of `paths`.

    Ends when all processes have ended; with a folder among `paths` it never ends.
    """
    folders = [path for path in paths if os.path.isdir(path)]
    ended = {path for folder in folders for path in boxes_in(folder) if path not in tails}
    while tails or folders:
        for path in (path for folder in folders for path in boxes_in(folder)):
            if path not in tails and path not in ended:
                tails[path] = open_tail(path)
        for path, tail in list(tails.items()):
            if not _follow(tail, is_named=path in paths):
                ended.add(path)
                del tails[path]
        if tails or folders:
            pause(_PAUSE)


def _follow(tail: Tail, *, is_named: bool) -> bool:
    try:
        return tail.follow()
    except UnreadableError:
        if is_named:
            raise
        return True  # its process is just making it; or it is no black box, and stays unreadable
