"""A worker for each broker and pool, shared by the tests of a module."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import uuid
from pathlib import Path

import pytest

from corectx import Site, attach, detach, start, subscribe
from tests.celery.app import filesystem, make_app
from tests.celery.workers import Worker

PORTS = {"redis": 6379, "rabbitmq": 5672}


def reachable(broker: str) -> bool:
    """Tell whether the server of `broker` answers on this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORTS[broker]), 2):
        return True
    return False


def settings(broker: str, folder: Path) -> dict:
    """Return the settings of an app that uses `broker`, in queues of its own."""
    config = filesystem(folder)
    if broker != "filesystem":
        if not reachable(broker):
            pytest.skip(f"{broker} does not answer on 127.0.0.1:{PORTS[broker]}")
        del config["broker_transport_options"]
    if broker == "redis":
        config["broker_url"] = config["result_backend"] = "redis://127.0.0.1:6379/0"
    if broker == "rabbitmq":
        config["broker_url"] = "amqp://guest:guest@127.0.0.1:5672//"
    return {
        **config,
        "task_default_queue": f"penstock-tests-{uuid.uuid4().hex}",
        "result_expires": 300,
        "worker_redirect_stdouts": False,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "broker_connection_retry_on_startup": True,
    }


@contextlib.contextmanager
def running(pool: str, broker: str = "filesystem", *options: str, **more):
    """Run a worker; give it, with the app that sends to it as the current one."""
    with tempfile.TemporaryDirectory() as folder:
        config = {**settings(broker, Path(folder)), **more}
        worker = Worker(pool, config, *options)
        app = make_app(config)
        app.set_current()
        try:
            yield worker, app
        finally:
            worker.stop()
            if broker == "rabbitmq":
                with app.connection_for_write() as connection:
                    connection.default_channel.queue_delete(config["task_default_queue"])
            app.close()


@pytest.fixture
def operation():
    """The frame of a request that is current for the test."""
    frame = start(Site("request", "GET /orders"))
    token = attach(frame)
    yield frame
    detach(token)


@pytest.fixture
def observed():
    """The tasks whose frames were left during the test: name, and exception or None."""

    class Observer:
        def left(self, frame, exc):
            if frame.kind == "task":
                heard.append((frame.name, exc))

    heard = []
    unsubscribe = subscribe(Observer())
    yield heard
    unsubscribe()
