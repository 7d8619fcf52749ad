"""A request as a frame: the part that all middleware shares, for ASGI, WSGI, Django or your own.

`RequestOptions` has the options, checked. A subclass of `RequestSite` names one request and
describes it to tracing backends, by `http_attributes` or `environ_attributes`. `request_frame`
makes its frame, and `add_headers` puts the ID into the response::

    frame = request_frame(site, values, options)
    token = corectx.enter(frame)

`set_route` names the request by its route, if no middleware can see which one matched.

The rule for methods is OpenTelemetry's: a method that is not known is "HTTP" in names, and
"_OTHER" as an attribute, since a client may send any text. The environment variable
OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS replaces the list of known methods. Source:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import logging
import os
from types import MappingProxyType
from typing import TYPE_CHECKING

from corectx import HEADER, Frame, current, extract, start
from corectx.lowlevel import (
    arriving_id,
    get_current,
    listeners,
    log_once,
    new_trace_id,
    notify_renamed,
)
from penstock.contrib._options import RequestOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, AnyStr

__all__ = [
    "LONGEST_PATH",
    "METHOD_NAMES",
    "SITE",
    "BareSite",
    "RequestOptions",
    "RequestSite",
    "add_headers",
    "add_to_list",
    "environ_attributes",
    "environ_path",
    "http_attributes",
    "is_begun",
    "request_frame",
    "request_values",
    "set_route",
]

_logger = logging.getLogger("penstock")

LONGEST_PATH = 200  # characters; a client may send a path of any length
_METHODS = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"
_KNOWN = frozenset(
    each.strip()
    for each in (os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") or _METHODS).split(",")
)
# A WebSocket begins with a GET, but its name says WEBSOCKET, which tells more.
METHOD_NAMES = _KNOWN | {"WEBSOCKET"}

# In lists of headers, which are bytes in ASGI: between items, and the item for all of them.
_SIGNS: Mapping[type, Any] = {str: (",", ", ", "*"), bytes: (b",", b", ", b"*")}

# The key of an ASGI scope or a WSGI environment that holds the site of its request.
SITE = "penstock.request"


def add_headers(
    headers: Iterable[tuple[AnyStr, AnyStr]],
    name: AnyStr,
    correlation_id: AnyStr,
    lists: Iterable[tuple[AnyStr, AnyStr]],
) -> list[tuple[AnyStr, AnyStr]]:
    """Return the `headers` of a response with the ID under `name`, unless they have that name.

    `lists` are names of other headers, each with an item that its list gets.
    """
    merged = list(headers)
    size = len(name)
    for other, _ in merged:
        # Few names are as long, and to change the case of a text takes longer than all else.
        if len(other) == size and other.lower() == name.lower():
            break
    else:
        merged.append((name, correlation_id))
    for key, item in lists:
        merged = _add_item(merged, key, item)
    return merged


def _add_item(
    headers: list[tuple[AnyStr, AnyStr]], name: AnyStr, item: AnyStr
) -> list[tuple[AnyStr, AnyStr]]:
    """Return `headers` with `item` in the list of the header `name`, which is there once then."""
    key = name.lower()
    text = add_to_list([text for other, text in headers if other.lower() == key], item)
    if text is None:
        return headers
    kept = [pair for pair in headers if pair[0].lower() != key]
    kept.append((name, text))
    return kept


def add_to_list(texts: Iterable[AnyStr], item: AnyStr) -> AnyStr | None:
    """Return the text of a header with the items of all `texts` and `item`, or None if it has it.

    An asterisk stands for every item.
    """
    comma, separator, everything = _SIGNS[type(item)]
    items: list[Any] = []
    for text in texts:
        items += [each.strip() for each in text.split(comma) if each.strip()]
    if everything in items or item.lower() in [each.lower() for each in items]:
        return None
    joined: AnyStr = separator.join([*items, item])
    return joined


def http_attributes(
    *,
    scheme: str | None,
    path: str,
    protocol: str | None,
    server: tuple[str | None, int | str | None],
    client: str | None,
    user_agent: str | None,
) -> dict[str, Any]:
    """Return the attributes of a request by OpenTelemetry's stable conventions for HTTP.

    The port of the `server` may be a text, as in WSGI and in the ASGI scopes of granian.
    """
    port = str(server[1])
    return {
        "url.scheme": scheme,
        "url.path": path,
        "network.protocol.version": protocol,
        "server.address": server[0],
        "server.port": int(port) if port.isdecimal() else None,
        "client.address": client,
        "user_agent.original": user_agent,
    }


def environ_attributes(
    environ: Mapping[str, Any], *, scheme: str | None, path: str, protocol: str | None = None
) -> dict[str, Any]:
    """Return the attributes of the request with the WSGI environment `environ`.

    Django has such an environment under ASGI, too, but without the version of the `protocol`.
    """
    return http_attributes(
        scheme=scheme,
        path=path,
        protocol=protocol or environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/"),
        server=(environ.get("SERVER_NAME"), environ.get("SERVER_PORT")),
        client=environ.get("REMOTE_ADDR"),
        user_agent=environ.get("HTTP_USER_AGENT"),
    )


class RequestSite:
    """The site of one request: "GET", and "GET /orders/{id}" once the framework knows the route.

    The path is not in the name: it holds IDs, and spans are counted by their names. Subclass it for
    a kind of `request`, such as an ASGI scope, and override the methods that take one. Call
    `begin_response` with the status code when the response begins, and `close` at the end. Until
    then the site `is_open`. A backend may set `on_response`. If the application can be given other
    headers than those that arrived, add a method ``pass_headers(headers)``: a backend calls it with
    headers that replace those of the same names.
    """

    kind = "request"
    flow: str | None = None
    # Parts of the names of environment variables that exclude URLs from tracing, such as "DJANGO"
    # of OTEL_PYTHON_DJANGO_EXCLUDED_URLS.
    frameworks: tuple[str, ...] = ()
    __slots__ = (
        "given_route",
        "given_status",
        "is_named",
        "is_open",
        "method",
        "on_response",
        "original_method",
        "request",
    )

    def __init__(self, method: str, request: Any = None) -> None:
        self.method: str = method if method in METHOD_NAMES else "_OTHER"
        self.original_method: str = method
        self.request: Any = request
        self.given_route: str | None = None
        self.is_named: bool = False
        self.on_response: Callable[[], None] | None = None
        self.given_status: int | str | None = None
        self.is_open: bool = True

    def find_route(self, request: Any) -> str | None:  # noqa: ARG002 - for subclasses
        """Return the route of `request`, or None while the framework does not know it."""
        return None

    def read_header(self, request: Any, name: str) -> str | None:
        """Return the header of `request` with `name`, in any case, or None."""
        return self.read_headers(request).get(name.lower())

    def read_headers(self, request: Any) -> Mapping[str, str]:  # noqa: ARG002
        """Return the headers of `request`, with names in lower case."""
        return {}

    def read_attributes(self, request: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the attributes of `request`, see `http_attributes`."""
        return {}

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the request, or none after its end. Only a backend asks."""
        request = self.request
        return {} if request is None else self.read_headers(request)

    def describe(self) -> dict[str, Any]:
        """Return the attributes of the request, or none after its end. Only a backend asks."""
        request = self.request
        return {} if request is None else self.read_attributes(request)

    @property
    def name(self) -> str:
        """The method, and the route if it is known."""
        method = "HTTP" if self.method == "_OTHER" else self.method
        route = self.route
        return method if route is None else f"{method} {route}"

    @property
    def route(self) -> str | None:
        """The route, such as "/orders/{id}", or None while it is not known."""
        self.look()
        return self.given_route

    @route.setter
    def route(self, route: str) -> None:
        self.given_route = route
        self.is_named = True

    def look(self) -> None:
        """Look for the route, and remember it; the route of a mount grows during the routing."""
        request = self.request
        if request is not None and not self.is_named:
            self.given_route = self.find_route(request) or self.given_route

    @property
    def status(self) -> int | None:
        """The status code of the response, or None: it did not begin, or its line has no code."""
        status = self.given_status
        if not isinstance(status, str):
            return status
        code = status[:3]
        return int(code) if code.isdecimal() else None

    def begin_response(self, status: int | str | None) -> None:
        """Note the `status` of the response, and the route, which may be forgotten later.

        The status is a code, or a line such as "200 OK", which is read if a backend asks.
        """
        self.given_status = status
        request = self.request
        if request is not None and not self.is_named:  # as `look` does it
            self.given_route = self.find_route(request) or self.given_route
        if self.on_response is not None:
            try:
                self.on_response()
            except Exception as error:
                log_once(
                    ("response", type(error)), "A tracing backend failed at a response.", error
                )

    def close(self) -> None:
        """Forget the request: its frame may live longer, and must not keep it alive."""
        if self.given_status is None:  # there was no response, at which the route was looked for
            self.look()
        self.is_open = False
        self.request = self.on_response = None


class BareSite(RequestSite):
    """A site without `RequestSite.__init__`: its maker sets every attribute, in half the time."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__


