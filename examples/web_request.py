"""Serve HTTP requests at once; the one that fails shows only its own crumbs.

Run it::

    python examples/web_request.py

A request is a context, and its steps are nested contexts. Its crumbs are its trail.
"""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from statecrumbs import crumb, enable, trail
from statecrumbs.context import context
from statecrumbs.formatter import format_text

PRICES = {"kettle": 25, "lamp": 40}
REQUESTS = ["/kettle/2", "/lamp/1", "/sofa/1", "/kettle/3"]


def total(item: str, count: str) -> int:
    """Return the price of `count` pieces of `item`, in two steps."""
    with context(step="parse"):
        crumb("parsing", count=count)
        pieces = int(count)
    with context(step="price"):
        crumb("looking_up", item=item)
        return pieces * PRICES[item]


class Shop(BaseHTTPRequestHandler):
    """Answers ``GET /item/count`` with a price; each request runs in its own thread."""

    numbers = itertools.count(1)
    together = threading.Barrier(len(REQUESTS))  # so that the requests really overlap

    def do_GET(self) -> None:
        """Answer one request."""
        with context(request_id=f"req-{next(self.numbers)}"):
            crumb("request_start", path=self.path)
            self.together.wait(timeout=30)
            try:
                _, item, count = self.path.split("/")
                status, body = 200, f"{total(item, count)} EUR"
            except (ValueError, KeyError) as error:
                crumb("request_failed", error=error)
                status, body = 500, format_text(trail())
            crumb("request_end", status=status)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Print no access log."""


def get(port: int, path: str) -> str:
    """Request `path` from the shop on `port`; return the status and the body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    answer = f"{response.status} {path}\n{response.read().decode()}\n"
    connection.close()
    return answer


if __name__ == "__main__":
    enable(include_thread=False)  # each request has its own thread

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server, ThreadPoolExecutor() as clients:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for answer in clients.map(lambda path: get(server.server_port, path), REQUESTS):
            print(answer)
        server.shutdown()
