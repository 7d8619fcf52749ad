"""Recording in the places where a lock would hang the program."""

from __future__ import annotations

import json
import sys

import pytest

from statecrumbs._black_box import read
from tests.statecrumbs.black_boxes import are_consecutive, numbers
from tests.statecrumbs.programs import events, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: fork and signals")


def test_300_forks_with_busy_threads_never_hang_and_have_black_boxes_of_their_own(tmp_path):
    result = run(
        tmp_path,
        """
        import os, sys, threading, warnings
        from statecrumbs import enable, crumb, snapshot
        from statecrumbs.context import context
        sys.setswitchinterval(0.0005)  # so that each fork has its turn soon
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: that is the point

        enable(on_crash="none", black_box="boxes")
        stop = threading.Event()
        def busy():
            number = 0
            with context(worker=1):
                while not stop.is_set():
                    number += 1
                    crumb("busy", n=number, items=[1, 2])
        threads = [threading.Thread(target=busy, name=f"busy-{n}") for n in range(4)]
        for thread in threads:
            thread.start()
        for number in range(300):
            child = os.fork()
            if child == 0:
                crumb("child", n=number)
                ok = snapshot()[-1]["event"] == "child"
                os._exit(0 if ok else 1)
            print(child, number)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        print(os.getpid(), len(snapshot()), flush=True)
        os._exit(0)
        """,
    )
    assert result.returncode == 0, result.stderr
    *children, (parent, kept) = (map(int, line.split()) for line in result.stdout.splitlines())
    assert kept == 50
    boxes = {box.process["pid"]: box for box in map(read, (tmp_path / "boxes").glob("*.crumbs"))}
    assert len(boxes) == 301
    own = boxes[parent]
    # Three threads may have been held up, each in the middle of a crumb, for a whole lap.
    assert 512 - 3 <= len(own.crumbs) <= 512
    assert own.torn == 0
    assert all(map(are_consecutive, numbers(own.crumbs).values()))
    assert all(crumb["thread"].startswith("busy-") for crumb in own.crumbs)
    for pid, number in children:
        assert boxes[pid].process["parent_pid"] == parent
        assert [(crumb["event"], crumb["n"]) for crumb in boxes[pid].crumbs] == [
            ("child", str(number))
        ]


def test_forking_while_a_thread_records_its_first_text_never_hangs(tmp_path):
    # The first text imports the patterns for secrets, and an import takes a lock.
    result = run(
        tmp_path,
        """
        import faulthandler, importlib.abc, os, sys, threading, warnings
        from statecrumbs import crumb
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: that is the point

        importing, forking = threading.Event(), threading.Event()
        class Slow(importlib.abc.MetaPathFinder):
            def find_spec(self, name, *_):
                if name == "statecrumbs._redact._text":
                    importing.set()
                    assert forking.wait(30)
        sys.meta_path.insert(0, Slow())
        thread = threading.Thread(target=crumb, args=["it"], kwargs={"text": "token=abc"})
        thread.start()
        assert importing.wait(30)
        os.register_at_fork(before=forking.set)
        child = os.fork()
        if child == 0:
            faulthandler.dump_traceback_later(30, exit=True)
            crumb("child", text="token=abc")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        thread.join()
        print("done")
        """,
    )
    assert result.stdout == "done\n", result.stderr


def test_a_signal_handler_that_records_never_hangs(tmp_path):
    result = run(
        tmp_path,
        """
        import signal
        from statecrumbs import crumb, snapshot
        from statecrumbs.context import context

        count = 0
        def handler(*_):
            global count
            count += 1
            crumb("signal", count=count)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        with context(main=1):
            while count < 300:
                crumb("main", items=[1, 2, 3], rows=5)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print("done")
        """,
    )
    assert result.stdout == "done\n", result.stderr


def test_a_signal_handler_that_interrupts_the_first_text_loses_nothing(tmp_path):
    # During that import a text cannot be searched, so it is redacted as a whole.
    result = run(
        tmp_path,
        """
        import importlib.abc, signal, sys
        from statecrumbs import crumb, snapshot

        def handler(*_):
            crumb("signal", text="token=abc", number=1)
            crumb("signal: token=abc")
        signal.signal(signal.SIGUSR1, handler)
        class Interrupted(importlib.abc.MetaPathFinder):
            def find_spec(self, name, *_):
                if name == "re":
                    signal.raise_signal(signal.SIGUSR1)
        sys.meta_path.insert(0, Interrupted())
        sys.modules.pop("re", None)
        crumb("main: password=abc")
        for each in snapshot():
            print(each["event"], each.get("text"), each.get("number"))
        """,
    )
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[:2] == ["signal 'token=[redacted]' 1", "[redacted] None None"]
    assert lines[-1] == "main: password=[redacted] None None"


def test_a_finalizer_that_records_never_hangs(tmp_path):
    result = run(
        tmp_path,
        """
        import gc
        from statecrumbs import crumb, snapshot

        class Node:
            def __init__(self):
                self.me = self
            def __del__(self):
                crumb("collected", node=[1])

        gc.set_threshold(5)
        for number in range(3000):
            Node()
            crumb("main", items=[number])
        print("done", len(snapshot()))
        """,
    )
    assert result.stdout == "done 50\n", result.stderr


