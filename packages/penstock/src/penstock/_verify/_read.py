"""Read the files of many processes as one `Evidence`.

A file may be unfinished, cut off, damaged, or not ours. Lines that cannot be read are left out and
counted.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock._graph import node_id, split_node_id
from penstock._verify._journal import SUFFIX, VERSION
from penstock._verify._runs import (
    EVERY_HASH,
    Question,
    correlation_of,
    hash_of,
    own_id_in,
)
from penstock._verify._totals import RARE, Totals, bucket_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLACK = 5_000_000_000  # ns; the clocks of two machines may differ by so much
_SAME_CLOCK = 3_600_000_000_000  # ns; the epochs of one machine, whose clock may have been set
_LARGEST = 1 << 63  # more than any count; a much larger number cannot be divided


class EvidenceError(ValueError):
    """A file or folder that was given as evidence has none; the message says what to do."""


class _NotOursError(EvidenceError):
    """A file does not begin as our files do; it has so many `lines`."""

    def __init__(self, path: str, lines: int) -> None:
        super().__init__(f"{path} is not a file that penstock.observe() writes.")
        self.lines = lines


@dataclass
class Start:
    """Starts of a step before which no declared predecessor had started, by all the files.

    `step`, `path` and `before` are those of `Question`. `example` is the correlation ID of one.
    """

    step: str
    missing: tuple[str, ...]
    path: tuple[str, ...]
    before: tuple[str, ...]
    count: int
    example: str | None


@dataclass
class Evidence:
    """The evidence of all processes: the counts of each step by its id, and unexplained starts.

    `unjudged` counts starts that one process could not explain, and about which the others kept
    nothing. `processes` counts the files, and `skipped` the lines that could not be read.
    """

    steps: dict[str, Totals] = field(default_factory=dict[str, Totals])
    starts: list[Start] = field(default_factory=list[Start])
    unjudged: int = 0
    processes: int = 0
    skipped: int = 0

    def add(self, other: Evidence) -> None:
        """Add the counts of `other`, which was observed elsewhere."""
        for step, totals in other.steps.items():
            self.steps.setdefault(step, Totals()).add(totals)
        self.starts += other.starts
        self.unjudged += other.unjudged
        self.processes += other.processes
        self.skipped += other.skipped


@dataclass
class Process:
    """The contents of one file; of a merged one they are those of `count` processes.

    `merged` has the IDs of these.
    """

    id: str
    host: str
    epoch: int
    boot: str = ""
    pid: int = 0
    count: int = 1
    merged: list[str] = field(default_factory=list[str])
    steps: dict[str, Totals] = field(default_factory=dict[str, Totals])
    asked: dict[Question, tuple[int, dict[str, int], float]] = field(
        default_factory=dict[Question, "tuple[int, dict[str, int], float]"]
    )
    started: dict[str, dict[str, int]] = field(default_factory=dict[str, "dict[str, int]"])
    limit: float = EVERY_HASH
    skipped: int = 0


def read(paths: Iterable[str | os.PathLike[str]]) -> Evidence:
    """Return the evidence in `paths`: folders of `observe`, and single files.

    A new or damaged file in a folder does not hide the others. Raises `EvidenceError` if there is
    no evidence, and OSError for a file that cannot be read.
    """
    processes: dict[str, Process] = {}
    skipped = 0
    for path in paths:
        found, failed = _read_all(os.fspath(path))
        for process in found:
            # The same file may be given twice, by two names, or copied at two times.
            known = processes.get(process.id)
            if known is None or _weight(known) < _weight(process):
                processes[process.id] = process
        if failed and not found:
            raise failed[0]
        skipped += sum(error.lines for error in failed)
    merged = {id_ for process in processes.values() for id_ in process.merged}
    evidence = _merged([each for each in processes.values() if each.id not in merged])
    evidence.skipped += skipped
    return evidence


def _read_all(path: str) -> tuple[list[Process], list[_NotOursError]]:
    """Return the contents of the files at `path`, and the errors of those that are not ours.

    While a folder is read, its processes may merge files. The merged file appears before the others
    are removed, so the folder is listed again until there is nothing new.
    """
    found: list[Process] = []
    failed: list[_NotOursError] = []
    seen: set[str] = set()
    files = _files(path)
    while not seen.issuperset(files):
        for file in files:
            if file in seen:
                continue
            seen.add(file)
            try:
                found.append(read_process(file))
            except _NotOursError as error:
                failed.append(error)
            except FileNotFoundError:
                if file == path:
                    raise
        files = _files(path)
    return found, failed


def _files(path: str) -> list[str]:
    if not os.path.exists(path):
        raise EvidenceError(
            f"There is no {path}. Run the program with PENSTOCK_OBSERVE={path} first."
        )
    if not os.path.isdir(path):
        return [path]
    names = sorted(name for name in os.listdir(path) if name.endswith(SUFFIX))
    if not names:
        raise EvidenceError(
            f"{path} has no *{SUFFIX} files: no process that was observed there has run a step of "
            f"a flow. Call an @entrypoint, in a process that has PENSTOCK_OBSERVE={path}."
        )
    return [os.path.join(path, name) for name in names]


def _weight(process: Process) -> int:
    return sum(totals.began for totals in process.steps.values())


def read_process(path: str) -> Process:
    """Return the contents of the file at `path`. Raises `EvidenceError` and OSError."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    all_lines = sum(map(bool, lines))
    torn = lines.pop()  # what follows the last line feed was cut off
    first = _object(lines[0]) if lines else None
    if first is None or "penstock" not in first:
        raise _NotOursError(path, all_lines)
    if first["penstock"] != VERSION:
        raise EvidenceError(
            f"{path} is of version {first['penstock']!r} of the format; this penstock reads "
            f"version {VERSION}."
        )
    id_, host, epoch = (first.get(key) for key in ("id", "host", "epoch"))
    if not (isinstance(id_, str) and isinstance(host, str) and isinstance(epoch, int)):
        raise _NotOursError(path, all_lines)
    process = Process(id_, host, epoch, str(first.get("boot", "")), skipped=bool(torn))
    try:
        process.pid = _number(first.get("pid", 0))
        process.count = _number(first.get("processes", 1))
        process.skipped += _number(first.get("skipped", 0))
        process.merged = list(_texts(first.get("merged", [])))
    except (ValueError, TypeError):
        raise _NotOursError(path, all_lines) from None
    for line in lines[1:]:
        found = _object(line)
        try:
            _take(process, found or {})
        except (ValueError, TypeError, LookupError, AttributeError):
            process.skipped += 1
    return process


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _take(process: Process, line: dict[str, Any]) -> None:
    if "step" in line:
        process.steps[_step_id(line["step"])] = Totals(
            began=_number(line["began"]),
            errors=_number(line["errors"]),
            cancelled=_number(line["cancelled"]),
            seen={each: _number(count) for each, count in line["seen"].items()},
            took={_bucket(each): _number(count) for each, count in line["took"].items()},
            **{name: _number(line.get(name, 0)) for name in RARE},
        )
    elif "question" in line:
        question = Question(
            _step_id(line["question"]),
            bool(line["explained"]),
            _texts(line["missing"]),
            _texts(line["path"]),
            _texts(line["before"]),
        )
        _, asked, _ = process.asked.get(question, (0, {}, 0))
        new = {each: _time(when) for each, when in line["asked"].items()}
        process.asked[question] = _number(line["count"]), {**new, **asked}, _limit(line["limit"])
    elif "run" in line:
        started = process.started.setdefault(str(line["run"]), {})
        for name, when in line["started"].items():
            started.setdefault(node_id(str(line["flow"]), name), _time(when))
    else:
        process.limit = _limit(line["limit"])


