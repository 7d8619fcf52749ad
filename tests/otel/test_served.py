"""Real servers: requests at the same time and on one connection are one trace each."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from .orders import TRACE, UPSTREAM
from .receiver import receiver

pytestmark = pytest.mark.timeout(120)

UVICORN = "uvicorn --fd {fd} --no-access-log tests.otel.served:app"
GUNICORN = "gunicorn -b fd://{fd} tests.otel.served:app"
SERVED = [
    (UVICORN, "instrumented_inside"),
    (UVICORN, "otel_middleware_outside_of_own_tracing"),
    (f"{GUNICORN} -k gthread --threads 4", "flask_instrumented_first"),
    (f"{GUNICORN} -k gevent", "flask_instrumented_last"),
]
CLIENTS = 4


def ask(port):
    """Send requests on one connection; return the ID of each, and fail where the view's differs."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
    found = []
    for path, headers in (("/stream", {}), ("/orders/17", UPSTREAM), ("/missing", {})):
        client.request("GET", path, headers=headers)
        response = client.getresponse()
        body = response.read().decode()
        flow_id = response.headers["X-Correlation-ID"]
        assert path == "/missing" or flow_id in body
        assert not headers or flow_id == TRACE
        found.append(flow_id)
    client.close()
    return found


@pytest.mark.parametrize(
    ("command", "order"), SERVED, ids=[f"{each[0].split()[0]}-{each[1]}" for each in SERVED]
)
def test_a_request_to_a_real_server_is_one_trace(command, order):
    with receiver() as received, socket.create_server(("127.0.0.1", 0)) as listening:
        server = subprocess.Popen(
            [sys.executable, "-m", *command.format(fd=listening.fileno()).split()],
            env={**os.environ, "TEST_ORDER": order, "TEST_ENDPOINT": received.endpoint},
            pass_fds=[listening.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with ThreadPoolExecutor(CLIENTS) as clients:
                answers = list(clients.map(ask, [listening.getsockname()[1]] * CLIENTS))
        finally:
            server.terminate()
            _, complaints = server.communicate(timeout=60)
    for complaint in ("corectx", "different Context", "ended span"):
        assert complaint not in complaints
    flow_ids = [flow_id for each in answers for flow_id in each]
    spans = [span for _, _, span in received.spans]
    servers = [span.trace_id.hex() for span in spans if span.kind == span.SPAN_KIND_SERVER]
    assert sorted(servers) == sorted(flow_ids)
    assert len(set(servers)) == 2 * CLIENTS + 1
    assert {span.trace_id.hex() for span in spans} == set(servers)
