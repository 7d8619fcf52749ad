"""Types of decorated functions, checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from penstock import (
    Flow,
    FlowContext,
    configure,
    current_flow_id,
    entrypoint,
    flow,
    generate_dag,
    get_flow_context,
    step,
)
from penstock.backends import LoggingBackend, TracingBackend
from penstock.contrib.asgi import FlowMiddleware as AsgiMiddleware
from penstock.contrib.wsgi import FlowMiddleware as WsgiMiddleware
from penstock.testing import CapturedSteps, captured_steps

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from typing_extensions import assert_type

    from corectx import Frame

    orders = flow("orders")
    assert_type(orders, Flow)

    @flow("orders")
    @entrypoint
    def place(order: int, *, rush: bool = False) -> str:
        return str(order) if rush else ""

    assert_type(place(1, rush=True), str)
    place("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @flow("orders")
    @step(after="place", name="pay")
    async def charge(order: int) -> float:
        return order * 1.0

    def takes_coroutine(function: Callable[[int], Coroutine[Any, Any, float]]) -> None: ...

    takes_coroutine(charge)

    @orders.step(after=[place, "orders:pay", charge])
    def count(to: int) -> Iterator[int]:
        yield from range(to)

    assert_type(count(3), Iterator[int])

    @orders.step(after={place: "in stock", "orders:pay": None})
    def send(parcel: str) -> str:
        return parcel

    assert_type(send("a"), str)

    @orders.entrypoint(after=charge)
    async def stream() -> AsyncIterator[int]:
        yield 1

    assert_type(stream(), AsyncIterator[int])

    @flow("orders")
    class Desk:
        @orders.entrypoint
        def unlock(self, day: str) -> int:
            return len(day)

        @step(after=unlock)
        @staticmethod
        def tidy(times: int) -> bool:
            return bool(times)

        @classmethod
        @step()
        def close(cls, day: str) -> bytes:
            return day.encode()

        @property
        @step
        def lamps(self) -> int:
            return 3

    assert_type(Desk().unlock("monday"), int)
    assert_type(Desk.tidy(3), bool)
    assert_type(Desk.close("monday"), bytes)
    assert_type(Desk().lamps, int)

    step(after=7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]

    class Own:
        def entered(self, frame: Frame, /) -> None: ...

        def left(self, frame: Frame, exc: BaseException | None, /) -> None: ...

    own: TracingBackend = Own()
    configure("logging", own, LoggingBackend(10))
    configure(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert_type(current_flow_id(), str | None)
    assert_type(get_flow_context(), FlowContext | None)
    assert_type(generate_dag("orders", format="mermaid"), str)

    with captured_steps() as ran:
        assert_type(ran, CapturedSteps)
        assert_type(ran.names(), list[str])

    def serve(asgi: Any, wsgi: WSGIApplication) -> WSGIApplication:
        AsgiMiddleware(asgi, trust_inbound=True, header=None)
        return WsgiMiddleware(wsgi)