def _number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < _LARGEST:
        raise ValueError(value)
    return value


def _limit(value: object) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value <= EVERY_HASH:
        raise ValueError(value)
    return value


def _time(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(value)  # noqa: TRY004 - of a file, not of an argument
    return value


def _bucket(text: str) -> int:
    bucket = int(text)
    if not 0 <= bucket <= bucket_of(_LARGEST):
        raise ValueError(text)
    return bucket


def _step_id(value: object) -> str:
    text = str(value)
    split_node_id(text)  # raises IndexError for what has no flow
    return text


def _texts(value: list[object]) -> tuple[str, ...]:
    return tuple(map(str, value))


def _merged(processes: list[Process]) -> Evidence:
    evidence = Evidence(processes=sum(process.count for process in processes))
    for process in processes:
        evidence.skipped += process.skipped
        for step, totals in process.steps.items():
            evidence.steps.setdefault(step, Totals()).add(totals)
    answers = _Answers(processes)
    starts: dict[tuple[str, ...], Start] = {}
    for process in processes:
        for question, (count, asked, limit) in process.asked.items():
            _settle(evidence, starts, process, question, count, asked, limit, answers)
    evidence.starts = sorted(starts.values(), key=lambda each: (-each.count, each.step, each.path))
    return evidence


def _settle(
    evidence: Evidence,
    starts: dict[tuple[str, ...], Start],
    process: Process,
    question: Question,
    count: int,
    asked: dict[str, int],
    limit: float,
    answers: _Answers,
) -> None:
    """Answer one question of one process. The answer for the sample holds for all its starts."""
    flow = split_node_id(question.step)[0]
    sure = [each for each in asked if hash_of(each) < min(limit, answers.limit)]
    if not sure:
        evidence.unjudged += 0 if question.is_explained else count
        return
    totals = evidence.steps.setdefault(question.step, Totals())
    odd = list(sure)
    for predecessor in question.missing:
        key_in = own_id_in if split_node_id(predecessor)[0] == flow else correlation_of
        answered = [
            each for each in sure if answers.knows(key_in(each), predecessor, process, asked[each])
        ]
        seen = totals.seen.get(predecessor, 0)
        totals.seen[predecessor] = seen + round(count * len(answered) / len(sure))
        odd = [each for each in odd if each not in set(answered)]
    odd_count = round(count * len(odd) / len(sure))
    if question.is_explained or not odd_count:
        return
    example = correlation_of(min(odd))
    start = starts.setdefault(
        (question.step, *question.path, "", *question.before),
        Start(question.step, question.missing, question.path, question.before, 0, example),
    )
    start.count += odd_count


class _Answers:
    """The steps that had started in each process, in runs that were in several processes.

    A step is found by the ID of its run, and by the correlation ID: predecessors in other flows are
    in other runs of the operation.
    """

    def __init__(self, processes: list[Process]) -> None:
        self.limit = min((process.limit for process in processes), default=EVERY_HASH)
        self._started: dict[tuple[str, str], list[tuple[Process, int]]] = {}
        for process in processes:
            for run, steps in process.started.items():
                for key in {own_id_in(run), correlation_of(run)}:
                    for step, when in steps.items():
                        self._started.setdefault((key, step), []).append((process, when))

    def knows(self, key: str, step: str, asking: Process, when: int) -> bool:
        """Tell whether `step` had started in the run or operation `key` when `asking` asked."""
        for process, started in self._started.get((key, step), ()):
            apart = process.epoch - asking.epoch
            is_same_machine = process.host == asking.host or process.boot == asking.boot != ""
            is_same_clock = is_same_machine and abs(apart) < _SAME_CLOCK
            if started <= when if is_same_clock else started + apart <= when + _SLACK:
                return True
        return False
