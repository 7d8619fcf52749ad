"""Drop suspended work of one kind, so that the cyclic collector ends it; arguments as in `main`.

Prints "ok". On CPython 3.10 and 3.11 the collector runs in the middle of `ContextVar.set`. Code
that sets a variable there makes the interpreter die of SIGSEGV: python/cpython#148891. It depends
on when the collector runs, hence the threshold.
"""

from __future__ import annotations

import contextvars
import gc
import sys
import warnings
import weakref
from collections.abc import Callable

import corectx
import penstock
from corectx.lowlevel import around
from penstock.contrib.wsgi import FlowMiddleware
from statecrumbs import crumb
from statecrumbs.context import context


class Knot:
    """An object in a cycle with itself: only the cyclic collector ends it."""

    def __init__(self) -> None:
        self.me = self
        self.held: object = None


def knotted(held: object) -> Knot:
    knot = Knot()
    knot.held = held
    return knot


def busy() -> None:
    """Set context variables, so that the collector runs in the middle of that."""
    for number in range(4):
        with context(number=number):
            pass


def body():
    try:
        with context(inside="yes"):
            yield 1
            yield 2
    finally:
        crumb("closed")
        with context(closing="yes"):
            crumb("closed inside")


async def async_body():
    try:
        with context(inside="yes"):
            yield 1
            yield 2
    finally:
        with context(closing="yes"):
            crumb("closed inside")


class Suspended:
    def __await__(self):
        yield


async def coroutine_body():
    with context(inside="yes"):
        await Suspended()


def app(environ, start_response):
    start_response("200 OK", [])
    return body()


wrapped = FlowMiddleware(app)


def wsgi_body() -> None:
    answer = wrapped({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)
    next(iter(answer))
    knotted(answer)


def started(generator):
    next(generator)
    return generator


decorated = context(around="yes")(body)
decorated_async = context(around="yes")(async_body)
decorated_coroutine = context(around="yes")(coroutine_body)
work = around(body, lambda: corectx.start(corectx.Site("task", "dropped")))
SHOP = penstock.flow("dropped")
stepping = SHOP.step(name="stepping")(body)


@SHOP.entrypoint
def entrypoint() -> None:
    knotted(started(stepping()))


def async_generator() -> None:
    running = decorated_async()
    try:
        running.asend(None).send(None)
    except StopIteration:
        pass
    knotted(running)


def coroutine() -> None:
    running = decorated_coroutine()
    running.send(None)
    knotted(running)


@SHOP.entrypoint(name="hidden")
def hidden_coroutine():
    return coroutine_body()


def begun() -> None:
    running = hidden_coroutine()
    running.send(None)
    knotted(running)


class Closing(Knot):
    def __del__(self) -> None:
        with context(closing="yes"):
            crumb("deleted")


@context(closing="yes")
def called_back(*_: object) -> None:
    crumb("called back")


def weak_callback() -> None:
    knot = Knot()
    weakref.finalize(knot, corectx.bind(called_back))


class Stepping(Knot):
    """Calls a step in a finalizer, also where the flow of the step runs."""

    def __del__(self) -> None:
        plain_step()


class Entering(Knot):
    def __del__(self) -> None:
        plain_entrypoint()


@SHOP.step(after="entrypoint")
def plain_step() -> None:
    crumb("in a step")


@SHOP.entrypoint
def plain_entrypoint() -> None:
    plain_step()
    Stepping()
    busy()


class Draining(Knot):
    def __del__(self) -> None:
        list(decorated())


KINDS: dict[str, Callable[[], object]] = {
    "wsgi_body": wsgi_body,
    "decorated": lambda: knotted(started(decorated())),
    "bound": lambda: knotted(started(corectx.bind(body)())),
    "inside": lambda: knotted(started(body())),
    "work": lambda: knotted(started(work())),
    "step": entrypoint,
    "async_generator": async_generator,
    "coroutine": coroutine,
    "hidden_coroutine": begun,
    "unawaited": lambda: knotted(hidden_coroutine()),
    "finalizer": Closing,
    "weak_callback": weak_callback,
    "draining": Draining,
    "step_in_a_finalizer": plain_entrypoint,
    "entrypoint_in_a_finalizer": Entering,
}


def main(kind: str, threshold: int, count: int) -> None:
    make = KINDS[kind]
    warnings.filterwarnings("ignore", message=".* was never awaited")
    unsubscribe = corectx.subscribe(Listening())
    gc.set_threshold(threshold)
    # An empty context, so that what leaks there (a generator that nobody decorated) stays there.
    for _ in range(count // 100):
        contextvars.Context().run(several, make)
    unsubscribe()
    print("ok")


def several(make: Callable[[], object]) -> None:
    for _ in range(100):
        make()
        busy()


OF_OBSERVER: contextvars.ContextVar[object] = contextvars.ContextVar("of_observer", default=None)


class Listening:
    """An observer that keeps a variable of its own, as that of OpenTelemetry does."""

    def entered(self, frame) -> None:
        OF_OBSERVER.set(frame)

    def left(self, frame, exc) -> None:
        OF_OBSERVER.set(None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
