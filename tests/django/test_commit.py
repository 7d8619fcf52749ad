"""A task that is sent after the commit of a request, to a real worker, is in the run of that."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import textwrap

import pytest

from tests.celery.app import filesystem
from tests.celery.test_verify import edges, runs
from tests.django.servers import PATIENCE, ROOT

pytestmark = pytest.mark.timeout(240)

PROJECT = """
    import json, os
    import django
    from celery import Celery
    from django.conf import settings
    from tests.celery import whole_files

    settings.configure(
        SECRET_KEY="x",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["penstock.contrib.django.FlowMiddleware"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": ":memory:",
                "ATOMIC_REQUESTS": True,
            }
        },
    )
    django.setup()
    whole_files.install()

    from django.core.wsgi import get_wsgi_application
    from django.db import transaction
    from django.http import HttpResponse
    from django.urls import path
    from penstock import current_flow_id, flow, step
    from penstock.contrib.celery import flow_task

    queue = Celery("project")
    queue.conf.update(json.loads(os.environ["TEST_QUEUE"]))
    checkout = flow("checkout")

    @checkout.entrypoint
    def buy(request):
        transaction.on_commit(lambda: charge.delay(1))
        return HttpResponse(current_flow_id())

    @checkout
    @flow_task(after="buy")
    def charge(order):
        ship.delay(order)
        return current_flow_id()

    @checkout
    @flow_task(after="charge")
    def ship(order):
        tell(order)

    @checkout.step(after="ship")
    def tell(order):
        os.write(2, f"TOLD {current_flow_id()}\\n".encode())

    urlpatterns = [path("", buy)]
    application = get_wsgi_application()
"""
NUMBER = 10


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_task_that_is_sent_after_the_commit_is_in_the_run_of_its_request(tmp_path, pool):
    (tmp_path / "project.py").write_text(textwrap.dedent(PROJECT))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PENSTOCK_OBSERVE": str(tmp_path / "evidence"),
        "TEST_QUEUE": json.dumps({**filesystem(tmp_path), "worker_enable_remote_control": False}),
    }

    def start(*arguments, **more):
        command = [sys.executable, "-W", "ignore", "-m", *arguments]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, **more)

    listener = socket.create_server(("127.0.0.1", 0))
    server = start(
        *("gunicorn", "--workers", "2", "project:application"),
        *("-b", f"fd://{listener.fileno()}", "--log-level", "error"),
        pass_fds=[listener.fileno()],
    )
    worker = start(
        *("celery", "-A", "project:queue", "worker", "-P", pool, "-c", "2", "-l", "error"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    ids, told = [], []
    try:
        for _ in range(NUMBER):
            connection = http.client.HTTPConnection(*listener.getsockname(), timeout=PATIENCE)
            connection.request("GET", "/")
            ids.append(connection.getresponse().read().decode())
            connection.close()
        listener.close()
        while len(told) < NUMBER and (line := worker.stderr.readline()):
            if line.startswith("TOLD "):
                told.append(line.split()[1])
    finally:
        for process in (server, worker):
            process.terminate()
            process.wait(60)
        worker.stderr.close()
    command = ["penstock", "--app", "project", "verify", "evidence", "--json"]
    done = start(*command, stdout=subprocess.PIPE, text=True)
    said, _ = done.communicate(timeout=PATIENCE)
    checkout = json.loads(said)["checkout"]
    assert runs(checkout) == dict.fromkeys(("buy", "charge", "ship", "tell"), NUMBER)
    assert edges(checkout) == dict.fromkeys(
        ("buy -> charge", "charge -> ship", "ship -> tell"), NUMBER
    )
    assert checkout["undeclared"] == []
    assert sorted(told) == sorted(ids)
