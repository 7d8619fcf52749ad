"""Recordings as people read them in a terminal."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from statecrumbs._endings import sentence
from statecrumbs._json import is_list, is_object
from statecrumbs._lines import (
    clock_times,
    correlation_id,
    escaped,
    frame_name,
    in_flight_lines,
    lines,
    printable,
    relative_times,
)
from statecrumbs._reading._exception import exception_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Final, TextIO

    from statecrumbs._lines import Columns, Paint, Role
    from statecrumbs._reading._recording import Recording
    from statecrumbs._reading._timeline import Timeline

# SGR parameters of ECMA-48. Events and failures stand out, everything else is dim.
_COLOURS: Final[dict[Role, str]] = {
    "time": "2",
    "thread": "36",
    "event": "1",
    "failure": "1;31",
    "scope": "2",
}


_MAX_NEIGHBOURS: Final = 10  # operations
_MAX_STACK: Final = 400  # lines


def painter(stream: TextIO) -> Paint:
    """Return the function that colours text for `stream`, if that is a terminal that wants it.

    The environment variable NO_COLOR (https://no-color.org) turns colours off.
    """
    wanted = stream.isatty() and not os.environ.get("NO_COLOR")
    if not wanted or os.environ.get("TERM") == "dumb":
        return _uncoloured
    if sys.platform == "win32" and not os.environ.get("WT_SESSION"):
        return _uncoloured  # the old console would show the codes themselves
    return _in_colour


def _uncoloured(_role: Role, text: str) -> str:
    return text


def _in_colour(role: Role, text: str) -> str:
    code = _COLOURS.get(role)
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def show(recording: Recording, paint: Paint) -> Iterator[str]:
    """Yield the lines about a recording: the process, its end, the crumbs, the exception."""
    yield paint("event", printable(recording.path))
    for line in _about(recording):
        yield f"  {line}"
    yield ""
    crumbs, neighbours = _of_failure(recording)
    yield from lines(crumbs, relative_times(crumbs), paint=paint)
    if recording.failure is not None:
        yield ""
        yield from exception_lines(recording.failure["exception"], paint)
    yield from _neighbour_lines(neighbours)
    yield from _stacks(recording)


def _of_failure(recording: Recording) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the crumbs of the operation that failed, and those of others.

    Crumbs that belong to no operation are with the first. Without a failure all are.
    """
    failed = correlation_id(recording.failure or {})
    if not failed:
        return recording.crumbs, []
    mine = [crumb for crumb in recording.crumbs if correlation_id(crumb) in (failed, "")]
    others = [crumb for crumb in recording.crumbs if correlation_id(crumb) not in (failed, "")]
    return mine, others


def _neighbour_lines(crumbs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield one line for each operation beside the one that failed, the latest ones last."""
    operations: dict[str, list[dict[str, Any]]] = {}
    for crumb in crumbs:
        operations.setdefault(correlation_id(crumb), []).append(crumb)
    if not operations:
        return
    number = f"{len(operations)} operation{'s' if len(operations) > 1 else ''}"
    yield ""
    yield f"Beside it there are {len(crumbs)} crumbs of {number}; --id ID shows them:"
    if len(operations) > _MAX_NEIGHBOURS:
        yield f"  ... {len(operations) - _MAX_NEIGHBOURS} older ones"
    for identity, each in list(operations.items())[-_MAX_NEIGHBOURS:]:
        name = frame_name(each[-1]["frame"])
        events = f"{len(each)} crumb{'s' if len(each) > 1 else ''}"
        last = printable(each[-1]["event"])
        yield f"  {printable(identity)[:8]}  {name}: {events}, the last is {last}"


def _stacks(recording: Recording) -> Iterator[str]:
    stacks = recording.ending.get("stacks")
    if isinstance(stacks, str) and stacks:
        yield ""
        yield "The stacks that faulthandler wrote:"
        yield from (f"  {escaped(line)}" for line in stacks.splitlines()[:_MAX_STACK])


def show_timeline(timeline: Timeline, paint: Paint) -> Iterator[str]:
    """Yield the lines about several recordings: each process, the one time line, the exceptions."""
    if len(timeline.recordings) == 1:
        yield from show(timeline.recordings[0], paint)
        return
    for name, recording in zip(timeline.names, timeline.recordings, strict=True):
        yield f"{paint('event', name)}  {printable(recording.path)}"
        for line in _about(recording):
            yield f"  {line}"
    yield ""
    yield from timeline_lines(timeline, paint)
    for recording in timeline.recordings:
        yield from _stacks(recording)
    told: set[str] = set()
    for name, recording in zip(timeline.names, timeline.recordings, strict=True):
        if recording.failure is None:
            continue
        shown = list(exception_lines(recording.failure["exception"], paint))
        text = f"{name}\n{recording.failure.get('ts')}"
        if text not in told:
            told.add(text)
            yield ""
            yield f"{paint('event', name)} failed:"
            yield from shown


def timeline_lines(
    timeline: Timeline, paint: Paint, *, last: int | None = None, columns: Columns | None = None
) -> list[str]:
    """Return the crumbs of a time line, or its `last` ones, with the time of day in UTC.

    The date is there too if there are several, and the process if there are several.
    """
    entries = timeline.entries
    if last is not None:
        entries = entries[max(0, len(entries) - last) :]
    crumbs = [crumb for _, crumb in entries]
    dates = {str(crumb.get("ts"))[:10] for crumb in crumbs if crumb.get("ts")}
    times = clock_times(crumbs)
    if len(dates) > 1:
        times = [
            f"{str(crumb.get('ts'))[:10]} {time}" if time else time
            for crumb, time in zip(crumbs, times, strict=True)
        ]
    if len(set(timeline.names)) > 1:
        width = max(map(len, times), default=0)
        longest = max(len(timeline.names[number]) for number, _ in entries) if entries else 0
        times = [
            f"{time:{width}}  {timeline.names[number]:{longest}}"
            for time, (number, _) in zip(times, entries, strict=True)
        ]
    return lines(crumbs, times, columns=columns, paint=paint)


def _about(recording: Recording) -> Iterator[str]:
    ending = recording.ending
    process = ending.get("process")
    if is_object(process):
        yield from _process(process)
    if "ending" in ending:
        yield escaped(sentence(ending))
    works = ending.get("in_flight")
    if is_list(works):
        yield from in_flight_lines(works, ending.get("hidden"))
    yield _counts(recording)
    yield from recording.missing


def _process(process: dict[str, Any]) -> Iterator[str]:
    argv = process.get("argv")
    if is_list(argv) and argv:
        yield " ".join(shlex.quote(printable(argument)) for argument in argv)
    parts = [f"pid {printable(process.get('pid', '?'))}"]
    if process.get("parent_pid"):
        parts.append(f"parent {printable(process['parent_pid'])}")
    if process.get("host"):
        parts.append(f"host {printable(process['host'])}")
    if process.get("python"):
        parts.append(f"Python {printable(process['python'])}")
    yield ", ".join(parts)


_COUNTED: Final = (
    ("dropped", "older pushed out"),
    ("torn", "torn"),
    ("shortened", "shortened"),
    ("missing_slots", "slots cut off with the end of the file"),
)


def _counts(recording: Recording) -> str:
    crumbs = recording.crumbs
    counts = [f"{len(crumbs)} crumb{'' if len(crumbs) == 1 else 's'}"]
    if recording.unselected:
        counts[0] += f" of {len(crumbs) + recording.unselected}"
    counts += [
        f"{printable(recording.ending[key])} {what}"
        for key, what in _COUNTED
        if recording.ending.get(key)
    ]
    last = next((crumb["ts"] for crumb in reversed(crumbs) if crumb.get("ts")), None)
    moment = f"; the last at {printable(last)}" if last else ""
    return ", ".join(counts) + moment
