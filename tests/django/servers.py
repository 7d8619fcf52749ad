"""Start the test project behind a real server, ask it, and read what it logged."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

# Seconds for an answer, the first of which waits for the server to start: on a busy machine, long.
PATIENCE = 100

COMMANDS = {
    "wsgiref": ["-m", "tests.django.serve"],
    "gunicorn": ["-m", "gunicorn", "--threads", "2", "tests.django.project:wsgi", "-b"],
    "uvicorn": ["-m", "uvicorn", "--log-level", "warning", "tests.django.project:asgi", "--fd"],
}


class Server:
    """A server process on a free port; its stderr is read as it comes."""

    def __init__(self, kind: str, **settings: Any) -> None:
        self.kind = kind
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        target = f"fd://{listener.fileno()}" if kind == "gunicorn" else str(listener.fileno())
        self._process = subprocess.Popen(
            [sys.executable, *COMMANDS[kind], target],
            cwd=ROOT,
            env={**os.environ, "TEST_PENSTOCK": json.dumps(settings)},
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[listener.fileno()],
        )
        # The connection waits in the queue of the socket until the server is up.
        listener.close()
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, text: str, timeout: float = PATIENCE) -> str:
        """Return the first line with `text` in it, once there is one."""
        with self._news:
            found = self._news.wait_for(
                lambda: next((line for line in self.lines if text in line), None), timeout
            )
        assert found, f"no line with {text!r} in:\n" + "\n".join(self.lines)
        return found

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection that is kept alive between requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask on a connection of its own; return the response and its body."""
        with contextlib.closing(self.connection()) as connection:
            connection.request(
                "GET", path, headers={name.replace("_", "-"): headers[name] for name in headers}
            )
            response = connection.getresponse()
            return response, response.read()

    def stop(self) -> None:
        """End the server and wait for it."""
        self._process.terminate()
        self._process.wait(60)
        self._reader.join(60)
        assert self._process.stderr is not None
        self._process.stderr.close()

    @property
    def dumps(self) -> list[list[dict[str, Any]]]:
        """The crash dumps on stderr so far."""
        text = "\n".join(self.lines)
        found = []
        start = text.find("[\n")
        while start >= 0:
            dump, start = json.JSONDecoder().raw_decode(text, start)
            found.append(dump)
            start = text.find("[\n", start)
        return found
