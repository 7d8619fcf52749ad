"""A frame behaves the same whichever code opens it, also where a hot path has that code inline."""

from __future__ import annotations

import pytest

from corectx import (
    Site,
    _current,
    _scope,
    _wrap,
    attach,
    current,
    detach,
    enter,
    failed_frame,
    leave,
    scope,
    start,
    subscribe,
)
from corectx.lowlevel import around
from penstock import _calls, flow
from penstock.contrib import asgi as _asgi
from penstock.contrib import wsgi as _wsgi
from penstock.testing import isolated_registry

TASK = Site("task", "import")


def by_enter_and_leave(work):
    token = enter(current().child(TASK))
    try:
        result = work()
    except BaseException as error:
        leave(token, error)
        raise
    leave(token)
    return result


def by_with_scope(work):
    with scope(order=7):
        return work()


def by_decorated_scope(work):
    return scope(order=7)(work)()


def by_function(work):
    return around(work, lambda: current().child(TASK))()


def by_coroutine(work):
    async def body():
        return work()

    return awaited(around(body, lambda: current().child(TASK))())


def awaited(running):
    try:
        running.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        running.close()


def by_entrypoint(work):
    return flow("inlined").entrypoint(work)()


def by_step(work):
    # Inside of its flow, of which no observer has heard.
    token = attach(current().child(Site("entrypoint", "first", "inlined")))
    try:
        return flow("inlined").step(name="second")(work)()
    finally:
        detach(token)


def by_async_step(work):
    async def body():
        return work()

    token = attach(current().child(Site("entrypoint", "first", "inlined")))
    try:
        return awaited(flow("inlined").step(name="second")(body)())
    finally:
        detach(token)


def by_wsgi_request(work):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/orders"}
    return _wsgi.FlowMiddleware(lambda _environ, _start: [work()])(environ, None)[0]


def by_asgi_request(work):
    results = []

    async def app(scope, receive, send):
        results.append(work())

    awaited(
        _asgi.FlowMiddleware(app)({"type": "http", "method": "GET", "path": "/orders"}, None, None)
    )
    return results[0]


WAYS = [
    by_enter_and_leave,
    by_with_scope,
    by_decorated_scope,
    by_function,
    by_coroutine,
    by_entrypoint,
    by_step,
    by_async_step,
    by_wsgi_request,
    by_asgi_request,
]


class Story:
    """Note what happens to the first frame that is opened; raise where the test wants it."""

    def __init__(self, interrupted):
        self.told = []
        self.frame = None
        self.interrupted = interrupted

    def entered(self, frame):
        if self.frame is None:
            self.frame = frame
            self.tell("entered")

    def left(self, frame, exc):
        if frame is self.frame:
            self.tell("left", type(exc))

    def tell(self, what, *more):
        self.told.append((what, current() is self.frame, *more))
        if what == self.interrupted:
            raise KeyboardInterrupt


def suspended():
    with scope(leaked="yes"):
        yield


def returning(around_it):
    return "done"


def failing(around_it):
    raise ValueError("broken")


def closing(around_it):
    raise GeneratorExit


def exiting(around_it):
    raise SystemExit(3)


def leaking(around_it):
    """Leave a frame open in the midst of a generator."""
    around_it.append(suspended())
    next(around_it[-1])
    return "done"


def leaving_the_outer_frame(around_it):
    """Close the generator whose frame is around this work."""
    around_it[0].close()
    return "done"


def story_of(way, work, interrupted):
    """Tell what an observer, the caller and the exception see of `work` done in this way."""
    story = Story(interrupted)
    token = attach(start(TASK))
    operation = current()
    generators = [suspended()]
    next(generators[0])
    outer = current()
    unsubscribe = subscribe(story)
    caught = None
    try:
        story.told.append(("returned", way(lambda: work(generators))))
    except BaseException as error:
        caught = error
        story.told.append(("raised", type(error)))
    finally:
        unsubscribe()
    story.told.append(("current", {outer: "outer", operation: "operation"}.get(current())))
    if caught is not None:
        story.told.append(("failed", failed_frame(caught) is story.frame))
    for generator in generators:
        generator.close()
    story.told.append(("at last", current() is operation))
    detach(token)
    return story.told


@pytest.mark.parametrize("interrupted", [None, "entered", "left"])
@pytest.mark.parametrize(
    "work", [returning, failing, closing, exiting, leaking, leaving_the_outer_frame]
)
@pytest.mark.parametrize("way", WAYS[1:])
def test_a_frame_behaves_as_between_enter_and_leave(way, work, interrupted):
    with isolated_registry():
        assert story_of(way, work, interrupted) == story_of(WAYS[0], work, interrupted)


def test_the_story_of_a_failure_tells_of_all_that_the_others_are_compared_by():
    assert story_of(by_enter_and_leave, failing, None) == [
        ("entered", True),
        ("left", True, ValueError),
        ("raised", ValueError),
        ("current", "outer"),
        ("failed", True),
        ("at last", True),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_an_exception_of_a_signal_handler_leaves_no_frame_current(way, monkeypatch):
    """It may come right after the call that makes a frame current, or that makes it so no more."""
    left = 0

    def interrupting(function):
        def set_and_interrupt(frame):
            nonlocal left
            result = function(frame)
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return result

        return set_and_interrupt

    for module in (_current, _scope, _wrap, _calls, _wsgi, _asgi):
        for name in ("set_current", "_set_current"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, interrupting(getattr(module, name)))
    token = attach(start(TASK))
    operation = current()
    interruptions = 0
    with isolated_registry():
        while True:
            left = interruptions + 1
            try:
                way(lambda: None)
            except KeyboardInterrupt:
                assert current() is operation
                interruptions += 1
            else:
                break
    left = 0
    detach(token)
    assert interruptions
