"""Recording in the places where a lock would hang the program."""

from __future__ import annotations

import sys

import pytest

from tests.statecrumbs.programs import events, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: fork and signals")


def test_forking_with_busy_threads_never_hangs(tmp_path):
    result = run(
        tmp_path,
        """
        import os, threading, warnings
        from statecrumbs import enable, crumb, snapshot
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: that is the point

        enable(on_crash="none")
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                crumb("busy", rows=1, items=[1, 2])
        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(100):
            child = os.fork()
            if child == 0:
                crumb("child", pid=os.getpid())
                ok = snapshot()[-1]["event"] == "child"
                os._exit(0 if ok else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        print("done", len(snapshot()))
        """,
    )
    assert result.stdout == "done 50\n", result.stderr


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


def test_memory_stays_flat_over_a_million_crumbs(tmp_path):
    result = run(
        tmp_path,
        """
        import resource
        from statecrumbs import crumb
        from statecrumbs.context import context

        def record(count):
            for number in range(count):
                with context(number=number):
                    crumb("tick", number=number, text="x" * 50)
        record(10_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        record(250_000)
        for number in range(750_000):
            crumb(f"tick {number}", number=number)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print((after - before) // 1024)
        """,
    )
    assert int(result.stdout) <= 2, "MiB more"
