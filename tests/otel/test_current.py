"""Our span is OpenTelemetry's current one while its body runs, and nowhere else."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from contextlib import nullcontext

import pytest
from opentelemetry import context, trace

from corectx import Site, attach, bind, current, detach, enter, leave, scope, start, subscribe
from corectx.lowlevel import forget_lost, note_closed, note_open, set_current
from penstock import flow
from penstock.contrib.wsgi import FlowMiddleware
from statecrumbs import crumb


def current_name():
    return getattr(trace.get_current_span(), "name", None)


def test_spans_by_hand_and_steps_nest_in_each_other(spans):
    @flow("orders").entrypoint
    def take():
        with spans.tracer.start_as_current_span("by hand"):
            charge()
        assert current_name() == "take"

    @flow("orders").step(after="take")
    def charge():
        with spans.tracer.start_as_current_span("query"):
            pass

    with spans.tracer.start_as_current_span("main"):
        take()
        assert current_name() == "main"
    assert spans.parents() == {
        "main": None,
        "take": "main",
        "by hand": "take",
        "charge": "by hand",
        "query": "charge",
    }


def test_a_generator_has_its_span_while_its_body_runs_and_the_consumer_its_own(spans):
    inside = []

    @flow("orders").entrypoint
    def take():
        for _ in pages():
            assert current_name() == "take"
            charge()
        assert current_name() == "take"

    @flow("orders").step(after="take")
    def pages():
        inside.append(current_name())
        yield 1
        inside.append(current_name())
        with spans.tracer.start_as_current_span("fetch"):
            yield 2
            inside.append(current_name())
            parse()
        inside.append(current_name())

    @flow("orders").step(after="pages")
    def parse():
        pass

    @flow("orders").step(after="pages")
    def charge():
        pass

    take()
    assert inside == ["pages", "pages", "fetch", "pages"]
    assert spans.parents() == {
        "take": None,
        "pages": "take",
        "fetch": "pages",
        "parse": "fetch",
        "charge": "take",
    }


@pytest.mark.parametrize("way", ["close", "drop", "throw"])
def test_a_generator_that_is_given_up_ends_its_span(spans, way):
    @flow("orders").entrypoint
    def pages():
        with spans.tracer.start_as_current_span("fetch"):
            yield 1

    iterator = pages()
    next(iterator)
    assert current_name() is None
    if way == "close":
        iterator.close()
    elif way == "throw":
        with pytest.raises(KeyError):
            iterator.throw(KeyError("x"))
    del iterator
    gc.collect()
    assert spans.parents() == {"pages": None, "fetch": "pages"}


def test_generators_that_take_turns_do_not_mix(spans):
    @flow("orders").entrypoint
    def take():
        for _ in zip(left(), right(), strict=True):
            assert current_name() == "take"

    def body(name):
        for _ in range(3):
            assert current_name() == name
            with spans.tracer.start_as_current_span(f"in {name}"):
                yield
                assert current_name() == f"in {name}"

    @flow("orders").step
    def left():
        yield from body("left")

    @flow("orders").step
    def right():
        yield from body("right")

    take()
    found = {span.context.span_id: span.name for span in spans.finished}
    for span in spans.finished:
        if span.name.startswith("in "):
            assert f"in {found[span.parent.span_id]}" == span.name


def test_an_async_generator_that_another_task_closes_leaves_nothing(spans):
    @flow("orders").entrypoint
    async def pages():
        assert current_name() == "pages"
        yield 1
        await asyncio.sleep(0)
        assert current_name() == "pages"
        await charge()
        yield 2

    @flow("orders").step(after="pages")
    async def charge():
        pass

    async def main():
        iterator = pages()
        assert await anext_(iterator) == 1
        assert current_name() is None
        assert await asyncio.create_task(anext_(iterator)) == 2
        await asyncio.create_task(iterator.aclose())
        assert current_name() is None

    asyncio.run(main())
    assert spans.parents() == {"pages": None, "charge": "pages"}


def anext_(iterator):
    """The built-in `anext` of Python 3.10 as a coroutine that a task can run."""

    async def step():
        return await iterator.__anext__()

    return step()


def test_an_async_generator_that_is_broken_out_of_ends_with_the_loop(spans):
    @flow("orders").entrypoint
    async def pages():
        yield 1
        yield 2

    async def main():
        async for _ in pages():
            break
        assert current_name() is None

    asyncio.run(main())
    assert spans.names() == ["pages"]


def test_gathered_tasks_have_the_step_that_made_them_as_parent(spans):
    @flow("orders").entrypoint
    async def take():
        both = asyncio.Event()
        await asyncio.gather(charge(both), reserve(both))
        assert current_name() == "take"

    @flow("orders").step
    async def charge(both):
        await both.wait()
        with spans.tracer.start_as_current_span("query"):
            await asyncio.sleep(0)

    @flow("orders").step
    async def reserve(both):
        both.set()

    asyncio.run(take())
    assert spans.parents() == {
        "take": None,
        "charge": "take",
        "reserve": "take",
        "query": "charge",
    }


def test_a_cancelled_task_ends_its_span(spans):
    @flow("orders").entrypoint
    async def take():
        await asyncio.Event().wait()

    async def main():
        task = asyncio.create_task(take())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not spans["take"].events
    assert spans["take"].status.is_unset


def test_what_outlives_the_step_that_started_it_is_still_its_child(spans):
    @flow("orders").entrypoint
    async def take(go):
        return asyncio.create_task(later(go))

    async def later(go):
        await go.wait()
        charge()
        charge()

    @flow("orders").step
    def charge():
        pass

    async def main():
        go = asyncio.Event()
        task = await take(go)
        go.set()
        await task

    asyncio.run(main())
    first, *charges = sorted(spans.finished, key=lambda span: span.start_time)
    assert [span.name for span in charges] == ["charge", "charge"]
    assert {span.parent.span_id for span in charges} == {first.context.span_id}


def test_a_bound_thread_goes_on_in_the_trace(spans):
    @flow("orders").entrypoint
    def take():
        thread = threading.Thread(target=bind(work))
        thread.start()
        thread.join()

    def work():
        charge()
        assert current_name() is None

    @flow("orders").step
    def charge():
        with spans.tracer.start_as_current_span("query"):
            pass

    take()
    assert spans.parents() == {"take": None, "charge": "take", "query": "charge"}


def test_a_thread_that_outlives_the_operation_stays_in_its_trace(spans):
    @flow("orders").entrypoint
    def take():
        return bind(charge)

    @flow("orders").step
    def charge():
        pass

    late = take()
    thread = threading.Thread(target=late)
    thread.start()
    thread.join()
    assert spans.parents() == {"take": None, "charge": "take"}


@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["here", "in_another_thread"])
def test_a_wsgi_body_has_its_span_while_its_code_runs(spans, is_elsewhere):
    inside = []

    def body():
        with spans.tracer.start_as_current_span("query"):
            inside.append(current_name())
            yield b"a"
            inside.append(current_name())
        yield b"b"
        inside.append(current_name())

    def app(environ, start_response):
        inside.append(current_name())
        return body()

    def send():
        for _ in chunks:
            assert current_name() is None
        chunks.close()
        assert current_name() is None

    chunks = FlowMiddleware(app)({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)
    assert current_name() is None
    if is_elsewhere:
        thread = threading.Thread(target=send)
        thread.start()
        thread.join()
    else:
        send()
    assert inside == ["GET", "query", "query", "GET"]
    assert spans.parents() == {"GET": None, "query": "GET"}


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_dropped_wsgi_body_is_cleaned_up_in_its_span(spans, chunks):
    class Closing:
        def __init__(self):
            self.left = [b"a", b"b"]

        def __iter__(self):
            return self

        def __next__(self):
            return self.left.pop()

        def close(self):
            with spans.tracer.start_as_current_span("clean up"):
                pass

    app = FlowMiddleware(lambda environ, start_response: Closing())
    body = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)
    for _ in range(chunks):
        next(body)
    del body
    gc.collect()
    assert spans.parents() == {"GET": None, "clean up": "GET"}


def test_frames_that_end_out_of_order_leave_nothing_current(spans):
    outer = enter(start(Site("task", "outer")))
    inner = enter(outer[0].child(Site("step", "inner")))
    leave(outer)
    leave(inner)
    assert current_name() is None
    assert spans.parents() == {"outer": None, "inner": "outer"}


def test_a_frame_that_ends_in_another_context_leaves_that_one_as_it_is(spans):
    frame = start(Site("request", "GET"))
    there = contextvars.copy_context()
    token = there.run(enter, frame)
    with spans.tracer.start_as_current_span("mine"):
        leave(token)
        assert current_name() == "mine"
    assert spans.parents() == {"GET": None, "mine": None}


def test_an_operation_inside_another_one_is_a_trace_of_its_own(spans):
    with_outer = enter(start(Site("task", "outer")))
    inner = start(Site("task", "inner"))
    leave(enter(inner))
    leave(with_outer)
    assert spans.parents() == {"outer": None, "inner": None}
    assert f"{spans['inner'].context.trace_id:032x}" == inner.correlation_id
    assert spans["inner"].context.trace_id != spans["outer"].context.trace_id


def test_a_frame_that_is_only_attached_is_no_span_but_a_parent(spans):
    frame = start(Site("task", "outer"))
    leave(enter(frame))
    token = attach(frame)
    leave(enter(current().child(Site("step", "inner"))))
    detach(token)
    assert spans.parents() == {"outer": None, "inner": "outer"}


def test_what_the_user_put_into_the_context_stays(spans):
    key = context.create_key("tenant")

    @flow("orders").entrypoint
    def take():
        assert context.get_value(key) == "acme"

    token = context.attach(context.set_value(key, "acme"))
    take()
    assert context.get_value(key) == "acme"
    context.detach(token)


# A frame that is lost


def lose(*names):
    """Begin work that nobody will leave, as if a signal handler had raised in between."""
    for name in names:
        enter(start(Site("request", name), parent=current()))
    set_current(None)


@pytest.mark.parametrize("names", [["lost"], ["outer", "lost"]])
@pytest.mark.parametrize("is_in_scope", [False, True])
def test_a_crumb_is_not_in_the_span_of_a_lost_frame(traces, names, is_in_scope):
    def run():
        with traces.tracer.start_as_current_span("around") as around:
            lose(*names)
            with scope() if is_in_scope else nullcontext():
                crumb("after")
            assert trace.get_current_span() is around

    contextvars.copy_context().run(run)
    assert traces.names() == ["around"]
    assert [event.name for event in traces["around"].events] == ["after"]


class Keeping:
    """Keep the open frames, as an observer does that lists them."""

    def entered(self, frame):
        note_open(frame)

    def left(self, frame, exc):
        note_closed(frame)


def test_another_thread_leaves_the_span_of_a_frame_that_was_lost_there(traces):
    own = contextvars.copy_context()
    end = subscribe(Keeping())
    try:
        own.run(lose, "lost")
        forget_lost()
    finally:
        end()
    own.run(crumb, "after")
    assert not own.run(trace.get_current_span).get_span_context().is_valid


def test_new_work_does_not_return_to_the_span_of_a_lost_frame(traces):
    def run():
        lose("lost")
        leave(enter(start(Site("request", "next"))))
        assert not trace.get_current_span().get_span_context().is_valid

    contextvars.copy_context().run(run)
    assert traces.parents() == {"next": None}


def test_a_span_inside_of_a_lost_frame_keeps_its_crumbs(traces):
    def run():
        lose("lost")
        with traces.tracer.start_as_current_span("inside") as inside:
            crumb("after")
            assert trace.get_current_span() is inside

    contextvars.copy_context().run(run)
    assert [event.name for event in traces["inside"].events] == ["after"]


def test_a_crumb_where_only_the_span_is_current_stays_in_it(traces):
    token = enter(start(Site("request", "open")))
    frame_only = attach(None)  # as in a thread that got the context of OpenTelemetry only
    crumb("without a frame")
    detach(frame_only)
    leave(token)
    assert [event.name for event in traces["open"].events] == ["without a frame"]
