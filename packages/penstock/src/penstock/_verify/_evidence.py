"""Put the files of many processes together: as one `Evidence`, or as one file.

A file may be unfinished, cut off, damaged, or not ours. Lines that cannot be read are left out and
counted.

The files of processes that have ended are merged, so that a folder does not fill. A process holds
the lock of its file. If the lock is free, and no process of this boot has the process ID, the file
is complete. A file of another machine, or of an earlier boot, is merged after days of silence: a
living process touches its file every hour.

The merged file has the same format, with the sums of the others, the union of their samples, and
their IDs. It is there before the others are removed, and a reader ignores the files of processes
whose IDs it lists. So at no moment does a reader of the folder lose counts or count twice.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from corectx.files import open_regular, write_private
from penstock._graph import split_node_id
from penstock._verify._file import (
    SUFFIX,
    EvidenceError,
    NotOursError,
    Process,
    asked_line,
    boot_id,
    encoded,
    first_line,
    is_evidence_file,
    new_path,
    read_process,
    run_line,
    step_line,
)
from penstock._verify._runs import (
    EVERY_HASH,
    MOST_ASKED,
    MOST_KINDS,
    MOST_RUNS,
    Question,
    correlation_of,
    hash_of,
    own_id_in,
    smallest,
)
from penstock._verify._totals import Totals

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLACK = 5_000_000_000  # ns; the clocks of two machines may differ by so much
_SAME_CLOCK = 3_600_000_000_000  # ns; the epochs of one machine, whose clock may have been set
_QUIET = 10  # seconds without a write, after which a file may be merged
_SILENT = 7 * 86400  # seconds, for a file of another machine or boot
_MOST_IDS = 1000  # of merged processes, whose files a reader may have seen a moment ago


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
    evidence = _together([each for each in processes.values() if each.id not in merged])
    evidence.skipped += skipped
    return evidence


def _read_all(path: str) -> tuple[list[Process], list[NotOursError]]:
    """Return the contents of the files at `path`, and the errors of those that are not ours.

    While a folder is read, its processes may merge files. The merged file appears before the others
    are removed, so the folder is listed again until there is nothing new.
    """
    found: list[Process] = []
    failed: list[NotOursError] = []
    seen: set[str] = set()
    files = _files(path)
    while not seen.issuperset(files):
        for file in files:
            if file in seen:
                continue
            seen.add(file)
            try:
                found.append(read_process(file))
            except NotOursError as error:
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


def _together(processes: list[Process]) -> Evidence:
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


def merge(folder: str) -> None:
    """Merge the files in `folder` whose processes have ended. Raises OSError.

    Does nothing if another process merges, or if a folder cannot be locked (Windows).
    """
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _merge(folder)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def _merge(folder: str) -> None:
    found = [
        (path, process)
        for name in sorted(os.listdir(folder))
        if is_evidence_file(name)
        for path, process in _ended(os.path.join(folder, name))
    ]
    done = {id_ for _, process in found for id_ in process.merged}
    own = boot_id()
    groups: dict[bool, list[Process]] = {}
    for _, process in found:
        if process.id not in done:  # otherwise a merger ended before it could remove this file
            groups.setdefault(process.boot == own, []).append(process)
    for is_here, processes in groups.items():
        if len(processes) > 1:
            _write_merged(folder, processes, is_here=is_here)
        else:
            found = [each for each in found if each[1] is not processes[0]]
    for path, _ in found:
        os.unlink(path)


def _ended(path: str) -> Iterable[tuple[str, Process]]:
    """Yield the file at `path` and its contents, if its process has ended."""
    try:
        status = os.lstat(path)
        silence = time.time() - status.st_mtime
        if status.st_uid != os.geteuid() or silence < _QUIET or _is_locked(path):
            return
        process = read_process(path)
    except (EvidenceError, OSError):
        return  # damaged, of others, or gone
    is_here = process.boot == boot_id()
    if silence > _SILENT or (is_here and not _runs(process.pid)):
        yield path, process


def _is_locked(path: str) -> bool:
    descriptor = open_regular(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _runs(pid: int) -> bool:
    """Tell whether there is a process `pid`: a daemon that closed its files has no lock."""
    if pid <= 0:  # of a merged file
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it is of another user
    return True


def _write_merged(folder: str, processes: list[Process], *, is_here: bool) -> None:
    merged = combined(processes, is_here=is_here)
    path = new_path(folder, merged.id)
    lines = [
        {
            **first_line(merged.id, merged.host, 0, merged.epoch, merged.boot),
            "processes": merged.count,
            "skipped": merged.skipped,
            "merged": merged.merged,
        }
    ]
    lines += [step_line(step, totals) for step, totals in merged.steps.items()]
    lines += [
        asked_line(question, count, asked, limit)
        for question, (count, asked, limit) in merged.asked.items()
    ]
    for run, started in merged.started.items():
        by_flow: dict[str, dict[str, int]] = {}
        for step, when in started.items():
            flow, name = split_node_id(step)
            by_flow.setdefault(flow, {})[name] = when
        lines += [run_line(run, flow, steps) for flow, steps in by_flow.items()]
    write_private(path, encoded([*lines, {"limit": merged.limit}]))


def combined(processes: list[Process], *, is_here: bool) -> Process:
    """Return the contents of the files of `processes` as one process.

    Processes of this boot have the same clock. The times of others become Unix times.
    """
    newest = processes[-1]
    whole = Process(
        os.urandom(8).hex(),
        host=newest.host if is_here else "",
        epoch=newest.epoch if is_here else 0,
        boot=newest.boot if is_here else "",
    )
    whole.count = 0
    for process in processes:
        later = 0 if is_here else process.epoch
        whole.count += process.count
        whole.skipped += process.skipped
        whole.merged += [*process.merged, process.id]
        whole.limit = min(whole.limit, process.limit)
        for step, totals in process.steps.items():
            whole.steps.setdefault(step, Totals()).add(totals)
        for question, (count, asked, limit) in process.asked.items():
            _add_question(whole, question, count, _later(asked, later), limit)
        for run, started in process.started.items():
            steps = whole.started.setdefault(run, {})
            for step, when in _later(started, later).items():
                steps[step] = min(steps.get(step, when), when)
    whole.merged = whole.merged[-_MOST_IDS:]
    whole.started, whole.limit = smallest(whole.started, whole.limit, MOST_RUNS)
    return whole


def _later(times: dict[str, int], nanoseconds: int) -> dict[str, int]:
    return {name: when + nanoseconds for name, when in times.items()}


def _add_question(
    whole: Process, question: Question, count: int, asked: dict[str, int], limit: float
) -> None:
    if question not in whole.asked and len(whole.asked) >= MOST_KINDS:
        question = question._replace(path=(), before=())
    before, known, known_limit = whole.asked.get(question, (0, {}, EVERY_HASH))
    kept, lowest = smallest({**asked, **known}, min(limit, known_limit), MOST_ASKED)
    whole.asked[question] = before + count, kept, lowest
