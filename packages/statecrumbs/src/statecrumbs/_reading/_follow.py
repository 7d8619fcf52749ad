"""Follow black boxes as their processes write them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError, boxes_in, read
from statecrumbs._endings import how_it_died
from statecrumbs._lines import Columns, clock_times, lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from statecrumbs._black_box import Recovered
    from statecrumbs._lines import Paint

_PAUSE: Final = 0.2  # seconds between two looks


class Tail:
    """Show the new crumbs of one black box, with the time of day in UTC."""

    def __init__(self, path: str, show: Callable[[str], object], paint: Paint, name: str) -> None:
        self.path = path
        self._show = show
        self._paint = paint
        self._prefix = f"{paint('time', name)}  " if name else ""
        self._columns = Columns()
        self._newest = 0

    def look(self, limit: int | None = None) -> Recovered:
        """Show the new crumbs, at most the last `limit` ones. Raises UnreadableError."""
        found = read(self.path, after=self._newest)
        crumbs = found.crumbs
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
            died = self.look().died
        except UnreadableError:
            if os.path.exists(self.path):
                raise
            died = "clean"  # an end that removes the file
        if died in ("alive", "unknown"):
            return True
        self._show(self._prefix + how_it_died(died))
        return False


def follow_file(tail: Tail, pause: Callable[[float], object] = time.sleep) -> None:
    """Show the crumbs of `tail` until its process ends."""
    while tail.follow():
        pause(_PAUSE)


def follow_folder(
    directory: str,
    open_tail: Callable[[str], Tail],
    tails: dict[str, Tail],
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Show the crumbs of all processes in `directory`, also of later ones. Never ends."""
    ended = {path for path in boxes_in(directory) if path not in tails}
    while True:
        for path in boxes_in(directory):
            if path not in tails and path not in ended:
                tails[path] = open_tail(path)
        for path, tail in list(tails.items()):
            if not _follow(tail):
                ended.add(path)
                del tails[path]
        pause(_PAUSE)


def _follow(tail: Tail) -> bool:
    try:
        return tail.follow()
    except UnreadableError:
        return True  # its process is just making it; or it is no black box, and stays unreadable
