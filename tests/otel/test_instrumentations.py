"""Beside OpenTelemetry's own instrumentation there is one span for each thing, not two."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(120)


def run(module, *arguments, **environment):
    """Run a program of this folder; return its spans, and what else it said."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.otel.{module}", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    for complaint in ("different Context", "corectx:", "ended span"):
        assert complaint not in done.stderr
    printed = json.loads(done.stdout)
    return printed["spans"], printed["facts"]


def by_name(spans):
    assert len({span["name"] for span in spans}) == len(spans)
    return {span["name"]: span for span in spans}


def parents(spans):
    return {name: span["parent"] for name, span in spans.items()}


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
URLS = {"/orders/7": "/orders/<int:order>", "/coroutine": "/coroutine", "/stream": "/stream"}


@pytest.mark.parametrize("way", ["wsgi", "asgi", "without"])
def test_a_django_request_has_one_span_and_its_id(way):
    spans, (*flow_ids, is_left_over) = run("django_project", way, *URLS, "/fail")
    assert not is_left_over
    for flow_id, route in zip(flow_ids, [*URLS.values(), "/fail"], strict=True):
        trace = by_name([span for span in spans if span["trace"] == flow_id])
        inside = {name: span for name, span in trace.items() if span["kind"] != "SERVER"}
        (request,) = (name for name in trace if name not in inside)
        # The instrumentation chooses the name of a request.
        assert request.replace("GET /", "GET ") == "GET " + route[1:]
        assert trace[request]["parent"] is None
        if route == "/fail":
            assert (trace[request]["events"], trace[request]["status"]) == (["exception"], "ERROR")
        else:
            assert inside["take"]["parent"] == request
            assert inside["take"]["events"] == ["taken"]
    assert {span["trace"] for span in spans} == set(flow_ids)


in_any_order = pytest.mark.parametrize(
    "way", ["wsgi", "asgi", "without", "without-asgi", "wsgi-inside", "asgi-inside"]
)


@in_any_order
@pytest.mark.parametrize("upstream", ["", "-upstream"])
def test_a_django_request_has_one_server_span_in_any_order(way, upstream):
    spans, (flow_id, is_left_over) = run("django_project", way + upstream, "/refuse")
    assert not is_left_over
    (server,) = (span for span in spans if span["kind"] == "SERVER")
    assert {span["kind"] for span in spans} <= {"SERVER", "INTERNAL"}
    assert {span["trace"] for span in spans} == {flow_id}
    assert server["status"] == "ERROR"
    if upstream:
        assert flow_id == TRACE


@pytest.mark.parametrize("way", ["wsgi", "without", "wsgi-inside"])
@pytest.mark.parametrize("upstream", ["", "-upstream"])
def test_a_django_request_has_one_server_span_with_two_middlewares_of_ours(way, upstream):
    spans, (flow_id, is_left_over) = run("django_project", f"{way}-wrapped{upstream}", "/refuse")
    assert not is_left_over
    kinds = sorted(span["kind"] for span in spans)
    assert kinds == ["INTERNAL"] * (len(spans) - 1) + ["SERVER"]
    assert {span["trace"] for span in spans} == {flow_id}
    if upstream:
        assert flow_id == TRACE


@in_any_order
def test_the_id_of_a_proxy_beside_a_trace_is_a_value_in_django(way):
    _, ((flow_id, state), _) = run("django_project", f"{way}-upstream-proxied", "/state")
    assert flow_id == state["id"] == TRACE
    assert state["inbound"] == "order-7"


@in_any_order
def test_the_id_of_a_proxy_without_a_trace_around_it(way):
    spans, ((flow_id, state), _) = run("django_project", f"{way}-proxied", "/state")
    (server,) = (span for span in spans if span["kind"] == "SERVER")
    assert flow_id == state["id"]
    if way in ("wsgi", "asgi"):  # the trace is active before our middleware runs
        assert flow_id == server["trace"]
        assert state["inbound"] == "order-7"
    else:
        assert flow_id == "order-7"
        assert state["inbound"] is None
        assert server["attributes"]["penstock.correlation_id"] == "order-7"
    assert state["sent"]["traceparent"].split("-")[1] == server["trace"]


@in_any_order
@pytest.mark.parametrize("upstream", ["", "-upstream"])
def test_a_django_request_that_is_not_sampled_is_one_trace(way, upstream):
    spans, ((flow_id, state), is_left_over) = run(
        "django_project", f"{way}{upstream}-unsampled", "/state"
    )
    assert spans == []
    assert not is_left_over
    assert flow_id == state["id"] == state["sent"]["traceparent"].split("-")[1]
    if upstream:
        assert flow_id == TRACE


