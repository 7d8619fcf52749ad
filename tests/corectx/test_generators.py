"""Frames opened inside and around generators, wherever those are suspended, closed or forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import sys
import weakref

import pytest

from corectx import Site, bind, current, enter, leave, scope, start, values
from corectx.lowlevel import around

STEP = Site("step", "parse")


def rows(**ambient):
    """Iterate in a scope that stays open over each yield."""
    with scope(**ambient):
        yield dict(values())
        yield dict(values())


# A `with` in the body of a generator that knows nothing of us


def test_a_scope_in_a_body_is_ambient_for_the_consumer_until_the_generator_ends():
    # Nobody can take it down: Python does not say when a generator is suspended.
    generator = rows(reader="on")
    next(generator)
    assert values() == {"reader": "on"}
    generator.close()
    assert current() is None


def test_a_generator_closed_inside_the_consumers_scope_leaves_that_scope_alone():
    generator = rows(reader="on")
    next(generator)
    with scope(consumer="on") as frame:
        generator.close()
        assert current() is frame
    assert current() is None


def test_a_generator_closed_inside_several_scopes_of_the_consumer_leaves_them_alone():
    generator = rows(reader="on")
    next(generator)
    with scope(one=1) as one:
        with scope(two=2) as two:
            generator.close()
            assert current() is two
        assert current() is one
    assert current() is None


def test_a_generator_closed_outside_of_the_consumers_scope_changes_nothing():
    with scope(consumer="on"):
        generator = rows(reader="on")
        next(generator)
    assert current() is None
    generator.close()
    assert current() is None


def test_a_generator_closed_in_a_scope_that_began_later_leaves_that_scope_alone():
    with scope(consumer="on"):
        generator = rows(reader="on")
        next(generator)
    with scope(later="on"):
        generator.close()
        assert values() == {"later": "on"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (0, 2, 1)])
def test_generators_closed_in_any_order_leave_nothing(order):
    generators = [rows(number=number) for number in range(3)]
    for generator in generators:
        next(generator)
    for number in order:
        generators[number].close()
    assert current() is None


def test_a_body_that_consumes_a_generator_of_the_same_kind_leaves_nothing():
    def outer():
        with scope(outer="on"):
            inner.append(rows(inner="on"))
            next(inner[0])
        # The scope of `inner` is still current here, and nobody knows whose it is.
        yield

    inner = []
    for _ in outer():
        pass
    inner[0].close()
    assert current() is None


def test_what_a_step_exhausts_ends_inside_the_step():
    generator = rows(reader="on")
    next(generator)

    @scope(step="sum")
    def total():
        for _ in generator:
            pass
        return dict(values())

    assert total() == {"reader": "on", "step": "sum"}
    assert current() is None


def test_what_a_decorated_generator_exhausts_is_not_put_back_by_it():
    # A header is read first, and the rest is handed on.
    lines = rows(reader="on")
    next(lines)

    @scope(step="transform")
    def transform(source):
        yield from source
        yield dict(values())

    assert list(transform(lines))[-1] == {"reader": "on", "step": "transform"}
    assert current() is None


def test_what_a_decorated_generator_exhausts_later_is_not_put_back_by_it():
    lines = rows(reader="on")

    @scope(step="transform")
    def transform():
        yield
        yield from lines

    generator = transform()
    next(generator)
    next(lines)  # ambient here from now on
    assert values() == {"reader": "on"}
    assert len(list(generator)) == 1
    assert current() is None


# Context managers between the `with` and us


@contextlib.contextmanager
def in_a_scope(**ambient):
    with scope(**ambient):
        yield


class Transaction:
    """A context manager of a user's, written as a class."""

    def __init__(self, **ambient):
        self.scope = scope(**ambient)

    def __enter__(self):
        self.scope.__enter__()

    def __exit__(self, *failure):
        self.scope.__exit__(*failure)


@contextlib.contextmanager
def in_a_stack(**ambient):
    with contextlib.ExitStack() as stack:
        stack.enter_context(scope(**ambient))
        yield


class Work(contextlib.ContextDecorator, Transaction):
    """The same as a decorator."""


MANAGERS = [scope, in_a_scope, Transaction, in_a_stack, Work]


@pytest.mark.parametrize("manager", MANAGERS)
def test_a_manager_in_a_body_leaves_the_consumers_scope_alone(manager):
    def body():
        with manager(body="on"):
            yield

    generator = body()
    next(generator)
    with scope(consumer="on") as frame:
        generator.close()
        assert current() is frame
    assert current() is None


