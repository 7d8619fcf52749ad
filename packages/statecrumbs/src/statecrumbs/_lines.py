"""Crumbs as lines that people read in a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from statecrumbs._json import is_list, is_object, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, Final, Literal, TypeAlias

    Role: TypeAlias = Literal["time", "thread", "event", "failure", "data", "scope"]
    Paint: TypeAlias = Callable[[Role, str], str]

_MAX_VALUE: Final = 200  # characters of a value; a dump has all of it
_MAX_THREAD: Final = 20
_MAX_EVENT: Final = 24  # where the data is aligned; longer events push it to the right
_MAX_INDENT: Final = 20
_SYSTEM: Final = frozenset(("event", "ts", "thread", "context", "frame"))
# Fields of the last record of a dump. The data of a crumb may have these names too, but are texts.
_OF_DUMP: Final = frozenset(
    ("exception", "dropped", "received", "process", "in_flight", "running", "checksum")
)


def _unpainted(_role: Role, text: str) -> str:
    return text


@dataclass
class Columns:
    """The widths of the columns, in characters, which grow with their texts; the last scope."""

    time: int = 0
    thread: int = 0
    event: int = 0
    scope: str = ""

    def fit(self, times: Sequence[str], threads: Sequence[str], events: Sequence[str]) -> None:
        """Make room for these texts."""
        self.time = max([self.time, *map(len, times)])
        self.thread = max([self.thread, *map(len, threads)])
        self.event = min(max([self.event, *map(len, events)]), _MAX_EVENT)


def lines(
    crumbs: Sequence[Mapping[str, Any]],
    times: Sequence[str],
    *,
    columns: Columns | None = None,
    paint: Paint = _unpainted,
    is_brief: bool = False,
) -> list[str]:
    """Return one line for each of `crumbs`, with the text of `times` in front.

    `columns` are those of lines that were shown before; `paint` may colour the parts. With
    `is_brief` a line has its scope only where it is another one than in the line before, and no
    value that the scope has too.
    """
    threads = [printable(crumb.get("thread", ""))[:_MAX_THREAD] for crumb in crumbs]
    events = [printable(crumb.get("event", "")) for crumb in crumbs]
    columns = columns or Columns()
    columns.fit(times, threads, events)
    made: list[str] = []
    for crumb, time, thread, event in zip(crumbs, times, threads, events, strict=True):
        parts: list[str] = []
        if columns.time:
            parts.append(paint("time", time.rjust(columns.time)))
        if columns.thread:
            parts.append(paint("thread", thread.ljust(columns.thread)))
        data = " ".join(_data(crumb, is_brief=is_brief))
        role: Role = "failure" if "exception" in crumb else "event"
        parts.append(paint(role, event.ljust(columns.event) if data else event))
        if data:
            parts.append(paint("data", data))
        scope = " ".join(_scope(crumb))
        if is_brief and scope == columns.scope:
            scope = ""
        elif is_brief:
            columns.scope, scope = scope, scope or "-"
        if scope:
            parts.append(paint("scope", f"[{scope}]"))
        made.append("  ".join(parts).rstrip())
    return made


def relative_times(crumbs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the time of each of `crumbs` before the last one, "" where it has none."""
    moments = [moment(crumb.get("ts")) for crumb in crumbs]
    known = [at for at in moments if at is not None]
    if not known:
        return ["" for _ in crumbs]
    last = known[-1]
    is_short = max(known) - min(known) < 1
    return ["" if at is None else _relative(at - last, is_short=is_short) for at in moments]


def moment(ts: object) -> float | None:
    """Return the Unix time of an ISO 8601 time stamp, as our crumbs have them."""
    if not isinstance(ts, str):
        return None
    try:
        return datetime.fromisoformat(ts).timestamp()
    except (ValueError, OverflowError):
        return None


