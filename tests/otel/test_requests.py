"""Every kind of request is one trace with one ID, in any order of set-up."""

from __future__ import annotations

import logging

import pytest
from opentelemetry import context
from opentelemetry.trace import SpanKind, StatusCode

import corectx

from .orders import (
    ORDERS,
    SEEN,
    SENDER,
    TRACE,
    UPSTREAM,
    ask_asgi,
    ask_websocket,
    ask_wsgi,
    server_span,
)

GET = [
    "/orders/17",
    "/coroutine",
    "/stream",
    "/broken-stream",
    "/fail",
    "/gone",
    "/missing",
]
PATHS = {
    ask_asgi: [*GET, "/shop/acme/orders/7", "/later", "/coroutine-stream", "/coroutine-fail"],
    ask_wsgi: GET,
}
CASES = [
    (ask, make, method, path)
    for ask, make in ORDERS
    for method, path in [("HEAD", "/orders/17"), *(("GET", path) for path in PATHS[ask])]
]
UNSEEN = ("/missing",)  # no code of the application runs
FAILING = ("/fail", "/coroutine-fail", "/broken-stream")

# Ours is inside of the middleware that makes the response to an unhandled exception.
INSIDE = ("instrumented_outside", "instrumented_before", "own_tracing_outside")


@pytest.fixture(autouse=True)
def nothing_is_left(caplog):
    SEEN.clear()
    with caplog.at_level(logging.WARNING):
        yield
    assert corectx.current() is None
    assert not context.get_current()
    ours = [each for each in caplog.records if not each.name.startswith("shop")]
    assert [each.getMessage() for each in ours] == []


def check(traces, response, headers):
    """Find one trace, one span of kind SERVER and one ID; return that span."""
    spans = traces.finished
    server = server_span(spans)
    trace_id = f"{server.context.trace_id:032x}"
    assert {f"{span.context.trace_id:032x}" for span in spans} == {trace_id}
    assert {span.kind for span in spans} <= {SpanKind.SERVER, SpanKind.INTERNAL}
    assert set(SEEN) <= {(trace_id, trace_id)}
    # A crumb is never lost: the other's span may have ended before it.
    noted = [event.name for span in spans for event in span.events if event.name == "noted"]
    assert len(noted) == len(SEEN)
    assert response.get("x-correlation-id", trace_id) == trace_id
    if headers:
        assert trace_id == TRACE
        assert f"{server.parent.span_id:016x}" == SENDER
    else:
        assert server.parent is None
    return server


@pytest.mark.parametrize(
    ("ask", "make", "method", "path"),
    CASES,
    ids=[f"{make.__name__}-{method}{path}" for _, make, method, path in CASES],
)
@pytest.mark.parametrize("headers", [UPSTREAM, {}], ids=["upstream", "no_upstream"])
def test_every_kind_of_request_has_one_trace_and_one_id(ask, make, method, path, headers, traces):
    response, _ = ask(make(traces), headers, path, method)
    server = check(traces, response, headers)
    assert bool(SEEN) is (path not in UNSEEN)
    assert (server.status.status_code is StatusCode.ERROR) is (path in FAILING)
    if path in ("/fail", "/coroutine-fail") and make.__name__ in INSIDE:
        assert "x-correlation-id" not in response  # the README says why
    elif (ask, path) != (ask_wsgi, "/broken-stream"):  # of which the client has no headers
        assert "x-correlation-id" in response


@pytest.mark.parametrize(
    "make",
    [make for ask, make in ORDERS if ask is ask_asgi],
    ids=[make.__name__ for ask, make in ORDERS if ask is ask_asgi],
)
@pytest.mark.parametrize("headers", [UPSTREAM, {}], ids=["upstream", "no_upstream"])
def test_a_websocket_is_one_trace_and_has_one_id(make, headers, traces):
    response, (answer, _) = ask_websocket(make(traces), headers)
    server = check(traces, response, headers)
    assert answer == f"{server.context.trace_id:032x}hello"
    assert "x-correlation-id" in response
