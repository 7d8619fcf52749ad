"""Middleware for any ASGI application: FastAPI, Starlette, Quart, Django, or none of them.

::

    app = FlowMiddleware(app)

Put it around the whole application. Starlette's `add_middleware` leaves out the response to an
unhandled exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corectx import CORRELATION_HEADER, enter, leave
from penstock.contrib._request import RequestSite, checked_header, request_frame, request_values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import TypeAlias

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

    The ID is sent back as `header`, unless the application sets that header itself or `header` is
    None. Only with `trust_inbound` does a request go on with the ID that the client sent: in
    `header`, or in what `corectx.inject` wrote; an ID that is not valid is replaced.

    The request is a frame of kind "request", named by its method and, where the framework puts one
    in the scope, its route; method and path are scoped values. An exception of the application
    passes through. Wrap the whole application, so that its error responses have the ID too.
    """

    def __init__(
        self,
        app: Application,
        *,
        trust_inbound: bool = False,
        header: str | None = CORRELATION_HEADER,
    ) -> None:
        self._app = app
        self._trust_inbound = trust_inbound
        self._header = checked_header(header)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run `app` in the frame of its request; a lifespan is no request and has no frame."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        method = scope.get("method") or "WEBSOCKET"
        site = RequestSite(method, lambda: getattr(scope.get("route"), "path", None))
        headers = None
        if self._trust_inbound:
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in scope["headers"]
            }
        values = request_values(method, scope["path"])
        frame = request_frame(site, values, headers, self._header)
        token = enter(frame)
        try:
            await self._app(scope, receive, self._naming(send, frame.correlation_id or ""))
        except BaseException as exc:
            leave(token, exc)
            raise
        else:
            leave(token)
        finally:
            site.close()

    def _naming(self, send: Send, correlation_id: str) -> Send:
        """Return `send` with the ID added to the headers of the response."""
        if self._header is None:
            return send
        name = self._header.lower().encode("ascii")  # as ASGI, HTTP/2 and HTTP/3 demand

        async def send_named(message: Message) -> None:
            if message["type"] in _WITH_HEADERS:
                headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
                if not any(each.lower() == name for each, _ in headers):
                    headers.append((name, correlation_id.encode("ascii")))
                message = {**message, "headers": headers}
            await send(message)

        return send_named
