"""`ContextExecutor`: the submitter's frame in a pool's threads and processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from corectx import Site, attach, bind, current, detach, enter, failed_frame, leave, scope, start
from corectx.executors import ContextExecutor
from tests.corectx import work

METHODS = multiprocessing.get_all_start_methods()
TASK = Site("task", "import", flow="bom_sync")


@pytest.fixture
def task():
    """Be inside a task with some values; return its frame."""
    token = enter(start(TASK, values={"order": 7, "secret": "s3cret", "thing": object()}))
    yield current()
    leave(token)


def test_it_is_an_executor_and_shuts_down_the_one_that_it_wraps():
    inner = ThreadPoolExecutor(1)
    with ContextExecutor(inner) as pool:
        assert isinstance(pool, Executor)
        assert pool.submit(work.double, 2).result() == 4
        assert pool.submit(work.fail, message="told").exception().args == ("told",)
    with pytest.raises(RuntimeError, match="shutdown"):
        inner.submit(work.double, 2)


def test_a_worker_thread_has_the_very_frame(task):
    with ContextExecutor(ThreadPoolExecutor(1)) as pool:
        assert pool.submit(current).result() is task


def test_the_frame_is_that_of_the_submission_and_not_that_of_the_run():
    release = threading.Event()
    with ContextExecutor(ThreadPoolExecutor(1)) as pool:
        blocked = pool.submit(release.wait)
        with scope(order=1):
            first = pool.submit(work.look)
        with scope(order=2):
            second = pool.submit(work.look)
        third = pool.submit(work.look)
        release.set()
        assert blocked.result()
        assert [each.result().values for each in (first, second, third)] == [
            {"order": 1},
            {"order": 2},
            {},
        ]


def test_a_map_that_is_read_later_has_the_frame_of_its_call():
    with ContextExecutor(ThreadPoolExecutor(1)) as pool:
        with scope(order=1):
            seen = pool.map(work.look_again, range(3))
        with scope(order=2):
            assert [each.values for each in seen] == [{"order": 1}] * 3


@pytest.mark.parametrize("frame", [None, start(TASK)], ids=["none", "task"])
def test_a_worker_thread_keeps_nothing_of_its_work(frame):
    with ThreadPoolExecutor(1) as inner:
        inner.submit(current).result()  # a thread that starts later may inherit the frame
        token = attach(frame)
        bound = bind(work.leave_a_generator_suspended)
        for submit in (ContextExecutor(inner).submit, inner.submit):
            kept = submit(bound).result()
            assert inner.submit(current).result() is None
            inner.submit(kept.clear).result()
        detach(token)


def test_map_passes_its_options_on():
    with ContextExecutor(ThreadPoolExecutor(1)) as pool:
        release = threading.Event()
        blocked = pool.submit(release.wait)
        with pytest.raises(TimeoutError if sys.version_info >= (3, 11) else Exception):
            list(pool.map(work.double, [1], timeout=0))
        release.set()
        assert blocked.result()
        assert list(pool.map(pow, [2, 3], [3, 2], timeout=10, chunksize=2)) == [8, 9]


def test_a_future_can_be_cancelled():
    with ContextExecutor(ThreadPoolExecutor(1)) as pool:
        release = threading.Event()
        blocked = pool.submit(release.wait)
        assert pool.submit(work.look).cancel()
        release.set()
        assert blocked.result()


def test_the_default_executor_of_a_loop_takes_bound_functions():
    async def main():
        with scope(order=7):
            bound = bind(work.look)
        return await asyncio.get_running_loop().run_in_executor(None, bound)

    assert asyncio.run(main()).values == {"order": 7}


@pytest.mark.parametrize("method", METHODS)
def test_a_process_knows_the_operation_and_the_allowed_values(method, task):
    context = multiprocessing.get_context(method)
    with ContextExecutor(ProcessPoolExecutor(1, context), allow=["order"]) as pool:
        future = pool.submit(work.look)
        mapped = pool.map(work.look_again, range(5), chunksize=2)
        pid = pool.submit(os.getpid)
        expected = work.Seen("import", "bom_sync", task.correlation_id, {"order": 7})
        assert [future.result(), *mapped] == [expected] * 6
        assert pid.result() != os.getpid()


@pytest.mark.parametrize("method", METHODS)
def test_a_process_knows_nothing_where_nothing_was_ambient(method):
    # A forked worker inherits the context of whoever caused the fork: the first submitter.
    context = multiprocessing.get_context(method)
    with ContextExecutor(ProcessPoolExecutor(1, context)) as pool:
        with scope(order=7):
            pool.submit(work.look).result()
        assert pool.submit(work.look).result() == work.NOTHING


@pytest.fixture
def interpreters():
    """Return a pool of one interpreter, which finds the modules of the tests."""
    if sys.version_info < (3, 14):
        pytest.skip("Python 3.14 or newer: needs InterpreterPoolExecutor")
    from concurrent.futures import InterpreterPoolExecutor

    def find_tests(path):
        import sys

        sys.path[:] = path

    return InterpreterPoolExecutor(1, initializer=find_tests, initargs=(sys.path,))


def test_an_interpreter_knows_the_operation_and_the_allowed_values(interpreters, task):
    with ContextExecutor(interpreters, allow=["order"]) as pool:
        future = pool.submit(work.look)
        mapped = pool.map(work.look_again, range(3), chunksize=2)
        expected = work.Seen("import", "bom_sync", task.correlation_id, {"order": 7})
        assert [future.result(), *mapped] == [expected] * 4


def test_an_interpreter_takes_each_function_that_its_bare_pool_takes(interpreters):
    with ContextExecutor(interpreters) as pool:
        assert pool.submit(lambda a, *, b: a + b, 1, b=2).result() == 3
        assert list(pool.map(lambda a, b: a + b, [1, 2], [3, 4])) == [4, 6]
        assert list(pool.map(lambda: 1)) == []


def test_an_exception_from_an_interpreter_is_that_of_the_bare_pool(interpreters):
    with ContextExecutor(interpreters) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result()


def test_a_value_that_is_not_allowed_or_cannot_travel_stays_here(task, reports):
    with ContextExecutor(ProcessPoolExecutor(1), allow=["order", "thing"]) as pool:
        assert pool.submit(work.look).result().values == {"order": 7}
    (record,) = reports()
    assert "Left out allowed values" in record.getMessage()


def test_an_exception_from_a_process_names_the_frame_that_it_left(task):
    with ContextExecutor(ProcessPoolExecutor(1)) as pool:
        error = pool.submit(work.fail).exception()
    frame = failed_frame(error)
    assert (frame.kind, frame.name, frame.flow) == ("remote", "parse", "bom_sync")
    assert frame.correlation_id == task.correlation_id


def test_an_exception_from_a_process_keeps_its_frame_when_it_leaves_ours(task):
    with ContextExecutor(ProcessPoolExecutor(1)) as pool:
        future = pool.submit(work.fail)
    with pytest.raises(ValueError) as caught, scope(part=1):
        future.result()
    assert failed_frame(caught.value).name == "parse"


def test_an_exception_with_a_frame_loads_where_corectx_is_not_installed(task):
    with pytest.raises(ValueError) as caught:
        work.fail("broken")
    program = (
        "import pickle, sys\n"
        "error = pickle.loads(sys.stdin.buffer.read())\n"
        "assert 'corectx' not in sys.modules\n"
        "print(error, sorted(vars(error)['_corectx_frame']))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        input=pickle.dumps(caught.value),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().split() == [
        "broken",
        "['correlation_id',",
        "'flow',",
        "'id',",
        "'kind',",
        "'name']",
    ]


def test_a_single_key_is_not_taken_for_a_collection_of_keys():
    with pytest.raises(TypeError, match=r"Write \['order'\]"):
        ContextExecutor(ThreadPoolExecutor(1), allow="order")
