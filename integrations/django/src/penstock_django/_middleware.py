"""The middleware: each request is a frame of its own, whose ID goes back to the client.

The frame becomes current in the middleware and stays so until Django says that the request is
finished: it logs 404 and 500 responses, and sends a streaming body, after the middleware returned.
"""

from __future__ import annotations

import sys
from asyncio import CancelledError
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from asgiref.sync import markcoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception, request_finished

from corectx import Frame, Site, attach, current, detach
from corectx.lowlevel import (
    listeners,
    note_failure,
    notify_entered,
    notify_left,
    notify_renamed,
)
from penstock.contrib.http import RequestSite, request_frame
from penstock_django._body import AsyncBody, Body
from penstock_django._settings import Options, options
from statecrumbs import report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from corectx import Token

# In the store of a request's frame: what to undo when the request is finished; the exception that
# Django made a response of; and, until the observers have been told of the end, the `id` of the
# request (not itself, since the frame outlives it in a crumb), or 0 once there is a response.
_TOKEN = "penstock_django.token"  # noqa: S105 - of corectx.attach
_FAILURE = "penstock_django.failure"
_IS_OPEN = "penstock_django.is_open"

_ROUTED = Site("scope")


class FlowMiddleware:
    """Make each request one operation: one correlation ID, one trail of crumbs, one frame.

    The first in ``MIDDLEWARE``, so that the others log with the ID too. Works under WSGI and ASGI;
    what it does is set in ``settings.PENSTOCK``.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self._get_response: Callable[[HttpRequest], Any] = get_response
        try:
            options()
        except ValueError as error:
            raise ImproperlyConfigured(str(error)) from None
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
            # In the mode that the handler wants: it calls the other kind in another thread.
            self.process_view = self._process_view_async  # type: ignore[assignment, method-assign]

    def __call__(self, request: HttpRequest) -> Any:
        """Answer `request`; under ASGI return what is awaited for it."""
        chosen = options()
        for ignored in chosen.ignore_paths:
            if ignored.match(request.path_info):
                return self._get_response(request)
        if _frame_of(request) is not None:
            return self._get_response(request)  # it stands in MIDDLEWARE twice
        if self._is_async:
            return self._answer_async(request, chosen)
        frame = _begin(request, chosen)
        try:
            response = self._get_response(request)
        except BaseException as exc:
            _end(frame, exc)
            _take_down(frame)  # without a response there may be no `request_finished`
            raise
        return _finish(frame, response, chosen)

    async def _answer_async(self, request: HttpRequest, chosen: Options) -> HttpResponseBase:
        frame = _begin(request, chosen)
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
        frame = _frame_of(request)
        match = request.resolver_match
        if frame is None or match is None:
            return
        site: Any = frame.site
        site.route = f"/{match.route}"
        if listeners.renamed:
            notify_renamed(frame)
        values = {"route": match.route, "view": match.view_name or site.name}
        # In the current frame: a middleware below may have opened a scope.
        attach((current() or frame).child(_ROUTED, values))

    async def _process_view_async(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        FlowMiddleware.process_view(self, request, view, args, kwargs)


def _begin(request: HttpRequest, chosen: Options) -> Frame:
    """Make the frame of `request` current. It never adopts the one that is: that would be a leak.

    (A server may handle a request in the context in which it finished the one before.)
    """
    site = RequestSite(
        request.method or "GET",
        headers=lambda: {name.lower(): value for name, value in request.headers.items()},
        describe=lambda: _attributes(request),
        frameworks=("DJANGO",),
    )
    frame = request_frame(site, {"method": site.method}, chosen, request.headers.get)
    frame.store[_TOKEN] = attach(frame)
    frame.store[_IS_OPEN] = id(request)
    if listeners.entered:
        notify_entered(frame)
    return frame


def _attributes(request: HttpRequest) -> dict[str, Any]:
    """Return the attributes of the request by OpenTelemetry's stable conventions for HTTP."""
    meta = request.META
    port = str(meta.get("SERVER_PORT", ""))
    return {
        "url.scheme": request.scheme,
        "url.path": request.path,
        "network.protocol.version": meta.get("SERVER_PROTOCOL", "").removeprefix("HTTP/"),
        "server.address": meta.get("SERVER_NAME"),
        "server.port": int(port) if port.isdigit() else None,
        "client.address": meta.get("REMOTE_ADDR"),
        "user_agent.original": meta.get("HTTP_USER_AGENT"),
    }


