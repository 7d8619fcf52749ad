"""The ways in which Python runs a function: each hands the caller's frame over as its users would.

A model is a context manager that gives ``call(function)``: it runs ``function()`` once in its way,
and returns its result, or raises its exception. If the work is deferred, the caller's frame is gone
by the time it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from corectx import attach, bind, current, detach, scope
from corectx.executors import ContextExecutor

Work = Callable[[], Any]
Call = Callable[[Work], Any]
Model = Callable[[], contextlib.AbstractContextManager[Call]]

MODELS: dict[str, Model] = {}
# Less reaches another process: names, the ID, and the allowed values.
ACROSS_PROCESSES: set[str] = set()
# The work runs where Python itself catches what it raises.
SWALLOWING: set[str] = set()
ALLOWED = "order"


def model(name: str, *, swallows: bool = False) -> Callable[[Call], Call]:
    """Register a function ``call(work)`` as the model `name`."""

    def register(call: Call) -> Call:
        MODELS[name] = lambda: contextlib.nullcontext(call)
        if swallows:
            SWALLOWING.add(name)
        return call

    return register


def settled(work: Work) -> tuple[Future[Any], Work]:
    """Return a future and a function that runs `work` into it."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except ValueError as error:
            future.set_exception(error)

    return future, run


def elsewhere(run: Work) -> None:
    """Run `run` while nothing is ambient, as at a time when the caller has moved on."""
    token = attach(None)
    try:
        run()
    finally:
        detach(token)


# Plain calls and threads


@model("plain call")
def _(work):
    return work()


@model("thread")
def _(work):
    future, run = settled(work)
    thread = threading.Thread(target=bind(run))
    elsewhere(thread.start)
    thread.join()
    return future.result()


@model("timer")
def _(work):
    future, run = settled(work)
    timer = threading.Timer(0, bind(run))
    elsewhere(timer.start)
    timer.join()
    return future.result()


@model("thread pool submit, bound")
def _(work):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(bind(work)).result()


def in_a_pool(pool: Any) -> tuple[Call, Call]:
    """Return how to call something by a pool's ``submit`` and by its ``map``."""

    def submit(work):
        return pool.submit(work).result()

    def by_map(work):
        return list(pool.map(_call, [work] * 3, chunksize=2))[-1]

    return submit, by_map


def _call(work):
    return work()


@contextlib.contextmanager
def thread_pool(how: int) -> Iterator[Call]:
    """Have one thread serve all calls, so that it would show what the one before left."""
    with ContextExecutor(ThreadPoolExecutor(1)) as pool:
        yield in_a_pool(pool)[how]


@contextlib.contextmanager
def process_pool(method: str, how: int) -> Iterator[Call]:
    """Have one process serve all calls."""
    context = multiprocessing.get_context(method)
    with ContextExecutor(ProcessPoolExecutor(1, context), allow=[ALLOWED]) as pool:
        yield in_a_pool(pool)[how]


for position, title in enumerate(("submit", "map")):
    MODELS[f"thread pool {title}"] = lambda how=position: thread_pool(how)
    for method in multiprocessing.get_all_start_methods():
        name = f"process pool {title}, {method}"
        MODELS[name] = lambda method=method, how=position: process_pool(method, how)
        ACROSS_PROCESSES.add(name)


# asyncio


@model("asyncio task")
def _(work):
    async def main():
        return await asyncio.create_task(later(work))

    return asyncio.run(main())


@model("gather")
def _(work):
    async def main():
        before = current()
        results = await asyncio.gather(*[later(work) for _ in range(3)])
        assert current() is before
        return results[1]

    return asyncio.run(main())


async def later(work):
    """Run `work` after others had their turn."""
    await asyncio.sleep(0)
    return work()


@model("to_thread")
def _(work):
    return asyncio.run(asyncio.to_thread(work))


@model("run_in_executor, bound")
def _(work):
    async def main():
        return await asyncio.get_running_loop().run_in_executor(None, bind(work))

    return asyncio.run(main())


@model("run_in_executor, ContextExecutor")
def _(work):
    async def main():
        with ContextExecutor(ThreadPoolExecutor(1)) as pool:
            return await asyncio.get_running_loop().run_in_executor(pool, work)

    return asyncio.run(main())


@model("call_soon_threadsafe, bound")
def _(work):
    future, run = settled(work)

    async def main():
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(bind(run),))
        thread.start()
        result = await asyncio.wrap_future(future)
        thread.join()
        return result

    return asyncio.run(main())


@model("coroutine, bound")
def _(work):
    @bind
    async def coroutine():
        await asyncio.sleep(0)
        return work()

    token = attach(None)
    try:
        return asyncio.run(coroutine())
    finally:
        detach(token)


# Generators: the work is done in the body, at the moment that the name tells


def outside(before: object) -> None:
    """Check that the generator's own frame is not ambient while it is suspended."""
    assert current() is before


@model("generator, bound, in another thread")
def _(work):
    @bind
    def body():
        yield work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: next(body())).result()


