"""Find in a dump which step failed, and which steps its operation passed before.

A dump is the JSON list that a crash leaves behind. Its schema is the contract, which is published
as ``dump.schema.json``: https://github.com/statecrumbs/penstock/tree/main/packages/statecrumbs
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock._arguments import as_paths
from penstock._graph import node_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Final

    from penstock._arguments import Path
    from penstock._graph import Graph

_MAX_CAUSES: Final = 20
_FAILED: Final = "failed here"
_REPORTED: Final = "reported here"
_IN_FLIGHT: Final = "in flight here"
_LAST: Final = "last seen here"


@dataclass(frozen=True, slots=True)
class Crash:
    """Tell what happened to one operation in a graph.

    `path` has the ids of the steps that it was seen in, in the order of their beginning. `ends` are
    those of them where it ended, each with the exception or the message in one line: one, or as
    many as members of an exception group failed. `word` says how that is known.
    """

    ends: dict[str, str]
    word: str
    path: tuple[str, ...]

    def took(self, source: str, target: str) -> bool:
        """Return whether the operation went from the step `source` on to `target`."""
        if source not in self.path or target not in self.path:
            return False
        return self.path.index(source) < self.path.index(target)

    def sign(self, node: str) -> str:
        """Return what a drawing says at a step: its number on the path, and how it ended."""
        if node not in self.path:
            return ""
        number = str(self.path.index(node) + 1)
        return f"{number}  {self.word}" if node in self.ends else number

    def told(self) -> str:
        """Return where it ended, and why, in one line."""
        ends = (f"{cause}: {self.word}: {step}" for step, cause in self.ends.items())
        return ", ".join(ends)


def read_crash(paths: Path | Iterable[Path], graph: Graph) -> Crash:
    """Return the crash in the dumps at `paths`, of which the last one counts, on `graph`.

    Raises ValueError for a file that is no dump and for a failure in no step of `graph`; OSError.
    """
    several = as_paths("crash", paths)
    names = " and ".join(os.fspath(path) for path in several)
    records = [record for path in several for record in _records(path)]
    records.sort(key=_time)
    failure = _failure(records)
    operation = _operation(failure) or next(filter(None, map(_operation, records[::-1])), "")
    known = {node.id for node in graph.nodes}
    seen: list[tuple[str, str]] = []
    for record in records:
        if record is not failure:
            seen += _steps(record, operation)
    ends = list(_ends(failure, operation))
    path = dict.fromkeys(step for _, step in sorted(seen, key=lambda each: each[0]))
    path |= dict.fromkeys(step for _, step in reversed(ends))
    members = list(_members(failure.get("exception"), operation))
    path |= dict.fromkeys(step for step, _ in members)
    drawn = [step for step in path if step in known]
    if not drawn:
        raise ValueError(_nowhere(names, path, graph))
    # A group stands for what failed in it. Else the frame in which the exception was raised first
    # counts, and then those of its causes.
    failed: dict[str, str] = {}
    for step, cause in members:
        if step in known:
            failed.setdefault(step, cause)
    if failed:
        return Crash(failed, _FAILED, tuple(drawn))
    at = next((end for end in ends if end[1] in known), None)
    word, step = at or (_LAST, drawn[-1])
    return Crash({step: _cause(failure)}, word, tuple(drawn))


def _records(path: Path) -> list[dict[str, Any]]:
    """Return the records of the dump at `path`, or of the dumps of several files by name."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    dumps: list[Any] = list(value.values()) if isinstance(value, dict) else [value]
    if not dumps or not all(map(_is_dump, dumps)):
        raise ValueError(
            f"{os.fspath(path)} is no dump (a JSON list of records with an event): it "
            f"{_found(content, value)}. `statecrumbs read --json` makes one of a log or a black "
            "box."
        )
    return [record for dump in dumps for record in dump]


def _found(content: bytes, value: object) -> str:
    """Return a few words about a file that is no dump."""
    if not content.strip():
        return "is empty"
    if value is None:
        return "is no JSON"
    kind = "list" if isinstance(value, list) else "object" if isinstance(value, dict) else "value"
    return f"is an empty JSON {kind}" if not value else f"is another JSON {kind}"


