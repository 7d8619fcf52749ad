"""Our span is OpenTelemetry's current one while its body runs, and nowhere else."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading

import pytest
from opentelemetry import context, trace

from corectx import Site, attach, bind, current, detach, enter, leave, start
from penstock import flow
from penstock.contrib.wsgi import FlowMiddleware


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
