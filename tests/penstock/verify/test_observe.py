"""Counting: exact numbers, by many threads and processes, however they end."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import penstock
from corectx.lowlevel import notify_ending
from penstock import flow
from penstock._verify import _counter, _observe
from penstock._verify._evidence import read
from penstock.testing import isolated_registry
from tests.penstock.verify.verdicts import edges, runs, undeclared

# A program that observes through its environment; {body} follows.
FLOW = """
    import os, sys
    from penstock import flow
    orders = flow("orders")

    @orders.entrypoint
    def receive(n=0):
        return charge(n)

    @orders.step(after=receive)
    def charge(n):
        if n % 27 == 1:
            raise ValueError(n)
"""


def program_of(body: str) -> str:
    return textwrap.dedent(FLOW) + textwrap.dedent(body)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder that programs of the test observe into."""
    monkeypatch.setenv("PENSTOCK_OBSERVE", str(tmp_path / "evidence"))
    return tmp_path / "evidence"


@pytest.mark.parametrize("is_final", [False, True])
def test_the_counts_are_written_when_the_process_announces_its_end(
    registry, tmp_path, monkeypatch, is_final
):
    monkeypatch.setattr(_observe._Ticker, "start", lambda ticker: None)
    begin = flow("shop").entrypoint(name="begin")(lambda: None)
    with penstock.observe(tmp_path / "evidence"):
        for number in (1, 2):  # after the first announcement it may go on
            begin()
            notify_ending(is_final=is_final)
            assert read([tmp_path / "evidence"]).steps["shop:begin"].began == number


SERVED = """
    from penstock import flow
    from penstock.contrib.asgi import FlowMiddleware

    @flow("shop").entrypoint
    async def receive(send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async def app(scope, receive_message, send):
        if scope["type"] == "http":
            await receive(send)
            return
        for word in ("startup", "shutdown"):
            await receive_message()
            await send({"type": f"lifespan.{word}.complete"})

    app = FlowMiddleware(app)
"""


def test_uvicorn_loses_no_count_when_it_is_terminated(folder, tmp_path):
    (tmp_path / "served.py").write_text(textwrap.dedent(SERVED))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "served:app", "--fd", str(listening.fileno())],
            cwd=tmp_path,
            pass_fds=[listening.fileno()],
            stderr=subprocess.DEVNULL,
        )
        for _ in range(3):
            client = http.client.HTTPConnection(*listening.getsockname(), timeout=50)
            client.request("GET", "/")
            assert client.getresponse().read() == b"done"
            client.close()
        server.terminate()
        server.wait(50)
    assert read([folder]).steps["shop:receive"].began == 3


def test_a_thousand_runs_with_37_errors_are_just_that(observed):
    orders = flow("orders")

    @orders.entrypoint
    def receive(n):
        try:
            charge(n)
        except ValueError:
            return

    @orders.step(after=receive)
    def charge(n):
        if n % 27 == 1:
            raise ValueError(n)
        if n % 500 == 2:
            raise KeyboardInterrupt

    for n in range(1000):
        try:
            receive(n)
        except KeyboardInterrupt:
            continue
    verdict = observed()
    assert runs(verdict) == {"receive": (1000, 0, 2), "charge": (1000, 37, 2)}
    assert edges(verdict) == {"receive -> charge": 1000}


def test_durations_are_those_that_the_steps_take(observed, monkeypatch):
    clock = 0  # a real one also measures what else the machine does
    monkeypatch.setattr(_counter, "perf_counter_ns", lambda: clock)
    work = flow("work")
    taken: list[int] = []

    @work.entrypoint
    def spin(ns):
        nonlocal clock
        clock += ns
        taken.append(ns)

    pick = random.Random(1)
    for _ in range(400):
        spin(pick.randrange(50_000, 500_000))
    verdict = observed()
    (ran,) = verdict.flows["work"].ran.values()
    taken.sort()
    assert ran.p50 == pytest.approx(taken[199], rel=0.02)
    assert ran.p95 == pytest.approx(taken[379], rel=0.02)


def test_what_was_cancelled_is_no_error(observed):
    orders = flow("orders")

    @orders.entrypoint
    async def receive():
        await asyncio.Event().wait()

    async def main():
        task = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert runs(observed()) == {"receive": (1, 0, 1)}


def test_no_count_is_lost_between_threads(observed):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        charge()

    @orders.step(after=receive)
    def charge():
        return None

    start = threading.Barrier(8)

    def work():
        start.wait()
        for _ in range(3000):
            receive()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = observed()
    assert runs(verdict) == {"receive": (24000, 0, 0), "charge": (24000, 0, 0)}
    assert edges(verdict) == {"receive -> charge": 24000}
    assert undeclared(verdict) == {}


