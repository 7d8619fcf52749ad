"""Middleware for any WSGI application: Flask, Bottle, Pyramid, or none of them.

::

    app.wsgi_app = FlowMiddleware(app.wsgi_app)  # Flask
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corectx import CORRELATION_HEADER, HEADER, attach, bind, detach, enter, leave
from penstock.contrib._request import RequestSite, checked_header, request_frame, request_values

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from corectx import Frame

__all__ = ["FlowMiddleware"]


class FlowMiddleware:
    """Make each request of `app` one operation with its own correlation ID.

    The ID is sent back as `header`, unless the application sets that header itself or `header` is
    None. Only with `trust_inbound` does a request go on with the ID that the client sent: in
    `header`, or in what `corectx.inject` wrote; an ID that is not valid is replaced.

    The request is a frame of kind "request", named by its method and, with Flask, its rule; method
    and path are scoped values. The frame is current while `app` runs and while its body is iterated
    and closed, not in between. An exception of the application passes through. Wrap the whole
    application, so that its error responses have the ID too.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        trust_inbound: bool = False,
        header: str | None = CORRELATION_HEADER,
    ) -> None:
        self._app = app
        self._trust_inbound = trust_inbound
        self._header = checked_header(header)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run `app` in the frame of its request."""
        method = environ["REQUEST_METHOD"]
        site = RequestSite(method, lambda: _rule(environ))
        values = request_values(method, _path(environ))
        headers = self._trusted(environ) if self._trust_inbound else None
        frame = request_frame(site, values, headers, self._header)
        token = enter(frame)
        try:
            start_named = self._naming(start_response, frame.correlation_id or "", site)
            body = self._app(environ, start_named)
            if type(body) not in (list, tuple):
                streamed = _Body(body, frame, site)
                detach(token)
                return streamed
        except BaseException as exc:
            leave(token, exc)
            site.close()
            raise
        # It is complete, and a server may look at its length.
        leave(token)
        site.close()
        return body

    def _trusted(self, environ: WSGIEnvironment) -> dict[str, str]:
        names = [HEADER, *([self._header.lower()] if self._header else [])]
        keys = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in names}
        return {name: environ[key] for name, key in keys.items() if key in environ}

    def _naming(
        self, start_response: StartResponse, correlation_id: str, site: RequestSite
    ) -> StartResponse:
        """Return `start_response` with the ID added to the headers."""
        header = self._header

        def start_named(
            status: str, headers: list[tuple[str, str]], *exc_info: Any
        ) -> Callable[[bytes], object]:
            site.look()  # the framework may forget the route before the body ends
            if header and not any(name.lower() == header.lower() for name, _ in headers):
                headers = [*headers, (header, correlation_id)]
            return start_response(status, headers, *exc_info)

        return start_named


class _Body:
    """A response body whose code runs in the frame of its request; that ends with `close`."""

    def __init__(self, body: Iterable[bytes], frame: Frame, site: RequestSite) -> None:
        self._source = _Source(body)
        self._chunks = bind(_each)(self._source)
        self._frame = frame
        self._site = site
        self._has_ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except BaseException as exc:
            self._end(exc)
            raise

    def close(self) -> None:
        """Close the body, and end the request: servers call this whatever happened."""
        failure = None
        token = attach(self._frame)
        try:
            self._chunks.close()
            self._source.close()
        except BaseException as exc:
            failure = exc
            raise
        finally:
            detach(token)
            self._end(failure)

    def _end(self, exc: BaseException | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            leave(attach(self._frame), exc)
            self._site.close()


class _Source:
    """The application's own body, which is closed once."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self.body = body
        self._is_closed = False

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            close = getattr(self.body, "close", None)
            if close is not None:
                close()


# Not a method of `_Body`, which would be in a cycle with it: then only the cyclic garbage collector
# could end a body that a server drops.
def _each(source: _Source) -> Generator[bytes, None, None]:
    for chunk in source.body:
        try:
            yield chunk
        except GeneratorExit:
            # Closed in the middle: here the frames are current that the body left open.
            source.close()
            raise


def _path(environ: WSGIEnvironment) -> str:
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")  # PEP 3333's bytes


def _rule(environ: WSGIEnvironment) -> str | None:
    """Return the rule of Flask that matched; it keeps its request in the environment."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return getattr(rule, "rule", None)
