"""The middleware: each request is a frame of its own, whose ID goes back to the client.

The frame becomes current in the middleware and stays so until Django says that the request is
finished: it logs 404 and 500 responses, and sends a streaming body, after the middleware returned.
"""

from __future__ import annotations

import sys
from asyncio import CancelledError
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from asgiref.sync import markcoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception, request_finished
from django.http.response import ResponseHeaders

from corectx import Frame, add_values, attach, current, detach
from corectx.lowlevel import (
    UNOPENED,
    BareFrame,
    collecting,
    get_current,
    listeners,
    new_trace_id,
    note_failure,
    notify_entered,
    notify_left,
    set_current,
)
from penstock.contrib.asgi import mount_of_scope
from penstock.contrib.http import (
    METHOD_NAMES,
    BareSite,
    add_to_list,
    environ_attributes,
    is_begun,
    request_frame,
    set_route,
)
from penstock_django._bodies import AsyncBody, Body
from penstock_django._settings import Options, options
from statecrumbs import report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from corectx import Token


class FlowMiddleware:
    """Make each request one operation: one correlation ID, one trail of crumbs, one frame.

    Make it the first in ``MIDDLEWARE``, so that the others log with the ID too. It works under WSGI
    and ASGI. Its options are in ``settings.PENSTOCK``.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self._get_response: Callable[[HttpRequest], Any] = get_response
        try:
            self._options = options()
        except ValueError as error:
            raise ImproperlyConfigured(str(error)) from None
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
            # The kind that the handler wants; it calls the other kind in another thread.
            self.process_view = self._process_view_async  # type: ignore[assignment, method-assign]

    def __call__(self, request: HttpRequest) -> Any:
        """Answer `request`; under ASGI return an awaitable."""
        chosen = self._options
        if not chosen.is_plain:
            chosen = self._options = options()
            if chosen.ignores(request.path_info):
                return self._get_response(request)
        outer = get_current()
        if outer is not None and _frame_of(request) is not None:
            return self._get_response(request)  # it stands in MIDDLEWARE twice
        if self._is_async:
            return self._answer_async(request, chosen)
        frame = _begin(request, chosen, outer)
        try:
            response = self._get_response(request)
        except BaseException as exc:
            _end(frame, exc)
            _take_down(frame)  # without a response there may be no `request_finished`
            raise
        return _finish(frame, response, chosen)

    async def _answer_async(self, request: HttpRequest, chosen: Options) -> HttpResponseBase:
        frame = _begin(request, chosen, get_current())
        try:
            response = await self._get_response(request)
        except BaseException as exc:
            _end(frame, exc)
            _take_down(frame)  # without a response there may be no `request_finished`
            raise
        return _finish(frame, response, chosen)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., Any],  # noqa: ARG002 - Django gives it
        args: Any,  # noqa: ARG002
        kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Name the request by its route and its view, as soon as Django has found them."""
        match = request.resolver_match
        if match is None:
            return
        frame = get_current()
        site: Any
        if frame is not None and not listeners.renamed:  # as below, for nearly every request
            site = frame.site
            if (
                type(site) is _Site
                and site.request is request
                and not site.is_named
                and frame.values is _VALUES[site.method]
                and request.path == request.path_info
                and not hasattr(request, "scope")
            ):
                site.given_route = f"/{match.route}"
                site.is_named = True
                frame.values = MappingProxyType(
                    {
                        "method": site.method,
                        "route": match.route,
                        "view": match.view_name or site.name,
                    }
                )
                frame.recorder_cache = None
                return
        frame = _frame_of(request)
        if frame is None:
            return
        site = frame.site
        if not site.is_named:  # the middleware may stand in MIDDLEWARE twice
            _name_by_route(request, frame, match.route)
        # For the scope that a middleware below may have opened, and for those above it too
        add_values(route=match.route, view=match.view_name or site.name)

    async def _process_view_async(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        FlowMiddleware.process_view(self, request, view, args, kwargs)


# The values of a request whose route is not known, by its method.
_VALUES = {
    method: MappingProxyType({"method": method}) for method in sorted({*METHOD_NAMES, "_OTHER"})
}

# The class of headers, if it keeps them by their names in lower case, each with its name and text.
_StoredHeaders: type | None = None
if getattr(ResponseHeaders({"A-Name": "text"}), "_store", None) == {"a-name": ("A-Name", "text")}:
    _StoredHeaders = ResponseHeaders
_EXPOSED = "access-control-expose-headers"


class _Site(BareSite):
    """The site of a request of Django, with what the middleware knows of the request."""

    frameworks = ("DJANGO",)
    __slots__ = ("failure", "is_streaming", "token")
    # To detach the frame when the request is finished, or None if it is detached.
    token: Token | None
    # The response is made, and its body is not complete.
    is_streaming: bool
    # The exception for which Django made a response.
    failure: BaseException | None

    def read_header(self, request: HttpRequest, name: str) -> str | None:
        header: str | None = request.headers.get(name)
        return header

    def read_headers(self, request: HttpRequest) -> dict[str, str]:
        return {name.lower(): value for name, value in request.headers.items()}

    def read_attributes(self, request: HttpRequest) -> dict[str, Any]:
        return environ_attributes(
            request.META,
            scheme=request.scheme,
            path=request.path,
            protocol=getattr(request, "scope", {}).get("http_version"),
        )


def _begin(request: HttpRequest, chosen: Options, outer: Frame | None) -> Frame:
    """Make the frame of `request` current.

    It is never part of `outer`, the frame that is current now: a server may handle a request in the
    context of the request before, and that frame may have leaked.
    """
    # This function does inline the work of `RequestSite`, `request_frame` and `attach`: their calls
    # would cost half as much as all else.
    method = request.method or "GET"
    site = _Site()
    site.original_method = method
    values = _VALUES.get(method)
    if values is None:
        method = "_OTHER"
        values = _VALUES[method]
    site.method = method
    site.request = request
    site.given_route = site.given_status = site.on_response = site.failure = None
    site.is_named = site.is_streaming = False
    site.is_open = True
    if outer is not None and is_begun(getattr(request, "scope", None) or request.META):
        # A middleware of ours is around the whole WSGI or ASGI application.
        frame = outer.child(site, values)
    elif chosen.makes_ids and not listeners.arriving and not listeners.starting:
        frame = BareFrame()
        frame.site = site
        frame.parent = frame.flow = frame.recorder_cache = None
        frame.correlation_id = new_trace_id()
        frame.values = values
        frame.store = {}
        frame.outer = UNOPENED
    else:
        frame = request_frame(site, {"method": method}, chosen)
    if collecting:
        site.token = attach(frame)
    else:
        site.token = frame, outer, True
        frame.outer = outer
        try:
            set_current(frame)
        except BaseException:  # of a signal handler, right after the call
            set_current(outer)
            raise
    if listeners.entered:
        notify_entered(frame)
    return frame


def _name_by_route(request: HttpRequest, frame: Frame, route: str) -> None:
    """Give the request its route, with what it is mounted below."""
    scope: dict[str, Any] | None = getattr(request, "scope", None)
    around: Any = None if frame.parent is None else frame.parent.site
    if scope is not None:
        mount = mount_of_scope(scope)
    elif around is not None and "ASGI" in getattr(around, "frameworks", ()):
        mount = around.route or ""
    else:  # as Django itself has split the path, from SCRIPT_NAME or a setting
        mount = request.path.removesuffix(request.path_info)
    set_route(f"{mount.rstrip('/')}/{route}")


def _finish(frame: Frame, response: HttpResponseBase, chosen: Options) -> HttpResponseBase:
    """Put the ID into `response`, and end the work of `frame` now or with the streaming body."""
    site: Any = frame.site
    headers = response.headers
    if type(headers) is not _StoredHeaders:
        _name_response(headers, frame, chosen)
    # A request inside of a bare scope, below a middleware of ours, has no ID.
    elif chosen.response_key is not None and frame.correlation_id is not None:
        # As Django itself keeps them: its methods check the texts, and take ten times as long.
        store: dict[str, Any] = headers._store  # noqa: SLF001
        if chosen.response_key not in store:
            store[chosen.response_key] = chosen.response_header, frame.correlation_id
        if chosen.exposed is not None:
            if _EXPOSED in store:
                _name_response(headers, frame, chosen)
            else:
                store[_EXPOSED] = chosen.exposed
    if site.on_response is None:  # as `begin_response` does it, where the view has named the route
        site.given_status = response.status_code
    else:
        site.begin_response(response.status_code)
    if not response.streaming or getattr(response, "file_to_stream", None) is not None:
        if listeners.left:
            _end(frame, None)
        else:  # as `_end` does it
            site.is_open = False
            site.request = site.on_response = site.failure = None
    else:
        site.is_streaming = True
        content: Any = response.streaming_content  # type: ignore[attr-defined]
        body = AsyncBody if getattr(response, "is_async", False) else Body
        # The setter takes any iterator, and closes it with the response.
        response.streaming_content = body(content, frame, lambda exc: _end(frame, exc))  # type: ignore[attr-defined]
    return response


def _name_response(headers: Any, frame: Frame, chosen: Options) -> None:
    name = chosen.response_header
    if name is None or frame.correlation_id is None:
        return
    if name not in headers:
        headers[name] = frame.correlation_id
    for other, item in chosen.response_lists:
        text = add_to_list([headers[other]], item) if other in headers else item
        if text is not None:
            headers[other] = text


def _end(frame: Frame, exc: BaseException | None) -> None:
    """Tell the observers, once, how the work of `frame` ended; it stays current."""
    site: Any = frame.site
    if not site.is_open:
        return
    # A cancelled task is no error of the program: the client went away, or the server shuts down.
    if isinstance(exc, CancelledError):
        exc = None
    if exc is not None:
        note_failure(frame, exc)
        report(exc, frame=frame)
    if listeners.left:
        notify_left(frame, exc or site.failure)
    # As `close` does it; only the view names the route
    site.is_open = False
    site.request = site.on_response = site.failure = None


def _request_frame() -> Frame | None:
    """Return the current request's frame, from anywhere inside it."""
    frame = get_current()
    while frame is not None:
        site = frame.site
        if type(site) is _Site or site.kind == "request":
            return frame if isinstance(site, _Site) and site.token is not None else None
        frame = frame.parent
    return None


def _frame_of(request: HttpRequest) -> Frame | None:
    """Return the frame of `request`, from where its response is being made."""
    frame = _request_frame()
    if frame is None:
        return None
    site: Any = frame.site
    return frame if site.request is request and not site.is_streaming else None


def _report_exception(**_: object) -> None:
    """Dump the request's trail for an exception that its view did not handle.

    Django catches it right after the view, so that no middleware and no hook sees it pass.
    """
    exc = sys.exc_info()[1]
    frame = _request_frame()
    if exc is not None and frame is not None:
        note_failure(current() or frame, exc)
        report(exc, frame=frame)
        site: Any = frame.site
        if site.is_open:
            site.failure = exc


def _detach_request(**_: object) -> None:
    """Detach the frame of a finished request, in the context in which it was current.

    If the current request has no response yet, another request is finished: one that it made to
    this process, such as with a test client. That one has no frame of its own.
    """
    frame = get_current()
    if frame is None:
        return
    site: Any = frame.site
    if (
        type(site) is _Site
        and not site.is_open
        and site.token is not None
        and not collecting
        and frame.outer is not UNOPENED
    ):
        # As `detach` does it, for nearly every request
        site.token = None
        set_current(frame.outer)
        frame.outer = UNOPENED
        return
    frame = _request_frame()
    if frame is not None:
        site = frame.site
        if site.is_streaming or not site.is_open:
            _take_down(frame)


def _take_down(frame: Frame) -> None:
    site: Any = frame.site
    token, site.token = site.token, None
    detach(token)


got_request_exception.connect(_report_exception, dispatch_uid="penstock_django.exception")
request_finished.connect(_detach_request, dispatch_uid="penstock_django.finished", weak=False)