def test_what_has_not_ended_has_begun(observed, tmp_path):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        (observation,) = _observe._observations.values()
        observation.flush()
        return read([tmp_path / "evidence"]).steps["orders:receive"]

    inside = receive()
    assert (inside.began, inside.took) == (1, {})
    assert runs(observed()) == {"receive": (1, 0, 0)}


def test_a_signal_handler_may_run_steps_at_any_moment(observed):
    orders = flow("orders")
    handled = []

    @orders.entrypoint
    def receive():
        return None

    def handle(number, frame):
        receive()
        handled.append(number)

    outer = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        ran = 0
        while len(handled) < 100:
            receive()
            ran += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer)
    assert runs(observed())["receive"] == (ran + len(handled), 0, 0)


def test_the_environment_turns_it_on_in_child_processes_too(program, folder):
    program(
        program_of("""
            import subprocess
            receive()
            if len(sys.argv) == 1:
                subprocess.run([sys.executable, __file__, "child"], check=True)
        """)
    )
    evidence = read([folder])
    assert evidence.processes == 2
    assert evidence.steps["orders:charge"].began == 2


def test_an_empty_variable_turns_nothing_on(program, monkeypatch, tmp_path):
    monkeypatch.setenv("PENSTOCK_OBSERVE", "")
    said = program(program_of("receive(); print('penstock._verify' in sys.modules)"))
    assert said == "False\n"


@pytest.mark.parametrize("fork", ["os.fork()", "ctypes.CDLL(None).fork()"])
def test_a_forked_child_counts_in_a_file_of_its_own(program, folder, fork):
    """Also a child that is forked in the middle of a run, and by C, which calls no hook."""
    program(
        program_of("""
            import ctypes
            receive()
            @orders.step(after="express")
            def ship():
                if FORK == 0:
                    pack()
                    return
                os.wait()

            @orders.step(after=ship)
            def pack():
                pass

            @orders.entrypoint
            def express():
                ship()

            express()
        """).replace("FORK", fork)
    )
    evidence = read([folder])
    counts = {step: totals.began for step, totals in evidence.steps.items()}
    assert evidence.processes == 2
    assert counts == {
        "orders:receive": 1,
        "orders:charge": 1,
        "orders:express": 1,
        "orders:ship": 1,
        "orders:pack": 1,
    }
    assert evidence.steps["orders:pack"].seen == {"orders:ship": 1}
    assert sum(sum(totals.took.values()) for totals in evidence.steps.values()) == 5
    assert evidence.starts == []


def test_a_hundred_processes_that_write_at_once_add_up(program, folder):
    program(
        program_of("""
            import multiprocessing

            def work(ready, go):
                ready.release()
                go.wait()
                for n in range(54):
                    try:
                        receive(n)
                    except ValueError:
                        pass

            context = multiprocessing.get_context("fork")
            ready, go = context.Semaphore(0), context.Event()
            workers = [context.Process(target=work, args=(ready, go)) for _ in range(100)]
            for worker in workers:
                worker.start()
            for _ in workers:
                ready.acquire()
            go.set()
            for worker in workers:
                worker.join()
            assert not any(worker.exitcode for worker in workers)
        """)
    )
    evidence = read([folder])
    assert evidence.processes == 100
    charge = evidence.steps["orders:charge"]
    assert (charge.began, charge.errors, sum(charge.took.values())) == (5400, 200, 5400)
    assert charge.seen == {"orders:receive": 5400}
    assert evidence.skipped == 0


def test_no_thread_of_ours_lives_through_a_fork(program, folder):
    """Python 3.12 and newer warn of threads at a fork, and `program` makes warnings errors."""
    said = program(
        program_of("""
            import threading
            receive()
            assert "penstock-observe" in [thread.name for thread in threading.enumerate()]
            pid = os.fork()
            if pid == 0:
                receive()
                sys.exit()
            os.waitpid(pid, 0)
            print("penstock-observe" in [thread.name for thread in threading.enumerate()])
        """)
    )
    assert said == "True\n"
    assert read([folder]).steps["orders:charge"].began == 2