def is_begun(request: Mapping[str, Any]) -> bool:
    """Tell whether another middleware of ours has begun `request` and made its frame.

    `request` is an ASGI scope or a WSGI environment. Its key `SITE` holds the site of the request.
    An adapter between the two makes a new environment: then it is a request for the same path whose
    frame is current. The frame of a request of WSGI may have leaked, that of ASGI has not.
    """
    site: RequestSite | None = request.get(SITE)
    if site is not None:
        return site.is_open
    frame = get_current()
    if frame is None or "REQUEST_METHOD" not in request:
        return False
    while frame is not None and frame.kind != "request":
        frame = frame.parent
    around = None if frame is None else frame.site
    if (
        not isinstance(around, RequestSite)
        or not around.is_open
        or "ASGI" not in around.frameworks
        or around.original_method != request["REQUEST_METHOD"]
    ):
        return False
    # It has no path if it ends just now, in another thread. The root path of a server is part of
    # the path, or not.
    path = around.describe().get("url.path")
    return path in (environ_path(request), environ_path({**request, "SCRIPT_NAME": ""}))


def environ_path(environ: Mapping[str, Any]) -> str:
    """Return the path of the request with the WSGI environment `environ`, as text."""
    path: str = environ.get("PATH_INFO", "")
    root = environ.get("SCRIPT_NAME")
    if root:
        path = root + path
    if path.isascii():
        return path
    return path.encode("latin-1", "replace").decode("utf-8", "replace")  # PEP 3333's bytes


