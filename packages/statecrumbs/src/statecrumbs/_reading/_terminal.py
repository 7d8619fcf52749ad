"""Recordings as people read them in a terminal."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from statecrumbs._endings import WITHOUT_HOOKS, known_ending, sentence
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

    from statecrumbs._lines import Paint, Role
    from statecrumbs._reading._recording import Recording
    from statecrumbs._reading._timeline import Entry, Timeline

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
    for line in about(recording):
        yield f"  {line}"
    yield ""
    crumbs, neighbours = _of_failure(recording)
    yield from lines(crumbs, relative_times(crumbs), paint=paint, is_brief=True)
    exception = (recording.failure or {}).get("exception")
    if is_object(exception):
        yield ""
        yield from exception_lines(exception, paint)
    yield from _neighbour_lines(neighbours)
    yield from stacks(recording)


def _of_failure(recording: Recording) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the crumbs of the operation that failed, and the crumbs of other operations.

    Crumbs that belong to no operation are with the first. Without a failure all are.
    """
    failed = correlation_id(recording.failure or {})
    if not failed:
        return recording.crumbs, []
    mine = [crumb for crumb in recording.crumbs if correlation_id(crumb) in (failed, "")]
    others = [crumb for crumb in recording.crumbs if correlation_id(crumb) not in (failed, "")]
    return mine, others


def _neighbour_lines(crumbs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield one line for each operation beside the failed one, the latest ones last."""
    operations: dict[str, list[dict[str, Any]]] = {}
    for crumb in crumbs:
        operations.setdefault(correlation_id(crumb), []).append(crumb)
    if not operations:
        return
    number = f"{len(operations)} operation{'s' if len(operations) > 1 else ''}"
    yield ""
    are = f"is {_counted(crumbs)}" if len(crumbs) == 1 else f"are {_counted(crumbs)}"
    yield f"Beside it there {are} of {number}; --id ID shows them:"
    if len(operations) > _MAX_NEIGHBOURS:
        yield f"  ... {len(operations) - _MAX_NEIGHBOURS} older ones"
    for identity, each in list(operations.items())[-_MAX_NEIGHBOURS:]:
        name = frame_name(each[-1]["frame"])
        last = printable(each[-1]["event"])
        yield f"  {printable(identity)[:8]}  {name}: {_counted(each)}, the last is {last}"


def _counted(crumbs: Sequence[object]) -> str:
    return f"{len(crumbs)} crumb{'' if len(crumbs) == 1 else 's'}"


def stacks(recording: Recording) -> Iterator[str]:
    """Yield the lines of the stacks that faulthandler wrote when the process ended."""
    text = recording.about.get("stacks")
    if isinstance(text, str) and text:
        yield ""
        yield "The stacks that faulthandler wrote:"
        yield from (f"  {escaped(line)}" for line in text.splitlines()[:_MAX_STACK])


def show_timeline(timeline: Timeline, paint: Paint) -> Iterator[str]:
    """Yield the lines about several recordings: each process, the one time line, the exceptions.

    The operations that failed come first, and after their exceptions the others are counted.
    """
    if len(timeline.recordings) == 1:
        yield from show(timeline.recordings[0], paint)
        return
    for number, recording in enumerate(timeline.recordings):
        yield f"{paint('event', timeline.name_of(number))}  {printable(recording.path)}"
        for line in about(recording):
            yield f"  {line}"
    yield from timeline.clocks()
    yield ""
    failed = {correlation_id(each.failure) for each in timeline.recordings if each.failure} - {""}
    shown = [entry for entry in timeline.entries if not failed or _is_in(entry.crumb, failed)]
    yield from timeline_lines(timeline, paint, entries=shown)
    for recording in timeline.recordings:
        yield from stacks(recording)
    yield from _failures(timeline, paint)
    yield from _neighbour_lines(
        [entry.crumb for entry in timeline.entries if failed and not _is_in(entry.crumb, failed)]
    )


def _is_in(crumb: dict[str, Any], operations: set[str]) -> bool:
    """Return whether a crumb is in one of the `operations`, or in none at all."""
    identity = correlation_id(crumb)
    return not identity or identity in operations


def _failures(timeline: Timeline, paint: Paint) -> Iterator[str]:
    told: set[tuple[str, object]] = set()
    for number, recording in enumerate(timeline.recordings):
        failure = recording.failure or {}
        key = timeline.name_of(number), failure.get("ts")
        if "exception" in failure and key not in told:
            told.add(key)
            yield ""
            yield f"{paint('event', timeline.name_of(number))} failed:"
            yield from exception_lines(failure["exception"], paint)


def timeline_lines(
    timeline: Timeline,
    paint: Paint,
    *,
    entries: Sequence[Entry] | None = None,
    last: int | None = None,
) -> list[str]:
    """Return `entries` of a time line, all by default, with the time of day in UTC.

    The date is there too if there are several, and the process if there are several. With `last`
    they are only so many.
    """
    entries = timeline.entries if entries is None else entries
    if last is not None:
        entries = entries[max(0, len(entries) - last) :]
    crumbs = [entry.crumb for entry in entries]
    dates = {str(crumb.get("ts"))[:10] for crumb in crumbs if crumb.get("ts")}
    times = clock_times(crumbs)
    if len(dates) > 1:
        times = [
            f"{str(crumb.get('ts'))[:10]} {time}" if time else time
            for crumb, time in zip(crumbs, times, strict=True)
        ]
    names = [timeline.processes[entry.process].name for entry in entries]
    if len({process.name for process in timeline.processes}) > 1:
        width = max(map(len, times), default=0)
        longest = max(map(len, names), default=0)
        times = [
            f"{time:{width}}  {name:{longest}}" for time, name in zip(times, names, strict=True)
        ]
    return lines(crumbs, times, paint=paint, is_brief=True)


def about(recording: Recording) -> Iterator[str]:
    """Yield the lines about the process of a recording, its ending and its crumbs."""
    known = recording.about
    process = known.get("process")
    if is_object(process):
        yield from _process(process)
    if "ending" in known:
        yield escaped(sentence(known))
    works = known.get("in_flight")
    if is_list(works):
        yield from in_flight_lines(
            works, known.get("hidden"), is_least=known_ending(known.get("ending")) in WITHOUT_HOOKS
        )
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
    counts = [_counted(crumbs)]
    if recording.unselected:
        counts[0] += f" of {len(crumbs) + recording.unselected}"
    counts += [
        f"{printable(recording.about[key])} {what}"
        for key, what in _COUNTED
        if recording.about.get(key)
    ]
    last = next((crumb["ts"] for crumb in reversed(crumbs) if crumb.get("ts")), None)
    moment = f"; the last at {printable(last)}" if last else ""
    return ", ".join(counts) + moment
