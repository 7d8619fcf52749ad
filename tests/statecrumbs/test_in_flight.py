"""The work in flight: in the box, in `statecrumbs ps`, in a dump; bounded, and safe when torn."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time

import pytest

import statecrumbs
from corectx import Frame, Site, bind, detach, enter, leave, scope, start
from statecrumbs import _in_flight, cli
from statecrumbs._black_box import BlackBox, read
from statecrumbs._black_box._rows import RowTable, decode_rows
from statecrumbs._in_flight import InFlight, Work
from statecrumbs.lowlevel import note_trace
from tests.statecrumbs.black_boxes import as_it_is
from tests.statecrumbs.endings import next_start, run, write

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture
def box(tmp_path):
    box = BlackBox.open(tmp_path, slots=4, slot_size=256, render=as_it_is, on_error=pytest.fail)
    yield box
    box.close()


@pytest.fixture
def tracker(box):
    """An observer whose frames are in the rows of `box`."""
    tracker = InFlight()
    box.track(lambda table: tracker.use_table(table, box.reopen), lambda: 0)
    return tracker


def rows(box):
    return read(box.path).in_flight


def names(box):
    return [row["name"] for row in rows(box)]


def opened(tracker, kind, name, parent=None, flow=None, values=None):
    site = Site(kind, name, flow)
    frame = start(site, values=values) if parent is None else parent.child(site, values)
    tracker.entered(frame)
    return frame


def test_an_open_frame_is_in_the_box_with_all_that_is_known_of_it(box, tracker):
    request = opened(tracker, "request", "GET", values={"path": "/pay?token=hunter2secret"})
    step = opened(tracker, "step", "ask", request, "bank")
    first, second = rows(box)
    assert first == {
        "kind": "request",
        "name": "GET",
        "correlation_id": request.correlation_id,
        "thread": "MainThread",
        "path": "/pay?token=[redacted]",
        "since": first["since"],
        "seconds": first["seconds"],
        "depth": 0,
    }
    assert (second["name"], second["flow"], second["depth"]) == ("ask", "bank", 1)
    assert "path" not in second
    tracker.left(step, None)
    assert names(box) == ["GET"]
    tracker.left(request, None)
    assert names(box) == []


def test_scopes_and_frames_of_other_processes_are_no_work(box, tracker):
    request = opened(tracker, "request", "GET")
    opened(tracker, "scope", None, request)
    opened(tracker, "remote", "far")
    inner = request.child(Site("scope"))
    opened(tracker, "step", "inside", inner)
    assert [(row["name"], row["depth"]) for row in rows(box)] == [("GET", 0), ("inside", 1)]


def test_a_name_that_is_learnt_late_is_in_the_row(box, tracker):
    site = Site("request", "GET")
    frame = start(site)
    tracker.entered(frame)
    site.name = "GET /orders/<id>"
    tracker.renamed(frame)
    assert names(box) == ["GET /orders/<id>"]


def test_a_trace_is_in_the_row(box, tracker):
    frame = opened(tracker, "request", "GET")
    tracker.note_trace(frame, (b"\x01" * 16, b"\x02" * 8, bytes(8), 1))
    (row,) = rows(box)
    assert (row["trace_id"], row["span_id"], row["trace_flags"]) == ("01" * 16, "02" * 8, 1)
    assert "parent_span_id" not in row


def test_a_trace_of_zeros_is_no_trace_and_leaves_the_row_whole(box, tracker):
    frame = opened(tracker, "request", "GET")
    tracker.note_trace(frame, (bytes(16), bytes(8), bytes(8), 0))
    (row,) = rows(box)
    assert row["name"] == "GET"
    assert "trace_id" not in row


def test_the_trace_of_a_frame_that_is_not_tracked_is_ignored():
    note_trace(start(Site("request")), bytes(16), bytes(8), None, 0)


def test_a_generator_that_is_suspended_is_marked(box, tracker):
    frame = opened(tracker, "step", "rows")
    tracker.suspended(frame)
    assert rows(box)[0]["suspended"] is True
    tracker.resumed(frame)
    assert "suspended" not in rows(box)[0]


def test_long_names_are_cut_to_what_a_row_holds(box, tracker):
    opened(tracker, "request", "日" * 500, flow="ö" * 500, values={"path": "\U0001f600" * 500})
    (row,) = rows(box)
    assert row["name"].startswith("日日日")
    assert row["kind"] == "request"


def test_the_outermost_frames_have_the_rows_and_the_others_are_counted(box, tracker):
    inner = opened(tracker, "request", "deep")
    for _ in range(40):
        inner = opened(tracker, "step", "recursion", inner)
    assert names(box) == ["deep"] + ["recursion"] * 15
    assert read(box.path).hidden == 25
    for number in range(200):
        opened(tracker, "request", f"r{number}")
    found = read(box.path)
    assert len(found.in_flight) == 128
    assert names(box)[:2] == ["deep", "r0"]
    assert found.hidden == 1 + 40 + 200 - 128


def test_rows_are_free_again_when_frames_are_left(box, tracker):
    for _ in range(1000):
        frames = [opened(tracker, "request", "r") for _ in range(10)]
        for frame in frames:
            tracker.left(frame, None)
    assert (names(box), read(box.path).hidden) == ([], 0)


def test_a_torn_row_is_skipped(box, tracker):
    opened(tracker, "request", "first")
    opened(tracker, "request", "second")
    with open(box.path, "rb") as file:
        file.seek(4096)
        raw = bytearray(file.read(128 * 512))
    whole = bytes(raw)
    for place in (4, 20, 30, 40, 80, 100):
        raw[:] = whole
        raw[place] ^= 0xFF
        found, torn = decode_rows(bytes(raw), 512)
        assert ([row["name"] for row in found], torn) == (["second"], 1)
    # The process could have died after any byte of the row. The rest of it was zero before.
    end = 72 + (int.from_bytes(whole[2:4], "little") | 7) + 1 + 24
    written = len(whole[:end].rstrip(b"\0"))
    for stored in range(1, written + 1):
        raw[:512] = whole[:stored].ljust(512, b"\0")
        found, torn = decode_rows(bytes(raw), 512)
        if stored < written:
            assert ([row["name"] for row in found], torn) == (["second"], 1)
    assert [row["name"] for row in found] == ["first", "second"]


def test_a_time_that_is_no_time_makes_a_row_torn(box, tracker):
    opened(tracker, "request", "first")
    with open(box.path, "rb") as file:
        file.seek(4096)
        raw = file.read(128 * 512)
    number = raw[24:32]
    assert raw.count(number) == 2
    for since in (float("nan"), float("inf"), -1.0, 1e300):
        changed = raw.replace(number, struct.pack("<d", since))
        assert decode_rows(changed, 512) == ([], 1)


def test_threads_that_enter_and_leave_at_once_keep_the_table_whole(box, tracker):
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait()
        for _ in range(300):
            request = opened(tracker, "request", f"thread {number}")
            step = opened(tracker, "step", "inner", request)
            tracker.left(step, None)
            tracker.left(request, None)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for row in rows(box):
            assert row["name"] == "inner" or row["name"].startswith("thread ")
    for thread in threads:
        thread.join()
    assert (names(box), tracker.works()) == ([], [])


class TestFrames:
    """The observer beside the real context variable."""

    @pytest.fixture(autouse=True)
    def enabled(self):
        statecrumbs.enable(on_crash="none")
        yield
        statecrumbs.disable()

    def test_sys_exit_keeps_the_operation_until_its_thread_does_other_work(self):
        def operation():
            token = enter(start(Site("request", "GET")))
            try:
                sys.exit(3)
            except SystemExit as error:
                leave(token, error)

        operation()
        (work,) = _in_flight.in_flight.works()
        assert (work.frame.name, work.is_left) == ("GET", True)
        leave(enter(start(Site("request", "other"))))
        assert _in_flight.in_flight.works() == []

    def test_sys_exit_in_another_thread_ends_that_thread_only(self):
        def operation():
            token = enter(start(Site("request", "GET")))
            leave(token, SystemExit(3))

        thread = threading.Thread(target=operation)
        thread.start()
        thread.join()
        assert _in_flight.in_flight.works() == []

    def test_nothing_is_tracked_after_disable(self):
        token = enter(start(Site("request", "GET")))
        statecrumbs.disable()
        assert _in_flight.in_flight.works() == []
        leave(token)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where there is fork()")
@pytest.mark.parametrize("fork", ["os.fork()", "ctypes.PyDLL(None).fork()"])
def test_a_forked_child_has_a_box_at_its_first_frame_also_without_hooks_of_python(tmp_path, fork):
    source = f"""
