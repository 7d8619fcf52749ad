"""Two real processes export to a collector with OTLP over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys

from opentelemetry.proto.trace.v1.trace_pb2 import Status

from .receiver import receiver


def run(role, endpoint, stdin=""):
    done = subprocess.run(
        [sys.executable, "-m", "tests.otel.exporting", role, endpoint],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_two_processes_export_one_trace():
    with receiver() as received:
        headers = run("web", received.endpoint)
        run("worker", received.endpoint, headers)
    assert sorted((service, scope, span.name) for service, scope, span in received.spans) == [
        ("web", "penstock", "charge"),
        ("web", "penstock", "reserve"),
        ("web", "penstock", "take"),
        ("worker", "penstock", "ship"),
        ("worker", "penstock", "shop.ship"),
    ]
    flow_id = json.loads(json.loads(headers)["corectx"])["id"]
    assert {span.trace_id.hex() for _, _, span in received.spans} == {flow_id}

    take, ship = received["take"], received["ship"]
    assert take.parent_span_id == b""
    assert received["charge"].parent_span_id == take.span_id
    assert received["shop.ship"].parent_span_id == take.span_id
    assert ship.parent_span_id == received["shop.ship"].span_id
    # The frame that sent the message names the step in the other process.
    assert [link.span_id for link in ship.links] == [take.span_id]

    (event,) = take.events
    attributes = {each.key: each.value.string_value for each in event.attributes}
    assert (event.name, attributes) == ("taken", {"order": "7", "password": "[redacted]"})
    assert take.start_time_unix_nano <= event.time_unix_nano <= take.end_time_unix_nano
    assert [event.name for event in ship.events] == ["exception"]
    assert not received["shop.ship"].events
    for failed in (ship, received["shop.ship"]):
        assert failed.status.code == Status.STATUS_CODE_ERROR
        assert failed.status.message == "OSError: no truck"
