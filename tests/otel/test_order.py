"""In any order of set-up a request is one trace, with one span of kind SERVER: the outermost."""

from __future__ import annotations

import json
from types import SimpleNamespace

import fastapi
import pytest
from celery import Celery
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.propagators.textmap import TextMapPropagator, default_getter, default_setter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from corectx import enter, leave, start
from penstock.contrib.http import RequestSite
from penstock_celery._messages import frame_of
from penstock_otel import instrument

from .conftest import traced
from .orders import (
    SENDER,
    TRACE,
    UPSTREAM,
    Asgi,
    Wsgi,
    asgi_scope,
    ask_asgi,
    ask_wsgi,
    fastapi_app,
    flask_alone,
    flask_app,
    in_any_order,
    otel_middleware_outside_of_both,
    ours_alone,
    run_asgi,
    server_span,
)


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


@pytest.mark.parametrize("headers", [UPSTREAM, {}], ids=["upstream", "no_upstream"])
def test_fastapis_own_span_is_inside_of_one_that_was_begun_before_our_middleware(headers, traces):
    """FastAPI does not look for it, and nobody has changed the headers between the two."""
    make = otel_middleware_outside_of_both
    test_a_request_is_one_trace_with_one_server_span(ask_asgi, make, headers, traces)
    spans = traces.finished
    (inner,) = (span for span in spans if span.instrumentation_scope.name == "fastapi")
    assert inner.parent == server_span(spans).context


def test_fastapis_own_span_stays_outside_of_another_request_of_the_same_task(traces):
    inner = fastapi_app(telemetry={"tracer_provider": traces.provider})
    outer = fastapi.FastAPI(telemetry={"tracing": False})

    @outer.get("/orders/17")
    async def ask_inside():
        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            pass

        await inner(asgi_scope({}, "/orders/17", method="GET"), receive, send)

    ask_asgi(OpenTelemetryMiddleware(outer, tracer_provider=traces.provider), UPSTREAM)
    servers = [span for span in traces.finished if span.kind is SpanKind.SERVER]
    assert len({span.context.trace_id for span in servers}) == len(servers) == 2


SAMPLERS = {
    "always_off": ALWAYS_OFF,
    "ratio": TraceIdRatioBased(0),
    "parent_based_off": DEFAULT_OFF,
    "parent_based": DEFAULT_ON,
    "always_on": ALWAYS_ON,
}


@in_any_order
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("flag", ["00", "01", None])
def test_a_request_is_one_trace_whatever_is_sampled(ask, make, sampler, flag):
    traces = traced(sampler=SAMPLERS[sampler])
    end = instrument(traces.provider)
    headers = {"traceparent": f"00-{TRACE}-{SENDER}-{flag}"} if flag else {}
    response, body = ask(make(traces), headers)
    end()
    trace_id = response["x-correlation-id"]
    found = json.loads(body)
    assert found["id"] == found["sent"] == trace_id
    if headers:
        assert trace_id == TRACE
    spans = traces.finished
    assert {f"{span.context.trace_id:032x}" for span in spans} <= {trace_id}
    is_sampled = flag == "01" and sampler.startswith("parent_based")
    is_sampled = is_sampled or sampler == "always_on" or (sampler == "parent_based" and not flag)
    assert [span.kind for span in spans].count(SpanKind.SERVER) == is_sampled


@in_any_order
def test_an_inbound_id_beside_a_trace_is_a_value(ask, make, traces):
    response, body = ask(make(traces), {**UPSTREAM, "x-correlation-id": "order-7"})
    assert response["x-correlation-id"] == TRACE
    assert '"inbound":"order-7"' in body.replace(" ", "")


UNTRUSTING = [
    (ask_asgi, lambda: Asgi(fastapi_app())),
    (ask_wsgi, lambda: Wsgi(flask_app())),
]


@pytest.mark.parametrize(("ask", "make"), UNTRUSTING, ids=["asgi", "wsgi"])
def test_a_trace_is_taken_where_the_ids_of_clients_are_not(ask, make, traces):
    response, body = ask(make(), {**UPSTREAM, "x-correlation-id": "order-7"})
    assert response["x-correlation-id"] == TRACE
    assert json.loads(body)["inbound"] is None
    response, _ = ask(make(), {"x-correlation-id": "order-7"})
    assert response["x-correlation-id"] not in ("order-7", TRACE)


