"""`bind` and the decorators, for everything that Python lets one call."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import pickle
import threading
import types
from unittest import mock

import pytest
from asgiref.sync import markcoroutinefunction

from corectx import Site, bind, current, enter, leave, scope, start
from corectx.lowlevel import around, kind_of
from tests.corectx import work


def function(number=0):
    """Return what is ambient, and the argument."""
    return work.look(), number


async def coroutine(number=0):
    """Return what is ambient, and the argument."""
    await asyncio.sleep(0)
    return work.look(), number


def generator(number=0):
    """Yield what is ambient, and the argument."""
    yield work.look(), number


@types.coroutine
def generator_to_await(number=0):
    """Return what is ambient, and the argument; as coroutines were before ``async def``."""
    yield from asyncio.sleep(0).__await__()
    return work.look(), number


async def async_generator(number=0):
    """Yield what is ambient, and the argument."""
    yield work.look(), number


class Callables:
    """Every kind of thing that a class makes callable."""

    def __init__(self, number=0):
        self.seen = work.look(), number

    def method(self, number=0):
        return function(number)

    async def coroutine_method(self, number=0):
        return await coroutine(number)

    def generator_method(self, number=0):
        yield from generator(number)

    async def async_generator_method(self, number=0):
        async for item in async_generator(number):
            yield item

    @classmethod
    def class_method(cls, number=0):
        return function(number)

    @staticmethod
    def static_method(number=0):
        return function(number)

    @staticmethod
    async def static_coroutine(number=0):
        return await coroutine(number)

    partial_method = functools.partialmethod(method)


class Call:
    """An object that is called."""

    def __call__(self, number=0):
        return function(number)


class CoroutineCall:
    """An object whose calls are awaited."""

    async def __call__(self, number=0):
        return await coroutine(number)


class GeneratorCall:
    """An object whose calls are iterated."""

    def __call__(self, number=0):
        yield from generator(number)


@functools.lru_cache
def cached(number=0):
    """Return what is ambient, once."""
    return function(number)


INSTANCE = Callables()

KINDS = {
    "function": [
        function,
        functools.partial(function, 0),
        functools.partial(functools.partial(function), number=0),
        lambda number=0: function(number),
        INSTANCE.method,
        INSTANCE.class_method,
        INSTANCE.static_method,
        INSTANCE.partial_method,
        Callables.static_method,
        Call(),
        functools.partial(Call()),
        cached,
        functools.wraps(function)(lambda number=0: function(number)),
    ],
    "coroutine": [
        coroutine,
        functools.partial(coroutine),
        INSTANCE.coroutine_method,
        functools.partial(INSTANCE.coroutine_method),
        Callables.static_coroutine,
        CoroutineCall(),
        functools.partial(CoroutineCall()),
        generator_to_await,
        functools.partial(generator_to_await),
    ],
    "generator": [
        generator,
        functools.partial(generator),
        INSTANCE.generator_method,
        GeneratorCall(),
    ],
    "async_generator": [
        async_generator,
        functools.partial(async_generator),
        INSTANCE.async_generator_method,
    ],
}
EACH = [
    pytest.param(kind, each, id=f"{kind}-{number}")
    for kind, several in KINDS.items()
    for number, each in enumerate(several)
]


async def first(iterator):
    """Return the first item of an async generator, and close it."""
    try:
        return await iterator.asend(None)
    finally:
        await iterator.aclose()


def run(kind, function):
    """Do in another thread what `kind` asks for; return what it saw, and whether it left all."""
    results = []

    def target():
        before = current()  # that of the caller, where threads inherit it
        called = function()
        if kind == "coroutine":
            called = asyncio.run(called)
        elif kind == "generator":
            called = next(called)
        elif kind == "async_generator":
            called = asyncio.run(first(called))
        results.append(called)
        results.append(current() is before)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return results


@pytest.mark.parametrize(("kind", "each"), EACH)
def test_the_kind_of_a_callable_is_known(kind, each):
    assert kind_of(each) == kind


@pytest.mark.parametrize(("kind", "each"), EACH)
def test_bound_callables_see_the_frame_in_which_they_were_bound(kind, each):
    cached.cache_clear()
    with scope(order=7):
        bound = bind(each)
        expected = work.look()
    with scope(order="of the caller"):
        results = run(kind, bound)
    assert results == [(expected, 0), True]
    assert kind_of(bound) == kind


@pytest.mark.parametrize(("kind", "each"), EACH)
def test_callables_bound_outside_of_any_frame_see_none(kind, each):
    cached.cache_clear()
    bound = bind(each)

    def inside():
        with scope(order="of the caller"):
            return bound()

    if kind == "function":
        assert inside() == (work.NOTHING, 0)
    else:
        assert run(kind, bound) == [(work.NOTHING, 0), True]


@pytest.mark.parametrize(("kind", "each"), EACH)
def test_a_scope_decorates_every_kind(kind, each):
    cached.cache_clear()
    decorated = scope(order=7)(each)
    assert run(kind, decorated) == [(work.NOTHING._replace(values={"order": 7}), 0), True]
    assert kind_of(decorated) == kind


def hiding(function):
    """Return a plain function for a coroutine function, as many decorators do."""

    @functools.wraps(function)
    def inner(number=0):
        return function(number)

    return inner


def test_the_coroutine_that_a_plain_function_returns_is_in_the_frame_too():
    with scope(order=7) as frame:
        bound = bind(hiding(coroutine))
        seen, _ = asyncio.run(bound())
        assert current() is frame
    assert seen.values == {"order": 7}
    decorated = scope(order=8)(hiding(hiding(coroutine)))
    with scope(order=9) as frame:
        waiting = decorated()
        assert current() is frame
    assert waiting.__name__ == "coroutine"
    seen, _ = asyncio.run(waiting)
    assert seen.values == {"order": 8}


def test_an_async_mock_is_a_coroutine_function():
    called = mock.AsyncMock(side_effect=coroutine)
    with scope(order=7):
        bound = bind(called)
        expected = work.look()
    assert kind_of(called) == "coroutine"
    assert asyncio.run(bound(3)) == (expected, 3)
    called.assert_awaited_once_with(3)


def test_a_plain_mock_is_a_function():
    called = mock.MagicMock(side_effect=function)
    with scope(order=7):
        assert bind(called)(3) == (work.look(), 3)
    called.assert_called_once_with(3)


def test_a_function_that_is_marked_as_a_coroutine_function_is_believed():
    marked = markcoroutinefunction(lambda: coroutine(3))
    with scope(order=7):
        bound = bind(marked)
        expected = work.look()
    assert asyncio.run(bound()) == (expected, 3)


def test_the_kind_of_a_function_that_hides_it_can_be_told():
    @functools.wraps(coroutine)
    def hidden(number):
        return coroutine(number)

    frame = start(Site("task", "import"))
    assert kind_of(hidden) == "function"
    decorated = around(hidden, lambda: frame, kind="coroutine")
    assert asyncio.run(decorated(3))[0].correlation_id == frame.correlation_id


def test_classes_can_be_bound():
    with scope(order=7):
        made = bind(Callables)
        expected = work.look()
    assert made(3).seen == (expected, 3)


def test_builtin_functions_can_be_bound():
    with scope(order=7):
        assert bind(len)([1, 2]) == 2
        assert bind("a".join)(["b", "c"]) == "bac"


@pytest.mark.parametrize("value", [5, None, property(len)])
def test_what_cannot_be_called_is_refused_at_once(value):
    with pytest.raises(TypeError, match="can be called"):
        bind(value)
    with pytest.raises(TypeError, match="can be called"):
        scope(order=7)(value)


def test_a_scope_without_parentheses_is_refused_with_how_to_write_it():
    with pytest.raises(
        TypeError, match=r"such as scope\(order=4711\), but got an unnamed function"
    ):

        @scope
        def work(): ...


def test_a_scope_takes_no_mapping_but_says_so():
    with pytest.raises(TypeError, match="but got an unnamed dict"):
        scope({"order": 7})


def test_a_scope_does_not_make_a_function_of_a_class():
    with pytest.raises(TypeError, match="Callables is a class"):
        scope(order=7)(Callables)


def test_static_and_class_methods_are_decorated_in_either_order():
    class Decorated:
        @scope(order=7)
        @staticmethod
        def static(number):
            return function(number)

        @staticmethod
        @scope(order=7)
        def static_inside(number):
            return function(number)

        @scope(order=7)
        @classmethod
        def of_class(cls, number):
            return cls, function(number)

        @scope(order=7)
        def method(self, number):
            return self, function(number)

    seen = work.NOTHING._replace(values={"order": 7})
    instance = Decorated()
    assert Decorated.static(1) == instance.static(1) == (seen, 1)
    assert Decorated.static_inside(1) == (seen, 1)
    assert Decorated.of_class(1) == instance.of_class(1) == (Decorated, (seen, 1))
    assert instance.method(1) == (instance, (seen, 1))


def test_a_decorated_function_keeps_its_name_signature_and_documentation():
    decorated = scope(order=7)(function)
    assert decorated.__wrapped__ is function
    assert decorated.__name__ == "function"
    assert decorated.__doc__ == function.__doc__
    assert inspect.signature(decorated) == inspect.signature(function)


@scope(order=7)
def importable(number):
    """Return what is ambient, and the argument."""
    return function(number)


def test_a_decorated_function_can_be_pickled():
    assert pickle.loads(pickle.dumps(importable))(3) == importable(3)  # noqa: S301 - our own


def test_a_bound_function_cannot_be_pickled_by_mistake():
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(bind(function))


def test_a_call_without_a_frame_is_a_plain_call():
    assert around(function, lambda: None)(3) == (work.NOTHING, 3)
    assert asyncio.run(around(coroutine, lambda: None)(3)) == (work.NOTHING, 3)
    with scope(order=7):
        assert around(function, lambda: None)(3) == (work.look(), 3)


def test_a_function_that_fails_ends_its_frame():
    decorated = scope(order=7)(work.fail)
    with pytest.raises(ValueError, match="broken"):
        decorated()
    assert current() is None

    @scope(order=7)
    async def failing():
        await asyncio.sleep(0)
        work.fail()

    async def main():
        with pytest.raises(ValueError, match="broken"):
            await failing()
        assert current() is None

    asyncio.run(main())


def test_a_cancelled_coroutine_ends_its_frame():
    @scope(order=7)
    async def waiting():
        await asyncio.Event().wait()

    async def main():
        with scope(caller="on") as frame:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(waiting(), 0)
            task = asyncio.create_task(waiting())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert current() is frame

    asyncio.run(main())


@pytest.mark.parametrize("decorate", [bind, scope(order=7)], ids=["bind", "scope"])
def test_a_coroutine_that_is_collected_elsewhere_changes_nothing_there(decorate):
    with scope(maker="on"):

        @decorate
        async def waiting():
            await asyncio.sleep(0)

        begun = waiting()
        contextvars.Context().run(begun.send, None)
        before = current()
    with scope(collector="on") as frame:
        del begun
        gc.collect()
        assert current() is frame
    assert before is not None


def test_a_recursive_function_opens_a_frame_for_each_call():
    @scope(level="on")
    def depth(number):
        frame, count = current(), 0
        while frame is not None:
            frame, count = frame.parent, count + 1
        return [count] if number == 1 else [count, *depth(number - 1)]

    assert depth(3) == [1, 2, 3]


def test_unlimited_recursion_leaves_nothing(request):
    # Before 3.12 the collector calls its callbacks at any depth, also where no call is left.
    gc.disable()
    request.addfinalizer(gc.enable)

    @scope(level="on")
    def decorated():
        return decorated()

    def plain():
        with scope(level="on"):
            return plain()

    for function in (decorated, plain):
        token = enter(start(Site("task", "import")))
        with pytest.raises(RecursionError):
            function()
        assert current() is token[0]
        leave(token)
