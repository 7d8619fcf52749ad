"""A recording: what is known of one process, from its black box or from a dump."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statecrumbs._endings import verdict
from statecrumbs._json import is_object

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from statecrumbs._black_box import Recovered


@dataclass(frozen=True)
class Recording:
    """The crumbs of one process, and the data about it.

    `crumbs` are in the order of the file, oldest first. `ending` has the other data of a black box,
    or of the last record of a dump: of "ending", "process", "dropped", "torn", "shortened",
    "missing_slots", "in_flight", "hidden", "failures", "exit_code", "silent_since", "fault" and
    "stacks" those that are known. `missing` are sentences about what is cut off, and `unselected`
    is the number of crumbs that were not asked for.
    """

    path: str
    crumbs: list[dict[str, Any]]
    ending: dict[str, Any] = field(default_factory=dict[str, "Any"])
    missing: tuple[str, ...] = ()
    unselected: int = 0

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


def from_dump(path: str, dump: Sequence[dict[str, Any]]) -> Recording:
    """Return the records of a dump as a recording."""
    dump = list(dump)
    last: dict[str, Any] = dump[-1] if dump else {}
    ending = {key: last[key] for key in _ENDING if key in last} if "process" in last else {}
    if ending and "died" in last:  # as version 0.1 wrote it
        ending["ending"] = verdict(last["died"])
    # A dump that was made of a black box: its last record describes the process, and is no crumb.
    crumbs: list[dict[str, Any]] = dump[:-1] if "ending" in ending else dump
    return Recording(path, crumbs, ending)
