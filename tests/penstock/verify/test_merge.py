"""The files of processes that have ended become one, and a reader sees all counts, each once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from penstock._verify import _evidence, _runs
from penstock._verify._evidence import read
from penstock._verify._file import Process, read_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: locks of folders")

# Each child takes part in a run of the parent, and then calls a step that nothing was before.
PROGRAM = """
    import os, sys
    import penstock
    from corectx import attach, detach, extract, inject
    from corectx.lowlevel import notify_ending
    from penstock._verify import _evidence
    from penstock import flow

    _evidence._QUIET = 0
    orders = flow("orders")

    @orders.entrypoint
    def receive(): return inject({{}})

    @orders.step(after=receive)
    def charge(n):
        if n % 3 == 1:
            raise ValueError(n)

    @orders.entrypoint
    def express(): ship()

    @orders.step(after=charge)
    def ship(): pass

    folder, most, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with penstock.observe(folder, max_files=most):
        headers = receive()
        for n in range(count):
            {before}
            if os.fork() == 0:
                token = attach(extract(headers))
                try:
                    charge(n)
                except ValueError:
                    pass
                detach(token)
                express()
                notify_ending(is_final=True)
                {end}
                os._exit(0)
            os.wait()
            os.write(1, b".")
"""


def observe(tmp_path, folder, most, count, *, before="", end="", **options):
    """Observe `count` processes into `folder`, which come one after the other; return the first."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM).format(before=before, end=end))
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", path, folder, str(most), str(count)],
        stdout=subprocess.PIPE,
        **options,
    )


def files_in(folder):
    return sorted(folder.glob("*.jsonl"))


def told(folder):
    """Return what the evidence says, without the durations, which differ each time."""
    evidence = read([folder])
    steps = {
        step: (totals.began, totals.errors, totals.seen, sum(totals.took.values()))
        for step, totals in evidence.steps.items()
    }
    starts = [(start.step, start.missing, start.path, start.count) for start in evidence.starts]
    return steps, starts, evidence.unjudged, evidence.processes, evidence.skipped


def aged(folder, seconds=60):
    for path in files_in(folder):
        at = time.time() - seconds
        os.utime(path, (at, at))


def test_merged_files_say_the_same_as_the_files_they_are_made_of(tmp_path):
    for name, most in (("merged", 5), ("apart", 1000)):
        observe(tmp_path, tmp_path / name, most, 40).communicate()
    assert len(files_in(tmp_path / "apart")) == 41
    assert len(files_in(tmp_path / "merged")) <= 7  # that of the parent, and the latest
    assert told(tmp_path / "merged") == told(tmp_path / "apart")
    steps, starts, *_, processes, skipped = told(tmp_path / "merged")
    assert steps["orders:charge"] == (40, 13, {"orders:receive": 40}, 40)
    assert [(start[0], start[3]) for start in starts] == [("orders:ship", 40)]
    assert (processes, skipped) == (41, 0)


