"""The file of one process, with its counts; it grows every half second.

The format
----------
Lines of JSON in ASCII, each an object and a line feed. A last line without a line feed was cut off
and does not count. The first line names the process::

    {
        "penstock": 1,
        "id": "9f86d081884c7d65",
        "host": "web-1",
        "pid": 4711,
        "epoch": 1767600000123456789,
        "boot": "0d2a7c3e-7f5b-4a51-9a3e-5d1f0c9b8a76",
    }

1 is the version of this format, `id` is 16 random hex digits. Times are those of
`time.perf_counter_ns`, one clock for all processes of a `boot` of a machine. Added to `epoch` they
are Unix time in ns. A merged file (see `_merge`) also has the number of its `processes`, the number
of their lines that were `skipped`, and the IDs that were `merged` into it.

The other lines have the counts so far. A later line for the same thing replaces the earlier one,
but it adds to `asked` and `started`. Steps and predecessors are ids: the flow, a colon, the step's
name. A colon or a backslash in the flow has a backslash before it.

    {"step": "orders:charge", "began": 1000, "errors": 37, "cancelled": 0,
     "seen": {"orders:receive": 1000}, "took": {"612": 940, "613": 60}}

`began` counts the starts. `seen` counts the starts that came after the predecessor in the same run.
`took` counts the ends by duration, in the buckets of `_totals.bucket_of`. Three counts are there
unless they are 0: `passed`, the errors that were raised in a step that this one called; `outside`,
the calls outside of any run of the flow, which are no starts; and `ambiguous`, the starts in the
latest of several runs.

    {"question": "orders:refund", "explained": false, "missing": ["orders:charge"],
     "path": ["request POST /orders", "orders:receive"], "before": ["receive"],
     "count": 3, "limit": 4294967296,
     "asked": {"8f14e45fceea167a5a36dedd4bea2543/00f067aa0ba902b7": 9123456789}}

A start that this process cannot explain alone; see `_runs.Question` and `_runs.Asked`.

    {"run": "8f14e45fceea167a5a36dedd4bea2543/00f067aa0ba902b7", "flow": "orders",
     "started": {"receive": 9123400000}}

The steps that started here, in a run that was in other processes too; see `_runs.Sample`. The
key of a run is its correlation ID, a slash and its own ID. The files of older programs have the
correlation ID alone.

    {"limit": 4294967296}

For every run whose key has a hash below the limit, the file has all steps that started here; see
`_runs.hash_of`.

Each time, one `write` appends the lines. A process that is killed loses only the counts since the
last one, and never leaves a file that cannot be read. A new file replaces one that has grown to
several times its size, or that was removed or cut, in one step. The process holds an flock(2) on
its file until it ends.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from corectx.files import append_private, make_private_folder, open_regular, write_private
from penstock._verify._runs import EVERY_HASH
from penstock._verify._totals import RARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock._verify._counter import StepCounter
    from penstock._verify._runs import Asked, Question
    from penstock._verify._totals import Totals

VERSION = 1
SUFFIX = ".jsonl"
_NAME = re.compile(r"\d{8}T\d{6}Z-\d+-[0-9a-f]{16}" + re.escape(SUFFIX))

_SPACIOUS = 1 << 18  # bytes; below that a file is not written anew
_GROWTH = 4  # times
_TOUCH = 3600  # seconds without a line, after which the file is touched


def is_evidence_file(name: str) -> bool:
    """Tell whether `name` is the name of a file that a `Journal` made."""
    return _NAME.fullmatch(name) is not None


class Journal:
    """Write the counts of `counter` into a file of this process in `folder`.

    Only one thread at a time may use it. The file is made when there is something to write.
    """

    def __init__(self, counter: StepCounter, folder: str) -> None:
        self._counter = counter
        self._folder = folder
        self._id = os.urandom(8).hex()
        self._epoch = time.time_ns() - time.perf_counter_ns()
        self.path: str = new_path(folder, self._id)
        self._lock = -1  # the descriptor that holds the lock of the file
        self._size = 0
        self._size_anew = 0
        self._is_torn = False
        self._touched_at = 0.0
        self._forget()

    def _forget(self) -> None:
        self._written: dict[str, Totals] = {}
        self._asked: dict[Question, tuple[int, set[str]]] = {}
        self._limit: float = EVERY_HASH

    def write(self) -> None:
        """Append the lines that are new since the last time.

        Raises OSError. Then the next call writes the whole file anew, since a line may be cut.
        """
        try:
            make_private_folder(self._folder)
            if self._is_torn or self._size > max(_SPACIOUS, _GROWTH * self._size_anew):
                self._write_anew()
            else:
                self._append()
            if self._size and self._lock < 0:
                self._lock = _locked(self.path)
        except OSError:
            self._is_torn = True
            raise

    def let_go(self) -> None:
        """Release the file: its process counts no more, or it belongs to the parent."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def has_file(self) -> bool:
        """Whether something was written."""
        return self._size > 0

    def _append(self) -> None:
        lines = list(self._lines())
        if not lines:
            self._touch()
            return
        self._touched_at = time.monotonic()
        if not self._size:
            lines.insert(0, self._first_line())
        elif not self._is_there():
            self._write_anew()
            return
        content = encoded(lines)
        append_private(self.path, content)
        self._size += len(content)

    def _touch(self) -> None:
        """Show other machines that the process lives, although it has nothing to write."""
        if self._size and time.monotonic() - self._touched_at > _TOUCH:
            self._touched_at = time.monotonic()
            try:
                os.utime(self.path)
            except OSError:
                pass  # it was removed; the next line is written into a new one

    def _is_there(self) -> bool:
        """Tell whether the file is complete: it may have been removed or cut."""
        try:
            return os.path.getsize(self.path) == self._size
        except FileNotFoundError:
            return False

    def _write_anew(self) -> None:
        self._forget()
        content = encoded([self._first_line(), *self._lines(every=True)])
        write_private(self.path, content)
        self.let_go()  # of the file that it replaces
        self._size = self._size_anew = len(content)
        self._is_torn = False

    def _first_line(self) -> dict[str, Any]:
        return first_line(self._id, _host(), os.getpid(), self._epoch, boot_id())

    def _lines(self, *, every: bool = False) -> Iterator[dict[str, Any]]:
        with self._counter.settled() as totals:
            for step, counted in totals.items():
                if self._written.get(step) != counted:
                    self._written[step] = counted
                    yield step_line(step, counted)
            for question, asked in self._counter.questions:
                line = self._question(question, asked)
                if line is not None:
                    yield line
            sample = self._counter.sample
            for run, started in sample.changed(every=every):
                yield run_line(run.key, run.flow, started)
            if sample.limit != self._limit:
                self._limit = sample.limit
                yield {"limit": sample.limit}

    def _question(self, question: Question, asked: Asked) -> dict[str, Any] | None:
        """Return the line for `question`, or None if nothing is new."""
        count, written = self._asked.get(question, (0, set()))
        if asked.count == count:
            return None
        new = {each: when for each, when in asked.asked.items() if each not in written}
        self._asked[question] = asked.count, set(asked.asked)
        return asked_line(question, asked.count, new, asked.limit)