class OwnPropagator(TextMapPropagator):
    """Reads and writes a header of its own, as those for B3 or AWS do."""

    fields = frozenset({"X-Shop-Trace"})

    def extract(self, carrier, context=None, getter=default_getter):
        found = getter.get(carrier, "X-Shop-Trace")  # in the case that AWS's uses
        if not found:
            return context or Context()
        trace_id, span_id = (int(each, 16) for each in found[0].split("/"))
        span = NonRecordingSpan(SpanContext(trace_id, span_id, True, TraceFlags(1)))
        return set_span_in_context(span, context)

    def inject(self, carrier, context=None, setter=default_setter):
        span = get_current_span(context).get_span_context()
        setter.set(carrier, "X-Shop-Trace", f"{span.trace_id:032x}/{span.span_id:016x}")


@in_any_order
def test_the_propagator_of_the_program_reads_the_headers(ask, make, traces, request):
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(OwnPropagator())
    request.addfinalizer(lambda: propagate.set_global_textmap(before))
    response, _ = ask(make(traces), {"x-shop-trace": f"{TRACE}/{SENDER}"})
    assert response["x-correlation-id"] == TRACE
    server = server_span(traces.finished)
    assert f"{server.parent.span_id:016x}" == SENDER


@in_any_order
def test_the_server_span_has_the_route_and_the_status(ask, make, traces):
    ask(make(traces), {})
    found = dict(server_span(traces.finished).attributes)
    number = "{number}" if ask is ask_asgi else "<int:number>"
    assert found["http.route"] == f"/orders/{number}"
    assert found["http.response.status_code"] == 200


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


@pytest.mark.parametrize(
    ("server", "port"),
    [(["::1", 8000], 8000), (("::1", "8000"), 8000), (("/run/shop.sock", None), None)],
)
def test_the_port_of_a_server_is_a_number_whatever_the_server_gives(server, port, traces):
    request = {"type": "http.request", "body": b"", "more_body": False}
    scope = asgi_scope({}, "/orders/17", method="GET", server=server)
    run_asgi(ours_alone(traces), scope, [request])
    found = server_span(traces.finished).attributes
    assert (found["server.address"], found.get("server.port")) == (server[0], port)


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


class SiteOfAsgi(RequestSite):
    """A site whose request is its attributes."""

    frameworks = ("ASGI",)

    def read_attributes(self, request):
        return request


@pytest.mark.parametrize(
    "site",
    [
        SimpleNamespace(kind="request", name="GET", flow=None, frameworks=("ASGI",)),
        SiteOfAsgi("GET", {}),
        SiteOfAsgi("GET", {"url.path": "/orders"}),
    ],
    ids=["foreign", "without_description", "path_only"],
)
def test_a_middleware_that_does_not_know_the_url_is_not_excluded(site, traces, monkeypatch):
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "/health")
    leave(enter(start(site)))
    assert [span.name for span in traces.finished] == ["GET"]


def test_a_path_is_excluded_where_the_middleware_knows_no_more(traces, monkeypatch):
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "/health")
    leave(enter(start(SiteOfAsgi("GET", {"url.path": "/health"}))))
    assert traces.finished == ()


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
    app = Celery(broker="amqp://x", set_as_current=False)
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


@pytest.mark.parametrize("is_late", [False, True], ids=["tracing_first", "tracing_last"])
def test_tracing_begins_before_our_frame_and_the_programs_receivers_after_it(is_late):
    from celery.signals import task_prerun

    from penstock_celery import _executions

    def traced(**_): ...

    def own(**_): ...

    traced.__module__ = "opentelemetry.instrumentation.celery"
    before = list(task_prerun.receivers)
    try:
        for receiver in (own, traced) if is_late else (traced, own):
            task_prerun.connect(receiver, weak=False)
        _executions._begin_after_tracing()
        order = [receiver for _, receiver in task_prerun.receivers]
        ours = order.index(_executions._begin)
        assert order.index(traced) < ours < order.index(own)
    finally:
        task_prerun.receivers[:] = before
