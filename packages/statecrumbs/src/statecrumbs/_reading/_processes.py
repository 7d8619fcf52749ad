"""The processes behind black boxes and dumps: listed with their work in flight, and followed."""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError, boxes_in, is_black_box, read, read_in_flight
from statecrumbs._endings import WITHOUT_HOOKS, known_ending, sentence, short_ending
from statecrumbs._json import is_list, is_object
from statecrumbs._lines import (
    Columns,
    clock_times,
    escaped,
    in_flight_lines,
    lines,
    moment,
    printable,
    summary,
)
from statecrumbs._reading._load import from_each, load_all
from statecrumbs._reading._recording import is_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Final

    from statecrumbs._black_box import Recovered
    from statecrumbs._lines import Paint
    from statecrumbs._reading._recording import Recording

_PAUSE: Final = 0.2  # seconds between two looks
_MAX_COMMAND: Final = 60  # characters
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def processes(
    paths: Sequence[str], complain: Callable[[UnreadableError], object]
) -> list[dict[str, Any]]:
    """Return the process of each black box and dump in `paths` as data, as `from_each` reads them.

    "in_flight" has its open frames. One that was read from a dump has the time of that as
    "dumped_at", and its reason as "dumped_for".
    """
    return from_each(paths, complain, _processes_in)


def _processes_in(path: str) -> list[dict[str, Any]]:
    if path == "-" or not os.path.isfile(path) or not is_black_box(path):
        return [_process_of(recording) for recording in load_all(path)]
    # Without the crumbs this is quick also for large boxes, and answers while a process hangs.
    header, ending, in_flight = read_in_flight(path)
    return [
        {
            "path": path,
            **header.process,
            "ending": ending,
            "failures": header.failures,
            "exit_code": header.exit_code,
            "ended_at_ns": header.ended_ns,
            "in_flight": in_flight,
            "hidden": header.hidden,
        }
    ]


def _process_of(recording: Recording) -> dict[str, Any]:
    known = recording.about
    process, works = known.get("process"), known.get("in_flight")
    last = recording.crumbs[-1] if recording.crumbs else {}
    found: dict[str, Any] = {
        "path": recording.path,
        "pid": "?",
        "argv": [],
        **(process if is_object(process) else {}),
        "ending": known_ending(known.get("ending")),
        "failures": known.get("failures") or 0,
        "exit_code": known.get("exit_code"),
        "ended_at_ns": 0,
        "in_flight": [work for work in works if is_object(work)] if is_list(works) else [],
        "hidden": known.get("hidden") or 0,
    }
    if "ending" not in known:
        found["dumped_at"] = str(last.get("ts") or "")
        found["dumped_for"] = _reason(last)
    return found


def _reason(last: dict[str, Any]) -> str:
    """Return why there is a dump, by its last record."""
    if is_object(last.get("exception")):
        return summary(last["exception"])
    return str(last.get("message" if is_report(last) else "event") or "")


def show_processes(found: Sequence[dict[str, Any]], paint: Paint) -> Iterator[str]:
    """Yield the lines about each process: its PID, command, ending, and its work in flight."""
    commands = [_command(process) for process in found]
    width = max(map(len, commands), default=0)
    now = time.time()
    for process, command in zip(found, commands, strict=True):
        count = len(process["in_flight"]) + process["hidden"]
        words = [_state(process, now), f"{count} in flight" if count else "nothing in flight"]
        if process["failures"]:
            words.append(f"{process['failures']} failures noted")
        head = f"pid {printable(process['pid'])}"
        yield f"{paint('event', head)}  {command.ljust(width)}  {', '.join(words)}"
        yield from in_flight_lines(
            process["in_flight"], process["hidden"], is_least=process["ending"] in WITHOUT_HOOKS
        )


def _command(process: dict[str, Any]) -> str:
    argv = process["argv"]
    script, *others = map(printable, argv) if is_list(argv) and argv else ["?"]
    arguments = (os.path.basename(script) or script, *others)
    command = " ".join(shlex.quote(argument) for argument in arguments)
    if len(command) > _MAX_COMMAND:
        command = f"{command[: _MAX_COMMAND - 1]}\u2026"
    return escaped(command)


def _state(process: dict[str, Any], now: float) -> str:
    ending: str = process["ending"]
    if "dumped_for" in process:
        at = moment(process["dumped_at"])
        when = "" if at is None else f" {_ago(now - at)} ago"
        return f"dumped{when}: {printable(process['dumped_for'])}"
    if ending == "running":
        return "running"
    text = short_ending(ending).lower()
    if process["ended_at_ns"]:
        text += f" {_ago(now - process['ended_at_ns'] / 1e9)} ago"
    return text


def _ago(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "0 s"


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
        for line in lines(crumbs, times, columns=self._columns, paint=self._paint, is_brief=True):
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
        for line in in_flight_lines(
            about.get("in_flight", []),
            about.get("hidden"),
            is_least=about["ending"] in WITHOUT_HOOKS,
        ):
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
    ended: set[str] = set()
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
