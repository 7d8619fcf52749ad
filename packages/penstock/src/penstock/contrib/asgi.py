"""Middleware for any ASGI application: FastAPI, Starlette, Quart, Django, or none of them.

::

    app = FlowMiddleware(app)

Put it around the whole application. Starlette's `add_middleware` leaves out the response to an
unhandled exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corectx import enter, leave
from corectx.lowlevel import notify_ending
from penstock.contrib.http import RequestOptions, RequestSite, request_frame, request_values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping
    from typing import TypeAlias

    from typing_extensions import Unpack

    from penstock.contrib.http import RequestKeywords

    Message: TypeAlias = MutableMapping[str, Any]
    Scope: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

__all__ = ["FlowMiddleware"]

# The messages that have the headers of the response.
_WITH_HEADERS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class FlowMiddleware:
    """Make each HTTP request and each WebSocket of `app` one operation with its own correlation ID.

    The `options` are those of `penstock.contrib.http.RequestOptions`. The response has the ID in a
    header, unless the application sets that header itself.

    The request is a frame of kind "request", named by its method and, where the framework puts one
    in the scope, its route; method and path are scoped values. An exception of the application
    passes through. Wrap the whole application, so that its error responses have the ID too.
    """

    def __init__(self, app: Application, **options: Unpack[RequestKeywords]) -> None:
        self._app = app
        self._options = RequestOptions(**options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run `app` in the frame of its request; other scopes (lifespan) have none."""
        options = self._options
        if scope["type"] not in ("http", "websocket") or (
            options.ignore_paths and options.ignores(scope["path"])
        ):
            if scope["type"] == "lifespan":
                send = _announcing(send)
            await self._app(scope, receive, send)
            return
        site = _site_of(scope)
        values = request_values(site, scope["path"])
        frame = request_frame(site, values, options, lambda name: _header(scope, name))
        token = enter(frame)
        try:
            await self._app(scope, receive, self._naming(send, site, frame.correlation_id))
        except BaseException as exc:
            leave(token, exc)
            raise
        else:
            leave(token)
        finally:
            site.close()

    def _naming(self, send: Send, site: RequestSite, correlation_id: str | None) -> Send:
        """Return `send` with the ID added to the headers of the response."""
        # In lower case, as ASGI, HTTP/2 and HTTP/3 demand.
        added = [
            (name.lower().encode("ascii"), value.encode("ascii"))
            for name, value in self._options.response_headers(correlation_id)
        ]

        async def send_named(message: Message) -> None:
            if message["type"] in _WITH_HEADERS:
                site.status = message.get("status")
                if added:
                    message = {**message, "headers": _with(message.get("headers", ()), added)}
            await send(message)

        return send_named


def _announcing(send: Send) -> Send:
    """Return `send` that announces the end of the process once the application has shut down.

    Some servers raise SIGTERM again after that, so that no exit hook runs (uvicorn).
    """

    async def send_announcing(message: Message) -> None:
        await send(message)
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            notify_ending(is_final=False)

    return send_announcing


def _with(
    headers: Iterable[tuple[bytes, bytes]], added: list[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """Return `headers` with those of `added` that they do not have; a list gets one more item."""
    merged = list(headers)
    (name, value), *lists = added
    if not any(each.lower() == name for each, _ in merged):
        merged.append((name, value))
    for name, item in lists:
        given = b", ".join(value for each, value in merged if each.lower() == name)
        present = [each.strip().lower() for each in given.split(b",")]
        if item.lower() not in present and b"*" not in present:
            merged = [pair for pair in merged if pair[0].lower() != name]
            merged.append((name, b", ".join(filter(None, (given, item)))))
    return merged


def _site_of(scope: Scope) -> RequestSite:
    root = scope.get("root_path", "")
    return RequestSite(
        scope.get("method") or "WEBSOCKET",
        lambda: _route(scope, root),
        headers=lambda: _headers(scope),
        describe=lambda: _attributes(scope),
        pass_headers=lambda headers: _replace_headers(scope, headers),
        frameworks=("FASTAPI", "STARLETTE", "ASGI"),
    )


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.lower().encode("latin-1")
    found = None
    for each, value in scope["headers"]:
        if each.lower() == wanted:
            found = value.decode("latin-1")
    return found


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for each, value in scope["headers"]:
        name = each.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def _replace_headers(scope: Scope, headers: dict[str, str]) -> None:
    """Put `headers` into `scope`, in place of those of the same names."""
    new = {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}
    kept = [pair for pair in scope["headers"] if pair[0].lower() not in new]
    scope["headers"] = [*kept, *new.items()]


def _route(scope: Scope, root: str) -> str | None:
    """Return the route, with the prefix of the application that it is mounted in.

    `root` is the root path before routing. A mount adds its part of the path, in which parameters
    are put back in place of their values.
    """
    path: str | None = getattr(scope.get("route"), "path", None)
    mounted: str = scope.get("root_path", "")
    if path is None or not mounted.startswith(root) or mounted == root:
        return path
    names = {str(value): name for name, value in scope.get("path_params", {}).items()}
    parts = mounted[len(root) :].split("/")
    prefix = "/".join(f"{{{names[part]}}}" if part in names else part for part in parts)
    return prefix.rstrip("/") + path


def _attributes(scope: Scope) -> dict[str, Any]:
    """Return the attributes of the request by OpenTelemetry's stable conventions for HTTP."""
    is_websocket = scope["type"] == "websocket"
    server = scope.get("server") or (None, None)
    client = scope.get("client") or (None, None)
    headers = _headers(scope)
    return {
        "url.scheme": scope.get("scheme") or ("ws" if is_websocket else "http"),
        "url.path": scope["path"],
        "network.protocol.version": scope.get("http_version"),
        "server.address": server[0],
        "server.port": server[1],
        "client.address": client[0],
        "user_agent.original": headers.get("user-agent"),
    }