def test_a_live_process_dumps_at_a_signal_and_goes_on(tmp_path):
    result = run(
        tmp_path,
        """
        import os, signal
        from statecrumbs import enable, crumb
        from statecrumbs.context import context

        heard = []
        signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
        enable(dump_signal=signal.SIGUSR1)
        with context(job=7):
            crumb("working")
            os.kill(os.getpid(), signal.SIGUSR1)
        enable(dump_signal=None)
        os.kill(os.getpid(), signal.SIGUSR1)
        print(len(heard))
        """,
    )
    assert result.stdout == "2\n", result.stderr
    assert events(result.dump) == ["working", "live_dump"]
    assert result.dump[-1]["context"] == {"job": 7}


@pytest.mark.timeout(300)
def test_memory_stays_flat_over_a_million_crumbs(tmp_path):
    result = run(
        tmp_path,
        """
        import resource
        from statecrumbs import crumb
        from statecrumbs.context import context

        def peak():  # KiB
            try:  # ru_maxrss begins with what the parent had on Linux, and so would not grow
                with open("/proc/self/status") as status:
                    (line,) = (each for each in status if each.startswith("VmHWM:"))
                return int(line.split()[1])
            except OSError:
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        def record(count):
            for number in range(count):
                with context(number=number):
                    crumb("tick", number=number, text="x" * 50)
        record(10_000)
        before = peak()
        record(150_000)
        for number in range(100_000):
            crumb(f"tick {number}", number=number)
        for number in range(750_000):
            crumb("tick", number=number, text="x" * 50)
        print((peak() - before) // 1024)
        """,
        timeout=250,
    )
    assert int(result.stdout) <= 2, "MiB more"


@pytest.mark.parametrize("on_crash", ["stderr", "file"])
def test_a_dump_at_a_signal_imports_nothing(tmp_path, on_crash):
    """The signal may come in the middle of an import, which would then be waited for."""
    result = run(
        tmp_path,
        f"""
        import os, signal, sys
        from statecrumbs import enable, crumb
        enable(dump_signal=signal.SIGUSR1, on_crash={on_crash!r}, output_file="dump.json")
        crumb("working", password="hunter2", value=[object()])
        before = set(sys.modules)
        os.kill(os.getpid(), signal.SIGUSR1)
        print(sorted(set(sys.modules) - before))
        """,
    )
    assert result.stdout == "[]\n"


STORM = """
    import os, signal, sys, threading
    from statecrumbs import enable, crumb
    DUMPS = 200
    heard = 0
    def count(crumbs):
        global heard
        heard += 1
    enable(dump_signal=signal.SIGUSR1, {options})
    {before}
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(writing)
        for _ in range(DUMPS):
            if os.read(reading, 1) == b"":
                break
            os.kill(parent, signal.SIGUSR1)
        os._exit(0)
    os.close(reading)
    for number in range(DUMPS):
        os.write(writing, b"x")
        {work}
    os.waitpid(child, 0)
    print("done", heard)
"""


@pytest.mark.parametrize(
    ("options", "before", "work"),
    [
        ("on_crash=count", "", "[crumb('busy', n=n, value=[n]) for n in range(100)]"),
        (
            "on_crash=count",
            "lock = threading.Lock()",
            "with lock: [crumb('locked', value=[n]) for n in range(50)]",
        ),
        ("on_crash='stderr'", "", "print('the program writes there too', file=sys.stderr)"),
        ("on_crash='file', output_file='dump.json'", "", "[crumb('x', n=n) for n in range(100)]"),
        ("on_crash=count", "import hashlib", "hashlib.pbkdf2_hmac('sha256', b'', b'', 1000)"),
        (
            "on_crash=count, black_box='boxes'",
            "",
            "[crumb('busy', n=n, value=[n]) for n in range(100)]",
        ),
    ],
    ids=["busy", "in_a_lock", "writing_to_stderr", "to_a_file", "in_c_code", "black_box"],
)
def test_signals_at_any_moment_do_the_program_no_harm(tmp_path, options, before, work):
    result = run(tmp_path, STORM.format(options=options, before=before, work=work))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("done ")
    assert "statecrumbs:" not in result.stderr
    if "count" in options:
        assert int(result.stdout.split()[1]) > 0
    elif "stderr" in options:
        assert '"live_dump"' in result.stderr
    else:
        dump = json.loads((tmp_path / "dump.json").read_text())
        assert dump[-1]["event"] == "live_dump"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["dump.json", "program.py"]


def test_a_process_that_is_stuck_in_c_code_dumps_as_soon_as_it_comes_back(tmp_path):
    result = run(
        tmp_path,
        """
        import ctypes, os, signal
        from statecrumbs import enable, crumb
        enable(dump_signal=signal.SIGUSR1)
        crumb("before")
        libc = ctypes.PyDLL(None)  # holds the GIL: no Python code runs meanwhile
        libc.raise_ = libc["raise"]
        libc.raise_(int(signal.SIGUSR1))
        crumb("after")
        """,
    )
    assert events(result.dump) == ["before", "live_dump"]
