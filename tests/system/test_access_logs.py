"""The access logs of uvicorn and gunicorn have the ID, in the way that the README shows."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(120)

UVICORN = """
import sys, uvicorn
from uvicorn.config import LOGGING_CONFIG
from penstock.contrib.asgi import FlowMiddleware

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})

config = {
    **LOGGING_CONFIG,
    "filters": {"flow": {"()": "penstock.logging.FlowFilter"}},
}
config["handlers"]["access"]["filters"] = ["flow"]
config["formatters"]["access"]["fmt"] = "ACCESS %(flow_id)s %(request_line)s %(status_code)s"
config["formatters"]["access"]["use_colors"] = False
uvicorn.run(FlowMiddleware(app), fd=int(sys.argv[1]), log_config=config, lifespan="off")
"""

GUNICORN = """
from penstock.contrib.wsgi import FlowMiddleware

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]

app = FlowMiddleware(app)
"""


def ask(port):
    """Send a request as soon as the server answers; return the ID in the response."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", "/orders")
    response = client.getresponse()
    response.read()
    client.close()
    return response.headers["X-Correlation-ID"]


def access_log(command, folder, listening):
    """Run a server on a socket that listens already; return the ID and its output."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        pass_fds=[listening.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found = ask(listening.getsockname()[1])
    process.terminate()
    output, _ = process.communicate(timeout=60)
    return found, output


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.set_inheritable(True)
        yield server


def test_the_access_log_of_uvicorn_has_the_id(tmp_path, listening):
    (tmp_path / "serve.py").write_text(UVICORN)
    command = [sys.executable, "serve.py", str(listening.fileno())]
    found, output = access_log(command, tmp_path, listening)
    assert f"ACCESS {found} GET /orders HTTP/1.1 200" in output


def test_the_access_log_of_gunicorn_has_the_id(tmp_path, listening):
    (tmp_path / "shop.py").write_text(GUNICORN)
    command = [sys.executable, "-m", "gunicorn", "shop:app", "--access-logfile", "-"]
    command += ["--bind", f"fd://{listening.fileno()}"]
    command += ["--access-logformat", "ACCESS %({x-correlation-id}o)s %(r)s %(s)s"]
    found, output = access_log(command, tmp_path, listening)
    assert re.search(rf"ACCESS {found} GET /orders HTTP/1.1 200", output), output
