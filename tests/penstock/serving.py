"""Serve an application of the test by uvicorn, in a thread."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading

import uvicorn


@contextlib.contextmanager
def served(app):
    """Serve `app`; give a connection that is kept alive. At the end wait for all of its work."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        started = threading.Event()

        class Server(uvicorn.Server):
            async def startup(self, sockets=None):
                await super().startup(sockets)
                started.set()

        server = Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        stack.callback(thread.join)
        stack.callback(setattr, server, "should_exit", True)
        thread.start()
        assert started.wait(50)
        client = http.client.HTTPConnection(*listening.getsockname(), timeout=50)
        stack.callback(client.close)
        yield client
