"""Real servers with a black box: an ordinary stop is no death, and a kill names the request."""

from __future__ import annotations

import logging
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing, suppress

import pytest

from statecrumbs._black_box import DeathNotices, UnreadableError, read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers of POSIX")

APPS = """
import asyncio, hashlib, time
import statecrumbs
from penstock import flow
from penstock.contrib import asgi, wsgi

statecrumbs.enable(black_box="boxes", on_crash="none")
bank = flow("bank")

@bank.step(after="receive")
def ask_the_bank():
    time.sleep(60)

@bank.step(after="receive")
def hash_in_c():
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)

@bank.entrypoint
def receive(is_in_c=False):
    hash_in_c() if is_in_c else ask_the_bank()

def wsgi_app(environ, start_response):
    if environ["PATH_INFO"] in ("/slow", "/hash"):
        receive(environ["PATH_INFO"] == "/hash")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

async def asgi_app(scope, receive_message, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive_message()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/slow":
        await asyncio.to_thread(receive)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

wsgi_app = wsgi.FlowMiddleware(wsgi_app)
asgi_app = asgi.FlowMiddleware(asgi_app)
"""

UWSGI = ["uwsgi", "--http-socket", "127.0.0.1:{port}", "--master", "--processes", "2", "--need-app"]
UWSGI += ["--module", "shop:wsgi_app", "--enable-threads", "--die-on-term"]
GUNICORN = ["gunicorn", "-b", "127.0.0.1:{port}", "-w", "2", "--no-control-socket"]
SERVERS = {
    "gunicorn_sync": [*GUNICORN, "shop:wsgi_app"],
    "gunicorn_gthread": [*GUNICORN, "-k", "gthread", "--threads", "2", "shop:wsgi_app"],
    "gunicorn_preload": [*GUNICORN, "--preload", "shop:wsgi_app"],
    "gunicorn_uvicorn": [*GUNICORN, "-k", "uvicorn.workers.UvicornWorker", "shop:asgi_app"],
    "uvicorn": ["uvicorn", "--port", "{port}", "shop:asgi_app"],
    "uvicorn_workers": ["uvicorn", "--port", "{port}", "--workers", "2", "shop:asgi_app"],
    "hypercorn": ["hypercorn", "-b", "127.0.0.1:{port}", "shop:asgi_app"],
    "granian_asgi": ["granian", "--port", "{port}", "--interface", "asgi", "shop:asgi_app"],
    "granian_wsgi": ["granian", "--port", "{port}", "--interface", "wsgi", "shop:wsgi_app"],
    "waitress": ["waitress-serve", "--listen=127.0.0.1:{port}", "shop:wsgi_app"],
    "uwsgi": UWSGI,
    "uwsgi_lazy_apps": [*UWSGI, "--lazy-apps"],
}


def until(condition, seconds=50):
    """Wait until `condition` returns something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {condition}")


def get(port, path, timeout=50):
    with closing(urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout)) as done:
        return done.read()


class Server:
    """A server that runs in a folder of its own."""

    def __init__(self, folder, command):
        (folder / "shop.py").write_text(APPS)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.boxes = folder / "boxes"
        self.log = folder / "log"
        executable, *options = [part.format(port=self.port) for part in command]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [os.path.join(os.path.dirname(sys.executable), executable), *options],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self.answers)

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError):
            return get(self.port, "/fast") == b"ok"
        return False

    def is_idle(self):
        """Tell whether each process of the server waits: none begins, none answers a request."""
        states = set()
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.process.pid:
                    states.add(state)
        return states <= {"S"}  # also where there is no /proc

    def stop(self):
        # A worker of uWSGI that is told to end before it listens is told too early, and stays.
        until(self.is_idle)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=50)
        until(lambda: all(box.ending != "running" for box in self.read()))

    def read(self):
        found = []
        for path in sorted(self.boxes.glob("*.crumbs")):
            with suppress(UnreadableError):  # removed meanwhile
                found.append(read(path))
        return found

    def kill_all(self):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=50)


@pytest.fixture(params=SERVERS.values(), ids=SERVERS.keys())
def server(request, tmp_path):
    server = Server(tmp_path, request.param)
    yield server
    server.kill_all()


def test_an_ordinary_stop_is_told_as_no_death_and_leaves_nothing_after_the_next_start(
    server, caplog
):
    server.stop()
    caplog.set_level(logging.INFO, "statecrumbs")
    for program in {box.process["program"] for box in server.read()}:
        DeathNotices(server.boxes, program, None, 30).log()
    assert [each.message for each in caplog.records if each.levelno > logging.INFO] == []
    assert list(server.boxes.iterdir()) == []


def test_a_kill_in_the_middle_of_a_request_names_the_request_and_its_step(server):
    def ask():
        with suppress(OSError):
            get(server.port, "/slow")

    asking = threading.Thread(target=ask)
    asking.start()

    def busy():
        names = {row.get("name") for box in server.read() for row in box.in_flight}
        return [box for box in server.read() if "ask_the_bank" in names and box.in_flight]

    (box,) = until(busy)
    os.kill(box.process["pid"], signal.SIGKILL)

    def is_gone():
        with suppress(UnreadableError):
            return read(box.path).ending == "gone"
        return False

    until(is_gone)
    found = read(box.path)
    request = found.in_flight[0]
    assert (request["kind"], request["path"]) == ("request", "/slow")
    assert request["name"].startswith("GET")
    assert [row["name"] for row in found.in_flight[1:]] == ["receive", "ask_the_bank"]
    assert len({row["correlation_id"] for row in found.in_flight}) == 1
    server.kill_all()
    asking.join()


# gunicorn sends SIGABRT, whose handler raises SystemExit in Python code, and then SIGKILL.
TIMEOUTS = {
    "python": ("/slow", "ask_the_bank", "exited"),
    "c": ("/hash", "hash_in_c", "gone"),
}


@pytest.mark.parametrize(("path", "step", "ending"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_the_timeout_of_gunicorn_names_the_request_that_hung(tmp_path, path, step, ending, caplog):
    server = Server(tmp_path, [*GUNICORN, "--timeout", "2", "shop:wsgi_app"])
    try:
        with suppress(OSError):
            get(server.port, path)  # until gunicorn ends the worker
        (box,) = until(lambda: [box for box in server.read() if box.ending == ending])
    finally:
        server.kill_all()
    assert [row["name"] for row in box.in_flight] == ["GET", "receive", step]
    assert box.in_flight[0]["path"] == path
    caplog.set_level(logging.INFO, "statecrumbs")
    DeathNotices(server.boxes, box.process["program"], None, 30).log()
    (told,) = [each for each in caplog.records if each.death["pid"] == box.process["pid"]]
    assert told.levelno == logging.WARNING
    assert f"GET {path}" in told.getMessage()