enable(black_box="boxes", on_crash="none")
with operation():
    if {fork} == 0:
        enter(start(Site("task", "child's")))
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    run(tmp_path, source)
    boxes = [read(path) for path in sorted((tmp_path / "boxes").glob("*.crumbs"))]
    assert [[row["name"] for row in box.in_flight] for box in boxes] == [
        ["GET", "ask_the_bank"],
        ["child's"],
    ]
    assert boxes[1].process["parent_pid"] == boxes[0].process["pid"]


ENABLING = {
    "entrypoint": "@flow.entrypoint\ndef main():\n    enable(black_box='boxes')\n    work()\n"
    "main()",
    "coroutine": "@flow.entrypoint\nasync def main():\n    enable(black_box='boxes')\n    work()\n"
    "import asyncio; asyncio.run(main())",
    "later": "@flow.entrypoint\ndef main():\n    enable()\n    enable(black_box='boxes')\n"
    "    work()\nmain()",
}


@posix
@pytest.mark.parametrize("source", ENABLING.values(), ids=ENABLING.keys())
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "pass"])
def test_work_that_calls_enable_itself_is_known(tmp_path, source, end):
    before = f"""
import penstock
flow = penstock.flow("bank")
@flow.step(after="main")
def work(): {end}
"""
    run(tmp_path, before + source)
    left = [read(path) for path in (tmp_path / "boxes").glob("*.crumbs")]
    named = [[row["name"] for row in box.in_flight] for box in left]
    assert named == ([] if end == "pass" else [["main", "work"]])


