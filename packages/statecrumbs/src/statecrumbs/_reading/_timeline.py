"""Several recordings as one time line: the process of each crumb, and clocks set by messages."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

from statecrumbs._json import is_list, is_object, to_json
from statecrumbs._lines import correlation_id, moment, printable
from statecrumbs._senders import token_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Final

    from statecrumbs._reading._recording import Recording

_MAX_NAME: Final = 24  # characters
_NONE: Final = Counter[str]()
_LEAST: Final = 1e-6  # seconds; what was received is later than what was sent by so much at least


@dataclass
class Process:
    """One process of a time line: its name, and the seconds by which its clock was set later."""

    name: str
    host: str
    offset: float = 0.0


class Entry(NamedTuple):
    """A crumb of a time line: the number of its process, and the Unix time if it is known.

    `key` tells it from other crumbs of its process, in whatever file it is.
    """

    process: int
    at: float
    key: str
    crumb: dict[str, Any]


@dataclass(frozen=True)
class Timeline:
    """The crumbs of several recordings in the order of their times.

    `owners` has the number of the process of each recording. A crumb that came with a message
    belongs to the process that recorded it. Crumbs that several files have are there once. Each
    of `joins` is a pair of entries, by their places: the last that was sent with a message, and the
    first of the operation that received it.
    """

    recordings: list[Recording]
    processes: list[Process]
    owners: list[int]
    entries: list[Entry]
    joins: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def name_of(self, recording: int) -> str:
        """Return the name of the process of a recording."""
        return self.processes[self.owners[recording]].name

    def clocks(self) -> Iterator[str]:
        """Yield a sentence about each host whose clock was set."""
        hosts = {process.host: process.offset for process in self.processes if process.offset}
        for host, offset in sorted(hosts.items()):
            yield (
                f"The times of host {printable(host)} are shown {offset:.6f} s later: it received "
                "a message before it was sent, by its own clock."
            )


def merged(recordings: Sequence[Recording]) -> Timeline:
    """Return `recordings` as one time line. A crumb without a time follows the one before it."""
    order = sorted(recordings, key=_begin)
    processes = _Processes()
    owners = [processes.of_recording(recording) for recording in order]
    names = _names(order)
    for owner, name in zip(owners, names, strict=True):
        processes.all[owner].name = name
    found = [list(_entries(order[at], owners[at], processes)) for at in range(len(order))]
    entries: list[Entry] = []
    known: dict[int, Counter[str]] = {}
    # A process has its own crumbs more completely than its messages have them.
    for is_own in (True, False):
        for owner, several in zip(owners, found, strict=True):
            mine: dict[int, Counter[str]] = {}
            for entry in several:
                if (entry.process == owner) is is_own:
                    counter = mine.setdefault(entry.process, Counter())
                    counter[entry.key] += 1
                    if counter[entry.key] > known.get(entry.process, _NONE)[entry.key]:
                        entries.append(entry)
            for process, counter in mine.items():
                if processes.is_known[process]:
                    known[process] = known.get(process, Counter()) | counter
    pairs = zip(owners, found, strict=True)
    messages = [message for owner, several in pairs for message in _messages(owner, several)]
    messages += _receipts(processes.by_token(), [entry for several in found for entry in several])
    _set_clocks(processes.all, messages)
    entries = [_later(entry, processes.all[entry.process].offset) for entry in entries]
    entries.sort(key=lambda entry: entry.at)
    places = {(entry.process, entry.key): place for place, entry in enumerate(entries)}
    joins = [
        (places[sent.process, sent.key], places[received.process, received.key])
        for sent, received in messages
    ]
    return Timeline(order, processes.all, owners, entries, list(dict.fromkeys(joins)))


class _Processes:
    """The processes that are found, each with what tells it from others."""

    def __init__(self) -> None:
        self.all: list[Process] = []
        self.is_known: list[bool] = []  # whether two files can have the same one
        self._numbers: dict[str, int] = {}

    def of_recording(self, recording: Recording) -> int:
        process = recording.about.get("process")
        if not is_object(process) or "pid" not in process:
            self.all.append(Process("", ""))
            self.is_known.append(False)
            return len(self.all) - 1
        host = str(process.get("host") or "")
        number = self._number(f"{process['pid']}@{host}", str(process.get("argv")), host)
        # A crumb of a message has no command line; that of the process itself is known now.
        self._numbers[f"{process['pid']}@{host}"] = number
        return number

    def of_origin(self, origin: str) -> int:
        pid, _, host = origin.partition("@")
        number = self._numbers.get(origin)
        if number is None:
            number = self._number(origin, "", host)
            self._numbers[origin] = number
            self.all[number].name = printable(f"{pid} @{host}")[:_MAX_NAME]
        return number

    def by_token(self) -> dict[object, int]:
        """Return the numbers of the processes by the tokens that messages have of them."""
        return {token_of(each): number for each, number in self._numbers.items()}

    def _number(self, identity: str, argv: str, host: str) -> int:
        key = f"{identity}\0{argv}"
        if key not in self._numbers:
            self._numbers[key] = len(self.all)
            self.all.append(Process("", host))
            self.is_known.append(True)
        return self._numbers[key]


def _entries(recording: Recording, owner: int, processes: _Processes) -> Iterator[Entry]:
    at = 0.0
    for crumb in recording.crumbs:
        at = moment(crumb.get("ts")) or at
        origin = _origin(crumb)
        process = processes.of_origin(origin) if origin else owner
        yield Entry(process, at, _key(crumb), crumb)


def _origin(crumb: dict[str, Any]) -> str:
    """Return the process from which a crumb came with a message, or "" without one."""
    frame = crumb.get("frame")
    origin = frame.get("origin") if is_object(frame) else None
    return origin if isinstance(origin, str) and "@" in origin else ""


def _messages(owner: int, several: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Yield, for each message with crumbs, the sender's last crumb and the first crumb after it.

    `owner` is the process that received them, and all are of one operation.
    """
    first: dict[str, Entry] = {}
    last: dict[tuple[str, int], Entry] = {}
    for entry in several:
        identity = correlation_id(entry.crumb)
        if identity and entry.at and entry.process == owner:
            first.setdefault(identity, entry)
        elif identity and entry.at:
            last[identity, entry.process] = entry
    for (identity, _), sent in last.items():
        if identity in first:
            yield sent, first[identity]


