"""Serve real HTTP requests at once; the one that fails shows its own crumbs, and no other's.

Run it::

    python examples/web_request.py

A request is a context. Its steps are nested contexts, and its trail is what it left behind.
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
    """Answers ``GET /item/count`` with a price; each request runs in a thread of its own."""

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
    """Ask the shop on `port` for `path`, and return its answer with the status in front."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    answer = f"{response.status} {path}\n{response.read().decode()}\n"
    connection.close()
    return answer


if __name__ == "__main__":
    enable(include_thread=False)  # each request has a thread of its own anyway

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server, ThreadPoolExecutor() as clients:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for answer in clients.map(lambda path: get(server.server_port, path), REQUESTS):
            print(answer)
        server.shutdown()