def clock_times(crumbs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the time of day of each of `crumbs`, UTC, to the millisecond; "" where it has none."""
    return ["" if moment(crumb.get("ts")) is None else str(crumb["ts"])[11:23] for crumb in crumbs]


_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def _relative(seconds: float, *, is_short: bool) -> str:
    distance = abs(seconds)
    if distance < 2 * _MINUTE:
        text = f"{distance:.6f}s" if is_short else f"{distance:.3f}s"
    elif distance < 2 * _HOUR:
        text = f"{distance // _MINUTE:.0f}m{distance % _MINUTE:04.1f}s"
    elif distance < 2 * _DAY:
        text = f"{distance // _HOUR:.0f}h{distance % _HOUR // _MINUTE:02.0f}m"
    else:
        text = f"{distance // _DAY:.0f}d{distance % _DAY // _HOUR:02.0f}h"
    if seconds == 0:
        return text
    return ("-" if seconds < 0 else "+") + text


def _data(crumb: Mapping[str, Any], *, is_brief: bool) -> Iterator[str]:
    exception = crumb.get("exception")
    if exception is not None and not isinstance(exception, str):
        yield summary(exception)
    context = crumb.get("context") if is_brief else None
    scoped = context if is_object(context) else {}
    for key, value in crumb.items():
        is_data = key not in _SYSTEM and (key not in _OF_DUMP or isinstance(value, str))
        if is_data and not (key in scoped and value == repr(scoped[key])):
            yield f"{printable(key)}={printable(value)}"
    dropped = crumb.get("dropped")
    if dropped and not isinstance(dropped, str):
        yield f"dropped={printable(dropped)}"


def summary(exception: object) -> str:
    """Return one line about the `exception` of a dump: its type, message, place and causes."""
    if not is_object(exception):
        return printable(exception)
    text = f"{printable(exception.get('type', ''))}: {printable(exception.get('message', ''))}"
    traceback = exception.get("traceback")
    if is_list(traceback) and traceback and is_object(traceback[-1]):
        text += f" ({call_place(traceback[-1], is_short=True)})"
    if exception.get("cause") is not None:
        text += f" <- {summary(exception['cause'])}"
    return text


def call_place(call: Mapping[str, Any], *, is_short: bool = False) -> str:
    """Return the file of a call, without its folders if `is_short`, and its line if it is known."""
    file, line = printable(call.get("file", "?")), call.get("line")
    if is_short:
        file = file.replace("\\", "/").rpartition("/")[2]
    return f"{file}:{printable(line)}" if line else file


def _scope(crumb: Mapping[str, Any]) -> Iterator[str]:
    frame = crumb.get("frame")
    if is_object(frame):
        yield frame_name(frame)
        if frame.get("correlation_id"):
            yield f"#{printable(frame['correlation_id'])[:8]}"
    context = crumb.get("context")
    if is_object(context):
        for key, value in context.items():
            yield f"{printable(key)}={_scoped(value)}"


def correlation_id(crumb: Mapping[str, Any]) -> str:
    """Return the correlation ID of the operation of `crumb`, "" if there is none."""
    frame = crumb.get("frame")
    return str(frame.get("correlation_id") or "") if is_object(frame) else ""


def frame_name(frame: Mapping[str, Any]) -> str:
    """Return the name of a `frame`: ``flow:step``, else its kind and name."""
    name = printable(frame.get("name", ""))
    if frame.get("flow") and frame.get("flow") != frame.get("name"):
        return f"{printable(frame['flow'])}:{name}"
    return f"{printable(frame.get('kind', ''))} {name}".strip()


def work_name(work: Mapping[str, Any]) -> str:
    """Return one open frame in a few words: its kind, name, path and correlation ID."""
    identity = str(work.get("correlation_id", ""))[:8]
    text = f"{printable(work.get('kind', ''))} {work_title(work)}".strip()
    return f"{text} ({printable(identity)})" if identity else text


def in_flight_lines(
    works: Sequence[Any], hidden: object = 0, *, is_least: bool = False
) -> Iterator[str]:
    """Yield one line for each open frame of `works`, the outermost first: its age, name and ID.

    If the process ended at an unknown time, the age `is_least`, and the begin is shown too.
    """
    rows: list[tuple[str, str, str, str, str]] = []
    for work in works:
        if not is_object(work):
            continue
        depth = work.get("depth")
        indent = "  " * min(depth, _MAX_INDENT) if type(depth) is int and depth > 0 else ""
        marks = [name for name in ("suspended", "daemon") if work.get(name)]
        rows.append(
            (
                _age(work, is_least=is_least),
                f"{indent}{printable(work.get('kind', '')):<7}",
                work_title(work),
                "" if indent else printable(work.get("correlation_id", "")),
                " ".join([printable(work.get("task") or work.get("thread", "")), *marks]),
            )
        )
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for place, row in enumerate(rows):
        cells = [row[0].rjust(widths[0]), *(row[at].ljust(widths[at]) for at in (1, 2, 3)), row[4]]
        is_innermost = place + 1 == len(rows) or _depth(works[place + 1]) <= _depth(works[place])
        mark = "  <- innermost" if is_innermost and _depth(works[place]) else ""
        yield f"  {'  '.join(cells)}".rstrip() + mark
    if hidden:
        yield f"  and {printable(hidden)} more, inside of these"


def _age(work: Mapping[str, Any], *, is_least: bool) -> str:
    age = f"{printable(work.get('seconds', '?'))} s"
    if not is_least:
        return age
    return f"since {printable(work.get('since', '?'))[:19].replace('T', ' ')}, at least {age}"


def _depth(work: object) -> int:
    depth = work.get("depth") if is_object(work) else 0
    return depth if type(depth) is int else 0


def work_title(work: Mapping[str, Any]) -> str:
    """Return the name of an open frame: ``flow:step``, or ``GET /path`` where no route is known."""
    name = printable(work.get("name", ""))
    if work.get("path") and " " not in name:
        return f"{name} {printable(work['path'])}".strip()
    if work.get("flow") and work.get("flow") != work.get("name"):
        return f"{printable(work['flow'])}:{name}"
    return name


def _scoped(value: object) -> str:
    """Return the text of a scoped value; a string gets quotes where it needs them."""
    if isinstance(value, str) and (not value or any(each in value for each in " '\"[]=")):
        return printable(repr(value))
    return printable(value)


def printable(value: object) -> str:
    """Return `value` as bounded text of printable characters."""
    if not isinstance(value, str):
        value = str(to_json(value))
    if len(value) > _MAX_VALUE:
        value = f"{value[:_MAX_VALUE]}…"
    return escaped(value)


def escaped(text: str) -> str:
    """Return `text` with all characters escaped that are not printable, line ends too.

    They are more than the control characters of ASCII: also those that hide or reverse text, and
    those that cannot be encoded.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
