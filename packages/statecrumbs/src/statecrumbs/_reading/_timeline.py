"""Several recordings as one time line."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from statecrumbs._json import is_list, is_object, to_json
from statecrumbs._lines import moment, printable
from statecrumbs._reading._recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

_MAX_NAME: Final = 24  # characters


@dataclass(frozen=True)
class Timeline:
    """The crumbs of several recordings in the order of their times.

    `names` has the name of the process of each recording. An entry is the number of its recording
    and a crumb. Crumbs that a black box and a dump of one process both have are there once.
    """

    recordings: list[Recording]
    names: list[str]
    entries: list[tuple[int, dict[str, Any]]]

    def as_one(self) -> Recording:
        """Return all of it as one recording, whose threads have the names of their processes."""
        if len(self.recordings) == 1:
            return self.recordings[0]
        several = len(set(self.names)) > 1
        crumbs = [
            {**crumb, "thread": f"{self.names[number]}  {crumb.get('thread', '')}".rstrip()}
            if several
            else crumb
            for number, crumb in self.entries
        ]
        missing = [sentence for recording in self.recordings for sentence in recording.missing]
        return Recording(
            f"{len(self.recordings)} recordings: {', '.join(dict.fromkeys(self.names))}",
            crumbs,
            missing=tuple(dict.fromkeys(missing)),
        )


def merged(recordings: Sequence[Recording]) -> Timeline:
    """Return `recordings` as one time line. A crumb without a time follows the one before it."""
    order = sorted(recordings, key=_begin)
    entries: list[tuple[float, int, dict[str, Any]]] = []
    seen: dict[str, Counter[str]] = {}
    for number, recording in enumerate(order):
        process = _process_key(recording)
        known = seen.setdefault(process, Counter()) if process else Counter[str]()
        mine: Counter[str] = Counter()
        at = 0.0
        for crumb in recording.crumbs:
            at = moment(crumb.get("ts")) or at
            key = _crumb_key(crumb)
            mine[key] += 1
            if mine[key] > known[key]:
                entries.append((at, number, crumb))
        known |= mine
        if process:
            seen[process] = known
    entries.sort(key=lambda entry: entry[0])
    return Timeline(order, _names(order), [(number, crumb) for _, number, crumb in entries])


def _begin(recording: Recording) -> tuple[bool, float]:
    """Sort by time; of one process the dump, which has the whole exception, before the box."""
    times = (moment(crumb.get("ts")) for crumb in recording.crumbs)
    is_box = "missing_slots" in recording.ending
    return is_box, next((at for at in times if at is not None), 0.0)


def _process_key(recording: Recording) -> str:
    process = recording.ending.get("process")
    if not is_object(process) or "pid" not in process:
        return ""
    return f"{process.get('host')}\0{process['pid']}\0{process.get('argv')}"


def _crumb_key(crumb: dict[str, Any]) -> str:
    if not crumb.get("ts"):
        return json.dumps(to_json(crumb), sort_keys=True)
    return f"{crumb['ts']}\0{crumb.get('thread')}\0{crumb.get('event')}"


def _names(recordings: Sequence[Recording]) -> list[str]:
    hosts = {str(host) for recording in recordings if (host := _of_process(recording, "host"))}
    names: list[str] = []
    for recording in recordings:
        pid = _of_process(recording, "pid")
        if pid is None:
            names.append(printable(os.path.basename(recording.path) or recording.path)[:_MAX_NAME])
            continue
        argv = _of_process(recording, "argv")
        program = os.path.basename(str(argv[0])) if is_list(argv) and argv else ""
        parts = [program[: _MAX_NAME - 8], str(pid)]
        if len(hosts) > 1:
            parts.append(f"@{str(_of_process(recording, 'host'))[:_MAX_NAME]}")
        names.append(printable(" ".join(filter(None, parts))))
    return names


def _of_process(recording: Recording, name: str) -> object:
    process = recording.ending.get("process")
    return process.get(name) if is_object(process) else None
