"""Beside Sentry's and OpenTelemetry's own instrumentation of Celery, every header survives."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.celery.conftest import running
from tests.celery.workers import ROOT

pytestmark = pytest.mark.timeout(120)

SENDER = """
import json, os
from tests.celery import app as ours
if os.environ["TEST_ORDER"] == "before":
    ours.instrument()
from tests.celery import tasks
if os.environ["TEST_ORDER"] == "after":
    ours.instrument()
import sentry_sdk
from opentelemetry import trace
from corectx import Site, attach, start

app = ours.make_app(json.loads(os.environ["TEST_SENDER"]))
app.set_current()
frame = start(Site("request", "GET /orders"))
attach(frame)
with sentry_sdk.start_transaction(name="t"), trace.get_tracer("t").start_as_current_span("s"):
    results = [tasks.headers_seen.apply_async(headers={"mine": "kept"}) for _ in range(2)]
    seen = [result.get(timeout=100, interval=0.01) for result in results]
print(json.dumps([frame.correlation_id, frame.id, seen]))
"""


@pytest.fixture(scope="module")
def worker():
    with running("threads", instrumented=True) as (started, _):
        yield started


@pytest.mark.parametrize("order", ["before", "after"])
def test_all_headers_arrive_whoever_was_imported_first(worker, order):
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SENDER],
        cwd=ROOT,
        env={**os.environ, "TEST_SENDER": worker.config, "TEST_ORDER": order},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    correlation_id, frame_id, seen = json.loads(ran.stdout)
    for place in seen:
        assert set(place["headers"]) == {"corectx", "sentry-trace", "traceparent", "mine"}
        assert place["id"] == correlation_id
        assert place["frames"][-1]["id"] == frame_id