@in_any_order
def test_the_body_of_a_streaming_django_response_is_in_the_trace(way):
    """The span of the instrumentation may have ended before the body runs."""
    spans, ((flow_id, *states), is_left_over) = run("django_project", way, "/streamed-state")
    assert not is_left_over
    assert [state["id"] for state in states] == [flow_id] * 2
    assert [state["sent"]["traceparent"].split("-")[1] for state in states] == [flow_id] * 2
    assert {span["trace"] for span in spans} == {flow_id}
    assert [span["kind"] for span in spans if span["parent"] is None] == ["SERVER"]


@in_any_order
def test_an_excluded_url_of_django_has_no_span(way):
    excluded = {"OTEL_PYTHON_DJANGO_EXCLUDED_URLS": "health, /refuse$"}
    spans, (flow_id, _, _) = run(
        "django_project", f"{way}-upstream", "/refuse", "/coroutine", **excluded
    )
    assert flow_id == TRACE
    servers = [span["name"] for span in spans if span["kind"] == "SERVER"]
    assert [name.replace("/", "") for name in servers] == ["GET coroutine"]


@pytest.mark.parametrize("way", ["without", "without-asgi"])
def test_an_unknown_method_is_no_name_in_django(way):
    (span,), _ = run("django_project", f"{way}-brew", "/refuse")
    assert span["name"] == "HTTP /refuse"
    assert span["attributes"] == {
        "http.request.method": "_OTHER",
        "http.request.method_original": "BREW",
        "http.response.status_code": 503,
        "http.route": "/refuse",
    }


INSIDE = {"take": None, "pack": "ship", "report": "by hand"}


@pytest.mark.parametrize("when", ["never", "imported"])
def test_a_celery_task_is_a_span_inside_of_what_sent_it(when):
    spans, flow_ids = run("celery_project", when)
    spans = by_name(spans)
    assert parents(spans) == {
        **INSIDE,
        "tests.refuse": "take",
        "tests.ship": "take",
        "ship": "tests.ship",
        "tests.bill": "tests.ship",
        "by hand": "tests.bill",
    }
    assert spans["tests.refuse"]["events"] == ["exception"]
    assert spans["ship"]["events"] == ["shipping"]
    assert {span["trace"] for span in spans.values()} == set(flow_ids)


@pytest.mark.parametrize("when", ["first", "last"])
def test_a_celery_task_has_the_span_of_the_instrumentation(when):
    spans, flow_ids = run("celery_project", when)
    spans = by_name(spans)
    assert parents(spans) == {
        **INSIDE,
        "apply_async/tests.refuse": "take",
        "run/tests.refuse": "apply_async/tests.refuse",
        "apply_async/tests.ship": "take",
        "run/tests.ship": "apply_async/tests.ship",
        "ship": "run/tests.ship",
        "apply_async/tests.bill": "run/tests.ship",
        "run/tests.bill": "apply_async/tests.bill",
        "by hand": "run/tests.bill",
    }
    assert spans["run/tests.refuse"]["events"] == ["exception"]
    assert spans["run/tests.ship"]["attributes"] == {"penstock.flow": "orders"}
    assert {span["trace"] for span in spans.values()} == set(flow_ids)


def test_tasks_before_which_the_instrumentation_is_turned_on_have_its_trace():
    """Their sender had neither a frame nor tracing, and the worker was set up before."""
    spans, flow_ids = run("celery_alone", "late")
    runs = [span for span in spans if span["name"] == "run/tests.alone"]
    assert [span["trace"] for span in runs] == flow_ids
    assert [span["parent"] for span in runs] == [None, None]
    assert len(spans) == 4


def test_an_instrumented_worker_goes_on_in_the_trace_of_a_sender_that_is_not():
    spans, flow_ids = run("celery_alone", "frame")
    runs = [span for span in spans if span["name"] == "run/tests.alone"]
    assert [span["trace"] for span in runs] == flow_ids
    assert [span["parent"] for span in runs] == ["delay", "delay"]
    assert {span["trace"] for span in spans} == set(flow_ids)


def test_eager_tasks_outside_of_everything_are_one_trace_each():
    spans, flow_ids = run("celery_alone", "eager")
    assert {span["trace"] for span in spans} == set(flow_ids)
    assert [span["trace"] for span in spans if span["parent"] is None] == flow_ids


@pytest.mark.parametrize("when", ["never", "first", "last"])
def test_celery_tasks_that_are_not_sampled_have_one_id(when):
    spans, flow_ids = run("celery_project", when, OTEL_TRACES_SAMPLER="always_off")
    assert spans == []
    assert len(flow_ids) == 3
    assert len(set(flow_ids)) == 1