def test_threads_that_begin_and_fork_at_once_leave_one_thread_of_ours(program, folder):
    said = program(
        program_of("""
            import threading, warnings
            import penstock
            warnings.simplefilter("ignore")  # what forks here has threads of its own

            def all_at_once(do):
                def work():
                    barrier.wait()
                    do()
                barrier = threading.Barrier(8)
                threads = [threading.Thread(target=work) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()

            def fork():
                pid = os.fork()
                if pid == 0:
                    os._exit(0)
                os.waitpid(pid, 0)

            def ours():
                return [each for each in threading.enumerate() if each.name == "penstock-observe"]

            sys.setswitchinterval(1e-6)
            for do in (receive, fork):
                all_at_once(do)
                print(len(ours()))
            (thread,) = ours()
            penstock.observe(os.environ["PENSTOCK_OBSERVE"]).stop()
            thread.join()
            print(len(ours()))
        """)
    )
    assert said.split() == ["1", "1", "0"]
    assert read([folder]).steps["orders:charge"].began == 8


def test_threads_that_observe_a_folder_at_once_count_it_once(registry, tmp_path, monkeypatch):
    both_make_one = threading.Barrier(2)
    make = _observe._Journal

    def journal(*arguments):
        both_make_one.wait(50)
        return make(*arguments)

    monkeypatch.setattr(_observe, "_Journal", journal)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(penstock.observe, [tmp_path / "evidence"] * 2)
    first.stop()
    second.stop()
    assert first is second


def test_a_program_whose_folder_was_removed_says_so_once(tmp_path):
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent("""
                import os
                os.mkdir("gone")
                os.chdir("gone")
                os.rmdir("../gone")
                os.environ["PENSTOCK_OBSERVE"] = "evidence"
                from penstock import flow
                flow("orders").entrypoint(print)(7)
            """),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert said.stdout == "7\n"
    assert said.stderr.startswith("Cannot write the evidence in evidence: No such file")
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_process_that_is_killed_loses_its_last_second_at_most(tmp_path, folder, seed):
    path = tmp_path / "program.py"
    path.write_text(
        program_of("""
            import time
            n = 0
            while True:
                for _ in range(20):
                    receive()
                    n += 1
                print(n, time.monotonic(), flush=True)
        """)
    )
    patience = 1.2 + random.Random(seed).random()
    with subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True) as victim:
        told = []
        while not told or told[-1][1] - told[0][1] < patience:
            count, when = victim.stdout.readline().split()
            told.append((int(count), float(when)))
        victim.kill()
        for line in victim.stdout:
            if line.endswith("\n") and len(line.split()) == 2:
                count, when = line.split()
                told.append((int(count), float(when)))
    evidence = read([folder])
    least = max(count for count, when in told if when <= told[-1][1] - 1)
    assert evidence.steps["orders:charge"].began >= least > 0


def test_a_program_that_cannot_write_goes_on_and_says_so_once(observed, tmp_path, caplog):
    obstacle = tmp_path / "evidence"
    obstacle.write_text("a file where the folder should be")
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        return 7

    with caplog.at_level(logging.WARNING, "corectx"):
        (observation,) = _observe._observations.values()
        for _ in range(3):
            assert receive() == 7
            observation.flush()
        (record,) = [each for each in caplog.records if each.name == "corectx"]
    assert "Cannot write the evidence in" in record.getMessage()
    obstacle.unlink()
    assert runs(observed()) == {"receive": (3, 0, 0)}
    (path,) = obstacle.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("happens", ["removed", "cut"])
def test_a_file_that_somebody_removes_or_cuts_is_written_anew(observed, tmp_path, happens):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        charge()

    @orders.step(after=receive)
    def charge():
        return None

    (observation,) = _observe._observations.values()
    receive()
    observation.flush()
    (path,) = (tmp_path / "evidence").iterdir()
    if happens == "removed":
        path.unlink()
    else:
        os.truncate(path, 20)
    receive()
    verdict = observed()
    assert edges(verdict) == {"receive -> charge": 2}
    assert verdict.evidence.skipped == 0


