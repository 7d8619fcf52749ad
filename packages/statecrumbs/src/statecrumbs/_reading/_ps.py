"""The processes that have a black box in a folder, and their work in flight."""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError, read_in_flight
from statecrumbs._endings import in_short
from statecrumbs._lines import escaped, in_flight_lines, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Final

    from statecrumbs._lines import Paint

_MAX_COMMAND: Final = 60  # characters
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def processes(paths: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the process of each black box of `paths` as data, and the problems with others.

    Only the header and the open frames are read, so that this is quick also for large boxes, and
    answers while a process hangs.
    """
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    for path in paths:
        try:
            header, ending, in_flight = read_in_flight(path)
        except UnreadableError as error:
            problems.append(str(error))
            continue
        found.append(
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
        )
    return found, problems


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
        head = f"pid {process['pid']}"
        yield f"{paint('event', head)}  {command.ljust(width)}  {', '.join(words)}"
        yield from in_flight_lines(process["in_flight"], process["hidden"])


def _command(process: dict[str, Any]) -> str:
    script, *others = process["argv"] or ["?"]
    arguments = (os.path.basename(script) or script, *others)
    command = " ".join(shlex.quote(printable(argument)) for argument in arguments)
    if len(command) > _MAX_COMMAND:
        command = f"{command[: _MAX_COMMAND - 1]}\u2026"
    return escaped(command)


def _state(process: dict[str, Any], now: float) -> str:
    ending: str = process["ending"]
    if ending == "running":
        return "running"
    text = in_short(ending).lower()
    if process["ended_at_ns"]:
        text += f" {_ago(now - process['ended_at_ns'] / 1e9)} ago"
    return text


def _ago(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "0 s"
