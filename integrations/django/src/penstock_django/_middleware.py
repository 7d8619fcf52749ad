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

from corectx import Frame, add_values, attach, current, detach
from corectx.lowlevel import (
    get_current,
    listeners,
    note_failure,
    notify_entered,
    notify_left,
    notify_resumed,
    notify_suspended,
    run_finalizer,
)
from penstock.contrib.asgi import mount_of_scope
from penstock.contrib.http import (
    RequestSite,
    add_to_list,
    environ_attributes,
    is_begun,
    request_frame,
    set_route,
)
from penstock_django._settings import Options, options
from statecrumbs import report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase, ResponseHeaders

    from corectx import Token

    # Called once at the end of the work, with the exception that ended it or None.
    End = Callable[[BaseException | None], None]


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
            options()
        except ValueError as error:
            raise ImproperlyConfigured(str(error)) from None
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
            # The kind that the handler wants; it calls the other kind in another thread.
            self.process_view = self._process_view_async  # type: ignore[assignment, method-assign]

    def __call__(self, request: HttpRequest) -> Any:
        """Answer `request`; under ASGI return an awaitable."""
        chosen = options()
        for ignored in chosen.ignore_paths:
            if ignored.match(request.path_info):
                return self._get_response(request)
        if current() is not None and _frame_of(request) is not None:
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
        if not site.is_named:  # the middleware may stand in MIDDLEWARE twice
            _name_by_route(request, frame, match.route)
        # For the scope that a middleware below may have opened, and for those above it too
        add_values(route=match.route, view=match.view_name or site.name)

    async def _process_view_async(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        FlowMiddleware.process_view(self, request, view, args, kwargs)


class _Site(RequestSite):
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


def _begin(request: HttpRequest, chosen: Options) -> Frame:
    """Make the frame of `request` current.

    It is never part of the frame that is current now: a server may handle a request in the context
    of the request before, and that frame may have leaked.
    """
    scope: dict[str, Any] | None = getattr(request, "scope", None)
    site = _Site(request.method or "GET", request)
    values: dict[str, object] = {"method": site.method}
    # A middleware of ours may be around the whole WSGI or ASGI application.
    around = current() if is_begun(request.META if scope is None else scope) else None
    frame = request_frame(site, values, chosen) if around is None else around.child(site, values)
    site.failure = None
    site.is_streaming = False
    site.token = attach(frame)
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
    site.begin_response(response.status_code)
    if chosen.response_header is not None and frame.correlation_id is not None:
        _name_response(response.headers, chosen.response_header, frame.correlation_id, chosen)
    if not response.streaming or getattr(response, "file_to_stream", None) is not None:
        _end(frame, None)
    else:
        site.is_streaming = True
        content: Any = response.streaming_content  # type: ignore[attr-defined]
        body = _AsyncBody if getattr(response, "is_async", False) else _Body
        # The setter takes any iterator, and closes it with the response.
        response.streaming_content = body(content, frame, lambda exc: _end(frame, exc))  # type: ignore[attr-defined]
    return response


def _name_response(
    headers: ResponseHeaders, name: str, correlation_id: str, chosen: Options
) -> None:
    # To look whether a header is there takes as long as to go through all of a usual response.
    present = [each.lower() for each in headers]
    if name.lower() not in present:
        headers[name] = correlation_id
    for other, item in chosen.response_lists:
        text = add_to_list([headers[other]], item) if other.lower() in present else item
        if text is not None:
            headers[other] = text


class _Ending:
    """Call `end` once, when the body, Django or the collector notices the end of `frame`'s work.

    Observers hear before each chunk that the work goes on, and after it that it waits: the span of
    the request is then current while the body runs, whatever the middleware above has done to the
    context.

    If the client goes away, Django closes the body or drops it. That is no error.
    """

    def __init__(self, frame: Frame, end: End) -> None:
        self._frame = frame
        self._end: End | None = end
        if listeners.suspended:
            notify_suspended(frame)

    def close(self) -> None:
        """End early; Django calls it for every body."""
        self._finish(None)

    def __del__(self) -> None:
        run_finalizer(self._finish, None)

    def _finish(self, exc: BaseException | None) -> None:
        end, self._end = self._end, None
        if end is not None:
            end(exc)


class _Body(_Ending):
    """Pass on the chunks of a body, and call `end` after the last one."""

    def __init__(self, chunks: Iterator[Any], frame: Frame, end: End) -> None:
        super().__init__(frame, end)
        self._chunks = chunks

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> Any:
        if listeners.resumed:
            notify_resumed(self._frame)
        try:
            return next(self._chunks)
        except StopIteration:
            self._finish(None)
            raise
        except BaseException as exc:
            self._finish(exc)
            raise
        finally:
            if listeners.suspended:
                notify_suspended(self._frame)


class _AsyncBody(_Ending):
    """`_Body` for an asynchronous iterator."""

    def __init__(self, chunks: AsyncIterator[Any], frame: Frame, end: End) -> None:
        super().__init__(frame, end)
        self._chunks = chunks

    def __aiter__(self) -> _AsyncBody:
        return self

    async def __anext__(self) -> Any:
        if listeners.resumed:
            notify_resumed(self._frame)
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._finish(None)
            raise
        except BaseException as exc:
            self._finish(exc)
            raise
        finally:
            if listeners.suspended:
                notify_suspended(self._frame)


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
    site.failure = None
    site.close()


def _request_frame() -> Frame | None:
    """Return the current request's frame, from anywhere inside it."""
    frame = get_current()
    while frame is not None:
        site = frame.site
        if site.kind == "request":
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
    frame = _request_frame()
    if frame is not None:
        site: Any = frame.site
        if site.is_streaming or not site.is_open:
            _take_down(frame)


def _take_down(frame: Frame) -> None:
    site: Any = frame.site
    token, site.token = site.token, None
    detach(token)


got_request_exception.connect(_report_exception, dispatch_uid="penstock_django.exception")
request_finished.connect(_detach_request, dispatch_uid="penstock_django.finished")
