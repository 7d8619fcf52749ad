"""A request as a frame: the part that all middleware shares, for ASGI, WSGI, Django or your own.

`RequestOptions` has the options, checked. `RequestSite` names one request and describes it to
tracing backends. `request_frame` makes its frame::

    frame = request_frame(site, values, options, headers)
    token = corectx.enter(frame)

The rule for methods is OpenTelemetry's: a method that is not known is "HTTP" in names, and
"_OTHER" as an attribute, since a client may send any text. The environment variable
OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS replaces the list of known methods. Source:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING

from corectx import CORRELATION_HEADER, HEADER, extract, new_correlation_id, start
from corectx.lowlevel import arriving_id, as_id, log_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypedDict
    from uuid import UUID

    from corectx import Frame

    class RequestKeywords(TypedDict, total=False):
        """The options of `RequestOptions`, for a `**options` that type checkers know."""

        trust_inbound: bool
        header: str | None
        response_header: str | None
        expose_header: bool
        generate_id: Callable[[], str | UUID] | None
        validate_id: Callable[[str], bool] | None
        transform_id: Callable[[str], str | UUID | None] | None
        ignore_paths: Iterable[str | re.Pattern[str]]


__all__ = ["RequestOptions", "RequestSite", "known_method", "request_frame", "request_values"]

_logger = logging.getLogger("penstock")

_LONGEST_PATH = 200  # characters; a client may send a path of any length
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_METHODS = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"
_KNOWN = frozenset(
    each.strip()
    for each in (os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") or _METHODS).split(",")
)

# A default that says "as `header`": None means no header at all.
_SAME: Any = object()


def known_method(method: str) -> str:
    """Return `method` if it is a known HTTP method, otherwise "_OTHER"."""
    return method if method in _KNOWN else "_OTHER"


class RequestOptions:
    """The options of middleware. Raises `ValueError` or `TypeError` for a wrong one.

    trust_inbound (False)
        Continue with the ID that the client sent, in `header` or in the header of `corectx.inject`.
        Turn it on only behind a proxy of your own. A tracing backend decides itself about
        ``traceparent``: if a trace is active, its ID is the correlation ID, and an ID that the
        client sent is the value `inbound_id`.
    header ("X-Correlation-ID")
        The name of the inbound header, or None for none.
    response_header (the same as `header`)
        The name of the header in the response, or None for none.
    expose_header (False)
        Let scripts of other origins read the header of the response (CORS).
    generate_id
        A function that returns a new ID, a text or a UUID.
    validate_id
        A function that returns whether an inbound ID may be used. Every ID must also match
        ``[A-Za-z0-9._-]{1,128}``.
    transform_id
        A function that turns the text of the inbound header into an ID, called first.
    ignore_paths (none)
        Regular expressions, matched from the start of the path. A matching request has no frame.
    """

    __slots__ = (
        "expose_header",
        "generate_id",
        "header",
        "ignore_paths",
        "response_header",
        "transform_id",
        "trust_inbound",
        "validate_id",
    )

    def __init__(
        self,
        *,
        trust_inbound: bool = False,
        header: str | None = CORRELATION_HEADER,
        response_header: str | None = _SAME,
        expose_header: bool = False,
        generate_id: Callable[[], str | UUID] | None = None,
        validate_id: Callable[[str], bool] | None = None,
        transform_id: Callable[[str], str | UUID | None] | None = None,
        ignore_paths: Iterable[str | re.Pattern[str]] = (),
    ) -> None:
        self.trust_inbound: bool = trust_inbound
        self.header: str | None = _checked_header("header", header)
        self.response_header: str | None = _checked_header(
            "response_header", header if response_header is _SAME else response_header
        )
        self.expose_header: bool = expose_header
        self.generate_id: Callable[[], str | UUID] | None = _checked_function(
            "generate_id", generate_id
        )
        self.validate_id: Callable[[str], bool] | None = _checked_function(
            "validate_id", validate_id
        )
        self.transform_id: Callable[[str], str | UUID | None] | None = _checked_function(
            "transform_id", transform_id
        )
        self.ignore_paths: tuple[re.Pattern[str], ...] = _checked_paths(ignore_paths)

    def spelled(self, option: str) -> str:
        """Return `option` as the user writes it, for messages."""
        return f"{option}="

    def ignores(self, path: str) -> bool:
        """Tell whether a request for `path` has no frame."""
        return any(each.match(path) for each in self.ignore_paths)

    def new_id(self) -> str | None:
        """Return an ID of `generate_id`, or None for one of corectx."""
        if self.generate_id is None or self.generate_id is new_correlation_id:
            return None
        try:
            made = as_id(self.generate_id())
        except Exception:
            _logger.exception("%s failed; an ID was made instead.", self.spelled("generate_id"))
            return None
        if made is None:
            _logger.error(
                "%s returned no valid ID; one was made instead.", self.spelled("generate_id")
            )
        return made

    def inbound_id(self, text: str | None) -> str | None:
        """Return the ID in the inbound header `text`; None, and a log record, if it has none."""
        if text is None:
            return None
        try:
            found = as_id(text if self.transform_id is None else self.transform_id(text))
            if found is not None and (self.validate_id is None or self.validate_id(found)):
                return found
        except Exception as error:
            log_once(
                ("inbound", type(error)),
                f"{self.spelled('transform_id')} or {self.spelled('validate_id')} raised "
                f"{type(error).__name__}; the ID of the request was replaced.",
                error,
            )
        else:
            _logger.warning("Replaced the header %s of a request: it is no ID.", self.header)
        return None

    def response_headers(self, correlation_id: str | None) -> list[tuple[str, str]]:
        """Return the headers that the response gets, unless the application has set them."""
        if self.response_header is None or correlation_id is None:
            return []
        headers = [(self.response_header, correlation_id)]
        if self.expose_header:
            headers.append(("Access-Control-Expose-Headers", self.response_header))
        return headers


def _checked_header(option: str, header: Any) -> str | None:
    if header is not None and not (isinstance(header, str) and header and set(header) <= _TOKEN):
        raise ValueError(f"{option}= is the name of an HTTP header or None, but got {header!r}.")
    return header


def _checked_function(option: str, function: Any) -> Any:
    if function is not None and not callable(function):
        raise TypeError(f"{option}= is a function, but got {function!r}.")
    return function


def _checked_paths(paths: Any) -> tuple[re.Pattern[str], ...]:
    if isinstance(paths, (str, re.Pattern)):
        raise TypeError(f"ignore_paths= takes a list. Did you mean [{paths!r}]?")
    try:
        return tuple(re.compile(each) for each in paths)
    except (re.error, TypeError) as error:
        raise ValueError(f"ignore_paths= has no regular expression: {error}.") from None


def _nothing() -> dict[str, Any]:
    return {}


class RequestSite:
    """The site of one request: "GET", and "GET /orders/{id}" once the framework knows the route.

    The path is no part of the name: it holds IDs, and spans are counted by their names. `headers`
    and `describe` are called only by a tracing backend, at the beginning: for the headers of the
    request, their names in lower case, and for its attributes by OpenTelemetry's conventions.
    `frameworks` are the parts of the names of environment variables that exclude URLs from tracing,
    such as "DJANGO" of ``OTEL_PYTHON_DJANGO_EXCLUDED_URLS``. A backend may give `pass_headers` the
    headers that the application is to see in place of the inbound ones. Set `status` to the status
    code of the response.
    """

    kind = "request"
    flow: str | None = None
    __slots__ = (
        "_find_route",
        "_route",
        "describe",
        "frameworks",
        "headers",
        "method",
        "original_method",
        "pass_headers",
        "status",
    )

    def __init__(
        self,
        method: str,
        find_route: Callable[[], str | None] | None = None,
        *,
        headers: Callable[[], Mapping[str, str]] = _nothing,
        describe: Callable[[], dict[str, Any]] = _nothing,
        pass_headers: Callable[[dict[str, str]], None] | None = None,
        frameworks: tuple[str, ...] = (),
    ) -> None:
        # A WebSocket begins with a GET; its name says the more telling thing.
        self.method: str = method if method == "WEBSOCKET" else known_method(method)
        self.original_method: str = method
        self._find_route = find_route
        self._route: str | None = None
        self.headers: Callable[[], Mapping[str, str]] = headers
        self.describe: Callable[[], dict[str, Any]] = describe
        self.pass_headers: Callable[[dict[str, str]], None] | None = pass_headers
        self.frameworks: tuple[str, ...] = frameworks
        self.status: int | None = None

    @property
    def name(self) -> str:
        """The method, and the route if it is known by now."""
        method = "HTTP" if self.method == "_OTHER" else self.method
        route = self.route
        return method if route is None else f"{method} {route}"

    @property
    def route(self) -> str | None:
        """The route, such as "/orders/{id}", or None while it is not known."""
        self.look()
        return self._route

    @route.setter
    def route(self, route: str) -> None:
        self._route = route

    def look(self) -> None:
        """Look for the route, and remember it."""
        if self._route is None and self._find_route is not None:
            self._route = self._find_route()

    def close(self) -> None:
        """Let go of the request: a frame that is remembered must not keep it alive."""
        self.look()
        self._find_route = None
        self.headers = self.describe = _nothing
        self.pass_headers = None


def request_values(site: RequestSite, path: str) -> dict[str, object]:
    """Return the scoped values of a request: its method and its path, without the query."""
    return {"method": site.method, "path": path[:_LONGEST_PATH]}


def request_frame(
    site: RequestSite,
    values: dict[str, object],
    options: RequestOptions,
    find_header: Callable[[str], str | None],
) -> Frame:
    """Return the root frame of a request; it never joins the frame that is current in the server.

    `find_header` returns the inbound header of a name, in any case. It is called only if inbound
    headers are trusted, and the headers are checked all the same.
    """
    sender = inbound = None
    if options.trust_inbound:
        own = find_header(HEADER)
        sender = None if own is None else extract({HEADER: own}, http=True)
        if (sender is None or sender.correlation_id is None) and options.header is not None:
            inbound = options.inbound_id(find_header(options.header))
    taken = inbound if sender is None or sender.correlation_id is None else sender.correlation_id
    traced = arriving_id(site)
    if traced is not None and taken is not None and taken != traced:
        values = {**values, "inbound_id": taken}
    if sender is not None and sender.correlation_id is not None and traced in (None, taken):
        return sender.child(site, values)
    if traced is None:
        traced = inbound or options.new_id()
    return start(site, correlation_id=traced, parent=sender, values=values)
