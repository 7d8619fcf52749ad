"""Middleware for any WSGI application: Flask, Bottle, Pyramid, or none of them.

::

    app.wsgi_app = FlowMiddleware(app.wsgi_app)  # Flask
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corectx import attach, bind, detach, enter, leave
from penstock.contrib.http import RequestOptions, RequestSite, request_frame, request_values

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack

    from corectx import Frame
    from penstock.contrib.http import RequestKeywords

__all__ = ["FlowMiddleware"]


class FlowMiddleware:
    """Make each request of `app` one operation with its own correlation ID.

    The `options` are those of `penstock.contrib.http.RequestOptions`. The response has the ID in a
    header, unless the application sets that header itself.

    The request is a frame of kind "request", named by its method and, with Flask, its rule; method
    and path are scoped values. The frame is current while `app` runs and while its body is iterated
    and closed, not in between. An exception of the application passes through. Wrap the whole
    application, so that its error responses have the ID too.

    A server ends a request by closing the body. A test client of Flask does so when its response is
    closed or read as a whole: until then the request goes on.
    """

    def __init__(self, app: WSGIApplication, **options: Unpack[RequestKeywords]) -> None:
        self._app = app
        self._options = RequestOptions(**options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run `app` in the frame of its request."""
        options = self._options
        path = _path(environ)
        if options.ignore_paths and options.ignores(path):
            return self._app(environ, start_response)
        site = _site_of(environ, path)
        values = request_values(site, path)
        frame = request_frame(site, values, options, lambda name: environ.get(_key(name)))
        token = enter(frame)
        try:
            start_named = self._naming(start_response, frame.correlation_id, site)
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

    def _naming(
        self, start_response: StartResponse, correlation_id: str | None, site: RequestSite
    ) -> StartResponse:
        """Return `start_response` with the ID added to the headers."""
        added = self._options.response_headers(correlation_id)

        def start_named(
            status: str, headers: list[tuple[str, str]], *exc_info: Any
        ) -> Callable[[bytes], object]:
            site.look()  # the framework may forget the route before the body ends
            site.status = int(status[:3]) if status[:3].isdigit() else None
            return start_response(status, _with(headers, added), *exc_info)

        return start_named


def _with(headers: list[tuple[str, str]], added: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return `headers` with those of `added` that they do not have; a list gets one more item."""
    if not added:
        return headers
    merged = list(headers)
    (name, value), *lists = added
    if not any(each.lower() == name.lower() for each, _ in merged):
        merged.append((name, value))
    for name, item in lists:
        given = ", ".join(value for each, value in merged if each.lower() == name.lower())
        present = [each.strip().lower() for each in given.split(",")]
        if item.lower() not in present and "*" not in present:
            merged = [pair for pair in merged if pair[0].lower() != name.lower()]
            merged.append((name, ", ".join(filter(None, (given, item)))))
    return merged


def _site_of(environ: WSGIEnvironment, path: str) -> RequestSite:
    root = environ.get("SCRIPT_NAME", "")
    return RequestSite(
        environ["REQUEST_METHOD"],
        lambda: _rule(environ, root),
        headers=lambda: _headers(environ),
        describe=lambda: _attributes(environ, path),
        frameworks=("FLASK", "PYRAMID", "WSGI"),
    )


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


def _key(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    return {
        key[len("HTTP_") :].lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }


def _rule(environ: WSGIEnvironment, root: str) -> str | None:
    """Return the rule of Flask that matched; it keeps its request in the environment.

    `root` is SCRIPT_NAME before routing: an application that is mounted has a longer one.
    """
    rule: str | None = getattr(
        getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None
    )
    mounted: str = environ.get("SCRIPT_NAME", "")
    if rule is None or not mounted.startswith(root):
        return rule
    return mounted[len(root) :] + rule


def _attributes(environ: WSGIEnvironment, path: str) -> dict[str, Any]:
    """Return the attributes of the request by OpenTelemetry's stable conventions for HTTP."""
    port = environ.get("SERVER_PORT", "")
    return {
        "url.scheme": environ.get("wsgi.url_scheme"),
        "url.path": path,
        "network.protocol.version": environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/"),
        "server.address": environ.get("SERVER_NAME"),
        "server.port": int(port) if port.isdigit() else None,
        "client.address": environ.get("REMOTE_ADDR"),
        "user_agent.original": environ.get("HTTP_USER_AGENT"),
    }