def _is_dump(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and isinstance(each.get("event"), str) for each in value)
    )


def _failure(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the record that says why there is a dump; the last crumb where none does."""
    for wanted in (_is_exception, _is_report, _is_ending):
        found = [record for record in records if wanted(record)]
        if found:
            return found[-1]
    return records[-1]


def _is_exception(record: dict[str, Any]) -> bool:
    return isinstance(record.get("exception"), dict)


def _is_report(record: dict[str, Any]) -> bool:
    return record["event"] == "reported" and isinstance(record.get("process"), dict)


def _is_ending(record: dict[str, Any]) -> bool:
    return isinstance(record.get("in_flight"), list)


def _time(record: dict[str, Any]) -> str:
    """Return the time of a record; those without one are last, as that of a black box."""
    ts = record.get("ts")
    return ts if isinstance(ts, str) else "~"


def _operation(record: dict[str, Any]) -> str:
    works = record.get("in_flight")
    frames = [record.get("frame"), *(works if isinstance(works, list) else [])]
    for frame in frames:
        if isinstance(frame, dict) and isinstance(frame.get("correlation_id"), str):
            return str(frame["correlation_id"])
    return ""


def _steps(record: dict[str, Any], operation: str) -> Iterator[tuple[str, str]]:
    """Yield when the operation was in which steps, as a record tells."""
    step = _step(record.get("frame"), operation)
    if step:
        yield _time(record), step
    yield from _open(record, operation)


def _open(record: dict[str, Any], operation: str) -> Iterator[tuple[str, str]]:
    """Yield the steps that were open, with the time since when."""
    works = record.get("in_flight")
    for work in works if isinstance(works, list) else []:
        step = _step(work, operation)
        if step:
            yield str(work.get("since") or "~"), step


def _ends(failure: dict[str, Any], operation: str) -> Iterator[tuple[str, str]]:
    """Yield the steps in which the operation may have ended, the best known one first."""
    is_exception = _is_exception(failure)
    word = _FAILED if is_exception else _REPORTED if _is_report(failure) else _LAST
    for frame in (failure.get("frame"), *_frames(failure.get("exception"))):
        step = _step(frame, operation)
        if step:
            yield word, step
    if not is_exception:
        for _, step in reversed(list(_open(failure, operation))):
            yield _IN_FLIGHT, step


def _frames(exception: object) -> Iterator[object]:
    """Yield the frame that an exception left first, and those of its causes."""
    for _ in range(_MAX_CAUSES):
        if not isinstance(exception, dict):
            return
        yield exception.get("frame")
        exception = exception.get("cause")


def _members(exception: object, operation: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the step of each member of an exception group, and of groups in it, and the cause."""
    members = exception.get("exceptions") if isinstance(exception, dict) else None
    for member in members if isinstance(members, list) and depth < _MAX_CAUSES else ():
        inner = list(_members(member, operation, depth + 1))
        yield from inner
        steps = (_step(frame, operation) for frame in _frames(member))
        step = next(filter(None, steps), "")
        if step and not inner:
            yield step, _cause({"event": "", "exception": member})


def _step(frame: object, operation: str) -> str:
    """Return the id of the step that `frame` is, "" if it is none of this operation."""
    if not isinstance(frame, dict):
        return ""
    flow, name = frame.get("flow"), frame.get("name")
    if not isinstance(flow, str) or not isinstance(name, str):
        return ""
    return node_id(flow, name) if frame.get("correlation_id", "") in (operation, "") else ""


def _cause(failure: dict[str, Any]) -> str:
    exception = failure.get("exception")
    if isinstance(exception, dict):
        parts = exception.get("type"), exception.get("message")
    else:
        parts = (failure.get("message"), None)
    texts = [str(part).partition("\n")[0] for part in parts if part]
    return ": ".join(texts) or str(failure.get("ending") or failure["event"])


def _nowhere(names: str, path: Iterable[str], graph: Graph) -> str:
    seen = ", ".join(path)
    what = f"it was in {seen}" if seen else "it names no step of any flow"
    return f"The failure in {names} is in no step of {graph.title!r}: {what}."
