"""The frame of a request, for the ASGI and the WSGI middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corectx import CORRELATION_HEADER, HEADER, extract, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from corectx import Frame

_LONGEST_PATH = 200  # characters; a path is as long as the client likes
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class RequestSite:
    """The site of one request: "GET", and "GET /orders/{id}" once the framework knows the route.

    The path itself is not in the name: it holds IDs, and names are for counting.
    """

    kind = "request"
    flow: str | None = None

    def __init__(self, method: str, find_route: Callable[[], str | None]) -> None:
        self._method = method
        self._find_route: Callable[[], str | None] | None = find_route
        self._route: str | None = None

    @property
    def name(self) -> str:
        """The method, and the route if it is known by now."""
        self.look()
        return self._method if self._route is None else f"{self._method} {self._route}"

    def look(self) -> None:
        """Look for the route, and remember it."""
        if self._route is None and self._find_route is not None:
            self._route = self._find_route()

    def close(self) -> None:
        """Let go of the request: an object that keeps the frame must not keep the request alive."""
        self.look()
        self._find_route = None


def request_values(method: str, path: str) -> dict[str, str]:
    """Return the scoped values of a request: its method and its path, without the query."""
    return {"method": method, "path": path[:_LONGEST_PATH]}


def checked_header(header: str | None) -> str | None:
    """Return `header` if it may be the name of one; raises ValueError otherwise."""
    if header is not None and not (header and _TOKEN.issuperset(header)):
        raise ValueError(f"header= is the name of an HTTP header or None, but got {header!r}.")
    return header


def request_frame(
    site: RequestSite, values: dict[str, str], headers: dict[str, str] | None, header: str | None
) -> Frame:
    """Return the root frame of a request; it never joins a frame that is current in the server.

    `headers` are those of the client, their names in lower case, or None if they are not trusted.
    Trusted headers are checked, too.
    """
    sender = None
    if headers is not None:
        names = {HEADER: HEADER, CORRELATION_HEADER: header.lower() if header else ""}
        known = {key: headers[name] for key, name in names.items() if name in headers}
        sender = extract(known)
    if sender is not None and sender.correlation_id is not None:
        return sender.child(site, values)
    return start(site, parent=sender, values=values)
