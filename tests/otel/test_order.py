"""In any order of set-up a request is one trace, with one span of kind SERVER: the outermost."""

from __future__ import annotations

import asyncio

import fastapi
import flask
import pytest
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as OpenTelemetryWsgi
from opentelemetry.trace import SpanKind, StatusCode

from corectx import correlation_id, enter, leave, values
from penstock.contrib.asgi import FlowMiddleware as Asgi
from penstock.contrib.wsgi import FlowMiddleware as Wsgi
from penstock_celery._messages import frame_of
from penstock_otel import instrument

from .conftest import traced

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENDER = "00f067aa0ba902b7"
UPSTREAM = {"traceparent": f"00-{TRACE}-{SENDER}-01"}


@pytest.fixture
def traces():
    made = traced()
    end = instrument(made.provider)
    yield made
    end()


def ask_asgi(app, headers, path="/orders/17", method="GET"):
    """Send one request; return the headers of the response and its body."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "server": ("shop.example", 8000),
        "client": ("192.0.2.1", 50_000),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    async def run():
        await app(scope, receive, send)

    asyncio.run(run())
    start, *bodies = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return found, b"".join(each.get("body", b"") for each in bodies).decode()


def ask_wsgi(app, headers, path="/orders/17", method="GET"):
    from werkzeug.test import Client

    response = Client(app).open(path, method=method, headers=headers)
    body = response.get_data(as_text=True)
    response.close()
    return {name.lower(): value for name, value in response.headers.items()}, body


def fastapi_app(**options):
    app = fastapi.FastAPI(**options)

    @app.get("/orders/{number}")
    def order(number: int):
        return {"id": correlation_id(), "inbound": values().get("inbound_id")}

    @app.get("/refuse")
    def refuse():
        return fastapi.responses.PlainTextResponse("no", status_code=503)

    return app


def instrumented_inside(traces):
    app = fastapi_app()
    FastAPIInstrumentor.instrument_app(app, tracer_provider=traces.provider)
    return Asgi(app, trust_inbound=True)


def instrumented_outside(traces):
    app = fastapi_app()
    app.add_middleware(Asgi, trust_inbound=True)
    FastAPIInstrumentor.instrument_app(app, tracer_provider=traces.provider)
    return app


def instrumented_before(traces):
    app = fastapi_app()
    FastAPIInstrumentor.instrument_app(app, tracer_provider=traces.provider)
    app.add_middleware(Asgi, trust_inbound=True)
    return app


def otel_middleware_inside(traces):
    inner = OpenTelemetryMiddleware(fastapi_app(), tracer_provider=traces.provider)
    return Asgi(inner, trust_inbound=True)


def otel_middleware_outside(traces):
    inner = Asgi(fastapi_app(), trust_inbound=True)
    return OpenTelemetryMiddleware(inner, tracer_provider=traces.provider)


def own_tracing_inside(traces):
    app = fastapi_app(telemetry={"tracer_provider": traces.provider, "operation_spans": False})
    return Asgi(app, trust_inbound=True)


def own_tracing_outside(traces):
    app = fastapi_app(telemetry={"tracer_provider": traces.provider, "operation_spans": False})
    app.add_middleware(Asgi, trust_inbound=True)
    return app


def ours_alone(traces):
    return Asgi(fastapi_app(), trust_inbound=True)


def flask_app():
    app = flask.Flask("shop")

    @app.get("/orders/<int:number>")
    def order(number):
        return {"id": correlation_id(), "inbound": values().get("inbound_id")}

    @app.get("/refuse")
    def refuse():
        return "no", 503

    return app


def flask_instrumented_first(traces):
    app = flask_app()
    FlaskInstrumentor().instrument_app(app, tracer_provider=traces.provider)
    app.wsgi_app = Wsgi(app.wsgi_app, trust_inbound=True)
    return app


def flask_instrumented_last(traces):
    app = flask_app()
    app.wsgi_app = Wsgi(app.wsgi_app, trust_inbound=True)
    FlaskInstrumentor().instrument_app(app, tracer_provider=traces.provider)
    return app


def otel_wsgi_outside(traces):
    return OpenTelemetryWsgi(Wsgi(flask_app(), trust_inbound=True), tracer_provider=traces.provider)


def otel_wsgi_inside(traces):
    return Wsgi(OpenTelemetryWsgi(flask_app(), tracer_provider=traces.provider), trust_inbound=True)


def flask_alone(traces):
    return Wsgi(flask_app(), trust_inbound=True)


ORDERS = [
    (ask_asgi, instrumented_inside),
    (ask_asgi, instrumented_outside),
    (ask_asgi, instrumented_before),
    (ask_asgi, otel_middleware_inside),
    (ask_asgi, otel_middleware_outside),
    (ask_asgi, own_tracing_inside),
    (ask_asgi, own_tracing_outside),
    (ask_asgi, ours_alone),
    (ask_wsgi, flask_instrumented_first),
    (ask_wsgi, flask_instrumented_last),
    (ask_wsgi, otel_wsgi_outside),
    (ask_wsgi, otel_wsgi_inside),
    (ask_wsgi, flask_alone),
]
in_any_order = pytest.mark.parametrize(
    ("ask", "make"), ORDERS, ids=[make.__name__ for _, make in ORDERS]
)


def server_span(spans):
    (server,) = (span for span in spans if span.kind is SpanKind.SERVER)
    return server


@in_any_order
@pytest.mark.parametrize("headers", [UPSTREAM, {}], ids=["upstream", "no_upstream"])
def test_a_request_is_one_trace_with_one_server_span(ask, make, headers, traces):
    response, body = ask(make(traces), headers)
    spans = traces.finished
    server = server_span(spans)
    trace_id = f"{server.context.trace_id:032x}"
    assert {f"{span.context.trace_id:032x}" for span in spans} == {trace_id}
    assert response["x-correlation-id"] == trace_id
    assert f'"id":"{trace_id}"' in body.replace(" ", "")
    if headers:
        assert trace_id == TRACE
        assert f"{server.parent.span_id:016x}" == SENDER
    else:
        assert server.parent is None
    for span in spans:
        if span is not server:
            assert span.kind is SpanKind.INTERNAL
            ids = {each.context.span_id for each in spans}
            assert span.parent.span_id in ids


@in_any_order
def test_an_inbound_id_beside_a_trace_is_a_value(ask, make, traces):
    response, body = ask(make(traces), {**UPSTREAM, "x-correlation-id": "order-7"})
    assert response["x-correlation-id"] == TRACE
    assert '"inbound":"order-7"' in body.replace(" ", "")


@in_any_order
def test_a_5xx_without_an_exception_is_an_error(ask, make, traces):
    ask(make(traces), {}, path="/refuse")
    server = server_span(traces.finished)
    assert server.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize(
    ("ask", "make", "route"),
    [
        (ask_asgi, ours_alone, "/orders/{number}"),
        (ask_wsgi, flask_alone, "/orders/<int:number>"),
    ],
)
def test_our_server_span_has_the_stable_attributes(ask, make, route, traces):
    ask(make(traces), {"user-agent": "curl/8"})
    server = server_span(traces.finished)
    assert server.name == f"GET {route}"
    found = dict(server.attributes)
    assert found["http.request.method"] == "GET"
    assert found["http.route"] == route
    assert found["http.response.status_code"] == 200
    assert found["url.path"] == "/orders/17"
    assert found["url.scheme"] == "http"
    assert found["user_agent.original"] == "curl/8"
    assert "error.type" not in found


@pytest.mark.parametrize(("ask", "make"), [(ask_asgi, ours_alone), (ask_wsgi, flask_alone)])
def test_an_unknown_method_is_no_name(ask, make, traces):
    ask(make(traces), {}, method="BREW")
    server = server_span(traces.finished)
    assert server.name.split()[0] == "HTTP"
    assert server.attributes["http.request.method"] == "_OTHER"
    assert server.attributes["http.request.method_original"] == "BREW"


@pytest.mark.parametrize(
    ("variable", "ask", "make"),
    [
        ("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS", ask_asgi, ours_alone),
        ("OTEL_PYTHON_FLASK_EXCLUDED_URLS", ask_wsgi, flask_alone),
        ("OTEL_PYTHON_EXCLUDED_URLS", ask_asgi, ours_alone),
        ("OTEL_PYTHON_EXCLUDED_URLS", ask_wsgi, flask_alone),
    ],
)
def test_an_excluded_url_has_no_span(variable, ask, make, traces, monkeypatch):
    monkeypatch.setenv(variable, "health, /orders/[0-9]+$")
    app = make(traces)
    response, _ = ask(app, UPSTREAM)
    assert traces.finished == ()
    assert response["x-correlation-id"] == TRACE
    ask(app, {}, path="/refuse")
    assert len(traces.finished) == 1


@pytest.mark.parametrize(("ask", "make"), [(ask_asgi, ours_alone), (ask_wsgi, flask_alone)])
def test_suppressed_instrumentation_makes_no_span(ask, make, traces):
    app = make(traces)
    with suppress_instrumentation():
        ask(app, {})
    assert traces.finished == ()


@pytest.mark.parametrize(
    ("traceparent", "is_taken"),
    [
        (f"00-{TRACE}-{SENDER}-01", True),
        (f"01-{TRACE}-{SENDER}-01", True),
        (f"cc-{TRACE}-{SENDER}-01-what-the-future-brings", True),
        (f"ff-{TRACE}-{SENDER}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
    ],
)
def test_a_traceparent_of_a_future_version_is_taken(traceparent, is_taken, traces):
    response, _ = ask_asgi(ours_alone(traces), {"traceparent": traceparent})
    assert (response["x-correlation-id"] == TRACE) is is_taken


def run_task(request):
    """Run one execution of a task by its request; return its frame."""
    from types import SimpleNamespace

    app = SimpleNamespace(conf=SimpleNamespace(broker_read_url=None, broker_url="amqp://x"))
    task = SimpleNamespace(name="shop.charge", run=lambda: None, app=app)
    frame = frame_of(task, request, "t-1")
    leave(enter(frame))
    return frame


def test_a_task_of_a_sender_with_opentelemetry_alone_is_in_its_trace(traces):
    request = {"id": "t-1", "delivery_info": {"routing_key": "orders"}, "headers": UPSTREAM}
    frame = run_task(request)
    (span,) = traces.finished
    assert frame.correlation_id == TRACE
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == SENDER
    assert span.kind is SpanKind.CONSUMER


def test_the_span_of_a_task_has_the_attributes_of_messaging(traces):
    run_task({"id": "t-1", "delivery_info": {"routing_key": "orders"}})
    (span,) = traces.finished
    found = {key: span.attributes[key] for key in span.attributes if key.startswith("messaging.")}
    assert found == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "orders",
        "messaging.message.id": "t-1",
    }


def test_tracing_begins_before_our_frame_and_the_programs_receivers_after_it():
    from celery.signals import task_prerun

    from penstock_celery import _executions

    def traced(**_): ...

    def own(**_): ...

    traced.__module__ = "opentelemetry.instrumentation.celery"
    before = list(task_prerun.receivers)
    try:
        task_prerun.connect(traced, weak=False)
        task_prerun.connect(own, weak=False)
        _executions.begin_after_tracing()
        order = [receiver for _, receiver in task_prerun.receivers]
        ours = order.index(_executions._begin)
        assert order.index(traced) < ours < order.index(own)
    finally:
        task_prerun.receivers[:] = before