def test_a_reader_of_a_living_folder_loses_no_count_and_counts_none_twice(tmp_path):
    folder = tmp_path / "evidence"
    # Each child waits for its turn, so that the true count is known within one.
    running = observe(tmp_path, folder, 3, 60, before="os.read(0, 1)", stdin=subprocess.PIPE)
    begun, ended = [0], [0]
    wrong = []
    done = threading.Event()

    def reads():
        while not done.is_set():
            least = ended[0]
            began = read([folder]).steps["orders:express"].began if least else 0
            if not least <= began <= begun[0]:
                wrong.append((least, began, begun[0]))

    readers = [threading.Thread(target=reads) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(60):
        begun[0] += 1
        os.write(running.stdin.fileno(), b".")
        assert os.read(running.stdout.fileno(), 1) == b"."
        ended[0] += 1
    done.set()
    for reader in readers:
        reader.join()
    running.communicate()
    assert wrong == []
    assert len(files_in(folder)) <= 5
    assert read([folder]).steps["orders:express"].began == 60


def test_the_file_of_a_living_process_is_left_alone(tmp_path):
    folder = tmp_path / "evidence"
    running = observe(
        tmp_path,
        folder,
        1000,
        1,
        end="os.write(1, b'x'); os.read(0, 1)",
        stdin=subprocess.PIPE,
    )
    assert running.stdout.read(1) == b"x"
    before = files_in(folder)
    aged(folder)
    _evidence.merge(folder)
    assert files_in(folder) == before
    running.communicate(b"")
    aged(folder)
    _evidence.merge(folder)
    assert len(files_in(folder)) == 1
    assert read([folder]).processes == 2


def test_a_merger_that_dies_before_the_others_are_gone_counts_nothing_twice(tmp_path, monkeypatch):
    folder = tmp_path / "evidence"
    observe(tmp_path, folder, 1000, 6).communicate()
    before = told(folder)
    aged(folder)
    removed = []

    def die(path):
        if len(removed) == 2:
            raise OSError("died here")
        removed.append(path)
        os.remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(_evidence.os, "unlink", die)
        with pytest.raises(OSError, match="died here"):
            _evidence.merge(folder)
    assert len(files_in(folder)) == 7 - 2 + 1
    assert told(folder) == before
    aged(folder)
    _evidence.merge(folder)
    assert len(files_in(folder)) == 1
    assert told(folder) == before


def test_files_of_another_machine_are_merged_after_days_of_silence(tmp_path):
    folder = tmp_path / "evidence"
    observe(tmp_path, folder, 1000, 4).communicate()
    before = told(folder)
    for path in files_in(folder):
        first, rest = path.read_text().split("\n", 1)
        path.write_text(json.dumps({**json.loads(first), "boot": "another"}) + "\n" + rest)
    for seconds, left in ((86400, 5), (8 * 86400, 1)):
        aged(folder, seconds)
        _evidence.merge(folder)
        assert len(files_in(folder)) == left
    assert told(folder) == before


def test_a_damaged_file_and_one_of_another_kind_stay(tmp_path):
    folder = tmp_path / "evidence"
    observe(tmp_path, folder, 1000, 2).communicate()
    name = files_in(folder)[0].name[:-6] + "{}.jsonl"
    (folder / name.format("0")).write_text("no evidence\n")
    (folder / "notes.jsonl").write_text("of the user\n")
    aged(folder)
    _evidence.merge(folder)
    assert len(files_in(folder)) == 3


def test_what_is_merged_is_bounded(monkeypatch):
    monkeypatch.setattr(_evidence, "MOST_KINDS", 10)
    processes = []
    for number in range(30):
        process = Process(str(number), "host", 0, boot="boot")
        for run in range(500):
            process.started[f"{number}-{run}"] = {"orders:receive": run}
        question = _runs.Question("orders:ship", False, ("orders:charge",), (), (str(number),))
        process.asked[question] = 500, {f"{number}-{run}": run for run in range(200)}, 1 << 32
        processes.append(process)
    whole = _evidence.combined(processes, is_here=True)
    assert len(whole.started) <= 2 * _runs.MOST_RUNS
    assert all(_runs.hash_of(run) < whole.limit for run in whole.started)
    assert len(whole.asked) == 11
    assert sum(count for count, _, _ in whole.asked.values()) == 30 * 500
    for _, asked, limit in whole.asked.values():
        assert len(asked) <= 2 * _runs.MOST_ASKED
        assert all(_runs.hash_of(each) < limit for each in asked)


def test_a_merged_file_is_read_as_it_was_merged(tmp_path):
    folder = tmp_path / "evidence"
    observe(tmp_path, folder, 1000, 3).communicate()
    aged(folder)
    before = [read_process(path) for path in files_in(folder)]
    _evidence.merge(folder)
    (path,) = files_in(folder)
    found = read_process(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (found.count, found.merged) == (4, [each.id for each in before])
    assert found.limit == min(each.limit for each in before)
    assert {run for each in before for run in each.started} == set(found.started)
