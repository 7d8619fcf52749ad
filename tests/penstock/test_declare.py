"""Decorating declares, keeps the function what it is, and refuses what makes no sense."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import pickle
import weakref
from abc import ABC, abstractmethod
from dataclasses import dataclass

import click
import pytest

import corectx
import penstock
from penstock import entrypoint, flow, step
from penstock.lowlevel import declaration_of

pytestmark = pytest.mark.usefixtures("registry")


def plain(number: int, /, *, factor: int = 2) -> int:
    """Multiply."""
    return number * factor


async def coroutine(number: int) -> int:
    """Give it back, later."""
    return number


def generator(number: int):
    """Count."""
    yield from range(number)


async def async_generator(number: int):
    """Count, later."""
    for each in range(number):
        yield each


FUNCTIONS = [plain, coroutine, generator, async_generator]


@flow("pickled")
@step
def pickled(number):
    return number + 1


def test_the_seeds_example_declares_a_flow(registry):
    @flow("bom_sync")
    @entrypoint
    def handle_kafka_message(msg):
        return fetch_from_api(msg)

    @flow("bom_sync")
    @step(after="handle_kafka_message")
    def fetch_from_api(bom_id):
        return sync_to_database(bom_id)

    @flow("bom_sync")
    @step(after="fetch_from_api")
    def sync_to_database(data):
        return data

    steps = registry.flows["bom_sync"].steps
    assert {name: (each.kind, each.after) for name, each in steps.items()} == {
        "handle_kafka_message": ("entrypoint", ()),
        "fetch_from_api": ("step", ("handle_kafka_message",)),
        "sync_to_database": ("step", ("fetch_from_api",)),
    }
    assert handle_kafka_message(7) == 7


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("declare", [step, entrypoint])
def test_a_decorated_function_keeps_what_it_is(function, declare):
    decorated = flow("kept")(declare(function))
    for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
        assert getattr(decorated, attribute) == getattr(function, attribute)
    # The annotations are text in this module. Its readers see what they stand for.
    assert inspect.signature(decorated) == inspect.signature(function, eval_str=True)
    for kind in (
        inspect.isfunction,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    ):
        assert kind(decorated) == kind(function)
    assert inspect.unwrap(decorated) is function


@pytest.mark.parametrize(
    "name_and_kind",
    [
        (plain, "function"),
        (coroutine, "coroutine"),
        (generator, "generator"),
        (async_generator, "async_generator"),
    ],
)
def test_a_step_knows_what_calling_it_gives(registry, name_and_kind):
    function, kind = name_and_kind
    flow("kinds").step(function)
    assert registry.flows["kinds"].steps[function.__name__].call_kind == kind


def test_a_decorated_function_is_pickled_by_name():
    assert pickle.loads(pickle.dumps(pickled)) is pickled  # noqa: S301 - our own bytes


def test_decorating_runs_nothing():
    def never():
        raise AssertionError

    flow("quiet")(step(never))


def test_the_same_name_is_the_same_flow():
    assert flow("once") is flow("once")
    assert flow("once") is not flow("twice")


def test_step_and_entrypoint_work_with_and_without_parentheses(registry):
    @flow("f")
    @entrypoint()
    def a(): ...

    @flow("f")
    @step()
    def b(): ...

    @flow("f")
    @step(after=None, name="c")
    def other_name(): ...

    assert set(registry.flows["f"].steps) == {"a", "b", "c"}


def test_the_flow_object_has_the_decorators_too(registry):
    bom = flow("bom")

    @bom.entrypoint
    def a(): ...

    @bom.entrypoint(name="b")
    def other_name(): ...

    @bom.step
    def c(): ...

    @bom.step(after=a)
    def d(): ...

    steps = bom.steps
    assert [(each.name, each.kind) for each in steps.values()] == [
        ("a", "entrypoint"),
        ("b", "entrypoint"),
        ("c", "step"),
        ("d", "step"),
    ]
    assert steps["d"].after == ("a",)
    assert registry.flows["bom"] is bom


def test_after_takes_names_functions_and_several_of_them(registry):
    orders, mails = flow("orders"), flow("mails")

    @orders.entrypoint
    def order(): ...

    @orders.step(after=order, name="pay")
    def charge(): ...

    @mails.entrypoint(after=charge)
    def thank(): ...

    @mails.step(after=[thank, "orders:order", charge, charge])
    def sent(): ...

    assert orders.steps["pay"].after == ("order",)
    assert mails.steps["thank"].after == ("orders:pay",)
    assert mails.steps["sent"].after == ("thank", "orders:order", "orders:pay")


def test_after_takes_any_collection(registry):
    shapes = flow("shapes")
    shapes.step(after=("x", "y"), name="a")(plain)
    shapes.step(after=iter(["x"]), name="b")(plain)
    shapes.step(after={"x": None}, name="c")(plain)
    assert [each.after for each in shapes.steps.values()] == [("x", "y"), ("x",), ("x",)]


@pytest.mark.parametrize("decorators", [("flow", "step"), ("step", "flow")])
def test_flow_and_step_may_stand_in_either_order(registry, decorators):
    def charge(): ...

    outer, inner = ({"flow": flow("pay"), "step": step(after="order")}[each] for each in decorators)
    outer(inner(charge))
    assert registry.flows["pay"].steps["charge"].after == ("order",)
    assert registry.loose == []
    assert registry.unclaimed == []


def test_a_function_may_be_in_several_flows(registry):
    @flow("a")
    @flow("b")
    @step(after="x")
    def shared(): ...

    assert registry.flows["a"].steps["shared"].after == ("x",)
    assert registry.flows["b"].steps["shared"].after == ("x",)


def test_a_function_may_have_another_place_in_each_flow(registry):
    a, b = flow("a"), flow("b")

    @a.step(after="x")
    @b.entrypoint
    def shared(): ...

    assert (a.steps["shared"].kind, a.steps["shared"].after) == ("step", ("x",))
    assert (b.steps["shared"].kind, b.steps["shared"].after) == ("entrypoint", ())


def test_the_same_flow_twice_is_once(registry):
    @flow("a")
    @flow("a")
    @step
    def once(): ...

    assert list(registry.flows["a"].steps) == ["once"]
    assert registry.conflicts == []


def test_other_decorators_may_stand_between_and_around(registry):
    def loud(function):
        @functools.wraps(function)
        def louder(*args):
            return function(*args).upper()

        return louder

    @loud
    @flow("shout")
    @loud
    @step
    @loud
    def shout(text):
        return text

    assert shout("hey") == "HEY"
    assert (
        registry.flows["shout"].steps["shout"].line == shout.__wrapped__.__code__.co_firstlineno
        or 1
    )


def test_a_cached_step_keeps_the_methods_of_its_cache():
    @flow("cached")
    @step
    @functools.cache
    def square(number):
        return number * number

    assert [square(3), square(3)] == [9, 9]
    assert square.cache_info().hits == 1
    square.cache_clear()
    assert square.cache_info().hits == 0


def test_a_cache_may_stand_above_a_step(registry):
    @flow("cached")
    @functools.lru_cache
    @step
    def square(number):
        return number * number

    assert square(3) == 9
    assert "square" in registry.flows["cached"].steps


def test_a_singledispatch_function_stays_one():
    @flow("shapes")
    @step
    @functools.singledispatch
    def area(shape):
        return "unknown"

    @area.register
    def _(shape: int):
        return shape * shape

    assert [area("?"), area(3)] == ["unknown", 9]


def over(manager):
    return flow("files").step(after="read")(contextlib.contextmanager(manager))


def over_with_the_flow_below(manager):
    return step(after="read")(flow("files")(contextlib.contextmanager(manager)))


def below(manager):
    return contextlib.contextmanager(flow("files").step(after="read")(manager))


@pytest.mark.parametrize("declared", [over, over_with_the_flow_below, below])
def test_a_step_that_is_a_context_manager_does_the_work_of_its_generator(ran, declared):
    said = []

    def opened(name):
        said.append(("open", place()))
        try:
            yield name
        finally:
            said.append(("close", place()))

    opened = declared(opened)

    @flow("files").entrypoint
    def read():
        with opened("a.txt") as file:
            said.append((file, place()))
            raise ValueError("empty")

    with pytest.raises(ValueError, match="empty"):
        read()
    assert said == [("open", "opened"), ("a.txt", "read"), ("close", "opened")]
    assert ran.names("files") == ["read", "opened"]
    assert str(inspect.signature(opened)) == "(name)"
    assert flow("files").steps["opened"].call_kind == "generator"


def test_so_does_an_async_context_manager(ran):
    said = []

    @flow("files").step(after="read")
    @contextlib.asynccontextmanager
    async def opened():
        said.append(place())
        yield
        said.append(place())

    @flow("files").entrypoint
    async def read():
        async with opened():
            said.append(place())

    asyncio.run(read())
    assert said == ["opened", "read", "opened"]


def place():
    """Return the name of the current frame."""
    return corectx.current().name


def test_a_partial_has_the_name_of_its_function(registry):
    flow("partials").step(functools.partial(plain, factor=3))
    assert list(registry.flows["partials"].steps) == ["plain"]


class Called:
    def __call__(self):
        return "called"


def test_an_object_with_call_has_the_name_of_its_class(registry):
    called = flow("objects").step(Called())
    assert called() == "called"
    assert list(registry.flows["objects"].steps) == ["Called"]


def test_any_text_is_a_name(registry):
    odd = flow('a flow: with <odd> "name"\n')
    odd.step(lambda: None)
    odd.step(name="é:ü")(plain)
    assert list(odd.steps) == ["<lambda>", "é:ü"]


def test_a_class_registers_the_methods_that_are_marked(registry):
    @flow("orders")
    class Orders:
        """Orders of the shop."""

        @entrypoint
        def place(self, order):
            return self.charge(order)

        @step(after="place")
        def charge(self, order):
            return self.rate() * self.total([order]) * self.tax

        @staticmethod
        @step(after="charge")
        def total(orders):
            return sum(orders)

        @step(after=total)
        @classmethod
        def rate(cls):
            return 2 if cls is Orders else 0

        @property
        @step
        def tax(self):
            return 10

        @functools.cached_property
        @step
        def address(self):
            return "here"

        def not_marked(self): ...

    assert Orders().place(5) == 100
    assert Orders().address == "here"
    steps = registry.flows["orders"].steps
    assert set(steps) == {"place", "charge", "total", "rate", "tax", "address"}
    assert steps["rate"].after == ("total",)
    assert steps["place"].qualname.endswith("Orders.place")
    assert registry.flows["orders"].doc == "Orders of the shop."
    assert registry.unclaimed == []


def test_a_class_leaves_inherited_methods_to_their_own_flow(registry):
    @flow("base")
    class Base:
        @step
        def inherited(self): ...

    @flow("sub")
    class Sub(Base):
        @step
        def own(self): ...

    assert set(registry.flows["base"].steps) == {"inherited"}
    assert set(registry.flows["sub"].steps) == {"own"}


def test_a_dataclass_with_slots_can_be_a_flow(registry):
    @flow("points")
    @dataclass(slots=True)
    class Point:
        x: int

        @step
        def double(self):
            return self.x * 2

    assert Point(3).double() == 6
    assert "double" in registry.flows["points"].steps


def test_an_abstract_method_stays_abstract():
    class Base(ABC):
        @step
        @abstractmethod
        def run(self): ...

    with pytest.raises(TypeError, match="abstract"):
        Base()


def test_a_static_method_can_be_put_in_a_flow_by_itself(registry):
    class Tools:
        @flow("tools")
        @step
        @staticmethod
        def cut():
            return "cut"

        @flow("tools")
        @classmethod
        @step
        def glue(cls):
            return cls.__name__

    assert [Tools.cut(), Tools().cut(), Tools.glue()] == ["cut", "cut", "Tools"]
    assert set(registry.flows["tools"].steps) == {"cut", "glue"}


def test_flow_describes_itself(registry):
    flow("described", doc="What it is for.").step(plain)
    assert flow("described").doc == "What it is for."
    assert flow("other").doc is None


class NotMarked:
    def method(self): ...


MISUSES = {
    "a step without a name of its own": (
        lambda: step("fetch"),
        "@step decorates functions, but got 'fetch'. Did you mean after='fetch'?",
    ),
    "a step that is a class": (
        lambda: step(NotMarked),
        "got the class 'NotMarked'. Decorate its methods, and put @flow over the class.",
    ),
    "a step over a property": (
        lambda: step(property(plain)),
        "@step stands above @property. Write it below",
    ),
    "an entrypoint over a cached property": (
        lambda: entrypoint(after="x")(functools.cached_property(plain)),
        "@entrypoint stands above @cached_property. Write it below",
    ),
    "a flow over a property of no step": (
        lambda: flow("f")(property(plain)),
        r"@flow\('f'\) stands above @property",
    ),
    "a flow over a class with no step": (
        lambda: flow("f")(NotMarked),
        "'NotMarked', but no method in its body is an @entrypoint or a @step",
    ),
    "a flow over what is no function": (
        lambda: flow("f")(7),
        r"@flow\('f'\) is for functions and methods, but got 7 \(int\)",
    ),
    "a flow over what can carry no mark": (lambda: flow("f")(len), "but got len"),
    "a flow without a name": (lambda: flow(""), "name of a flow is text that is not empty"),
    "a flow over a function at once": (
        lambda: flow(plain),
        "@flow stands over 'plain' without the name of a flow. Write @flow",
    ),
    "a step with a name that is no text": (lambda: step(name=7), "name= of @step is text"),
    "a step and entrypoint": (
        lambda: step(entrypoint(lambda: 1)),
        "'<lambda>' has two of @entrypoint and @step, and no flow between them",
    ),
    "a step of the same flow twice": (
        lambda: flow("f").step(flow("f").entrypoint(lambda: 1)),
        "'<lambda>' is in the flow 'f' already",
    ),
    "a predecessor that is not declared": (
        lambda: step(after=plain),
        "after= of @step got 'plain', which is neither an @entrypoint nor a @step",
    ),
    "a predecessor of a wrong type": (
        lambda: step(after=7),
        "takes the name of a step, a decorated function, or several of these, but got 7",
    ),
    "a wrong predecessor among others": (lambda: step(after=["a", None]), "but got None"),
    "a predecessor without a name": (lambda: entrypoint(after=""), "@entrypoint takes the name"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_is_one_clear_error(misuse):
    do_it, message = MISUSES[misuse]
    with pytest.raises(TypeError, match=message):
        do_it()


def injecting(function):
    """Give the function a session, as many decorators do."""

    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function("session", *args, **kwargs)

    return inner


def bare(session, order, *, fast=False):
    return (session, order, fast)


async def bare_async(order):
    return order


@pytest.mark.parametrize(
    "function", [bare, bare_async, injecting(bare), functools.partial(bare, 1)]
)
@pytest.mark.parametrize("kind", ["entrypoint", "step"])
def test_every_reader_of_signatures_sees_what_it_saw_before(registry, function, kind):
    declared = getattr(flow("f"), kind)(function)
    assert inspect.signature(declared) == inspect.signature(function)
    assert inspect.getfullargspec(declared) == inspect.getfullargspec(function)


def test_a_decorator_above_may_change_the_arguments(registry):
    declared = injecting(flow("f").step(bare))
    assert inspect.getfullargspec(declared).varargs == "args"
    assert inspect.getfullargspec(declared).args == []
    assert declared(7) == ("session", 7, False)


def test_arguments_are_checked_by_getcallargs(registry):
    declared = flow("f").step(bare)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        inspect.getcallargs(declared, 1)


def test_a_method_keeps_its_signature_for_every_reader(registry):
    class Shop:
        @flow("f").step
        def charge(self, order):
            return order

        @flow("f").step
        @classmethod
        def ship(cls, order):
            return order

    assert inspect.getfullargspec(Shop().charge).args == ["self", "order"]
    assert str(inspect.signature(Shop().charge)) == "(order)"
    assert str(inspect.signature(Shop.ship)) == "(order)"


class MadeByAFramework:
    """As a task of Django is: an object with the function in `func`."""

    def __init__(self, func):
        self.func = func
        self.__name__ = func.__name__


def test_a_fixture_of_pytest_is_refused_with_advice(registry):
    fixture = pytest.fixture(lambda: 1)
    with pytest.raises(TypeError, match=r"@step stands above @pytest\.fixture\. Write it below"):
        flow("f").step(fixture)
    with pytest.raises(TypeError, match=r"@flow\('f'\) stands above @pytest\.fixture"):
        flow("f")(fixture)


@pytest.mark.parametrize("kind", ["entrypoint", "step"])
@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("afer", "Did you mean after="),
        ("Name", "Did you mean name="),
        ("flow", "There are after= and name="),
    ],
)
def test_an_option_that_there_is_not_is_told_the_nearest_one(registry, kind, option, hint):
    for decorator in (getattr(penstock, kind), getattr(flow("f"), kind)):
        with pytest.raises(TypeError, match=rf"@{kind} has no option '{option}'\. {hint}"):
            decorator(**{option: "begin"})


def test_a_command_of_click_is_refused_with_advice(registry):
    command = click.command(lambda: None)
    for decorate in (flow("f").step, flow("f").entrypoint, flow("f")):
        with pytest.raises(TypeError, match=r"stands above @click\.command\. Write it below"):
            decorate(command)


@pytest.mark.parametrize("decorator", [flow("f"), flow("f").step])
def test_an_object_that_a_framework_made_is_refused_with_advice(registry, decorator):
    with pytest.raises(TypeError, match=r"stands above 'bare', which a decorator has made a .*"):
        decorator(MadeByAFramework(bare))


class Actor:
    """A decorator of a task queue makes it of a function."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        return self.function(*args)

    def send(self, *args):
        return "sent", args


def test_a_step_above_an_object_whose_methods_it_would_hide_is_refused(registry):
    def charge(): ...

    with pytest.raises(TypeError, match=r"above 'Actor'.* has made a .*Actor of\. Write it below"):
        flow("shop").step(Actor(charge))
    assert Actor(flow("shop").step(charge)).send(1) == ("sent", (1,))


@pytest.mark.parametrize("kind", ["entrypoint", "step"])
def test_a_function_that_is_dropped_goes_at_once_with_its_declaration(registry, kind):
    """Without the garbage collector: a handler that declares functions leaves nothing behind."""

    def ship(order):
        return order

    seen = weakref.ref(ship)
    ship = getattr(flow("orders"), kind)(ship)
    declaration = declaration_of(ship)
    assert declaration.wrapper is ship
    gc.disable()
    try:
        del ship
        assert declaration.wrapper is None
        del declaration
        assert seen() is None
    finally:
        gc.enable()