def first_line(id_: str, host: str, pid: int, epoch: int, boot: str) -> dict[str, Any]:
    """Return the line that names the process of a file."""
    return {
        "penstock": VERSION,
        "id": id_,
        "host": host,
        "pid": pid,
        "epoch": epoch,
        "boot": boot,
    }


def asked_line(
    question: Question, count: int, asked: dict[str, int], limit: float
) -> dict[str, Any]:
    """Return the line of a question."""
    return {
        "question": question.step,
        "explained": question.is_explained,
        "missing": question.missing,
        "path": question.path,
        "before": question.before,
        "count": count,
        "asked": asked,
        "limit": limit,
    }


def step_line(step: str, totals: Totals) -> dict[str, Any]:
    """Return the line of a step."""
    return {
        "step": step,
        "began": totals.began,
        "errors": totals.errors,
        "cancelled": totals.cancelled,
        "seen": totals.seen,
        "took": {str(bucket): totals.took[bucket] for bucket in sorted(totals.took)},
        **{name: count for name in RARE if (count := getattr(totals, name))},
    }


def run_line(run: str | None, flow: str | None, started: dict[str, int]) -> dict[str, Any]:
    """Return the line of a run."""
    return {"run": run, "flow": flow, "started": started}


def encoded(lines: list[dict[str, Any]]) -> bytes:
    """Return `lines` as they are written."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return text.encode("ascii")


def new_path(folder: str, id_: str) -> str:
    """Return the path of the file with that ID, which this process makes."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return os.path.join(folder, f"{stamp}-{os.getpid()}-{id_}{SUFFIX}")  # as `_NAME` says


def boot_id() -> str:
    """Return the ID of this boot of the machine, or its name if that is unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return _host()


def _locked(path: str) -> int:
    """Return a descriptor that holds the lock of the file at `path`, or -1 without a lock."""
    if sys.platform == "win32":
        return -1
    import fcntl

    descriptor = open_regular(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)  # a merger looks at it, or the disk has no locks: next time
        return -1
    return descriptor


def _host() -> str:
    from socket import gethostname

    return gethostname()