def set_route(route: str) -> None:
    """Give the current request its `route`, such as "/orders/{id}". Outside of any, do nothing.

    Call it in a hook of a framework that puts the route into no ASGI scope or WSGI environment.
    """
    frame = current()
    while frame is not None:
        if isinstance(frame.site, RequestSite):
            frame.site.route = route
            if listeners.renamed:
                notify_renamed(frame)
        frame = frame.parent


def request_values(site: RequestSite, path: str) -> dict[str, object]:
    """Return the scoped values of a request: its method and its path, without the query."""
    return {"method": site.method, "path": path[:LONGEST_PATH]}


def request_frame(site: RequestSite, values: dict[str, object], options: RequestOptions) -> Frame:
    """Return the root frame of a request; it never joins the frame that is current in the server.

    The frame keeps `values` itself, no copy. If inbound headers are trusted, the site reads those
    with an ID, which are checked nevertheless.
    """
    if options.makes_ids and not listeners.arriving and not listeners.starting:
        # As `start` makes it, for nearly every request
        return Frame(site, None, site.flow, new_trace_id(), MappingProxyType(values), {})
    sender = inbound = None
    if options.trust_inbound:
        own = site.read_header(site.request, HEADER)
        sender = None if own is None else extract({HEADER: own}, http=True)
        if (sender is None or sender.correlation_id is None) and options.header is not None:
            inbound = options.inbound_id(site.read_header(site.request, options.header))
    taken = inbound if sender is None or sender.correlation_id is None else sender.correlation_id
    traced = arriving_id(site)
    if traced is not None and taken is not None and taken != traced:
        values = {**values, "inbound_id": taken}
    if sender is not None and sender.correlation_id is not None and traced in (None, taken):
        return sender.child(site, values)
    if traced is None:
        traced = inbound or options.new_id()
    return start(site, correlation_id=traced, parent=sender, values=values)