@posix
def test_fifty_random_kills_under_load_name_the_step_that_was_running(tmp_path):
    """Each child says which step begins and which has ended, and is killed at any moment.

    The name of its request changes all the time, as a route that is learnt late.
    """
    source = """
import itertools, json, random
from corectx.lowlevel import notify_renamed
enable(black_box="boxes", on_crash="none")

def busy(writing):
    threading.Thread(target=lambda: [sum(range(10**4)) for _ in itertools.count()]).start()
    for number in itertools.count():
        with operation() as request:
            token = enter(request.child(Site("task", f"t{number}")))
            os.write(writing, f"begun {number}\\n".encode())
            crumb("in", number=number)
            for _ in range(20):
                notify_renamed(request)
            os.write(writing, f"ended {number}\\n".encode())
            leave(token)

chance = random.Random(4711)
running = 0
while running < 50:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        busy(writing)
    os.close(writing)
    said = os.read(reading, 100)
    time.sleep(chance.random() * 0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(reading, 1 << 16):
        said += part
    os.close(reading)
    what, number = said.split()[-2:]
    running += what == b"begun"
    print(json.dumps([child, what.decode(), int(number)]))
"""
    done = run(tmp_path, source)
    assert (done.returncode, done.stderr) == (0, "")
    last_of = {pid: last for pid, *last in map(json.loads, done.stdout.splitlines())}
    boxes = [read(path) for path in (tmp_path / "boxes").glob("*.crumbs")]
    assert {box.process["pid"] for box in boxes} == last_of.keys()
    assert sum(what == "begun" for what, _ in last_of.values()) == 50
    for box in boxes:
        what, number = last_of[box.process["pid"]]
        names = [row["name"] for row in box.in_flight]
        if what == "begun":
            assert names == ["GET", "ask_the_bank", f"t{number}"]
        else:  # it was on its way from one operation to the next
            assert names in ([], ["GET"], ["GET", "ask_the_bank"]) or names[2:] in (
                [f"t{number}"],
                [f"t{number + 1}"],
            )