def test_what_a_full_disk_has_cut_off_is_written_anew(observed, monkeypatch):
    append = _observe.append_private

    def write_half(path, content):
        monkeypatch.setattr(_observe, "append_private", append)
        append(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    orders = flow("orders")

    @orders.entrypoint
    def receive():
        ship()

    @orders.step(after=receive)
    def ship():
        return None

    monkeypatch.setattr(_observe, "append_private", write_half)
    (observation,) = _observe._observations.values()
    receive()
    observation.flush()
    receive()
    verdict = observed()
    assert runs(verdict) == {"receive": (2, 0, 0), "ship": (2, 0, 0)}
    assert verdict.evidence.skipped == 0


def test_the_file_is_bounded_by_the_steps_not_by_the_calls(observed, tmp_path, monkeypatch):
    monkeypatch.setattr(_observe, "_SPACIOUS", 10_000)
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        ship()

    @orders.step(after="charge")
    def ship():
        return None

    (observation,) = _observe._observations.values()
    largest = 0
    for _ in range(300):
        for _ in range(10):
            receive()
        observation.flush()
        (path,) = (tmp_path / "evidence").iterdir()
        largest = max(largest, path.stat().st_size)
    assert largest < 150_000
    verdict = observed()
    assert runs(verdict) == {"receive": (3000, 0, 0), "ship": (3000, 0, 0)}
    assert undeclared(verdict) == {"ship": 3000}


def test_the_file_is_the_owner_s_alone_and_holds_no_values(observed, tmp_path):
    orders = flow("orders")

    @orders.entrypoint
    def receive(card):
        raise ValueError(card)

    with pytest.raises(ValueError, match="4111"):
        receive("4111-1111")
    observed()
    (path,) = (tmp_path / "evidence").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "4111" not in path.read_text()


def test_every_line_is_json_and_the_first_says_which_process_it_is(observed, tmp_path):
    orders = flow('a:b\\ "\n\ud800')

    @orders.entrypoint(name="\x00\u2028\ud83d")
    def receive():
        return None

    receive()
    verdict = observed()
    (path,) = (tmp_path / "evidence").iterdir()
    first, *others = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert (first["penstock"], first["pid"]) == (1, os.getpid())
    assert others
    assert runs(verdict) == {"\x00\u2028\ud83d": (1, 0, 0)}


def test_to_observe_a_folder_twice_is_to_observe_it_once(registry, tmp_path):
    first = penstock.observe(tmp_path)
    second = penstock.observe(str(tmp_path) + "/")
    assert first is second
    first.stop()
    first.stop()
    with penstock.observe(tmp_path) as third:
        assert third is not first


def test_two_folders_are_observed_each_by_itself(registry, tmp_path):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        charge()

    @orders.step(after=receive)
    def charge():
        return None

    with penstock.observe(tmp_path / "long"):
        receive()
        with penstock.observe(tmp_path / "short"):
            receive()
        receive()
    assert read([tmp_path / "long"]).steps["orders:charge"].began == 3
    assert read([tmp_path / "short"]).steps["orders:charge"].began == 1


def test_a_run_that_began_before_is_not_judged(registry, tmp_path):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        charge()
        with penstock.observe(tmp_path / "evidence"):
            ship()

    @orders.step(after=receive)
    def charge():
        return None

    @orders.step(after=charge)
    def ship():
        return None

    receive()
    evidence = read([tmp_path / "evidence"])
    assert evidence.steps["orders:ship"].began == 1
    assert evidence.starts == []


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (None, TypeError, "NoneType"),
        (b"bytes", TypeError, "as text, not b'bytes'"),
        ("", ValueError, "an empty one"),
        ("a\0b", ValueError, r"'a\\x00b' cannot be one: .*embedded null"),
        ("a\ud800", ValueError, r"'a\\ud800' cannot be one: .*surrogates"),
    ],
)
def test_what_is_no_folder_is_refused(path, error, message):
    with pytest.raises(error, match=message):
        penstock.observe(path)


def test_steps_in_other_registries_count_too(registry, tmp_path):
    with penstock.observe(tmp_path / "evidence"), isolated_registry():
        orders = flow("orders")

        @orders.entrypoint
        def receive():
            charge()

        @orders.step(after=receive)
        def charge():
            return None

        receive()
    assert read([tmp_path / "evidence"]).steps["orders:charge"].seen == {"orders:receive": 1}


def test_a_step_writes_itself_where_no_thread_does(observed, registry, tmp_path, monkeypatch):
    """So it is under uWSGI, which runs the threads of a program only if it is told to."""
    monkeypatch.setattr(_observe._Ticker, "start", lambda ticker: None)
    monkeypatch.setattr(_observe, "_STARVED", 0)
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        pass

    receive()
    receive()
    assert read([tmp_path / "evidence"]).steps["orders:receive"].began == 1  # at the next run


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python 3.14 or newer: inherited contexts")
def test_the_thread_that_writes_keeps_no_operation_alive(tmp_path):
    program = """
        import gc
        from corectx import Frame
        from penstock import flow, observe

        observe("observed")

        @flow("shop").entrypoint
        def order():
            pass

        order()
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, Frame)]
    """
    subprocess.run(
        [sys.executable, "-X", "thread_inherit_context=1", "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        check=True,
    )
