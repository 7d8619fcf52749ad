"""Merge the files of processes that have ended, so that a folder does not fill.

A process holds the lock of its file. If the lock is free, and no process of this boot has the
process ID, the file is complete. A file of another machine, or of an earlier boot, is merged after
days of silence: a living process touches its file every hour.

The merged file has the same format, with the sums of the others, the union of their samples, and
their IDs. It is there before the others are removed, and a reader ignores the files of processes
whose IDs it lists. So at no moment does a reader of the folder lose counts or count twice.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from corectx.files import open_regular, write_private
from penstock._graph import split_node_id
from penstock._verify._journal import (
    asked_line,
    boot_id,
    encoded,
    first_line,
    is_evidence_file,
    new_path,
    run_line,
    step_line,
)
from penstock._verify._read import EvidenceError, Process, read_process
from penstock._verify._runs import (
    EVERY_HASH,
    MOST_ASKED,
    MOST_KINDS,
    MOST_RUNS,
    Question,
    smallest,
)
from penstock._verify._totals import Totals

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUIET = 10  # seconds without a write, after which a file may be merged
_SILENT = 7 * 86400  # seconds, for a file of another machine or boot
_MOST_IDS = 1000  # of merged processes, whose files a reader may have seen a moment ago


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
            _write(folder, processes, is_here=is_here)
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


def _write(folder: str, processes: list[Process], *, is_here: bool) -> None:
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
