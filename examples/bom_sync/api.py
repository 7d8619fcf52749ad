"""The HTTP API that serves the bills of materials, in a separate process.

Run it with ``python -m examples.bom_sync.api BOM LOG PORT``. ``GET /boms/NAME`` gives ``{"parts":
[...]}``: the component NAME and its direct dependencies, as they are in the CycloneDX
document BOM. The process prints its port (for PORT 0, any free one), and ends when its standard
input is closed, so it never outlives its parent.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

from examples.bom_sync.logs import log_to
from penstock.contrib.wsgi import FlowMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Application: TypeAlias = Callable[[dict[str, Any], Callable[..., object]], list[bytes]]

log = logging.getLogger("bom_api")


def application(bom: dict[str, Any]) -> Application:
    """Return the WSGI application that serves the parts of `bom`."""
    components = {each["bom-ref"]: each for each in bom["components"]}
    needed = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    parts_of = {
        each["name"]: [each, *(components[ref] for ref in needed.get(each["bom-ref"], []))]
        for each in bom["components"]
    }

    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        name = environ["PATH_INFO"].removeprefix("/boms/")
        parts = parts_of.get(name)
        status = "200 OK" if parts else "404 Not Found"
        log.info("GET %s: %s", name, status)
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps({"parts": parts}).encode()]

    return answer


class QuietHandler(WSGIRequestHandler):
    """Leaves logging to the application: only it knows the request's ID."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def serve(bom: Path, log_file: Path, port: int) -> None:
    """Serve the parts of `bom` on `port` until standard input ends."""
    log_to(log_file, "api")
    app = application(json.loads(bom.read_text("utf-8")))
    # Only our own clients send requests: trust their IDs, so that the log of a request has them.
    served = FlowMiddleware(app, trust_inbound=True)
    try:
        server = make_server("127.0.0.1", port, served, handler_class=QuietHandler)
    except OSError as error:
        sys.exit(f"The API cannot listen on port {port}: {error.strerror}.")
    threading.Thread(target=until_stdin_ends, args=[server.shutdown], daemon=True).start()
    with server:
        print(server.server_port, flush=True)
        server.serve_forever(poll_interval=0.05)


def until_stdin_ends(then: Callable[[], None]) -> None:
    """Wait for the end of standard input, and call `then`."""
    sys.stdin.read()
    then()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
