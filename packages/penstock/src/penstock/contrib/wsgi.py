"""Middleware for any WSGI application: Flask, Bottle, Pyramid, or none of them.

::

    app.wsgi_app = FlowMiddleware(app.wsgi_app)  # Flask
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from corectx import Frame, attach, bind, detach, enter, leave
from corectx.lowlevel import (
    CURRENT,
    UNOPENED,
    BareFrame,
    collecting,
    get_current,
    listeners,
    new_trace_id,
    notify_resumed,
    notify_suspended,
    run_finalizer,
)
from penstock.contrib.http import (
    LONGEST_PATH,
    METHOD_NAMES,
    SITE,
    BareSite,
    RequestOptions,
    add_headers,
    environ_attributes,
    environ_path,
    is_begun,
    request_frame,
    request_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack

    from corectx import Frame
    from penstock.contrib._options import RequestKeywords

__all__ = ["FlowMiddleware"]

# Bound once, as in corectx; its `set_current` hides the token that `reset` takes.
_set_current = CURRENT.set
_reset_current = CURRENT.reset


class FlowMiddleware:
    """Make each request of `app` one operation with its own correlation ID.

    The `options` are those of `penstock.contrib.http.RequestOptions`. The response has the ID in a
    header, unless the application sets that header itself.

    The request is a frame of kind "request", named by its method and, with Flask and Bottle, its
    rule; method and path are scoped values. The frame is current while `app` runs and while its
    body is iterated and closed, not in between. An exception of the application passes through.
    Wrap the whole application, so that its error responses have the ID too. A second
    `FlowMiddleware` inside, such as that of a mounted application, does nothing.

    A server ends a request by closing the body. A test client of Flask does so when its response is
    closed or read as a whole: until then the request goes on.
    """

    def __init__(self, app: WSGIApplication, **options: Unpack[RequestKeywords]) -> None:
        self._app = app
        self._options = chosen = RequestOptions(**options)
        self._name = chosen.response_header
        self._size = len(chosen.response_header or "")
        self._lists = chosen.response_lists

    def __call__(  # noqa: C901, PLR0915 - inline, see below
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Run `app` in the frame of its request."""
        options = self._options
        outer = get_current()
        path: str = environ.get("PATH_INFO", "")
        if environ.get("SCRIPT_NAME") or not path.isascii():
            path = environ_path(environ)
        if ((outer is not None or SITE in environ) and is_begun(environ)) or (
            options.ignore_paths and options.ignores(path)
        ):
            return self._app(environ, start_response)
        # This method does inline the work of `RequestSite`, `request_frame`, `enter`, `leave` and
        # `add_headers`: their calls would cost half as much as all else.
        site: Any = _Site()
        environ[SITE] = site
        method: str = environ["REQUEST_METHOD"]
        site.original_method = method
        site.method = method = method if method in METHOD_NAMES else "_OTHER"
        site.request = environ
        site.path = path
        site.given_route = site.given_status = site.on_response = None
        site.is_named = False
        site.is_open = True
        if options.makes_ids and not listeners.arriving and not listeners.starting:
            frame: Frame = BareFrame()
            frame.site = site
            frame.parent = frame.flow = frame.recorder_cache = None
            frame.correlation_id = new_trace_id()
            frame.values = MappingProxyType({"method": method, "path": path[:LONGEST_PATH]})
            frame.store = {}
            frame.outer = UNOPENED
        else:
            frame = request_frame(site, request_values(site, path), options)

        def start_named(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            # Three variables of the call around: each one more costs at every request.
            site: Any = frame.site
            request = site.request
            if (
                request is None
                or site.on_response is not None
                or "werkzeug.request" in request
                or "bottle.route" in request
            ):
                site.begin_response(status)
            else:  # there is no route
                site.given_status = status
            name, correlation_id = self._name, frame.correlation_id
            if name is not None and correlation_id is not None:
                if self._lists or type(headers) is not list:
                    headers = add_headers(headers, name, correlation_id, self._lists)
                else:
                    size = self._size
                    for other, _ in headers:
                        if len(other) == size and other.lower() == name.lower():
                            break
                    else:
                        headers = [*headers, (name, correlation_id)]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        # Older than the body of the application: of two objects that are dropped in one cycle, the
        # collector ends the older one first. Not after `enter`: between that and the `try` a signal
        # handler must find no call after which it may raise an exception.
        streamed = _Body()
        if listeners.entered or collecting:
            token = None
            enter(frame)
        else:
            frame.outer = outer
            try:
                token = _set_current(frame)
            except BaseException:  # of a signal handler, right after the call
                _set_current(outer)
                raise
        try:
            body = self._app(environ, start_named)
            if type(body) is not list and type(body) is not tuple:
                streamed.begin(body, frame, site)
                detach((frame, outer, True))
                return streamed
        except BaseException as exc:
            leave((frame, outer, True), exc)
            site.close()
            raise
        # The body is complete, and stays as it is: a server may look at its length.
        if token is None or listeners.left or collecting or frame.outer is not outer:
            leave((frame, outer, True))
        else:
            _reset_current(token)
            frame.outer = UNOPENED
            if site.given_status is not None:
                site.is_open = False
                site.request = site.on_response = None
                return body
        site.close()
        return body


class _Site(BareSite):
    """The site of the request in a WSGI environment."""

    frameworks = ("FLASK", "PYRAMID", "WSGI")
    __slots__ = ("path",)
    path: str

    def find_route(self, request: WSGIEnvironment) -> str | None:
        """Return the rule of Flask or Bottle that matched, below SCRIPT_NAME, where it is mounted.

        Flask keeps its request in the environment, and Bottle its route.
        """
        asked = request.get("werkzeug.request")
        found = None if asked is None else getattr(asked, "url_rule", None)
        if found is None:
            found = request.get("bottle.route")
            if found is None:
                return None
        rule: str | None = getattr(found, "rule", None)
        return None if rule is None else request.get("SCRIPT_NAME", "").rstrip("/") + rule

    def read_header(self, request: WSGIEnvironment, name: str) -> str | None:
        header: str | None = request.get(_key(name))
        return header

    def read_headers(self, request: WSGIEnvironment) -> dict[str, str]:
        return _headers(request)

    def read_attributes(self, request: WSGIEnvironment) -> dict[str, Any]:
        return environ_attributes(request, scheme=request.get("wsgi.url_scheme"), path=self.path)


class _Body:
    """A response body whose code runs in the frame of its request. `close` ends the request.

    A server calls it in any case. Some adapters do not, such as Starlette's: there the end of the
    object closes the body. Observers hear that the request goes on before the body's code runs, and
    that it waits after that: another thread may run the next part.
    """

    # Without `_is_open` and without a `__del__` until it begins: nearly every response is complete.
    __slots__ = ("__weakref__", "_chunks", "_frame", "_is_open", "_site", "_source")

    def begin(self, body: Iterable[bytes], frame: Frame, site: _Site) -> None:
        """Take the `body` of the application, in the frame of its request."""
        self._frame = frame
        self._site = site
        self._source = _Source(body)
        self._chunks = bind(_each)(self._source)
        self._is_open = True
        self.__class__ = _DroppableBody  # pyright: ignore[reportAttributeAccessIssue]
        if listeners.suspended:
            notify_suspended(frame)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if listeners.resumed:
            notify_resumed(self._frame)
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except BaseException as exc:
            self._end(exc)
            raise
        finally:
            if listeners.suspended:
                notify_suspended(self._frame)

    def close(self) -> None:
        """Close the body, and end the request; servers call this in any case."""
        failure = None
        token = attach(self._frame)
        try:
            if listeners.resumed:
                notify_resumed(self._frame)
            self._chunks.close()
            self._source.close()
        except BaseException as exc:
            failure = exc
            raise
        finally:
            detach(token)
            self._end(failure)
            if listeners.suspended:
                notify_suspended(self._frame)

    def _end(self, exc: BaseException | None) -> None:
        if self._is_open:
            self._is_open = False
            if self._site.is_open:  # otherwise a signal handler raised before the server had it
                leave(attach(self._frame), exc)
                self._site.close()


class _DroppableBody(_Body):
    """A body that has begun: if it is dropped, its request ends."""

    __slots__ = ()

    def __del__(self) -> None:
        if self._is_open:
            run_finalizer(self.close)


class _Source:
    """The application's own body, which is closed once, and dropped then."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self.body = body

    def close(self) -> None:
        body, self.body = self.body, ()
        close = getattr(body, "close", None)
        if close is not None:
            close()


# Not a method of `_Body`: the two would be in a reference cycle, and only the cyclic garbage
# collector could end a body that a server drops.
def _each(source: _Source) -> Generator[bytes, None, None]:
    for chunk in source.body:
        try:
            yield chunk
        except GeneratorExit:
            # Closed in the middle; here the frames that the body left open are current.
            source.close()
            raise


def _key(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    return {
        key[len("HTTP_") :].lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
