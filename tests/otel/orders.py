"""Applications with our middleware and OpenTelemetry's instrumentations, in each order of set-up.

Each function with `traces` as its argument returns one application. `ask_asgi`, `ask_wsgi` and
`ask_websocket` send it one request.
"""

from __future__ import annotations

import asyncio
import contextlib

import fastapi
import flask
import pytest
from opentelemetry import propagate
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as OpenTelemetryWsgi
from opentelemetry.trace import SpanKind
from werkzeug.test import Client

from corectx import correlation_id, values
from penstock.contrib.asgi import FlowMiddleware as Asgi
from penstock.contrib.wsgi import FlowMiddleware as Wsgi
from statecrumbs import crumb

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENDER = "00f067aa0ba902b7"
UPSTREAM = {"traceparent": f"00-{TRACE}-{SENDER}-01"}

# The code of the applications notes the correlation ID, and the trace ID that it would send on.
SEEN = []


def note():
    """Note the IDs that are seen here; return them."""
    headers = {}
    propagate.inject(headers)
    sent = headers["traceparent"].split("-")[1] if "traceparent" in headers else None
    SEEN.append((correlation_id(), sent))
    crumb("noted")
    return {"id": correlation_id(), "inbound": values().get("inbound_id"), "sent": sent}


class RefusedError(Exception):
    """Raised by a view, and handled by nobody."""


def asgi_scope(headers, path, **more):
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "server": ("shop.example", 8000),
        "client": ("192.0.2.1", 50_000),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        **more,
    }


def run_asgi(app, scope, messages):
    """Run `app` with `messages` of the client; return its own, also where it raised."""
    sent = []
    left = iter(messages)

    async def receive():
        message = next(left, None)
        if message is None:  # the client waits for the whole answer
            await asyncio.Event().wait()
        return message

    async def send(message):
        sent.append(message)

    async def run():
        with contextlib.suppress(RefusedError):
            await app(scope, receive, send)

    asyncio.run(run())
    return sent


def ask_asgi(app, headers, path="/orders/17", method="GET"):
    """Send one request; return the headers of the response and its body."""
    request = {"type": "http.request", "body": b"", "more_body": False}
    start, *bodies = run_asgi(app, asgi_scope(headers, path, method=method), [request])
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return found, b"".join(each.get("body", b"") for each in bodies).decode()


def ask_websocket(app, headers, path="/socket"):
    """Open a WebSocket, send a text and go; return the headers of its acceptance and the answer."""
    scope = asgi_scope(headers, path, type="websocket", scheme="ws", subprotocols=[])
    messages = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    accept, *answers = run_asgi(app, scope, messages)
    found = {name.decode(): value.decode() for name, value in accept["headers"]}
    return found, [each.get("text") for each in answers]


def ask_wsgi(app, headers, path="/orders/17", method="GET"):
    """The same as `ask_asgi` for a WSGI application."""
    try:
        response = Client(app).open(path, method=method, headers=headers)
        body = response.get_data(as_text=True)
    except RefusedError:  # in the middle of a body
        return {}, ""
    response.close()
    return {name.lower(): value for name, value in response.headers.items()}, body


def fastapi_app(**options):
    app = fastapi.FastAPI(**options)
    inner = fastapi.FastAPI(telemetry={"tracing": False})
    app.mount("/shop/{tenant}", inner)

    @inner.get("/orders/{number}")
    @app.api_route("/orders/{number}", methods=["GET", "HEAD"])
    def order(number: int):
        return note()

    @app.get("/coroutine")
    async def coroutine():
        await asyncio.sleep(0)
        return note()

    @app.get("/later")
    def later(tasks: fastapi.BackgroundTasks):
        tasks.add_task(note)
        return note()

    @app.websocket("/socket")
    async def socket(socket: fastapi.WebSocket):
        await socket.accept()
        await socket.send_text(note()["id"] + await socket.receive_text())
        await socket.close()

    add_streams(app)
    add_failures(app)
    return app


def add_streams(app):
    @app.get("/stream")
    def stream():
        def body():
            yield note()["id"]
            yield note()["id"]

        return fastapi.responses.StreamingResponse(body())

    @app.get("/coroutine-stream")
    async def coroutine_stream():
        async def body():
            yield note()["id"]
            await asyncio.sleep(0)
            yield note()["id"]

        return fastapi.responses.StreamingResponse(body())

    @app.get("/broken-stream")
    async def broken_stream():
        async def body():
            yield note()["id"]
            raise RefusedError

        return fastapi.responses.StreamingResponse(body())


def add_failures(app):
    @app.get("/fail")
    def fail():
        note()
        raise RefusedError

    @app.get("/coroutine-fail")
    async def coroutine_fail():
        note()
        raise RefusedError

    @app.get("/gone")
    def gone():
        note()
        raise fastapi.HTTPException(410)

    @app.get("/refuse")
    def refuse():
        return fastapi.responses.PlainTextResponse("no", status_code=503)


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


def otel_middleware_outside_of_own_tracing(traces):
    app = fastapi_app(telemetry={"tracer_provider": traces.provider, "operation_spans": False})
    return OpenTelemetryMiddleware(Asgi(app, trust_inbound=True), tracer_provider=traces.provider)


def otel_middleware_outside_of_both(traces):
    app = fastapi_app(telemetry={"tracer_provider": traces.provider, "operation_spans": False})
    app.add_middleware(Asgi, trust_inbound=True)
    return OpenTelemetryMiddleware(app, tracer_provider=traces.provider)


def ours_twice(traces):
    app = fastapi_app()
    app.add_middleware(Asgi, trust_inbound=True)
    return Asgi(app, trust_inbound=True)


def ours_alone(traces):
    return Asgi(fastapi_app(), trust_inbound=True)


def flask_app():
    app = flask.Flask("shop")

    @app.get("/orders/<int:number>")
    def order(number):
        return note()

    @app.get("/coroutine")
    async def coroutine():
        await asyncio.sleep(0)
        return note()

    @app.get("/stream")
    def stream():
        def body():
            yield note()["id"]
            yield note()["id"]

        return flask.Response(body())

    @app.get("/broken-stream")
    def broken_stream():
        def body():
            yield note()["id"]
            raise RefusedError

        return flask.Response(body())

    @app.get("/fail")
    def fail():
        note()
        raise RefusedError

    @app.get("/gone")
    def gone():
        note()
        flask.abort(410)

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


def flask_ours_twice(traces):
    return Wsgi(Wsgi(flask_app(), trust_inbound=True), trust_inbound=True)


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
    (ask_asgi, otel_middleware_outside_of_own_tracing),
    (ask_asgi, ours_twice),
    (ask_asgi, ours_alone),
    (ask_wsgi, flask_instrumented_first),
    (ask_wsgi, flask_instrumented_last),
    (ask_wsgi, otel_wsgi_outside),
    (ask_wsgi, otel_wsgi_inside),
    (ask_wsgi, flask_ours_twice),
    (ask_wsgi, flask_alone),
]
in_any_order = pytest.mark.parametrize(
    ("ask", "make"), ORDERS, ids=[make.__name__ for _, make in ORDERS]
)


def server_span(spans):
    (server,) = (span for span in spans if span.kind is SpanKind.SERVER)
    return server