@pytest.mark.parametrize("manager", MANAGERS)
def test_a_manager_in_plain_code_takes_down_what_leaked_into_it(manager):
    generator = rows(reader="on")
    with scope(outer="on") as frame:
        with manager(consumer="on"):
            next(generator)
        assert current() is frame
        generator.close()
        assert current() is frame
    assert current() is None


def test_a_stack_closed_in_a_body_leaves_the_consumers_scope_alone():
    def body():
        stack = contextlib.ExitStack()
        stack.enter_context(scope(body="on"))
        stack.enter_context(in_a_scope(more="on"))
        yield
        stack.close()
        yield

    generator = body()
    next(generator)
    with scope(consumer="on") as frame:
        next(generator)
        assert current() is frame
    assert current() is None


@contextlib.asynccontextmanager
async def in_an_async_scope(**ambient):
    with scope(**ambient):
        await asyncio.sleep(0)
        yield


@contextlib.asynccontextmanager
async def in_an_async_stack(**ambient):
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(scope(**ambient))
        await stack.enter_async_context(in_an_async_scope(more="on"))
        yield


@pytest.mark.parametrize("manager", [in_an_async_scope, in_an_async_stack])
def test_an_async_manager_in_a_body_leaves_the_consumers_scope_alone(manager):
    async def body():
        async with manager(body="on"):
            yield

    async def main():
        generator = body()
        await generator.asend(None)
        with scope(consumer="on") as frame:
            await generator.aclose()
            assert current() is frame
        assert current() is None

    asyncio.run(main())


@pytest.mark.parametrize("manager", [in_an_async_scope, in_an_async_stack])
def test_an_async_manager_in_a_coroutine_takes_down_what_leaked_into_it(manager):
    async def main():
        generator = rows(reader="on")
        async with manager(consumer="on"):
            next(generator)
        assert current() is None

    asyncio.run(main())


def test_an_async_body_broken_out_of_is_ambient_only_until_the_frame_around_ends():
    async def body():
        with scope(reader="on"):
            yield

    async def main():
        with scope(request="on") as frame:
            generator = body()
            with scope(loop="on"):
                async for _ in generator:
                    break
            assert current() is frame
            await asyncio.create_task(close(generator))
            assert current() is frame
        assert current() is None

    async def close(generator):
        await generator.aclose()

    asyncio.run(main())


# A frame around a generator


def test_a_decorated_generator_stays_one():
    @scope(step="on")
    def body(number: int) -> str:
        """Say what it does."""
        yield number

    assert inspect.isgeneratorfunction(body)
    assert (body.__name__, body.__doc__) == ("body", "Say what it does.")
    assert str(inspect.signature(body)) == "(number: int) -> str"


def test_a_decorated_generator_passes_everything_through():
    @scope(step="on")
    def body():
        received = []
        for number in range(3):
            try:
                received.append((yield number))
            except KeyError as error:
                received.append(error.args)
        return received

    generator = body()
    assert next(generator) == 0
    assert generator.send("sent") == 1
    assert generator.throw(KeyError("thrown")) == 2
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == ["sent", ("thrown",), None]


def test_a_decorated_async_generator_passes_everything_through():
    @scope(step="on")
    async def body():
        for number in range(3):
            try:
                received.append((yield number))
            except KeyError as error:
                received.append(error.args)

    async def main():
        generator = body()
        assert inspect.isasyncgenfunction(body)
        assert await generator.asend(None) == 0
        assert await generator.asend("sent") == 1
        assert await generator.athrow(KeyError("thrown")) == 2
        with pytest.raises(StopAsyncIteration):
            await generator.asend(None)

    received = []
    asyncio.run(main())
    assert received == ["sent", ("thrown",), None]


def test_a_body_that_refuses_to_close_is_reported_by_python_as_ever():
    @scope(step="on")
    def body():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    generator = body()
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()


def test_a_stop_iteration_raised_in_a_body_is_a_runtime_error_as_ever():
    @scope(step="on")
    def body():
        yield
        raise StopIteration  # noqa: PLR1708 - what is tested

    with pytest.raises(RuntimeError, match="raised StopIteration"):
        list(body())
    assert current() is None


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python 3.13 or newer: close() has a value")
def test_close_returns_what_the_body_returned():
    @scope(step="on")
    def body():
        try:
            yield
        except GeneratorExit:
            return "closed"

    generator = body()
    next(generator)
    assert generator.close() == "closed"


