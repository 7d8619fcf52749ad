"""Baggage that arrives, requests that are excluded from tracing, and senders without a frame."""

from __future__ import annotations

import json

import pytest
from celery import Celery
from opentelemetry import baggage, context
from opentelemetry.trace import SpanKind

from corectx import HEADER, Site, enter, inject, leave, start
from penstock import flow
from penstock.contrib.asgi import FlowMiddleware as Asgi
from penstock.contrib.wsgi import FlowMiddleware as Wsgi
from penstock_celery._messages import frame_of
from statecrumbs import crumb

from .orders import UPSTREAM, ask_asgi, ask_wsgi


def asgi(work):
    async def app(scope, receive, send):
        text = work()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(text).encode()})

    return Asgi(app)


def wsgi(work):
    def app(environ, start_response):
        text = work()
        start_response("200 OK", [])
        return [json.dumps(text).encode()]

    return Wsgi(app)


both_servers = pytest.mark.parametrize(("ask", "make"), [(ask_asgi, asgi), (ask_wsgi, wsgi)])


def work_of_a_task(request, work):
    task = type("Task", (), {"name": "shop.pack", "run": work, "app": Celery(broker="amqp://x")})
    token = enter(frame_of(task, request, "t-1"))
    try:
        return work()
    finally:
        leave(token)


@both_servers
@pytest.mark.parametrize("more", [UPSTREAM, {}], ids=["with_a_trace", "alone"])
def test_baggage_arrives_with_a_request(ask, make, more, traces):
    _, body = ask(make(lambda: dict(baggage.get_all())), {"baggage": "user=7", **more})
    assert json.loads(body) == {"user": "7"}
    (server,) = traces.finished
    assert server.kind is SpanKind.SERVER
    assert (server.parent is None) is (not more)
    assert not context.get_current()


@pytest.mark.parametrize("more", [UPSTREAM, {}], ids=["with_a_trace", "alone"])
def test_baggage_arrives_with_a_task(more, traces):
    headers = {"Baggage": "user=7", **more}
    request = {"id": "t-1", "headers": headers}
    assert work_of_a_task(request, baggage.get_all) == {"user": "7"}
    (span,) = traces.finished
    assert (span.parent is None) is (not more)


def test_baggage_beside_our_header_leaves_the_parent_of_a_task(traces):
    with traces.tracer.start_as_current_span("sender") as sender:
        token = enter(start(Site("scope")))
        headers = inject({"baggage": "user=7", "traceparent": UPSTREAM["traceparent"]})
        leave(token)
    request = {"id": "t-1", "headers": headers}
    assert work_of_a_task(request, baggage.get_all) == {"user": "7"}
    assert traces["shop.pack"].parent.span_id == sender.get_span_context().span_id


@both_servers
@pytest.mark.parametrize("headers", [UPSTREAM, {}], ids=["upstream", "no_upstream"])
def test_nothing_of_ours_makes_a_span_in_an_excluded_request(
    ask, make, headers, traces, registry, monkeypatch
):
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "/health")

    @flow("health").entrypoint
    def look():
        crumb("looking")
        return inject({})

    _, body = ask(make(look), headers, path="/health")
    assert traces.finished == ()
    sent = json.loads(json.loads(body)[HEADER])
    # Work elsewhere goes on in the trace of the caller, sampled or not.
    assert sent.get("traceparent") == headers.get("traceparent")


def test_a_span_of_another_in_an_excluded_request_is_the_parent_of_work_elsewhere(
    traces, registry, monkeypatch
):
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "/health")

    def look():
        with traces.tracer.start_as_current_span("mine"):
            crumb("looking")
            return inject({})

    _, body = ask_asgi(asgi(look), UPSTREAM, path="/health")
    (mine,) = traces.finished
    assert [event.name for event in mine.events] == ["looking"]
    sent = json.loads(json.loads(body)[HEADER])
    assert sent["traceparent"].split("-")[2] == f"{mine.context.span_id:016x}"


def test_a_sender_with_a_span_and_no_frame_is_the_parent_of_its_task(traces):
    app = Celery(broker="memory://", set_as_current=False)
    with (
        app.connection_for_write() as connection,
        traces.tracer.start_as_current_span("sender") as sender,
    ):
        app.send_task("shop.pack", connection=connection)
        message = connection.SimpleQueue("celery").get(timeout=10)
    headers = message.headers
    found = sender.get_span_context()
    frame = frame_of(
        type("Task", (), {"name": "shop.pack", "run": print, "app": app}), headers, "t-1"
    )
    assert frame.correlation_id == f"{found.trace_id:032x}"
    leave(enter(frame))
    assert traces["shop.pack"].parent.span_id == found.span_id


def test_a_sender_without_a_span_and_a_frame_sends_no_header(traces):
    app = Celery(broker="memory://", set_as_current=False)
    with app.connection_for_write() as connection:
        app.send_task("shop.pack", connection=connection)
        assert HEADER not in connection.SimpleQueue("celery").get(timeout=10).headers
