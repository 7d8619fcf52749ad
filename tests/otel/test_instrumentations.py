"""Beside OpenTelemetry's own instrumentation there is one span for each thing, not two."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(120)


def run(module, *arguments):
    """Run a program of this folder; return its spans, and what else it said."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.otel.{module}", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
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


@pytest.mark.parametrize(
    "way", ["wsgi", "asgi", "without", "without-asgi", "wsgi-inside", "asgi-inside"]
)
@pytest.mark.parametrize("upstream", ["", "-upstream"])
def test_a_django_request_has_one_server_span_in_any_order(way, upstream):
    spans, (flow_id, is_left_over) = run("django_project", way + upstream, "/refuse")
    assert not is_left_over
    (server,) = (span for span in spans if span["kind"] == "SERVER")
    assert {span["kind"] for span in spans} <= {"SERVER", "INTERNAL"}
    assert {span["trace"] for span in spans} == {flow_id}
    assert server["status"] == "ERROR"
    if upstream:
        assert flow_id == "4bf92f3577b34da6a3ce929d0e0e4736"


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