def test_a_scope_that_a_body_holds_over_a_yield_is_not_ambient_outside():
    generator = scope(step="on")(rows)(reader="on")
    assert next(generator) == {"step": "on", "reader": "on"}
    with scope(consumer="on"):
        assert values() == {"consumer": "on"}
        assert next(generator) == {"step": "on", "reader": "on"}
        assert values() == {"consumer": "on"}
    generator.close()


def test_the_frame_of_a_generator_opens_where_it_is_first_resumed():
    generator = scope(step="on")(rows)(reader="on")
    with scope(consumer="on"):
        assert next(generator) == {"consumer": "on", "step": "on", "reader": "on"}
    assert next(generator) == {"consumer": "on", "step": "on", "reader": "on"}
    generator.close()


def test_two_decorated_generators_take_turns():
    first, second = (scope(step=step)(rows)(reader=step) for step in "ab")
    assert next(first) == {"step": "a", "reader": "a"}
    assert next(second) == {"step": "b", "reader": "b"}
    assert next(first) == {"step": "a", "reader": "a"}
    assert next(second) == {"step": "b", "reader": "b"}
    first.close()
    second.close()


def test_a_generator_resumed_in_a_context_copied_from_its_own_body_is_no_trap():
    @scope(step="on")
    def body():
        with scope(reader="on"):
            yield contextvars.copy_context()
            yield dict(values())

    generator = body()
    context = next(generator)
    inside = context.run(current)
    assert context.run(next, generator) == {"step": "on", "reader": "on"}
    assert context.run(current) is inside
    context.run(generator.close)
    assert context.run(current) is inside
    assert current() is None


def test_a_bound_generator_runs_in_the_frame_that_was_current():
    with scope(bound="on"):
        bound = bind(rows)
    generators = [bound(reader=1), bound(reader=2)]
    for _ in range(2):
        assert next(generators[0]) == {"bound": "on", "reader": 1}
        assert next(generators[1]) == {"bound": "on", "reader": 2}
        assert current() is None
    for generator in generators:
        generator.close()


def test_a_generator_without_a_frame_is_as_if_it_was_not_decorated():
    decorated = around(rows, lambda: None)
    assert list(decorated(reader="on")) == [{"reader": "on"}] * 2

    @lambda function: around(function, lambda: None)
    async def body():
        received.append((yield 1))
        try:
            yield 2
        finally:
            received.append("closed")

    async def main():
        generator = body()
        assert await generator.asend(None) == 1
        assert await generator.asend("sent") == 2
        await generator.aclose()

    received = []
    asyncio.run(main())
    assert received == ["sent", "closed"]


def test_a_finished_generator_keeps_no_exception_alive():
    class Thing:
        pass

    @scope(step="on")
    def body():
        thing = Thing()
        seen.append(weakref.ref(thing))
        try:
            yield
        finally:
            del thing

    gc.disable()  # what is gone is gone by counting references
    try:
        seen = []
        generator = body()
        next(generator)
        error = KeyError("thrown")
        error.thing = Thing()
        seen.append(weakref.ref(error.thing))
        with contextlib.suppress(KeyError):
            generator.throw(error)
        del error, generator
        assert [reference() for reference in seen] == [None, None]
    finally:
        gc.enable()


# Generators that the event loop closes


def slowly_closing(done):
    """Return an async generator function whose clean-up takes turns of the loop."""

    @scope(step="on")
    async def body():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            done.append(dict(values()))

    return body


def test_the_loop_closes_what_is_left_and_finds_each_generator_once():
    # Were the wrapper's body known to the loop too, it would close both at the same time.
    async def main():
        for _ in range(20):
            generator = slowly_closing(done)()
            kept.append(generator)
            await generator.asend(None)

    done, kept = [], []
    asyncio.run(main())
    assert done == [{"step": "on"}] * 20


def test_generators_in_a_cycle_of_garbage_are_closed_once():
    async def main():
        for _ in range(20):
            generator = slowly_closing(done)()
            await generator.asend(None)
            cycle = [generator]
            cycle.append(cycle)
        del generator, cycle
        gc.collect()
        for _ in range(10):  # as many turns as the clean-up needs, and some
            await asyncio.sleep(0)

    done = []
    asyncio.run(main())
    assert done == [{"step": "on"}] * 20


# The same with `enter`, as other packages do it


def test_work_that_a_body_enters_and_leaves_over_a_yield_leaves_the_consumer_alone():
    def body():
        token = enter(start(STEP))
        try:
            yield
        finally:
            leave(token)

    generator = body()
    next(generator)
    assert current().name == "parse"
    with scope(consumer="on") as frame:
        generator.close()
        assert current() is frame
    assert current() is None
