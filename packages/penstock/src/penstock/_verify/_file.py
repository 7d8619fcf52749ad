"""The file of one process, with its counts: its format, its lines, and how it is read.

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
are Unix time in ns. A merged file (see `_evidence`) also has the number of its `processes`, the
number of their lines that were `skipped`, and the IDs that were `merged` into it.

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
import time
from dataclasses import dataclass, field
from typing import Any

from penstock._graph import node_id, split_node_id
from penstock._verify._runs import EVERY_HASH, Question
from penstock._verify._totals import RARE, Totals, bucket_of

_VERSION = 1
SUFFIX = ".jsonl"
_NAME = re.compile(r"\d{8}T\d{6}Z-\d+-[0-9a-f]{16}" + re.escape(SUFFIX))

_LARGEST = 1 << 63  # more than any count; a much larger number cannot be divided


class EvidenceError(ValueError):
    """A file or folder that was given as evidence has none; the message says what to do."""


class NotOursError(EvidenceError):
    """A file does not begin as our files do; it has so many `lines`."""

    def __init__(self, path: str, lines: int) -> None:
        super().__init__(f"{path} is not a file that penstock.observe() writes.")
        self.lines = lines


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


def is_evidence_file(name: str) -> bool:
    """Tell whether `name` is the name that `new_path` gives to a file."""
    return _NAME.fullmatch(name) is not None


def first_line(id_: str, host: str, pid: int, epoch: int, boot: str) -> dict[str, Any]:
    """Return the line that names the process of a file."""
    return {
        "penstock": _VERSION,
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
        return host_name()


def host_name() -> str:
    from socket import gethostname

    return gethostname()


def read_process(path: str) -> Process:
    """Return the contents of the file at `path`. Raises `EvidenceError` and OSError."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    all_lines = sum(map(bool, lines))
    torn = lines.pop()  # what follows the last line feed was cut off
    first = _object(lines[0]) if lines else None
    if first is None or "penstock" not in first:
        raise NotOursError(path, all_lines)
    if first["penstock"] != _VERSION:
        raise EvidenceError(
            f"{path} is of version {first['penstock']!r} of the format; this penstock reads "
            f"version {_VERSION}."
        )
    id_, host, epoch = (first.get(key) for key in ("id", "host", "epoch"))
    if not (isinstance(id_, str) and isinstance(host, str) and isinstance(epoch, int)):
        raise NotOursError(path, all_lines)
    process = Process(id_, host, epoch, str(first.get("boot", "")), skipped=bool(torn))
    try:
        process.pid = _number(first.get("pid", 0))
        process.count = _number(first.get("processes", 1))
        process.skipped += _number(first.get("skipped", 0))
        process.merged = list(_texts(first.get("merged", [])))
    except (ValueError, TypeError):
        raise NotOursError(path, all_lines) from None
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
