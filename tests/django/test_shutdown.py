"""Django behind real ASGI servers that are told to end: no count of `observe` is lost."""

from __future__ import annotations

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import textwrap

import gunicorn
import pytest

from penstock._verify._evidence import read

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="servers of POSIX"),
    pytest.mark.timeout(120),
]

SERVED = """
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse
    from django.urls import path
    from penstock import flow
    from penstock.contrib.asgi import FlowMiddleware

    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["penstock.contrib.django.FlowMiddleware"],
    )

    @flow("shop").entrypoint
    def receive(request):
        return HttpResponse("done")

    urlpatterns = [path("", receive)]
    application = FlowMiddleware(get_asgi_application())
"""

# gunicorn 25 and newer listen on a socket in the home folder, too.
NO_SOCKET = "--no-control-socket" if gunicorn.version_info >= (25,) else ""

SERVERS = {
    "uvicorn": "uvicorn --port {port} served:application",
    "uvicorn_workers": "uvicorn --port {port} --workers 2 served:application",
    "gunicorn_uvicorn": "gunicorn -b 127.0.0.1:{port} -k uvicorn.workers.UvicornWorker "
    f"{NO_SOCKET} served:application",
    "hypercorn": "hypercorn -b 127.0.0.1:{port} served:application",
    "granian": "granian --port {port} --interface asgi served:application",
}


def ask(server, port):
    """Ask until the server is up and has answered."""
    while server.poll() is None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=50)
        try:
            client.request("GET", "/")
            return client.getresponse().read()
        except ConnectionRefusedError:
            continue
        finally:
            client.close()
    raise AssertionError(f"the server ended: {server.args}")


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_no_count_is_lost_if_the_server_is_terminated_after_its_last_response(tmp_path, command):
    (tmp_path / "served.py").write_text(textwrap.dedent(SERVED))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    executable, *options = command.format(port=port).split()
    server = subprocess.Popen(
        [pathlib.Path(sys.executable).with_name(executable), *options],
        cwd=tmp_path,
        env={
            **os.environ,
            "PENSTOCK_OBSERVE": str(tmp_path / "evidence"),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
            "PYTHONWARNINGS": "ignore",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert [ask(server, port) for _ in range(3)] == [b"done"] * 3
        server.terminate()
        server.wait(50)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(50)
    assert read([tmp_path / "evidence"]).steps["shop:receive"].began == 3
