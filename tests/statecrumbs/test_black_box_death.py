"""The contents of a black box whose process was killed."""

from __future__ import annotations

import io
import itertools
import os
import random
import signal
import struct
import sys
import threading
from pathlib import Path
from zlib import adler32

import pytest

from statecrumbs._black_box import BlackBox, _reader, _slots, read
from tests.statecrumbs.black_boxes import (
    are_consecutive,
    as_it_is,
    finish,
    numbers,
    run,
    start,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")

THREADS = 8
MESSAGE = struct.Struct("<II")  # thread, number

EIGHT_WRITERS = """
    box = open_box(slots=SLOTS, slot_size=512)
    def work(thread):
        number = 0
        while True:
            number += 1
            tick(box, str(thread), number, text="'" + "x" * (number % 300) + "'")
            os.write(report, struct.pack("<II", thread, number))
    for thread in range(8):
        threading.Thread(target=work, args=(thread,)).start()
"""

SLOTS = 4096 + 128 * 512  # where the first slot begins


def kill_after(directory, slots, messages):
    """Kill eight writers after that many reports; return what they wrote, as they reported it."""
    program, reading = start(directory, EIGHT_WRITERS.replace("SLOTS", str(slots)))
    told = b""
    while len(told) < messages * MESSAGE.size:
        told += os.read(reading, 1 << 16)
    program.kill()
    code, rest, _ = finish(program, reading)
    assert code == -signal.SIGKILL
    return list(MESSAGE.iter_unpack(told + rest))


# Many slots: nothing is pushed out, since the pipe holds the writers up. Few: eight threads
# overtake each other all the time.
@pytest.mark.parametrize("slots", [1 << 15, 512, 16], ids=["all_fit", "default", "few"])
def test_sigkill_loses_nothing_that_was_written(tmp_path, slots):
    for attempt in range(17):
        directory = tmp_path / str(attempt)
        written = kill_after(directory, slots, random.randrange(1, 8000))
        (file,) = directory.iterdir()
        found = read(file)

        assert found.ending == "gone"
        assert found.torn <= THREADS
        recovered = numbers(found.crumbs)
        assert all(map(are_consecutive, recovered.values()))
        # A crumb that was written and is not here was pushed out, by as many newer ones as there
        # are slots: those of its thread that are here are newer than it, up to the last.
        for thread, number in dict(written).items():
            assert str(thread) not in recovered or recovered[str(thread)][-1] >= number
        if found.newest > slots:
            assert len(found.crumbs) >= slots - THREADS
        else:
            assert set(recovered) >= {str(thread) for thread, _ in written}
            assert found.dropped + found.torn <= THREADS  # those that were being written


@pytest.mark.parametrize(
    ("death", "code"),
    [
        ("faulthandler._sigsegv()", -signal.SIGSEGV),
        ("os.abort()", -signal.SIGABRT),  # as C libraries do that are out of memory
        ("os._exit(3)", 3),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
    ],
)
def test_the_crumb_before_a_sudden_death_is_there(tmp_path, death, code):
    result, _, _ = run(
        tmp_path / "boxes",
        f"""
        box = open_box()
        for number in range(700):
            tick(box, "main", number)
        {death}
        """,
    )
    assert result == code
    (file,) = (tmp_path / "boxes").iterdir()
    found = read(file)
    assert found.ending == "gone"
    assert numbers(found.crumbs)["main"] == list(range(700 - 512, 700))
    assert (found.dropped, found.torn, found.newest) == (188, 0, 700)
    assert found.process["argv"] == ["program"]
    assert found.process["parent_pid"] == os.getpid()


def test_a_process_that_runs_out_of_memory_leaves_all_that_it_did_before(tmp_path):
    pytest.importorskip("resource", reason="POSIX only: limits of a process")
    code, told, _ = run(
        tmp_path / "boxes",
        """
        import resource
        box = open_box()
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
        hoard = []
        number = 0
        try:
            while True:
                tick(box, "main", number)
                os.write(report, struct.pack("<I", number))
                number += 1
                hoard.append(bytearray(1 << 20))
        except MemoryError:
            os.abort()  # as C libraries do
        """,
    )
    assert code == -signal.SIGABRT
    (file,) = (tmp_path / "boxes").iterdir()
    found = read(file)
    assert (found.ending, found.torn) == ("gone", 0)
    assert numbers(found.crumbs)["main"] == [number for (number,) in struct.iter_unpack("<I", told)]


def test_a_clean_end_leaves_nothing(tmp_path):
    code, _, stderr = run(tmp_path / "boxes", "box = open_box(); tick(box, 'main', 1); box.close()")
    assert (code, stderr) == (0, "")
    assert list((tmp_path / "boxes").iterdir()) == []


def test_an_end_by_an_exception_says_so(tmp_path):
    code, _, _ = run(
        tmp_path / "boxes",
        "box = open_box(); tick(box, 'main', 1); box.note_failure(); box.close()",
    )
    assert code == 0
    (file,) = (tmp_path / "boxes").iterdir()
    found = read(file)
    assert found.ending == "exception"
    assert numbers(found.crumbs) == {"main": [1]}


def test_a_failure_before_a_crumb_without_a_later_time_is_not_the_end(tmp_path):
    # The clock was set back, or no times are recorded: the numbers say what came last.
    for at_ns in ("0", "1", "time.time_ns() - 10**9"):
        code, _, stderr = run(
            tmp_path / "boxes",
            "box = open_box(); tick(box, 'main', 1); box.note_failure();"
            f"box.write('after', 'main', '', {{'n': 2}}, {at_ns}); box.close()",
        )
        assert (code, stderr) == (0, "")
        (file,) = (tmp_path / "boxes").iterdir()
        found = read(file)
        assert (found.ending, at_ns) == ("ended", at_ns)
        file.unlink()


def test_a_process_that_is_stuck_in_c_code_can_be_read(tmp_path):
    program, reading = start(
        tmp_path / "boxes",
        """
        import ctypes
        box = open_box()
        tick(box, "main", 1)
        os.write(report, b"x")
        ctypes.PyDLL(None).pause()  # holds the GIL
        """,
    )
    assert os.read(reading, 1) == b"x"
    (file,) = (tmp_path / "boxes").iterdir()
    found = read(file)
    assert found.ending == "running"
    assert numbers(found.crumbs) == {"main": [1]}
    program.kill()
    finish(program, reading)


def test_a_busy_process_reads_without_gaps(tmp_path):
    program, reading = start(tmp_path / "boxes", EIGHT_WRITERS.replace("SLOTS", "512"))
    told = 0
    reads = 0
    try:
        while reads < 20:
            told += len(os.read(reading, 1 << 16))
            if told > 2000 * MESSAGE.size:
                (file,) = (tmp_path / "boxes").iterdir()
                found = read(file)
                assert found.ending == "running"
                assert all(map(are_consecutive, numbers(found.crumbs).values()))
                assert len(found.crumbs) >= 512 - THREADS
                reads += 1
    finally:
        program.kill()
        finish(program, reading)


def test_a_signal_handler_that_interrupts_a_write_writes_too(tmp_path):
    code, _, stderr = run(
        tmp_path / "boxes",
        """
        box = open_box(slots=1 << 16)
        handled = 0
        def handle(number, frame):
            global handled
            handled = mine = handled + 1
            tick(box, "handler", mine)
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
        for number in range(20_000):
            tick(box, "main", number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(report, str(handled).encode())
        os._exit(0)
        """,
    )
    assert (code, stderr) == (0, "")
    (file,) = (tmp_path / "boxes").iterdir()
    found = read(file)
    recovered = numbers(found.crumbs)
    assert recovered["main"] == list(range(20_000))
    # Handlers interrupt each other, so the later one may come first.
    assert sorted(recovered["handler"]) == list(range(1, len(recovered["handler"]) + 1))
    assert (found.dropped, found.torn) == (0, 0)


def test_finalizers_at_the_end_of_the_interpreter_write_or_are_ignored(tmp_path):
    code, _, stderr = run(
        tmp_path / "boxes",
        """
        box = open_box()
        class Last:
            def __init__(self, box, tick):
                self.box, self.tick = box, tick
            def __del__(self):
                self.tick(self.box, "main", 2)
        last = Last(box, tick)
        sys.modules["keeps it to the end"] = last
        tick(box, "main", 1)
        """,
    )
    assert (code, stderr) == (0, "")
    (file,) = (tmp_path / "boxes").iterdir()
    assert numbers(read(file).crumbs)["main"] in ([1], [1, 2])


def test_a_writer_that_is_held_up_leaves_no_crumb_older_than_what_was_pushed_out(
    tmp_path, monkeypatch
):
    """It has taken the oldest slot; what was in there must not survive the crumbs after it."""
    reached, go_on = threading.Event(), threading.Event()

    class Held(struct.Struct):
        def pack_into(self, *arguments):
            if threading.current_thread().name == "held":
                reached.set()
                assert go_on.wait(50)
            super().pack_into(*arguments)

    monkeypatch.setattr(_slots, "Struct", Held)
    box = BlackBox.open(tmp_path, slots=4, slot_size=256, render=as_it_is, on_error=pytest.fail)

    def tick(number):
        box.write("tick", "main", "", {"n": number}, 1)

    for number in range(4):
        tick(number)
    thread = threading.Thread(target=tick, args=(4,), name="held")
    thread.start()
    assert reached.wait(50)
    tick(5)
    tick(6)
    found = read(box.path)
    assert numbers(found.crumbs)["main"] == [3, 5, 6]
    assert (found.dropped, found.torn) == (4, 0)
    go_on.set()
    thread.join()
    assert numbers(read(box.path).crumbs)["main"] == [3, 4, 5, 6]
    box.close()


def test_a_look_that_is_of_one_moment_is_preferred_although_a_crumb_was_late(tmp_path, monkeypatch):
    """Late is what was numbered before all that was pushed out, by a writer that was held up."""
    box = BlackBox.open(tmp_path, slots=8, slot_size=256, render=as_it_is, on_error=pytest.fail)
    recorded = itertools.count(1)

    def tick(times=1):
        for _ in range(times):
            box.write("tick", "main", "", {"n": next(recorded)}, 1)
        return Path(box.path).read_bytes()

    def held_up(payload, sequence):  # between its number and its crumb, while others write 13
        if sequence == 24:
            tick(13)
        return adler32(payload, sequence)

    class Looks(io.BytesIO):
        """A file that is another one at the second look, and from then on."""

        def seek(self, offset):
            if offset == SLOTS:  # to look at the slots
                super().seek(0)
                self.write(next(looks, late))
            return super().seek(offset)

        def fileno(self):
            return real.fileno()

    before, after = tick(15), tick(3)
    first = SLOTS + 256
    monkeypatch.setattr(_slots, "adler32", held_up)
    late = tick(6)
    looks = iter([before[:first] + after[first:]])  # has 18, and not 17
    with open(box.path, "rb") as real:
        monkeypatch.setattr(_reader, "open_file", lambda path: Looks(late))
        found = read(box.path)
        assert numbers(found.crumbs)["main"] == [*range(31, 38)]  # and not 24, of the late one
        assert found.dropped == 30
    box.close()


def test_a_slot_that_was_being_written_is_skipped_and_counted(tmp_path):
    run(tmp_path, "box = open_box(slots=4, slot_size=256)\nfor n in range(6): tick(box, 'main', n)")
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    newest = b'{"event":"tick","thread":"main","n":"5"}'
    offset = whole.index(newest) - 24
    written = 24 + len(newest) + 8 - len(newest) % 8 + 8
    # There was a crumb before. The process could have died after any byte of the new one.
    older = bytearray(whole[SLOTS + 2 * 256 : SLOTS + 3 * 256])
    assert b'"2"' in older
    zeros = bytes(written) + older[written:]
    for before in (zeros, older):
        for stored in range(written - 7):
            torn = whole[offset : offset + stored] + before[stored:]
            file.write_bytes(whole[:offset] + torn + whole[offset + 256 :])
            found = read(file)
            recovered = numbers(found.crumbs)["main"]
            if stored:
                assert (recovered, found.torn) == ([2, 3, 4], 1)
            elif before is older:
                assert (recovered, found.torn) == ([2, 2, 3, 4], 0)
            else:
                assert (recovered, found.torn, found.dropped) == ([2, 3, 4], 0, 2)
    file.write_bytes(whole)
    assert numbers(read(file).crumbs)["main"] == [2, 3, 4, 5]
