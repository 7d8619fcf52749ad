"""uWSGI in its default mode: it loads the program, and then forks without Python's hooks."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uWSGI's wheels are for Linux")

FLOWS = """
    from penstock import flow

    shop = flow("shop")

    @shop.entrypoint
    def receive():
        charge()

    @shop.step(after=receive)
    def charge():
        pass
"""
PROGRAM = """
    from corectx import new_correlation_id
    from penstock import current_flow_id, observe
    from penstock.contrib.wsgi import FlowMiddleware
    from shop import receive

    observation = observe("evidence")
    new_correlation_id()
    receive()
    observation.flush()

    def app(environ, start_response):
        receive()
        # uWSGI runs no thread of ours, and a worker that it ends while it is busy no exit hook.
        observation.flush()
        start_response("200 OK", [])
        return [current_flow_id().encode()]

    application = FlowMiddleware(app)
"""
REQUESTS = 60


class Connection(http.client.HTTPConnection):
    """A connection to a socket in the file system."""

    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


def get(path) -> str:
    connection = Connection(path)
    connection.request("GET", "/")
    body = connection.getresponse().read().decode()
    connection.close()
    return body


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Run the program with two workers; give the socket that it listens at."""
    (tmp_path / "shop.py").write_text(textwrap.dedent(FLOWS))
    (tmp_path / "web.py").write_text(textwrap.dedent(PROGRAM))
    monkeypatch.chdir(tmp_path)
    process = subprocess.Popen(
        [
            *(Path(sys.executable).with_name("uwsgi"), "--http-socket", "s", "--module", "web"),
            *("--master", "--processes", "2", "--die-on-term"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    while "spawned uWSGI worker 2" not in (line := process.stderr.readline()):
        said.append(line)
        assert line, "".join(said)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def test_every_request_has_an_id_of_its_own_and_every_run_is_counted(server, tmp_path):
    ids = [get("s") for _ in range(REQUESTS)]
    assert len(set(ids)) == REQUESTS
    command = [sys.executable, "-m", "penstock", "--app", "shop", "verify", "--json", "evidence"]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    (edge,) = json.loads(done.stdout)["shop"]["edges"]
    assert edge["count"] == REQUESTS + 1  # the program itself calls it once
