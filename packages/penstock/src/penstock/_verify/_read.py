"""Read the files of many processes as one `Evidence`.

A file may be unfinished, cut off, damaged, or none of ours. Lines that cannot be read are left out
and counted.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock._graph import node_id, parted
from penstock._verify._files import ENDING, VERSION
from penstock._verify._runs import EVERY_HASH, Question, hash_of
from penstock._verify._totals import RARE, Totals, bucket_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLACK = 5_000_000_000  # ns that the clocks of two machines may differ by
_SAME_CLOCK = 3_600_000_000_000  # ns that the epochs of one machine may: its clock was set
_LARGEST = 1 << 63  # more than any count; a much larger number cannot be divided


class EvidenceError(ValueError):
    """A file or folder that was given as evidence has none; the message says what to do."""


class _NotOursError(EvidenceError):
    """A file does not begin as ours do; it has so many `lines`."""

    def __init__(self, path: str, lines: int) -> None:
        super().__init__(f"{path} is not a file that penstock.observe() writes.")
        self.lines = lines


@dataclass
class Start:
    """Starts of a step that no declared predecessor preceded, as far as all the files tell.

    `step`, `path` and `before` are those of `Question`; `example` is the correlation ID of one.
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

    `unjudged` counts starts that were out of order in the eyes of one process, where another one
    no longer knows. `processes` and `skipped` count the files, and the lines that said nothing.
    """

    steps: dict[str, Totals] = field(default_factory=dict[str, Totals])
    starts: list[Start] = field(default_factory=list[Start])
    unjudged: int = 0
    processes: int = 0
    skipped: int = 0

    def add(self, other: Evidence) -> None:
        """Add what `other` has; it was observed elsewhere."""
        for step, totals in other.steps.items():
            self.steps.setdefault(step, Totals()).add(totals)
        self.starts += other.starts
        self.unjudged += other.unjudged
        self.processes += other.processes
        self.skipped += other.skipped


@dataclass
class _Process:
    """The contents of one file."""

    id: str
    host: str
    epoch: int
    steps: dict[str, Totals] = field(default_factory=dict[str, Totals])
    asked: dict[Question, tuple[int, dict[str, int], int]] = field(
        default_factory=dict[Question, "tuple[int, dict[str, int], int]"]
    )
    started: dict[str, dict[str, int]] = field(default_factory=dict[str, "dict[str, int]"])
    limit: int = EVERY_HASH
    skipped: int = 0


def read(paths: Iterable[str | os.PathLike[str]]) -> Evidence:
    """Return the evidence in `paths`: folders of `observe`, and single files.

    In a folder, a file may have just been made, or be damaged: it does not hide what the others
    say. Raises `EvidenceError` where there is no evidence, and OSError for what cannot be read.
    """
    processes: dict[str, _Process] = {}
    skipped = 0
    for path in paths:
        files = _files(os.fspath(path))
        failed: list[_NotOursError] = []
        for file in files:
            try:
                process = _process(file)
            except _NotOursError as error:
                failed.append(error)
                continue
            # The same file may be given twice, by two names, or copied at two times.
            known = processes.get(process.id)
            if known is None or _weight(known) < _weight(process):
                processes[process.id] = process
        if len(failed) == len(files):
            raise failed[0]
        skipped += sum(error.lines for error in failed)
    evidence = _merged(list(processes.values()))
    evidence.skipped += skipped
    return evidence


def _files(path: str) -> list[str]:
    if not os.path.exists(path):
        raise EvidenceError(
            f"There is no {path}. Run the program with PENSTOCK_OBSERVE={path} first."
        )
    if not os.path.isdir(path):
        return [path]
    names = sorted(name for name in os.listdir(path) if name.endswith(ENDING))
    if not names:
        raise EvidenceError(
            f"{path} has no *{ENDING} files: no process that was observed there has run a step of "
            f"a flow. Call an @entrypoint, in a process that has PENSTOCK_OBSERVE={path}."
        )
    return [os.path.join(path, name) for name in names]


def _weight(process: _Process) -> int:
    return sum(totals.began for totals in process.steps.values())


def _process(path: str) -> _Process:
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
    process = _Process(id_, host, epoch, skipped=bool(torn))
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


def _take(process: _Process, line: dict[str, Any]) -> None:
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
        process.asked[question] = _number(line["count"]), {**new, **asked}, _number(line["limit"])
    elif "run" in line:
        started = process.started.setdefault(str(line["run"]), {})
        for name, when in line["started"].items():
            started.setdefault(node_id(str(line["flow"]), name), _time(when))
    else:
        process.limit = _number(line["limit"])


def _number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < _LARGEST:
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
    parted(text)  # raises IndexError for what has no flow
    return text


def _texts(value: list[object]) -> tuple[str, ...]:
    return tuple(map(str, value))


def _merged(processes: list[_Process]) -> Evidence:
    evidence = Evidence(processes=len(processes))
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
    process: _Process,
    question: Question,
    count: int,
    asked: dict[str, int],
    limit: int,
    answers: _Answers,
) -> None:
    """Answer one question of one process; the sample's answer holds for all starts like it."""
    sure = [each for each in asked if hash_of(each) < min(limit, answers.limit)]
    if not sure:
        evidence.unjudged += 0 if question.is_explained else count
        return
    totals = evidence.steps.setdefault(question.step, Totals())
    odd = list(sure)
    for predecessor in question.missing:
        answered = [each for each in sure if answers.knows(each, predecessor, process, asked[each])]
        seen = totals.seen.get(predecessor, 0)
        totals.seen[predecessor] = seen + round(count * len(answered) / len(sure))
        odd = [each for each in odd if each not in set(answered)]
    odd_count = round(count * len(odd) / len(sure))
    if question.is_explained or not odd_count:
        return
    start = starts.setdefault(
        (question.step, *question.path, "", *question.before),
        Start(question.step, question.missing, question.path, question.before, 0, min(odd)),
    )
    start.count += odd_count


class _Answers:
    """The steps that had started in each process, of the runs that were in several."""

    def __init__(self, processes: list[_Process]) -> None:
        self.limit = min((process.limit for process in processes), default=EVERY_HASH)
        self._started: dict[tuple[str, str], list[tuple[_Process, int]]] = {}
        for process in processes:
            for run, steps in process.started.items():
                for step, when in steps.items():
                    self._started.setdefault((run, step), []).append((process, when))

    def knows(self, run: str, step: str, asking: _Process, when: int) -> bool:
        """Tell whether `step` had started in `run` when the process `asking` asked."""
        for process, started in self._started.get((run, step), ()):
            apart = process.epoch - asking.epoch
            is_same_clock = process.host == asking.host and abs(apart) < _SAME_CLOCK
            if started <= when if is_same_clock else started + apart <= when + _SLACK:
                return True
        return False