def _finish(frame: Frame, response: HttpResponseBase, chosen: Options) -> HttpResponseBase:
    """Put the ID into `response`, and end the work of `frame` now or with the streaming body."""
    site: Any = frame.site
    site.status = response.status_code
    header = chosen.response_header
    if header is not None and frame.correlation_id is not None:
        response.headers.setdefault(header, frame.correlation_id)  # a view's own header stays
        if chosen.expose_header:
            _add_to_list(response, "Access-Control-Expose-Headers", header)
    content: Any = getattr(response, "streaming_content", None)
    if content is None or getattr(response, "file_to_stream", None) is not None:
        _end(frame, None)
    else:
        frame.store[_IS_OPEN] = 0
        body = AsyncBody if getattr(response, "is_async", False) else Body
        # The setter takes any iterator, and closes it with the response.
        response.streaming_content = body(content, lambda exc: _end(frame, exc))  # type: ignore[attr-defined]
    return response


def _add_to_list(response: HttpResponseBase, header: str, name: str) -> None:
    given = response.headers.get(header)
    if not given:
        response.headers[header] = name
        return
    present = [each.strip() for each in given.split(",") if each.strip()]
    if name.lower() not in (each.lower() for each in present):
        response.headers[header] = ", ".join([*present, name])


def _end(frame: Frame, exc: BaseException | None) -> None:
    """Tell the observers, once, how the work of `frame` ended; it stays current."""
    if frame.store.pop(_IS_OPEN, None) is None:
        return
    if isinstance(exc, CancelledError):
        exc = None  # the client went away, or the server goes down: no error of the program
    handled: BaseException | None = frame.store.pop(_FAILURE, None)  # type: ignore[assignment]
    if exc is not None:
        note_failure(frame, exc)
        report(exc, frame=frame)
    if listeners.left:
        notify_left(frame, exc or handled)
    site: Any = frame.site
    site.close()


def _request_frame() -> Frame | None:
    """Return the current request's frame, from anywhere inside it."""
    frame = current()
    while frame is not None and frame.kind != "request":
        frame = frame.parent
    return frame if frame is not None and _TOKEN in frame.store else None


def _frame_of(request: HttpRequest) -> Frame | None:
    """Return the frame of `request`, from where its response is being made."""
    frame = _request_frame()
    return frame if frame is not None and frame.store.get(_IS_OPEN) == id(request) else None


def _report_exception(**_: object) -> None:
    """Dump the request's trail for an exception that its view did not handle.

    Django catches it right after the view, so that no middleware and no hook sees it pass.
    """
    exc = sys.exc_info()[1]
    frame = _request_frame()
    if exc is not None and frame is not None:
        note_failure(current() or frame, exc)
        report(exc, frame=frame)
        if _IS_OPEN in frame.store:
            frame.store[_FAILURE] = exc


def _detach_request(**_: object) -> None:
    """Take the frame of a request that is finished down, in the context that it was current in.

    Where that one has no response yet, what is finished is a request that it made of this process,
    which has no frame of its own.
    """
    frame = _request_frame()
    if frame is not None and not frame.store.get(_IS_OPEN):
        _take_down(frame)


def _take_down(frame: Frame) -> None:
    token: Token = frame.store.pop(_TOKEN)  # type: ignore[assignment]  # a store holds anything
    detach(token)


got_request_exception.connect(_report_exception, dispatch_uid="penstock_django.exception")
request_finished.connect(_detach_request, dispatch_uid="penstock_django.finished")