@posix
class TestPs:
    SOURCE = 'enable(black_box="boxes", on_crash="none")\nwith operation():\n    hang()\n'

    @pytest.fixture
    def hanging(self, tmp_path):
        program = subprocess.Popen(
            [sys.executable, write(tmp_path, self.SOURCE)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
        )
        assert program.stdout.readline() == b"ready\n"
        yield program
        program.kill()
        program.communicate()

    def test_a_living_process_shows_its_work(self, hanging, tmp_path, capsys):
        assert cli.main(["ps", str(tmp_path / "boxes")]) == 0
        head, request, step = capsys.readouterr().out.splitlines()
        assert head.startswith(f"pid {hanging.pid}  program.py")
        assert head.endswith("running, 2 in flight")
        assert "request" in request
        assert "GET /slow" in request
        assert "MainThread" in request
        assert "bank:ask_the_bank" in step
        assert step.endswith("<- innermost")

    def test_a_folder_without_boxes_does_not_keep_back_the_others(self, hanging, tmp_path, capsys):
        (tmp_path / "empty").mkdir()
        for order in (("empty", "boxes", "nothing"), ("boxes", "nothing", "empty")):
            assert cli.main(["ps", *(str(tmp_path / name) for name in order)]) == 1
            shown = capsys.readouterr()
            assert "GET /slow" in shown.out
            assert (
                f"There are no black boxes, dumps, or logs with dumps in {tmp_path / 'empty'}."
                in shown.err
            )
            assert "nothing: No such file or directory" in shown.err

    def test_the_age_of_work_ends_with_the_last_sign_of_life(self, hanging, tmp_path, capsys):
        hanging.kill()
        hanging.wait()
        (path,) = (tmp_path / "boxes").glob("*.crumbs")
        minutes_ago = time.time_ns() - 5 * 60 * 10**9
        os.utime(path, ns=(minutes_ago, minutes_ago))
        ((_, message, death),) = next_start(tmp_path)
        assert cli.main(["ps", "--json", str(path)]) == 0
        (process,) = json.loads(capsys.readouterr().out)
        assert max(work["seconds"] for work in process["in_flight"] + death["in_flight"]) < 60
        begin = death["in_flight"][0]["since"]
        assert f"since {begin[11:19]} (at least " in message
        assert cli.main(["ps", str(path)]) == 0
        _, request, _ = capsys.readouterr().out.splitlines()
        assert f"  since {begin[:19].replace('T', ' ')}, at least " in request

    def test_a_dead_one_too_and_several_folders(self, hanging, tmp_path, capsys):
        hanging.kill()
        hanging.wait()
        folder = str(tmp_path / "boxes")
        assert cli.main(["ps", folder, folder]) == 0
        out = capsys.readouterr().out
        assert out.count("ended without its exit hooks, 2 in flight") == 2

    def test_json_is_for_programs(self, hanging, tmp_path, capsys):
        assert cli.main(["ps", "--json", str(tmp_path / "boxes")]) == 0
        (process,) = json.loads(capsys.readouterr().out)
        assert (process["pid"], process["ending"]) == (hanging.pid, "running")
        assert [work["name"] for work in process["in_flight"]] == ["GET", "ask_the_bank"]

    def test_a_file_that_is_no_box_is_a_complaint(self, hanging, tmp_path, capsys):
        (tmp_path / "boxes" / "0.crumbs").write_bytes(b"x" * 200)
        assert cli.main(["ps", str(tmp_path / "boxes")]) == 1
        out, err = capsys.readouterr()
        assert "ask_the_bank" in out
        assert "is neither a black box nor a dump" in err

    def test_a_process_that_is_stuck_in_c_code_answers(self, tmp_path, capsys):
        source = (
            'enable(black_box="boxes", on_crash="none")\nwith operation():\n    ready()\n'
            "    ctypes.PyDLL(None).sleep(60)  # which holds the GIL\n"
        )
        program = subprocess.Popen(
            [sys.executable, write(tmp_path, source)], cwd=tmp_path, stdout=subprocess.PIPE
        )
        assert program.stdout.readline() == b"ready\n"
        assert cli.main(["ps", str(tmp_path / "boxes")]) == 0
        assert "bank:ask_the_bank" in capsys.readouterr().out
        program.send_signal(signal.SIGKILL)
        program.communicate()


class TestFramesThatNobodyLeft:
    """A signal handler that raises can come between the begin of a frame and its ``try``."""

    def lost(self):
        outer = start(Site("request", "lost"))
        inner = outer.child(Site("step", "lost inside"))
        for frame in (outer, inner):
            _in_flight.in_flight.entered(frame)

    @pytest.fixture(autouse=True)
    def enabled(self, tmp_path):
        statecrumbs.enable(black_box=tmp_path, on_crash="none")
        (self.path,) = tmp_path.glob("*.crumbs")
        yield
        statecrumbs.disable()

    def names_of_rows(self):
        return [row["name"] for row in read(self.path).in_flight]

    def test_are_no_work_in_flight(self):
        token = enter(start(Site("request", "open")))
        self.lost()
        assert self.names_of_rows() == ["open", "lost", "lost inside"]
        assert [work.frame.name for work in _in_flight.in_flight.works()] == ["open"]
        assert self.names_of_rows() == ["open"]
        leave(token)
        assert self.names_of_rows() == []

    def test_are_dropped_when_an_operation_begins(self, monkeypatch):
        monkeypatch.setattr(_in_flight.in_flight, "_next_search", 0.0)
        waiting = enter(start(Site("request", "open")))
        monkeypatch.setattr(_in_flight.in_flight, "_next_search", 0.0)
        self.lost()
        token = enter(start(Site("request", "next")))
        assert "lost" in self.names_of_rows()  # at most one search in a second
        leave(token)
        monkeypatch.setattr(_in_flight.in_flight, "_next_search", 0.0)
        token = enter(start(Site("request", "next")))
        assert self.names_of_rows() == ["open", "next"]
        leave(token)
        leave(waiting)

    def test_are_dropped_if_they_were_being_closed(self):
        token = enter(start(Site("request", "open")))
        _in_flight.note_closed(token[0])  # and then the exception came
        assert self.names_of_rows() == ["open"]
        detach(token)
        del token
        assert _in_flight.in_flight.works() == []
        assert self.names_of_rows() == []

    def test_of_an_interpreter_that_counts_no_references_stay(self, monkeypatch):
        monkeypatch.delattr(sys, "getrefcount")
        self.lost()
        assert len(_in_flight.in_flight.works()) == 2


class TestDumps:
    @pytest.fixture
    def dumps(self):
        dumps = []
        statecrumbs.enable(on_crash=dumps.append)
        yield dumps
        statecrumbs.disable()

    def test_a_dump_lists_the_work_in_flight_without_a_black_box(self, dumps):
        token = enter(start(Site("request", "GET"), values={"path": "/slow"}))
        statecrumbs.report(ValueError("x"))
        leave(token)
        (work,) = dumps[0][-1]["in_flight"]
        assert (work["kind"], work["name"], work["path"], work["depth"]) == (
            "request",
            "GET",
            "/slow",
            0,
        )

    def test_it_says_where_each_other_thread_is(self, dumps):
        inside, go_on = threading.Event(), threading.Event()

        def wait_for_the_bank():
            inside.set()
            go_on.wait()

        thread = threading.Thread(target=wait_for_the_bank, name="worker-7")
        thread.start()
        inside.wait()
        statecrumbs.report(ValueError("x"))
        go_on.set()
        thread.join()
        found = {one["thread"]: one["stack"] for one in dumps[0][-1]["running"]}
        assert "wait_for_the_bank" in [entry["function"] for entry in found["worker-7"]]
        assert "MainThread" not in found

    def test_it_says_where_each_asyncio_task_waits(self, dumps):
        async def ask_the_bank():
            await asyncio.Event().wait()

        async def pay():
            await ask_the_bank()

        async def main():
            task = asyncio.create_task(pay(), name="pay-4711")
            await asyncio.sleep(0)
            statecrumbs.report(ValueError("x"))
            task.cancel()

        asyncio.run(main())
        stacks = {one["task"]: one["stack"] for one in dumps[0][-1]["running"] if "task" in one}
        functions = [entry["function"] for entry in stacks["pay-4711"]]
        assert functions[:2] == ["pay", "ask_the_bank"]

    def test_it_is_bounded(self, dumps):
        go_on = threading.Event()
        threads = [threading.Thread(target=go_on.wait) for _ in range(60)]
        for thread in threads:
            thread.start()
        tokens = [enter(start(Site("request", f"r{number}"))) for number in range(150)]
        statecrumbs.report(ValueError("x"))
        for token in reversed(tokens):
            leave(token)
        go_on.set()
        for thread in threads:
            thread.join()
        last = dumps[0][-1]
        assert len(last["running"]) == 50
        assert all(len(one["stack"]) <= 15 for one in last["running"])
        assert len(last["in_flight"]) == 101
        assert last["in_flight"][-1]["name"] == "(50 more)"


def tasks(box):
    return {row["name"]: row.get("task") for row in rows(box)}


def test_a_row_names_the_asyncio_task_in_which_its_work_runs(box, tracker):
    async def branch(request, name):
        return opened(tracker, "step", name, request)

    async def serve():
        request = opened(tracker, "request", "GET")
        opened(tracker, "step", "check", request)
        for name in ("pay", "pack"):
            await asyncio.create_task(branch(request, name), name=f"{name}-17")

    async def main():
        await asyncio.create_task(serve(), name="request-17")

    opened(tracker, "step", "before")
    asyncio.run(main())
    assert tasks(box) == {
        "before": None,
        "GET": "request-17",
        "check": "request-17",
        "pay": "pay-17",
        "pack": "pack-17",
    }


def test_a_generator_is_in_the_task_that_runs_its_body_now(box, tracker):
    async def main():
        frame = opened(tracker, "step", "read")
        tracker.suspended(frame)

        async def go_on():
            tracker.resumed(frame)

        await asyncio.create_task(go_on(), name="reader")

    asyncio.run(main())
    assert tasks(box) == {"read": "reader"}


def test_the_name_of_a_task_is_redacted(box, tracker):
    async def main():
        opened(tracker, "step", "pay")

    async def named():
        await asyncio.create_task(main(), name="password=hunter2secret")

    asyncio.run(named())
    assert tasks(box)["pay"]
    assert "hunter2secret" not in str(rows(box))


def test_a_task_whose_name_cannot_be_had_is_not_named(box, tracker, monkeypatch):
    class Nameless:
        def get_name(self):
            raise LookupError

    async def main():
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "current_task", lambda loop: Nameless())
            opened(tracker, "step", "pay")

    asyncio.run(main())
    assert tasks(box) == {"pay": None}


def test_a_frame_that_travels_into_a_thread_is_the_work_of_the_thread_that_entered_it(tmp_path):
    statecrumbs.enable(on_crash="none")
    try:
        token = enter(start(Site("request", "GET")))

        def elsewhere():
            with scope(x=1):
                leave(enter(Frame.child(current(), Site("step", "s"))))

        from corectx import current

        thread = threading.Thread(target=bind(elsewhere))
        thread.start()
        thread.join()
        (work,) = _in_flight.in_flight.works()
        assert work.thread() == "MainThread"
        leave(token)
    finally:
        statecrumbs.disable()


def test_a_table_whose_file_is_closed_raises_nothing(box, tracker):
    frame = opened(tracker, "request", "GET")
    table = tracker.table
    assert isinstance(table, RowTable)
    box.close()
    table.open(frame)
    table.change(Work(frame))
    table.close(frame)
    table.note_exit(1, 1)