def _receipts(
    senders: Mapping[object, int], entries: Sequence[Entry]
) -> Iterator[tuple[Entry, Entry]]:
    """Yield the same for each message that a dump names, with the times of sending and arrival.

    `senders` are the numbers of processes by their tokens.
    """
    dumps = [entry for entry in entries if is_object(entry.crumb.get("received"))]
    if not dumps:
        return
    operations: dict[tuple[int, str], list[Entry]] = {}
    for entry in entries:
        if entry.at:
            operations.setdefault((entry.process, correlation_id(entry.crumb)), []).append(entry)
    for dump in dumps:
        received, identity = dump.crumb["received"], correlation_id(dump.crumb)
        token = received.get("sender")
        sender = senders.get(token) if isinstance(token, str) else None
        sent, arrived = moment(received.get("sent")), moment(received.get("ts"))
        if not identity or sender is None or sent is None or arrived is None:
            continue
        earlier = [each for each in operations.get((sender, identity), ()) if each.at <= sent]
        later = [
            each for each in operations.get((dump.process, identity), ()) if each.at >= arrived
        ]
        if earlier and later:
            last, first = max(earlier, key=_at), min(later, key=_at)
            yield last._replace(at=sent), first._replace(at=arrived)


def _at(entry: Entry) -> float:
    return entry.at


def _set_clocks(processes: Sequence[Process], messages: Sequence[tuple[Entry, Entry]]) -> None:
    """Set the clocks of hosts later if a message was received before it was sent.

    If the messages contradict each other, as no clock can, this ends after a few rounds.
    """
    offsets = dict.fromkeys((process.host for process in processes), 0.0)
    for _ in range(len(offsets)):
        is_set = True
        for sent, received in messages:
            here, there = processes[received.process].host, processes[sent.process].host
            late = sent.at + offsets[there] - received.at - offsets[here]
            if here != there and late >= _LEAST / 2:
                offsets[here] += late + _LEAST
                is_set = False
        if is_set:
            break
    for process in processes:
        process.offset = offsets[process.host]


def _later(entry: Entry, offset: float) -> Entry:
    if not offset or not entry.at:
        return entry
    at = datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=entry.at + offset)
    crumb = entry.crumb
    if crumb.get("ts"):
        crumb = {**crumb, "ts": at.isoformat(timespec="microseconds")}
    return entry._replace(at=entry.at + offset, crumb=crumb)


def _begin(recording: Recording) -> tuple[bool, float]:
    """Sort by time; of one process the dump, which has the whole exception, before the box."""
    times = (moment(crumb.get("ts")) for crumb in recording.crumbs)
    is_box = "missing_slots" in recording.about
    return is_box, next((at for at in times if at is not None), 0.0)


def _key(crumb: dict[str, Any]) -> str:
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
    process = recording.about.get("process")
    return process.get(name) if is_object(process) else None
