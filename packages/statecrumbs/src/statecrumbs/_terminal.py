"""Recordings as people read them in a terminal."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from statecrumbs._plain import is_list, is_object
from statecrumbs._text import lines, printable, relative_times, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final, TextIO

    from statecrumbs._recording import Recording
    from statecrumbs._text import Paint, Role

# SGR parameters of ECMA-48. Calm: what is looked for stands out, everything else steps back.
_COLOURS: Final[dict[Role, str]] = {
    "time": "2",
    "thread": "36",
    "event": "1",
    "failure": "1;31",
    "scope": "2",
}

_WITHOUT_A_WORD: Final = (
    "had no time to say why: it was killed (out of memory?), crashed in C code, or left by "
    "os._exit()."
)
# For each way to die: a few words, and a sentence.
_DIED: Final = {
    "clean": ("Ended by itself", "The process ended by itself."),
    "exception": (
        "Ended by an exception",
        "The process ended by an unhandled exception.",
    ),
    "alive": ("Still running", "The process is still running."),
    "gone": ("Gone without a word", f"The process is gone and {_WITHOUT_A_WORD}"),
    "pid reused": (
        "Gone without a word",
        f"The process is gone (its ID is another's now) and {_WITHOUT_A_WORD}",
    ),
    "unknown": (
        "Nobody knows how it ended",
        (
            "Whether the process still runs cannot be known here: it ran on another machine, or "
            "this system does not tell."
        ),
    ),
}


def painter(stream: TextIO) -> Paint:
    """Return what colours text for `stream`: nothing, unless it is a terminal that wants it.

    The environment variable NO_COLOR (https://no-color.org) turns colours off.
    """
    wanted = stream.isatty() and not os.environ.get("NO_COLOR")
    if not wanted or os.environ.get("TERM") == "dumb":
        return _plainly
    if sys.platform == "win32" and not os.environ.get("WT_SESSION"):
        return _plainly  # the old console would show the codes themselves
    return _in_colour


def _plainly(_role: Role, text: str) -> str:
    return text


def _in_colour(role: Role, text: str) -> str:
    code = _COLOURS.get(role)
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def how_it_died(died: object) -> str:
    """Return a sentence about what became of the process."""
    return _DIED.get(str(died), _DIED["unknown"])[1]


def how_it_died_in_short(died: object) -> str:
    """Return a few words about what became of the process."""
    return _DIED.get(str(died), _DIED["unknown"])[0]


def show(recording: Recording, paint: Paint) -> Iterator[str]:
    """Yield the lines about a recording: the process, its end, the crumbs, the exception."""
    yield paint("event", printable(recording.path))
    for line in _about(recording):
        yield f"  {line}"
    yield ""
    times = relative_times(recording.crumbs)
    yield from lines(recording.crumbs, times, paint=paint)
    if recording.failure is not None:
        yield ""
        yield from exception_lines(recording.failure["exception"], paint)


def _about(recording: Recording) -> Iterator[str]:
    ending = recording.ending
    process = ending.get("process")
    if is_object(process):
        yield from _process(process)
    if "died" in ending:
        yield how_it_died(ending["died"])
    yield _counts(recording)


def _process(process: dict[str, Any]) -> Iterator[str]:
    argv = process.get("argv")
    if is_list(argv) and argv:
        yield " ".join(shlex.quote(printable(argument)) for argument in argv)
    facts = [f"pid {printable(process.get('pid', '?'))}"]
    if process.get("parent_pid"):
        facts.append(f"parent {printable(process['parent_pid'])}")
    if process.get("host"):
        facts.append(f"host {printable(process['host'])}")
    if process.get("python"):
        facts.append(f"Python {printable(process['python'])}")
    yield ", ".join(facts)


_COUNTED: Final = (
    ("dropped", "older pushed out"),
    ("torn", "torn"),
    ("shortened", "shortened"),
    ("missing_slots", "slots cut off with the end of the file"),
)


def _counts(recording: Recording) -> str:
    crumbs = recording.crumbs
    counts = [f"{len(crumbs)} crumb{'' if len(crumbs) == 1 else 's'}"]
    counts += [
        f"{printable(recording.ending[key])} {what}"
        for key, what in _COUNTED
        if recording.ending.get(key)
    ]
    last = next((crumb["ts"] for crumb in reversed(crumbs) if crumb.get("ts")), None)
    moment = f"; the last at {printable(last)}" if last else ""
    return ", ".join(counts) + moment


def exception_lines(exception: dict[str, Any], paint: Paint) -> Iterator[str]:
    """Yield the lines about an exception as Python prints it: first what caused it."""
    cause = exception.get("cause")
    if is_object(cause):
        yield from exception_lines(cause, paint)
        yield ""
        yield "which led to:"
        yield ""
    traceback = exception.get("traceback")
    if is_list(traceback):
        for entry in traceback:
            if is_object(entry):
                where = f"{printable(entry.get('file', '?'))}:{printable(entry.get('line', '?'))}"
                yield f"  {where} in {printable(entry.get('function', '?'))}"
    said = {key: exception.get(key, "") for key in ("type", "message")}
    yield paint("failure", summary(said))
    notes = exception.get("notes")
    if is_list(notes):
        yield from (f"  {printable(note)}" for note in notes)
