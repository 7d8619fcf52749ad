"""A trace goes on in a real worker, whose children are other processes again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from tests.celery.conftest import PORTS, reachable

from .receiver import receiver

pytestmark = pytest.mark.timeout(120)


# Celery asks a folder as often as it must whether the header is done, by a task that retries
# itself; with Redis the task of the header that is done last sends the body.
@pytest.mark.parametrize(
    ("results", "sender"), [("folder", "celery.chord_unlock"), ("redis", "shop.pack")]
)
def test_a_chord_in_a_prefork_worker_is_one_trace(tmp_path, results, sender):
    if results == "redis" and not reachable("redis"):
        pytest.skip(f"redis does not answer on 127.0.0.1:{PORTS['redis']}")
    for name in ("messages", "control", "results"):
        (tmp_path / name).mkdir()
    options = "-A tests.otel.shop worker -P prefork -c 2 -l ERROR --without-gossip --without-mingle"
    with receiver() as received:
        environment = {
            **os.environ,
            "TEST_FOLDER": str(tmp_path),
            "TEST_RESULTS": {
                "folder": f"file://{tmp_path / 'results'}",
                "redis": "redis://127.0.0.1:6379/0",
            }[results],
            "TEST_ENDPOINT": received.endpoint,
        }
        worker = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "celery", *options.split()],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        try:
            client = subprocess.run(
                [sys.executable, "-m", "tests.otel.shop"],
                env=environment,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
        finally:
            worker.send_signal(signal.SIGTERM)
            _, complaints = worker.communicate(timeout=60)
    assert client.returncode == 0, client.stderr + complaints
    assert "corectx" not in complaints
    assert "different Context" not in complaints

    spans = [span for _, _, span in received.spans]
    assert {span.trace_id.hex() for span in spans} == {client.stdout.strip()}
    by_id = {span.span_id: (service, span) for service, _, span in received.spans}
    tree = [
        (service, span.name, by_id[span.parent_span_id][1].name if span.parent_span_id else None)
        for service, span in by_id.values()
    ]
    by_itself = "celery.chord_unlock"
    assert {parent for _, name, parent in tree if name == by_itself} <= {"take", by_itself}
    assert Counter(each for each in tree if each[1] != by_itself) == Counter(
        [
            ("web", "take", None),
            ("worker", "pack", "shop.pack"),
            ("worker", "pack", "shop.pack"),
            ("worker", "ship", "shop.ship"),
            ("worker", "ship", "shop.ship"),
            ("worker", "shop.pack", "take"),
            ("worker", "shop.pack", "take"),
            ("worker", "shop.ship", sender),
            ("worker", "shop.ship", "ship"),  # it retries
        ]
    )
    (body,) = (
        span
        for span in spans
        if span.name == "shop.ship" and by_id[span.parent_span_id][1].name == sender
    )
    assert {link.span_id for link in body.links} == {
        span.span_id for span in spans if span.name == "shop.pack"
    }
    events = [event.name for span in spans if span.name == "pack" for event in span.events]
    assert events == ["packing", "packing"]
