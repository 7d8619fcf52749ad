"""A recording: the crumbs of one process and the data about it, from a black box or a dump."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statecrumbs._endings import known_ending
from statecrumbs._json import checksum, is_object

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from statecrumbs._black_box import Recovered


@dataclass(frozen=True)
class Recording:
    """The crumbs of one process, and the data about it.

    `crumbs` are in the order of the file, oldest first. `about` has the other data of a black box,
    or of the last record of a dump, as far as they are known: "ending", "process", "dropped",
    "torn", "shortened", "missing_slots", "in_flight", "hidden", "failures", "exit_code",
    "silent_since", "fault" and "stacks". `missing` are sentences about parts that are cut off, and
    `unselected` is the number of crumbs that the user did not want.
    """

    path: str
    crumbs: list[dict[str, Any]]
    about: dict[str, Any] = field(default_factory=dict[str, "Any"])
    missing: tuple[str, ...] = ()
    unselected: int = 0

    @property
    def failure(self) -> dict[str, Any] | None:
        """The record of the last unhandled exception, or without one of the last report."""
        failures = [crumb for crumb in self.crumbs if is_object(crumb.get("exception"))]
        failures = failures or [crumb for crumb in self.crumbs if is_report(crumb)]
        return failures[-1] if failures else None

    def to_dump(self) -> list[dict[str, Any]]:
        """Return the recording as a dump has it: a list whose last record describes the process."""
        if "ending" not in self.about:
            return self.crumbs
        return [*self.crumbs, {"event": _BLACK_BOX, **self.about}]


def is_report(crumb: dict[str, Any]) -> bool:
    """Return whether `crumb` is the last record of a dump because of ``report("message")``."""
    return crumb.get("event") == "reported" and is_object(crumb.get("process"))


_CHANGED = (
    "This dump is not as it was written: its checksum does not fit. Lines of another program may "
    "be in it, or its text was changed."
)
# The event of the last record of a dump that was made of a black box.
_BLACK_BOX = "black_box"
_ABOUT = (
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
    about: dict[str, Any] = {
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
        about["fault"], about["stacks"] = found.fault(), found.stacks
    return Recording(found.path, found.crumbs, about)


def from_dump(path: str, dump: Sequence[dict[str, Any]], *, is_whole: bool = True) -> Recording:
    """Return the records of a dump as a recording. A part of one does not fit its checksum."""
    dump, is_changed = _checked(list(dump))
    last: dict[str, Any] = dump[-1] if dump else {}
    about = {key: last[key] for key in _ABOUT if key in last}
    if not is_object(last.get("process")):
        about = {}  # the last one is a crumb, and its data may have such names
    if about and "died" in last:  # as version 0.1 wrote it
        about["ending"] = known_ending(last["died"])
    # A dump that was made of a black box: its last record describes the process, and is no crumb.
    crumbs: list[dict[str, Any]] = dump[:-1] if "ending" in about else dump
    return Recording(path, crumbs, about, (_CHANGED,) if is_changed and is_whole else ())


def _checked(dump: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """Return `dump` without its checksum, and whether that does not fit."""
    if not dump or not is_object(dump[-1].get("process")) or "checksum" not in dump[-1]:
        return dump, False
    last = dict(dump[-1])
    written = last.pop("checksum")
    dump = [*dump[:-1], last]
    return dump, checksum(dump) != written
