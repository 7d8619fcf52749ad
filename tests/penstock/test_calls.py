"""A call is recorded in the flows that are running, and changes nothing else."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import gc
import multiprocessing
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import corectx
from corectx import Frame, Site, current, failed_frame
from corectx.executors import ContextExecutor
from corectx.lowlevel import note_closed, note_open, open_frames
from penstock import _calls, current_flow_id, entrypoint, flow, step
from penstock.testing import isolated_registry

pytestmark = pytest.mark.usefixtures("ran")

REQUEST = Site("request", "GET")


@contextlib.contextmanager
def inside(frame):
    """Have `frame` current."""
    token = corectx.attach(frame)
    try:
        yield frame
    finally:
        corectx.detach(token)


def facts(frame):
    return frame.kind, frame.name, frame.flow


def calling(function):
    """Return another function, which calls `function`."""

    def call(*args):
        return function(*args)

    return call


# The same step in each kind of function: how to declare one that calls `probe`, and how to
# run it to its end.


def as_function(declare, probe):
    @declare
    def work():
        return probe()

    return work


def as_method(declare, probe):
    class Worker:
        @declare
        def work(self):
            return probe()

    return Worker().work


def as_static_method(declare, probe):
    class Worker:
        @staticmethod
        @declare
        def work():
            return probe()

    return Worker.work


def as_class_method(declare, probe):
    class Worker:
        @declare
        @classmethod
        def work(cls):
            return probe()

    return Worker.work


def as_coroutine(declare, probe):
    @declare
    async def work():
        await asyncio.sleep(0)
        return probe()

    def run():
        return asyncio.run(work())

    return run


def as_hidden_coroutine(declare, probe):
    """Declare a plain function that returns a coroutine, as a decorator makes that is not async."""

    async def body():
        await asyncio.sleep(0)
        return probe()

    @declare
    def work():
        return body()

    def run():
        return asyncio.run(work())

    return run


def as_generator(declare, probe):
    @declare
    def work():
        yield probe()

    def run():
        [result] = work()
        return result

    return run


def as_async_generator(declare, probe):
    @declare
    async def work():
        yield probe()

    async def consume():
        [result] = [each async for each in work()]
        return result

    def run():
        return asyncio.run(consume())

    return run


KINDS = [
    as_function,
    as_method,
    as_static_method,
    as_class_method,
    as_coroutine,
    as_hidden_coroutine,
    as_generator,
    as_async_generator,
]


@pytest.fixture(params=KINDS)
def made(request):
    return request.param


def test_a_step_called_outside_a_flow_is_a_plain_call(made, ran):
    work = made(flow("f").step, current)
    assert work() is None
    with corectx.scope(a=1) as scope:
        assert work() is scope
    with inside(corectx.start(REQUEST)) as request:
        assert work() is request
    assert ran.calls == []


def test_a_step_opens_a_frame_inside_its_flow(made):
    f = flow("f")
    work = made(f.step(after="begin"), current)

    @f.entrypoint
    def begin():
        return current(), work(), current()

    outer, inner, again = begin()
    assert facts(outer) == ("entrypoint", "begin", "f")
    assert facts(inner) == ("step", "work", "f")
    assert inner.site is f.steps["work"]
    assert inner.parent is outer
    assert inner.store is outer.store
    assert inner.correlation_id == outer.correlation_id
    assert again is outer


def test_an_entrypoint_starts_a_correlation_of_its_own(made):
    begin = made(flow("f").entrypoint, current)
    first, second = begin(), begin()
    assert facts(first) == ("entrypoint", "work", "f")
    assert corectx.is_valid_id(first.correlation_id)
    assert first.correlation_id != second.correlation_id
    assert first.store is not second.store
    assert current() is None


def test_an_entrypoint_joins_the_correlation_that_is_active(made):
    begin = made(flow("f").entrypoint, current)
    with inside(corectx.start(REQUEST, values={"user": 7})) as request:
        frame = begin()
        assert current() is request
    assert frame.correlation_id == request.correlation_id
    assert frame.store is request.store
    assert frame.parent is request
    assert frame.values["user"] == 7


def test_an_entrypoint_in_a_bare_scope_inherits_its_values(made):
    begin = made(flow("f").entrypoint, current)
    with corectx.scope(tenant="a") as scope:
        frame = begin()
        assert current() is scope
    assert frame.correlation_id is not None
    assert frame.values["tenant"] == "a"
    assert frame.store is not scope.store


def test_a_step_in_no_flow_is_a_plain_call_everywhere(made):
    work = made(step, current)

    @flow("f")
    @entrypoint
    def begin():
        return current(), work()

    frame, seen = begin()
    assert seen is frame


def test_a_failure_names_the_step_that_it_left_first(made, ran):
    f = flow("f")

    def fail():
        raise ValueError("broken")

    work = made(f.step, fail)

    @f.entrypoint
    def begin():
        work()

    with pytest.raises(ValueError, match="broken") as caught:
        begin()
    assert facts(failed_frame(caught.value)) == ("step", "work", "f")
    assert [call.exception for call in ran.calls] == [caught.value, caught.value]
    assert current() is None


def test_an_observer_hears_of_begin_and_end_in_order(made):
    heard = []

    class Observer:
        def entered(self, frame):
            heard.append(("entered", frame.name, current() is frame))

        def left(self, frame, exc):
            heard.append(("left", frame.name, current() is frame, exc))

    f = flow("f")
    work = made(f.step, lambda: heard.append("work"))
    unsubscribe = corectx.subscribe(Observer())
    f.entrypoint(name="begin")(calling(work))()
    unsubscribe()
    assert heard == [
        ("entered", "begin", True),
        ("entered", "work", True),
        "work",
        ("left", "work", True, None),
        ("left", "begin", True, None),
    ]


def test_a_step_of_several_flows_is_recorded_in_each_that_runs(made, ran):
    a, b, c = flow("a"), flow("b"), flow("c")
    work = made(lambda function: c(a(b(step(function)))), current)
    run_a = a.entrypoint(name="a")(calling(work))
    run_both = b.entrypoint(name="b")(calling(run_a))

    assert facts(run_a()) == ("step", "work", "a")
    assert ran.names() == ["a", "work"]
    ran.calls.clear()
    assert facts(run_both()) == ("step", "work", "b")
    assert [(call.flow, call.name) for call in ran.calls] == [
        ("b", "b"),
        ("a", "a"),
        ("a", "work"),
        ("b", "work"),
    ]
    assert all(call.has_ended for call in ran.calls)


def test_an_entrypoint_of_several_flows_opens_each_with_one_correlation(made, ran):
    begin = made(lambda function: flow("a")(flow("b")(entrypoint(function))), current)
    frame = begin()
    assert [facts(each) for each in (frame, frame.parent)] == [
        ("entrypoint", "work", "b"),
        ("entrypoint", "work", "a"),
    ]
    assert frame.correlation_id == frame.parent.correlation_id
    assert [call.flow for call in ran.calls] == ["a", "b"]


def test_a_step_of_the_outer_flow_is_recorded_there_when_the_inner_one_calls_it(made, ran):
    outer, inner = flow("outer"), flow("inner")
    work = made(outer.step, current)

    @inner.entrypoint
    def begin_inner():
        with corectx.scope(a=1):
            return current(), work()

    @outer.entrypoint
    def begin_outer():
        return begin_inner()

    caller, frame = begin_outer()
    assert facts(frame) == ("step", "work", "outer")
    assert frame.parent is caller
    assert frame.values == {"a": 1}


def test_nested_entrypoints_restore_what_was_there(ran):
    f = flow("f")

    @f.entrypoint
    def recurse(depth):
        before = current()
        inner = recurse(depth - 1) if depth else None
        assert current() is before
        return inner or before

    innermost = recurse(3)
    depth = 0
    while innermost.parent is not None:
        assert innermost.correlation_id == innermost.parent.correlation_id
        innermost, depth = innermost.parent, depth + 1
    assert depth == 3


def test_a_flow_that_went_on_in_another_process_goes_on_here():
    f = flow("f")
    work = f.step(current)

    @f.entrypoint
    def begin():
        return corectx.inject({})

    arrived = corectx.extract(begin())
    with inside(arrived.child(Site("task", "t"))):
        frame = work()
    assert facts(frame) == ("step", "current", "f")
    assert frame.correlation_id == arrived.correlation_id


@pytest.mark.parametrize("declare", ["step", "entrypoint"])
def test_the_inline_frame_has_everything_that_a_frame_has(declare):
    """The wrappers of plain functions fill their frames by themselves, for speed."""
    f = flow("f")
    work = getattr(f, declare)(current)
    ours = f.entrypoint(name="begin")(calling(work))()
    whole = Frame(REQUEST, None, None, None, {}, {}, None)
    for attribute in Frame.__slots__:
        assert hasattr(ours, attribute) == hasattr(whole, attribute), attribute
    assert ours.child(REQUEST).flow == "f"
    assert len(ours.id) == 16


def test_arguments_results_and_exceptions_pass_unchanged():
    f = flow("f")

    @f.step
    def give(*args, **kwargs):
        return args, kwargs

    @f.entrypoint
    def begin(*args, **kwargs):
        return give(*args, **kwargs)

    assert begin(1, function=2, self=3, args=4) == ((1,), {"function": 2, "self": 3, "args": 4})


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, LookupError])
def test_every_exception_restores_the_frame(made, error):
    def fail():
        raise error

    work = made(flow("f").entrypoint, fail)
    with pytest.raises(error):
        work()
    assert current() is None


def test_a_scope_left_open_in_a_generator_ends_with_the_step():
    f = flow("f")
    kept = []

    def opens():
        with corectx.scope(leaked=True):
            yield

    @f.step
    def work():
        kept.append(opens())
        next(kept[-1])

    @f.entrypoint
    def begin():
        before = current()
        work()
        assert current() is before
        kept[-1].close()
        assert current() is before

    begin()


@pytest.mark.parametrize("declare", ["step", "entrypoint"])
def test_a_call_may_end_a_scope_that_a_generator_opened_around_it(declare):
    f = flow("f")

    def opens():
        with corectx.scope(leaked=True):
            yield

    @getattr(f, declare)
    def work(generator):
        generator.close()
        assert current().name == "work"

    @f.entrypoint
    def begin():
        before = current()
        generator = opens()
        next(generator)
        work(generator)
        assert current() is before

    begin()


def test_gathered_tasks_keep_their_own_frames():
    f = flow("f")

    async def main():
        met = asyncio.Event()
        arrived = []

        @f.step
        async def work(number):
            frame = current()
            arrived.append(number)
            if len(arrived) == 10:
                met.set()
            await met.wait()
            assert current() is frame
            return frame

        @f.entrypoint
        async def begin(number):
            return current(), await work(number)

        return await asyncio.gather(*map(begin, range(10)))

    runs = asyncio.run(main())
    assert len({frame.correlation_id for _, frame in runs}) == 10
    assert all(frame.parent is run for run, frame in runs)


def test_gathered_steps_share_the_run():
    f = flow("f")

    @f.step
    async def work():
        await asyncio.sleep(0)
        return current()

    @f.entrypoint
    async def begin():
        return current(), await asyncio.gather(work(), work())

    run, frames = asyncio.run(begin())
    assert [frame.parent for frame in frames] == [run, run]


def test_a_cancelled_step_is_left_and_named(ran):
    f = flow("f")

    async def main():
        entered = asyncio.Event()

        @f.step
        async def work():
            entered.set()
            await asyncio.Event().wait()

        @f.entrypoint
        async def begin():
            await work()

        task = asyncio.create_task(begin())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [type(call.exception) for call in ran.calls] == [asyncio.CancelledError] * 2


def test_a_coroutine_that_a_step_returns_is_in_flight_until_it_ends(ran):
    f = flow("f")

    async def body():
        await asyncio.sleep(0)
        assert [(each.name, each is current()) for each in open_frames() if each.flow == "f"] == [
            ("work", True)
        ]
        raise OSError

    work = f.entrypoint(name="work")(calling(body))

    class OpenFrames:
        is_inlined = True

        def entered(self, frame):
            note_open(frame)

        def left(self, frame, exc):
            note_closed(frame)

    unsubscribe = corectx.subscribe(OpenFrames())
    with pytest.raises(OSError):
        asyncio.run(work())
    unsubscribe()
    (call,) = ran.calls
    assert isinstance(call.exception, OSError)
    assert failed_frame(call.exception).name == "work"
    assert open_frames() == []


def test_a_coroutine_that_a_step_returns_and_nobody_awaits_is_left_when_it_is_dropped(ran):
    async def body():
        pass

    work = flow("f").entrypoint(calling(body))
    with pytest.warns(RuntimeWarning, match="body' was never awaited") as warned:
        work()
    assert len(warned) == 1
    assert [call.exception for call in ran.calls] == [None]


def test_a_bound_thread_goes_on_with_the_run():
    f = flow("f")
    work = f.step(lambda: seen.append(current()))
    seen = []

    @f.entrypoint
    def begin():
        # The empty context is the one of a thread that does not inherit its starter's.
        for target in (corectx.bind(work), work):
            thread = threading.Thread(target=contextvars.Context().run, args=(target,))
            thread.start()
            thread.join()
        return current()

    run = begin()
    assert seen[0].parent is run
    assert seen[1] is None


def test_runs_in_many_threads_do_not_mix():
    f = flow("f")
    barrier = threading.Barrier(8)

    @f.step
    def work():
        barrier.wait()
        return current_flow_id()

    @f.entrypoint
    def begin():
        barrier.wait()
        return current_flow_id(), work(), current_flow_id()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        runs = [each.result() for each in [pool.submit(begin) for _ in range(8)]]
    assert all(len(set(run)) == 1 for run in runs)
    assert len({run[0] for run in runs}) == 8


def test_an_abandoned_generator_step_leaves_its_frame_when_it_is_collected(ran):
    f = flow("f")

    @f.step
    def count():
        yield current()
        yield current()

    @f.entrypoint
    def begin():
        run = current()
        numbers = count()
        assert next(numbers).parent is run
        assert current() is run
        del numbers
        gc.collect()
        assert current() is run

    begin()
    assert [(call.name, call.has_ended, call.exception) for call in ran.calls] == [
        ("begin", True, None),
        ("count", True, None),
    ]


def test_a_generator_step_that_outlives_its_run_stays_in_it():
    f = flow("f")

    @f.step
    def count():
        yield current()
        yield current()

    @f.entrypoint
    def begin():
        numbers = count()
        return next(numbers), numbers

    first, numbers = begin()
    assert current() is None
    assert next(numbers) is first
    assert current() is None


def test_a_generator_step_can_be_sent_to_and_returns():
    f = flow("f")

    @f.step
    def echo():
        got = yield "ready"
        try:
            yield got
        except KeyError:
            return "done"

    @f.entrypoint
    def begin():
        talk = echo()
        assert [next(talk), talk.send("hello")] == ["ready", "hello"]
        with pytest.raises(StopIteration) as stop:
            talk.throw(KeyError())
        return stop.value.value

    assert begin() == "done"


def in_a_process(number):
    """Run both pickled functions there: outside any flow, and as a run of its own."""
    return doubled(number), facts(begun(number))


@flow("processes")
@step
def doubled(number):
    return number * 2


@flow("processes")
@entrypoint
def begun(number):
    return current()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # pytest-xdist has threads
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_decorated_functions_work_in_a_process_pool(method):
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(doubled, 3).result() == 6
        assert list(pool.map(in_a_process, [4])) == [(8, ("entrypoint", "begun", "processes"))]
        run = begun(1)
        with inside(run):
            there = ContextExecutor(pool).submit(doubled_id).result()
        assert there == ("doubled_id", run.correlation_id)


@flow("processes")
@step
def doubled_id():
    return current().name, current_flow_id()


FLOWS = ["a", "b"]
calls_made = st.tuples(
    st.sampled_from(["entrypoint", "step"]), st.sampled_from(FLOWS), st.booleans()
)


def make_work():
    """Return a function for each kind, flow and way to call, which notes what it runs in."""

    def work(seen, children, call):
        around, frame = [], current()
        while frame is not None:
            around.append((frame.flow, frame.kind))
            frame = frame.parent
        seen.append(around)
        call(children)

    def count(seen, children, call):
        work(seen, children, call)
        yield

    made = {}
    with isolated_registry():
        for name in FLOWS:
            for kind in ("entrypoint", "step"):
                made[kind, name, False] = getattr(flow(name), kind)(calling(work))
                counting = getattr(flow(name), kind)(name="count")(count)
                made[kind, name, True] = exhausting(counting)
    return made


def exhausting(generator_function):
    """Return a function that runs a generator to its end."""
    return lambda *args: list(generator_function(*args))


WORK = make_work()

# Any tree of calls, against a model: an entrypoint runs its flow, and the outermost one begins an
# operation; a step is recorded in its flow if that has run in the operation.
trees = st.recursive(
    st.just(()), lambda inside: st.lists(st.tuples(calls_made, inside), max_size=4), max_leaves=12
)


@given(trees)
def test_any_tree_of_calls_is_recorded_as_the_flows_that_run_say(tree):
    seen, expected = [], []

    def call(children):
        before = current()
        for (kind, name, makes_generator), inside in children:
            WORK[kind, name, makes_generator](seen, inside, call)
            assert current() is before

    def model(children, around, begun=()):
        for (kind, name, _), inside in children:
            here, operation = around, begun if around else set()
            if kind == "entrypoint":
                operation.add(name)
            if name in operation:
                here = [(name, kind), *around]
            expected.append(here)
            model(inside, here, operation)

    call(tree)
    model(tree, [])
    assert seen == expected
    assert current() is None


@pytest.mark.parametrize("frames", ["BareFrame", "OwnRunFrame"])
def test_a_second_flow_that_claims_a_function_during_a_call_changes_nothing_in_the_call(
    frames, monkeypatch
):
    """Another thread may import the module with the second flow at any moment of a call."""
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        return charge() if frames == "BareFrame" else facts(current())

    @orders.step(after=receive)
    def charge():
        return facts(current())

    function = charge if frames == "BareFrame" else receive
    make = getattr(_calls, frames)

    def make_and_claim():
        if function is receive or current() is not None:
            flow("billing")(function)
        return make()

    monkeypatch.setattr(_calls, frames, make_and_claim)
    kind = "step" if function is charge else "entrypoint"
    assert receive() == (kind, function.__name__, "orders")
