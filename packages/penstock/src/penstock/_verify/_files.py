"""The file of one process: its counts so far, added to every half second.

The format
----------
Lines of JSON in ASCII, each an object that ends with a line feed. A line without one, at the end of
the file, was cut off and does not count. The first line says which process it is::

    {
        "penstock": 1,
        "id": "9f86d081884c7d65",
        "host": "web-1",
        "pid": 4711,
        "epoch": 1767600000123456789,
    }

1 is the version of this format, `id` 16 random hex digits. Times are what `time.perf_counter_ns`
says, which is the same clock for all processes of a machine; added to `epoch` they are Unix time in
ns. The other lines say how much there is by now; a later line of the same kind for the same thing
replaces the earlier one, except for `asked` and `started`, to which it adds. Steps and predecessors
are ids: the flow, a colon, the step's name; a colon or a backslash in the flow has a backslash
before it.

    {"step": "orders:charge", "began": 1000, "errors": 37, "cancelled": 0,
     "seen": {"orders:receive": 1000}, "took": {"612": 940, "613": 60}}

`began` counts the starts; `seen`, those before which the predecessor had started in the same run;
`took`, the ends by duration, in the buckets of `_totals.bucket_of`. Where they are not 0 there are
also `passed`, the errors that were raised in a step that this one called, `outside`, the calls
outside of any run of the flow, which are no starts, and `ambiguous`, the starts in the latest of
several runs.

    {"question": "orders:refund", "explained": false, "missing": ["orders:charge"],
     "path": ["request POST /orders", "orders:receive"], "before": ["receive"],
     "count": 3, "asked": {"8f14e45fceea167a5a36dedd4bea2543": 9123456789}, "limit": 4294967296}

A start that this process cannot explain alone; see `_runs.Question` and `_runs.Asked`.

    {"run": "8f14e45fceea167a5a36dedd4bea2543", "flow": "orders",
     "started": {"receive": 9123400000}}

The steps that started here, in a run that was in other processes too; see `_runs.Sample`.

    {"limit": 4294967296}

Of every run whose ID has a hash (CRC-32) below it, the file has all that started here.

Lines are appended by one `write` each time, so that a process that is killed loses the counts since
the last one and never leaves a file that cannot be read. A file that has grown to several times the
size of a new one is replaced by a new one, atomically; so is a file that was removed or cut.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

from corectx.files import append_private, make_private_folder, write_private
from penstock._verify._runs import EVERY_HASH
from penstock._verify._totals import RARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock._verify._counter import Observer
    from penstock._verify._runs import Asked, Question, Run
    from penstock._verify._totals import Totals

VERSION = 1
ENDING = ".jsonl"
_NAME = re.compile(r"\d{8}T\d{6}Z-\d+-[0-9a-f]{16}" + re.escape(ENDING))

_SPACIOUS = 1 << 18  # bytes; below that a file is not written anew
_GROWTH = 4  # times


def is_evidence_file(name: str) -> bool:
    """Tell whether a file of this `name` is one that a `Journal` made."""
    return _NAME.fullmatch(name) is not None


class Journal:
    """Write what `observer` counts into a file of this process's own in `folder`.

    Not for several threads at once. The file is there as soon as there is something to write.
    """

    def __init__(self, observer: Observer, folder: str) -> None:
        self._observer = observer
        self._folder = folder
        self._id = os.urandom(8).hex()
        self._epoch = time.time_ns() - time.perf_counter_ns()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        # As `_NAME` says.
        self.path: str = os.path.join(folder, f"{stamp}-{os.getpid()}-{self._id}{ENDING}")
        self._size = 0
        self._size_anew = 0
        self._is_torn = False
        self._forget()

    def _forget(self) -> None:
        self._written: dict[str, Totals] = {}
        self._asked: dict[Question, tuple[int, set[str]]] = {}
        self._limit = EVERY_HASH

    def write(self) -> None:
        """Append the lines that are new since the last time.

        Raises OSError; then the next call writes all of it anew, since a line may have been cut.
        """
        try:
            make_private_folder(self._folder)
            if self._is_torn or self._size > max(_SPACIOUS, _GROWTH * self._size_anew):
                self._write_anew()
            else:
                self._append()
        except OSError:
            self._is_torn = True
            raise

    def _append(self) -> None:
        lines = list(self._lines())
        if not lines:
            return
        if not self._size:
            lines.insert(0, self._first_line())
        elif not self._is_there():
            self._write_anew()
            return
        content = _encoded(lines)
        append_private(self.path, content)
        self._size += len(content)

    def _is_there(self) -> bool:
        """Tell whether the file still has everything: it may have been removed or cut."""
        try:
            return os.path.getsize(self.path) == self._size
        except FileNotFoundError:
            return False

    def _write_anew(self) -> None:
        self._forget()
        content = _encoded([self._first_line(), *self._lines(every=True)])
        write_private(self.path, content)
        self._size = self._size_anew = len(content)
        self._is_torn = False

    def _first_line(self) -> dict[str, Any]:
        return {
            "penstock": VERSION,
            "id": self._id,
            "host": _host(),
            "pid": os.getpid(),
            "epoch": self._epoch,
        }

    def _lines(self, *, every: bool = False) -> Iterator[dict[str, Any]]:
        with self._observer.settled() as totals:
            for step, counted in totals.items():
                if self._written.get(step) != counted:
                    self._written[step] = counted
                    yield _step(step, counted)
            for question, asked in self._observer.questions:
                line = self._question(question, asked)
                if line is not None:
                    yield line
            sample = self._observer.sample
            for run, started in sample.changed(every=every):
                yield _run(run, started)
            if sample.limit != self._limit:
                self._limit = sample.limit
                yield {"limit": sample.limit}

    def _question(self, question: Question, asked: Asked) -> dict[str, Any] | None:
        """Return the line for `question`, or None where there is nothing new."""
        count, written = self._asked.get(question, (0, set()))
        if asked.count == count:
            return None
        new = {each: when for each, when in asked.asked.items() if each not in written}
        self._asked[question] = asked.count, set(asked.asked)
        return {
            "question": question.step,
            "explained": question.is_explained,
            "missing": question.missing,
            "path": question.path,
            "before": question.before,
            "count": asked.count,
            "asked": new,
            "limit": asked.limit,
        }


# Without it Windows would put a carriage return before each line feed.


def _step(step: str, totals: Totals) -> dict[str, Any]:
    return {
        "step": step,
        "began": totals.began,
        "errors": totals.errors,
        "cancelled": totals.cancelled,
        "seen": totals.seen,
        "took": {str(bucket): totals.took[bucket] for bucket in sorted(totals.took)},
        **{name: count for name in RARE if (count := getattr(totals, name))},
    }


def _run(run: Run, started: dict[str, int]) -> dict[str, Any]:
    return {"run": run.correlation_id, "flow": run.flow, "started": started}


def _encoded(lines: list[dict[str, Any]]) -> bytes:
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return text.encode("ascii")


def _host() -> str:
    from socket import gethostname

    return gethostname()
