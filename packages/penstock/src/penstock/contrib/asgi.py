"""Wrap the whole ASGI application: ``app.add_middleware`` cannot put the ID into a 500.

::

    app = FlowMiddleware(app)

This works for FastAPI, Starlette, Quart and Django. Starlette makes the response to an unhandled
exception outside of all middleware that `add_middleware` adds, so it would have no ID.
"""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from corectx import Frame, enter, leave
from corectx.lowlevel import (
    UNOPENED,
    BareFrame,
    collecting,
    get_current,
    listeners,
    new_trace_id,
    notify_ending,
    set_current,
)
from penstock.contrib.http import (
    LONGEST_PATH,
    METHOD_NAMES,
    SITE,
    BareSite,
    RequestOptions,
    add_headers,
    http_attributes,
    is_begun,
    request_frame,
    request_values,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping
    from typing import TypeAlias

    from typing_extensions import Unpack

    from penstock.contrib._options import RequestKeywords

    Message: TypeAlias = MutableMapping[str, Any]
    Scope: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

__all__ = ["FlowMiddleware", "mount_of_scope", "route_of_scope"]


_REQUESTS = ("http", "websocket")

# The messages that have the headers of the response.
_WITH_HEADERS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class FlowMiddleware:
    """Make each HTTP request and each WebSocket of `app` one operation with its own correlation ID.

    The `options` are those of `penstock.contrib.http.RequestOptions`. The response has the ID in a
    header, unless the application sets that header itself.

    The request is a frame of kind "request", named by its method and, where the framework puts one
    in the scope, its route; method and path are scoped values. An exception of the application
    passes through. Wrap the whole application, so that its error responses have the ID too. A
    second `FlowMiddleware` inside, such as that of a mounted application, does nothing.
    """

    def __init__(self, app: Application, **options: Unpack[RequestKeywords]) -> None:
        self._app = app
        self._options = chosen = RequestOptions(**options)
        name = chosen.response_header
        # In lower case, as ASGI, HTTP/2 and HTTP/3 demand.
        self._name = None if name is None else name.lower().encode("ascii")
        self._lists = [
            (other.lower().encode("ascii"), item.encode("ascii"))
            for other, item in chosen.response_lists
        ]

    async def __call__(  # noqa: C901, PLR0912, PLR0915 - inline, see below
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Run `app` in the frame of its request; other scopes (lifespan) have none."""
        options = self._options
        kind = scope["type"]
        if (
            kind not in _REQUESTS
            or (SITE in scope and is_begun(scope))
            or (options.ignore_paths and options.ignores(scope["path"]))
        ):
            if kind == "lifespan":
                await _run_lifespan(self._app, scope, receive, send)
            else:
                await self._app(scope, receive, send)
            return
        # This method does inline the work of `RequestSite`, `request_frame`, `enter` and `leave`:
        # their calls would cost half as much as all else.
        site = scope[SITE] = _Site()
        # A mount around this middleware is part of the route, and the root path of a server is not.
        site.root = scope.get("app_root_path") or scope.get("root_path") or ""
        method: str = scope.get("method") or "WEBSOCKET"
        site.original_method = method
        site.method = method = method if method in METHOD_NAMES else "_OTHER"
        site.request = scope
        site.given_route = site.given_status = site.on_response = None
        site.is_named = False
        site.is_open = True
        if options.makes_ids and not listeners.arriving and not listeners.starting:
            frame: Frame = BareFrame()
            frame.site = site
            frame.parent = frame.flow = frame.recorder_cache = None
            frame.correlation_id = new_trace_id()
            frame.values = MappingProxyType(
                {"method": method, "path": scope["path"][:LONGEST_PATH]}
            )
            frame.store = {}
            frame.outer = UNOPENED
        else:
            frame = request_frame(site, request_values(site, scope["path"]), options)

        # No coroutine around that of `send`: a response has many messages.
        def send_named(message: Message) -> Awaitable[None]:
            if message["type"] in _WITH_HEADERS:
                message = self._begin_response(frame, message)
            return send(message)

        outer = get_current()
        if listeners.entered or collecting:
            enter(frame)
        else:
            frame.outer = outer
            try:
                set_current(frame)
            except BaseException:  # of a signal handler, right after the call
                set_current(outer)
                raise
        try:
            await self._app(scope, receive, send_named)
        except BaseException as exc:
            leave((frame, outer, True), exc)
            raise
        else:
            # A coroutine may end in another context, or in a finalizer.
            if (
                listeners.left
                or collecting
                or frame.outer is UNOPENED
                or get_current() is not frame
            ):
                leave((frame, outer, True))
            else:
                set_current(frame.outer)
                frame.outer = UNOPENED
        finally:
            site.close()

    def _begin_response(self, frame: Frame, message: Message) -> Message:
        """Note that a response begins with `message`, and return it with the ID."""
        site: Any = frame.site
        scope: Scope | None = site.request
        if (
            scope is None
            or site.on_response is not None
            or "route" in scope
            or "path_template" in scope
            or "app_root_path" in scope
            or (scope.get("root_path") or "") != site.root
        ):
            site.begin_response(message.get("status"))
        else:  # as `begin_response` does it, if there is no route
            site.given_status = message.get("status")
        name, correlation_id = self._name, frame.correlation_id
        if name is None or correlation_id is None:
            return message
        headers = add_headers(
            message.get("headers", ()), name, correlation_id.encode("ascii"), self._lists
        )
        return {**message, "headers": headers}


async def _run_lifespan(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `app` begin and end with its server, and announce the end of the process.

    Some servers raise SIGTERM again after that, so that no exit hook runs (uvicorn). If `app` does
    not know lifespans, as Django's, its server would not tell of the end: we answer for it.
    """
    is_known = False

    async def receive_known() -> Message:
        nonlocal is_known
        is_known = True
        return await receive()

    async def send_announcing(message: Message) -> None:
        nonlocal is_known
        is_known = True
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            notify_ending(is_final=False)  # after that message the process may end at any time
        await send(message)

    try:
        await app(scope, receive_known, send_announcing)
    except Exception as error:
        if is_known:
            raise
        logging.getLogger("penstock").info(
            "penstock answers the lifespan protocol of ASGI, because the application does not: %s",
            error,
        )
    if not is_known:
        for event in ("startup", "shutdown"):
            await receive()
            await send_announcing({"type": f"lifespan.{event}.complete"})


class _Site(BareSite):
    """The site of the request in an ASGI scope."""

    frameworks = ("FASTAPI", "STARLETTE", "ASGI")
    __slots__ = ("root",)
    root: str

    def find_route(self, request: Scope) -> str | None:
        return route_of_scope(request, self.root)

    def read_header(self, request: Scope, name: str) -> str | None:
        return _header(request, name)

    def read_headers(self, request: Scope) -> dict[str, str]:
        return _headers(request)

    def read_attributes(self, request: Scope) -> dict[str, Any]:
        return _attributes(request)

    def pass_headers(self, headers: dict[str, str]) -> None:
        _replace_headers(self.request, headers)


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
    """Put `headers` into `scope`; they replace headers of the same names."""
    new = {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}
    kept = [pair for pair in scope["headers"] if pair[0].lower() not in new]
    scope["headers"] = [*kept, *new.items()]


def _attributes(scope: Scope) -> dict[str, Any]:
    server = scope.get("server") or (None, None)
    client = scope.get("client") or (None, None)
    return http_attributes(
        scheme=scope.get("scheme") or ("ws" if scope["type"] == "websocket" else "http"),
        path=scope["path"],
        protocol=scope.get("http_version"),
        server=(server[0], server[1]),
        client=client[0],
        user_agent=_headers(scope).get("user-agent"),
    )


_DEEPEST = 32  # mounts inside of each other

# If the router does not tell which mount matched, and the mount has parameters.
_UNKNOWN = "/{mount}"


def route_of_scope(scope: Mapping[str, Any], root: str = "") -> str | None:
    """Return the route in the ASGI `scope` of a request, or None while it is not known.

    `root` is the root path before routing, which is no part of the route. Inside of a mount with an
    application that knows no route, the route is that of the mount.
    """
    route = scope.get("route")
    # Litestar has no route in the scope, but its path.
    path = scope.get("path_template") if route is None else _path_of(scope, route)
    # Most requests are in no mount.
    is_mounted = "app_root_path" in scope or (scope.get("root_path") or "") != root
    prefix = mount_of_scope(scope, root) if is_mounted else ""
    if not isinstance(path, str):
        return prefix or None
    if _is_mount(route):
        return prefix or path
    return prefix.rstrip("/") + path


def mount_of_scope(scope: Mapping[str, Any], root: str = "") -> str:
    """Return the route of the mounts that the ASGI `scope` of a request is in, or ""."""
    mounted: str = scope.get("root_path") or ""
    # Mounts of Starlette leave the root path before them.
    before: str | None = scope.get("app_root_path")
    if before is None:
        return mounted[len(root) :] if mounted.startswith(root) else ""
    outside = before[len(root) :] if before.startswith(root) else ""
    return outside + _mounts(scope, before, mounted)


def _mounts(scope: Mapping[str, Any], before: str, mounted: str) -> str:
    """Return the route of the mounts of Starlette that turned the root path into `mounted`."""
    probe = {**scope, "root_path": before, "path_params": {}}
    routes: Any = getattr(scope.get("router"), "routes", ())
    found = ""
    for _ in range(_DEEPEST):
        if probe["root_path"] == mounted:
            return found
        for route in routes:
            # `Match.NONE`, `PARTIAL` and `FULL` are 0 to 2. A mount matches as a whole or not.
            match, child = route.matches(probe) if _is_mount(route) else (None, {})
            if getattr(match, "value", 0):
                found += getattr(route, "path", "")  # a `Host` has none
                probe.update(child)
                routes = route.routes
                break
        else:
            break
    return _UNKNOWN if scope.get("path_params") else mounted[len(before) :]


def _is_mount(route: object) -> bool:
    """Tell whether `route` leads to another application: `Mount` and `Host` of Starlette."""
    return hasattr(route, "routes") and hasattr(route, "matches")


def _path_of(scope: Mapping[str, Any], route: object) -> object:
    """Return the path of `route`; FastAPI has the prefixes of its included routers elsewhere."""
    fastapi = scope.get("fastapi")
    included: Any = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    if included is not None and getattr(included, "original_route", None) is route:
        return included.path
    return getattr(route, "path", None)
