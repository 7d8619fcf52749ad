"""The black box as a program uses it: `enable(black_box=...)` and `crumb()`."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys

import pytest

from statecrumbs import cli
from statecrumbs._black_box import read
from tests.statecrumbs.black_boxes import are_consecutive, numbers
from tests.statecrumbs.dump_schema import check_dump
from tests.statecrumbs.programs import events, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

REDACTED = "[redacted]"

KILLED = """
    import os, signal
    from statecrumbs import enable, crumb
    from statecrumbs.context import context
    from contextlib import contextmanager
    from corectx import Site, current, enter, leave, start
    @contextmanager
    def work(kind, name):
        site = Site(kind, name)
        token = enter(start(site) if current() is None else current().child(site))
        yield
        leave(token)
    enable(black_box="boxes")
    with context(request_id="r1"), work("step", "charge"):
        crumb("charged", order=4711, password="hunter2", url="https://bob:hunter2@db/x")
        crumb("odd", value=[1, "token=hunter2"])
        os.kill(os.getpid(), signal.SIGKILL)
"""


def boxes(directory):
    return [read(path) for path in sorted((directory / "boxes").glob("*.crumbs"))]


def test_what_a_killed_program_did_can_be_read(tmp_path, capsys):
    assert run(tmp_path, KILLED).returncode == -signal.SIGKILL
    (box,) = boxes(tmp_path)
    assert (box.ending, events(box.crumbs)) == ("gone", ["charged", "odd"])
    assert box.crumbs[0]["order"] == "4711"
    assert box.crumbs[0]["context"] == {"request_id": "r1"}
    assert box.process["argv"] == [str(tmp_path / "program.py")]
    assert cli.main(["read", str(tmp_path / "boxes")]) == 0
    assert "charged" in capsys.readouterr().out


def test_secrets_are_not_in_the_file(tmp_path):
    run(tmp_path, KILLED, "--password=hunter2")
    (path,) = (tmp_path / "boxes").glob("*.crumbs")
    assert b"hunter2" not in path.read_bytes()
    (box,) = boxes(tmp_path)
    assert box.crumbs[0]["password"] == REDACTED
    assert REDACTED in box.crumbs[1]["value"]


def test_the_options_of_a_crumb_are_those_at_its_time(tmp_path):
    run(
        tmp_path,
        """
        import os
        from statecrumbs import enable, crumb
        enable(black_box="boxes", include_thread=False)
        crumb("without thread")
        enable(include_thread=True, include_timestamp=False)
        crumb("without time")
        enable(include_timestamp=True)
        crumb("with both")
        if os.fork() == 0:
            crumb("in a child")
            enable(include_thread=False)
            crumb("in a child")
            os._exit(0)
        os.wait()
        os._exit(0)
        """,
    )
    box, child = boxes(tmp_path)
    has = [("thread" in crumb, "ts" in crumb) for crumb in box.crumbs]
    assert has == [(False, True), (True, False), (True, True)]
    assert ["thread" in crumb for crumb in child.crumbs] == [True, False]


def test_a_value_that_becomes_a_secret_is_blanked_from_then_on(tmp_path):
    run(
        tmp_path,
        """
        import os
        from statecrumbs import enable, crumb
        enable(black_box="boxes", redact=False)
        crumb("before", password="hunter2")
        enable(redact=True)
        crumb("after", password="hunter2")
        os._exit(0)
        """,
    )
    (box,) = boxes(tmp_path)
    assert [crumb["password"] for crumb in box.crumbs] == ["'hunter2'", REDACTED]


def test_the_next_start_tells_of_the_death_once(tmp_path):
    run(tmp_path, KILLED)
    (path,) = (tmp_path / "boxes").glob("*.crumbs")
    again = "from statecrumbs import enable; enable(black_box='boxes')"
    first, second = run(tmp_path, again), run(tmp_path, again)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stderr.startswith("The process ended without its exit hooks")
    assert "1 in flight" in first.stderr
    assert "after 'odd'" in first.stderr
    assert "In flight: step charge since " in first.stderr
    assert first.stderr.endswith(f"statecrumbs read boxes/{path.name}\n")
    assert first.stderr.count("\n") == 1
    assert second.stderr == ""
    assert list((tmp_path / "boxes").glob("*.crumbs")) == [path]


def test_the_next_start_tells_of_an_exception_too(tmp_path):
    crash = "from statecrumbs import enable; enable(black_box='boxes', on_crash='none'); 1 / 0"
    run(tmp_path, crash)
    result = run(tmp_path, "from statecrumbs import enable; enable(black_box='boxes')")
    assert result.stderr.startswith("The process ended by an unhandled exception.")


def test_children_that_ended_without_their_exit_hooks_are_gone_after_the_next_start(tmp_path):
    run(
        tmp_path,
        """
        import os
        from statecrumbs import enable, crumb
        enable(black_box="boxes")
        for number in range(20):
            if os.fork() == 0:
                crumb("child", number=number)
                os._exit(0)
            os.wait()
        """,
    )
    result = run(tmp_path, "from statecrumbs import enable; enable(black_box='boxes')")
    assert result.stderr == ""  # at INFO: nothing was in flight
    assert list((tmp_path / "boxes").iterdir()) == []


def test_a_program_that_ends_well_leaves_nothing(tmp_path):
    result = run(
        tmp_path,
        """
        import sys
        from statecrumbs import enable, crumb
        enable(black_box="boxes")
        crumb("done")
        sys.exit(3)
        """,
    )
    assert (result.returncode, result.stderr) == (3, "")
    assert boxes(tmp_path) == []


def test_an_unhandled_exception_is_in_the_box_too(tmp_path):
    result = run(
        tmp_path,
        """
        from statecrumbs import enable, crumb
        enable(black_box="boxes", on_crash="none")
        crumb("dividing", by=0)
        1 / 0
        """,
    )
    assert result.returncode == 1
    (box,) = boxes(tmp_path)
    assert (box.ending, events(box.crumbs)) == ("exception", ["dividing", "unhandled_exception"])
    assert box.crumbs[-1]["exception"]["type"] == "ZeroDivisionError"
    check_dump(box.crumbs)


def test_forked_children_have_boxes_of_their_own(tmp_path):
    run(
        tmp_path,
        """
        import os
        from statecrumbs import enable, crumb
        enable(black_box="boxes")
        crumb("parent")
        if os.fork() == 0:
            crumb("child")
            os._exit(0)
        os.wait()
        crumb("parent_again")
        os._exit(0)
        """,
    )
    parent, child = sorted(boxes(tmp_path), key=lambda box: -len(box.crumbs))
    assert events(parent.crumbs) == ["parent", "parent_again"]
    assert events(child.crumbs) == ["child"]
    assert child.process["parent_pid"] == parent.process["pid"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize(
    ("target", "ending"), [("work", None), ("fail", "exception"), ("die", "gone")]
)
def test_a_child_of_multiprocessing_leaves_a_box_when_it_dies(tmp_path, method, target, ending):
    result = run(
        tmp_path,
        f"""
        import multiprocessing, os, signal
        from statecrumbs import enable, crumb
        enable(black_box="boxes")
        def work():
            crumb("child")
        def fail():
            work()
            raise ValueError("the child's")
        def die():
            work()
            os.kill(os.getpid(), signal.SIGKILL)
        if __name__ == "__main__":
            child = multiprocessing.get_context("{method}").Process(target={target})
            child.start()
            child.join()
        """,
    )
    assert result.returncode == 0
    found = boxes(tmp_path)
    assert [box.ending for box in found] == ([ending] if ending else [])
    assert all(events(box.crumbs)[0] == "child" for box in found)


@pytest.mark.parametrize("folder", ["/proc/self", "missing/boxes", "file"])
def test_a_folder_that_cannot_be_used_is_one_warning(tmp_path, folder):
    (tmp_path / "file").touch()
    result = run(
        tmp_path,
        """
        import sys
        from statecrumbs import enable, crumb, snapshot
        enable(black_box=sys.argv[1])
        for number in range(100):
            crumb("working", number=number)
        sys.exit(len(snapshot()))
        """,
        folder,
    )
    assert result.returncode == 50
    assert result.stderr.count("Cannot") == 1
    assert "Cannot make a black box in" in result.stderr


def test_no_crumb_that_was_recorded_is_lost_when_the_program_is_killed(tmp_path):
    reading, writing = os.pipe()
    program = subprocess.Popen(
        [
            sys.executable,
            "-c",
            """if True:
            import os, struct, sys, threading
            from statecrumbs import crumb, enable
            enable(black_box=sys.argv[1])
            def work(thread):
                number = 0
                while True:
                    number += 1
                    crumb("tick", n=number, text="x" * (number % 90))
                    os.write(int(sys.argv[2]), struct.pack("<II", thread, number))
            for thread in range(8):
                threading.Thread(target=work, args=(thread,), name=str(thread)).start()
            """,
            tmp_path / "boxes",
            str(writing),
        ],
        pass_fds=[writing],
    )
    os.close(writing)
    told = b""
    while len(told) < 3000 * 8:
        told += os.read(reading, 1 << 16)
    program.kill()
    with os.fdopen(reading, "rb") as pipe:
        told += pipe.read()
    assert program.wait(timeout=50) == -signal.SIGKILL
    (box,) = boxes(tmp_path)
    recovered = numbers(box.crumbs)
    assert box.ending == "gone"
    assert len(box.crumbs) >= 512 - 8
    assert all(map(are_consecutive, recovered.values()))
    for thread, number in dict(struct.iter_unpack("<II", told)).items():
        assert str(thread) not in recovered or recovered[str(thread)][-1] >= number


def test_threads_that_enable_at_once_share_one_file(tmp_path):
    result = run(
        tmp_path,
        """
        import glob, os, threading
        from statecrumbs import disable, enable
        barrier = threading.Barrier(8)
        def work():
            barrier.wait()
            enable(on_crash="none", black_box="boxes")
        for _ in range(20):
            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(len(glob.glob("boxes/*.crumbs")), end="")
            disable()
            print(len(os.listdir("boxes")), end=" ")
        """,
    )
    assert (result.stdout, result.stderr) == ("10 " * 20, "")


def test_a_child_that_is_forked_while_a_thread_enables_can_enable_too(tmp_path):
    result = run(
        tmp_path,
        """
        import os, threading, warnings
        from statecrumbs import enable
        inside, forked = threading.Event(), threading.Event()
        class Slow:
            asked = 0
            def __fspath__(self):
                Slow.asked += 1
                if Slow.asked == 2:  # the first time it is only checked
                    inside.set()
                    forked.wait()
                return "boxes"
        thread = threading.Thread(target=enable, kwargs={"black_box": Slow()})
        thread.start()
        inside.wait()
        warnings.simplefilter("ignore")  # that there are threads
        child = os.fork()
        if child == 0:
            enable(on_crash="none")
            os._exit(7)
        forked.set()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        thread.join()
        """,
    )
    assert (result.stdout, result.stderr) == ("7\n", "")


def test_a_black_box_that_was_given_up_is_made_anew_by_enable(tmp_path):
    result = run(
        tmp_path,
        """
        import os, shutil
        from statecrumbs import crumb, enable
        enable(on_crash="none", black_box="boxes")
        shutil.rmtree("boxes")
        for number in range(1000):
            crumb("lost", number=number)
        enable()
        crumb("kept")
        os._exit(0)
        """,
    )
    (box,) = boxes(tmp_path)
    assert events(box.crumbs) == ["kept"]
    assert result.stderr.count("was removed; crumbs are kept in memory only") == 1