@model("generator, first item")
def _(work):
    @scope(generator="yes")
    def body():
        yield work()

    before = current()
    generator = body()
    outside(before)
    result = next(generator)
    outside(before)
    return result


@model("generator, after a suspension")
def _(work):
    @scope(generator="yes")
    def body():
        with scope(held="over a yield"):
            yield
            yield work()

    before = current()
    generator = body()
    next(generator)
    outside(before)
    with scope(consumer="yes"):
        result = next(generator)
    outside(before)
    generator.close()
    outside(before)
    return result


@model("generator, exhausted by a for loop")
def _(work):
    @scope(generator="yes")
    def body():
        yield 1
        results.append(work())

    results: list[Any] = []
    before = current()
    for _ in body():
        outside(before)
    return results[0]


@model("generator, closed")
def _(work):
    @scope(generator="yes")
    def body():
        try:
            yield
        finally:
            results.append(work())

    results: list[Any] = []
    before = current()
    generator = body()
    next(generator)
    with scope(consumer="yes"):
        generator.close()
    outside(before)
    return results[0]


@model("generator, thrown into")
def _(work):
    @scope(generator="yes")
    def body():
        try:
            yield
        except KeyError:
            yield work()

    before = current()
    generator = body()
    next(generator)
    result = generator.throw(KeyError("thrown"))
    outside(before)
    return result


@model("generator, abandoned", swallows=True)
def _(work):
    @scope(generator="yes")
    def body():
        try:
            yield
        finally:
            results.append(work())

    results: list[Any] = []
    before = current()
    generator = body()
    next(generator)
    del generator
    gc.collect()
    outside(before)
    return results[0]


@model("generator, abandoned and collected by another thread", swallows=True)
def _(work):
    @scope(generator="yes")
    def body():
        with scope(held="over a yield"):
            try:
                yield
            finally:
                results.append(work())

    results: list[Any] = []
    before = current()
    held = [body()]
    next(held[0])

    def collect():
        assert current() is None
        held.clear()
        gc.collect()
        assert current() is None

    # In an empty context, also where a thread would inherit this one.
    thread = threading.Thread(target=contextvars.Context().run, args=(collect,))
    thread.start()
    thread.join()
    outside(before)
    return results[0]


# Async generators


@model("async generator, first item")
def _(work):
    @scope(generator="yes")
    async def body():
        await asyncio.sleep(0)
        yield work()

    async def main():
        before = current()
        results = []
        async for result in body():
            outside(before)
            results.append(result)
        outside(before)
        return results[0]

    return asyncio.run(main())


@model("async generator, after a suspension in another task")
def _(work):
    @scope(generator="yes")
    async def body():
        with scope(held="over a yield"):
            yield
            await asyncio.sleep(0)
            yield work()

    async def main():
        before = current()
        generator = body()
        await generator.asend(None)
        outside(before)
        result = await asyncio.create_task(anext_of(generator))
        outside(before)
        await generator.aclose()
        return result

    return asyncio.run(main())


async def anext_of(generator):
    """Return the next item, as a coroutine that a task can run."""
    before = current()
    result = await generator.asend(None)
    outside(before)
    return result


def leaving(work: Work, results: list[Any]) -> Any:
    """Return an async generator whose clean-up takes a turn of the loop and then does the work."""

    @scope(generator="yes")
    async def body():
        with scope(held="over a yield"):
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                results.append(work())
                await asyncio.sleep(0)

    return body()


@model("async generator, broken out of and collected", swallows=True)
def _(work):
    results: list[Any] = []

    async def main():
        before = current()
        async for _ in leaving(work, results):
            break
        outside(before)
        gc.collect()
        for _ in range(10):  # as many turns as the clean-up needs, and some
            await asyncio.sleep(0)
        outside(before)

    asyncio.run(main())
    return results[0]


@model("async generator, broken out of and left to shutdown_asyncgens", swallows=True)
def _(work):
    results: list[Any] = []
    kept = []

    async def main():
        before = current()
        generator = leaving(work, results)
        kept.append(generator)
        async for _ in generator:
            break
        outside(before)

    asyncio.run(main())
    return results[0]


@model("async generator, closed from another task")
def _(work):
    results: list[Any] = []

    async def main():
        before = current()
        generator = leaving(work, results)
        async for _ in generator:
            break
        outside(before)
        with scope(consumer="yes"):
            await asyncio.create_task(close(generator))
        outside(before)

    async def close(generator):
        before = current()
        await generator.aclose()
        outside(before)

    asyncio.run(main())
    return results[0]


@model("async generator, closed from a context that knows nothing")
def _(work):
    results: list[Any] = []
    generator = None

    async def begin():
        nonlocal generator
        generator = leaving(work, results)
        before = current()
        await generator.asend(None)
        outside(before)

    async def close():
        assert current() is None
        await generator.aclose()
        assert current() is None

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(begin())
        token = attach(None)
        try:
            loop.run_until_complete(close())
        finally:
            detach(token)
    finally:
        loop.close()
    return results[0]
