"""Load a recording from a file: a black box, a JSON dump, or a log with a dump in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError, is_black_box, read
from statecrumbs._endings import verdict
from statecrumbs._json import is_list, is_object

if TYPE_CHECKING:
    from typing import Any

    from statecrumbs._black_box import Recovered

_MAX_DUMP = 1 << 28  # bytes; a larger file is no dump of ours, and its objects would fill memory


@dataclass(frozen=True)
class Recording:
    """The crumbs of one process, and the data about it.

    `crumbs` are in the order of the file, oldest first. `ending` has the other data of a black box,
    or of the last record of a dump: of "ending", "process", "dropped", "torn", "shortened",
    "missing_slots", "in_flight", "hidden", "failures", "exit_code", "silent_since", "fault" and
    "stacks" those that are known.
    """

    path: str
    crumbs: list[dict[str, Any]]
    ending: dict[str, Any] = field(default_factory=dict[str, "Any"])

    @property
    def failure(self) -> dict[str, Any] | None:
        """The record of the unhandled exception; the last one, if there are several."""
        failures = [crumb for crumb in self.crumbs if is_object(crumb.get("exception"))]
        return failures[-1] if failures else None

    def to_dump(self) -> list[dict[str, Any]]:
        """Return the recording as a dump has it: a list whose last record describes the process."""
        if "ending" not in self.ending:
            return self.crumbs
        return [*self.crumbs, {"event": _BLACK_BOX, **self.ending}]


# The event of the last record of a dump that was made of a black box.
_BLACK_BOX = "black_box"
_ENDING = (
    "ending",
    "process",
    "dropped",
    "torn",
    "shortened",
    "missing_slots",
    "in_flight",
    "hidden",
    "failures",
    "exit_code",
    "silent_since",
    "fault",
    "stacks",
)


def load(path: str | os.PathLike[str]) -> Recording:
    """Return the recording in the file at `path`.

    In a log of the stderr of a program it is the last dump among the other lines. Raises
    UnreadableError, whose message names the file, for a file that is no black box and has no dump.
    """
    path = os.fspath(path)
    if is_black_box(path):
        return from_black_box(read(path))
    return _from_dump(path)


def from_black_box(found: Recovered) -> Recording:
    """Return the content of a black box as a recording."""
    ending: dict[str, Any] = {
        "ending": found.ending,
        "process": {**found.process, "recorded_since": found.created},
        "dropped": found.dropped,
        "torn": found.torn,
        "shortened": found.shortened,
        "missing_slots": found.missing_slots,
        "in_flight": found.in_flight,
        "hidden": found.hidden,
        "failures": found.failures,
        "exit_code": found.exit_code,
        "silent_since": found.silent_since,
    }
    if found.stacks:
        ending["fault"], ending["stacks"] = found.fault(), found.stacks
    return Recording(found.path, found.crumbs, ending)


def _from_dump(path: str) -> Recording:
    dump: list[dict[str, Any]] | None = None
    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_DUMP + 1)
    except OSError as error:
        raise UnreadableError(f"Cannot read {path}: {error.strerror}.") from None
    if len(raw) <= _MAX_DUMP:
        dump = _as_dump(raw)
        if dump is None:
            dump = _last_dump_among(raw.splitlines())
    if dump is None:
        raise UnreadableError(
            f"{path} is neither a black box nor a dump of statecrumbs (a JSON list of crumbs).",
        )
    last: dict[str, Any] = dump[-1] if dump else {}
    ending = {key: last[key] for key in _ENDING if key in last} if "process" in last else {}
    if ending and "died" in last:  # as version 0.1 wrote it
        ending["ending"] = verdict(last["died"])
    # A dump that was made of a black box: its last record describes the process, and is no crumb.
    crumbs: list[dict[str, Any]] = dump[:-1] if "ending" in ending else dump
    return Recording(path, crumbs, ending)


def _as_dump(raw: bytes) -> list[dict[str, Any]] | None:
    try:
        dump: object = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return dump if is_list(dump) and all(_is_crumb(record) for record in dump) else None


def _last_dump_among(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """Return the last dump that begins with a line of its own and ends with one, as we print it."""
    last = None
    begun: list[bytes] = []
    for line in lines:
        if line == b"[":
            begun = [line]
        elif begun:
            begun.append(line)
            if line == b"]":
                last = _as_dump(b"\n".join(begun)) or last
                begun = []
    return last


def _is_crumb(record: object) -> bool:
    return is_object(record) and isinstance(record.get("event"), str)
