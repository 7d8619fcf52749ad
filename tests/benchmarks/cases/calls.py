"""Calls of steps that await or yield, and steps with one crumb, against their floors.

The floors set one ContextVar and restore it: around an await, and around each item.
"""

import functools
import time
import uuid
from collections import deque
from contextvars import ContextVar
from threading import get_ident

from frameworks.pairs import least, show

from penstock import entrypoint, flow
from statecrumbs import crumb
from statecrumbs.context import context

var: ContextVar[object] = ContextVar("var", default=None)
frame = object()
ring: deque[object] = deque(maxlen=50)
time_ns = time.time_ns


def around(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        token = var.set(frame)
        try:
            return function(*args, **kwargs)
        finally:
            var.reset(token)

    return wrapper


def around_await(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        token = var.set(frame)
        try:
            return await function(*args, **kwargs)
        finally:
            var.reset(token)

    return wrapper


def around_items(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        body = function(*args, **kwargs)
        while True:
            token = var.set(frame)
            try:
                item = next(body)
            except StopIteration:
                return
            finally:
                var.reset(token)
            yield item

    return wrapper


def around_async_items(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        body = function(*args, **kwargs)
        while True:
            token = var.set(frame)
            try:
                item = await anext(body)
            except StopAsyncIteration:
                return
            finally:
                var.reset(token)
            yield item

    return wrapper


def append(event, /, **data):
    ring.append((time_ns(), event, data, var.get(), get_ident()))


async def wait():
    pass


def count_up(number):
    yield from range(number)


async def count_up_async(number):
    for each in range(number):
        yield each


def note():
    crumb("query_finished", rows=10, table="users")


def note_at_least():
    append("query_finished", rows=10, table="users")


bench = flow("bench")
step_wait = bench.step(after="start", name="wait")(wait)
step_items = bench.step(after="start", name="count_up")(count_up)
step_async_items = bench.step(after="start", name="count_up_async")(count_up_async)
step_note = bench.step(after="start", name="note")(note)


def calls_of(function):
    def run(count):
        for _ in range(count):
            function()

    return run


def finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("it waits for something")


def awaits_of(function):
    async def repeat(count):
        for _ in range(count):
            await function()

    return lambda count: finish(repeat(count))


def items_of(function):
    return lambda count: deque(function(count), maxlen=0)


def async_items_of(function):
    async def consume(count):
        async for _ in function(count):
            pass

    return lambda count: finish(consume(count))


def noted():
    return least(calls_of(step_note), calls_of(around(note_at_least)))


@flow("bench")
@entrypoint
def start():
    results = {
        "await": least(awaits_of(step_wait), awaits_of(around_await(wait))),
        "item": least(items_of(step_items), items_of(around_items(count_up))),
        "async_item": least(
            async_items_of(step_async_items), async_items_of(around_async_items(count_up_async))
        ),
        "crumb_0": noted(),
    }
    for number in (10, 30):
        with context(order=uuid.uuid4(), **{f"value_{each}": each for each in range(number - 1)}):
            results[f"crumb_{number}"] = noted()
    show(**results)


start()
