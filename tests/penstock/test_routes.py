"""The route of a request is the program's text: no client can change it, and mounts are in it."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import fastapi
import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import corectx
from penstock.contrib import asgi, wsgi
from penstock.contrib.http import set_route
from tests.otel.orders import asgi_scope, run_asgi


@pytest.fixture
def names():
    """The names of the requests that have ended."""
    found = []

    class Ended:
        def left(self, frame, exc):
            found.append(frame.name)

    end = corectx.subscribe(Ended())
    yield found
    end()


def ask(app, path, **more):
    request = {"type": "http.request", "body": b"", "more_body": False}
    run_asgi(app, asgi_scope({"host": "shop.example"}, path, method="GET", **more), [request])


def answer(request):
    return PlainTextResponse("")


def answer_nothing():
    return None


def tree(folder):
    orders = Starlette(routes=[Route("/orders/{name}", answer)])
    deep = Starlette(routes=[Mount("/deep", routes=[Route("/leaf", answer)])])
    return Starlette(
        routes=[
            Mount("/static", StaticFiles(directory=folder)),
            Mount("/api", orders),
            Mount("/s", deep),
            Mount("/m/{rest:path}/q", orders),
            Mount("/t/{number:int}", orders),
            Mount("/{tenant}/t", orders),
            Host("shop.example", Router(routes=[Mount("/h/{tenant}", orders)])),
        ]
    )


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/orders/17", "/api/orders/{name}"),
        ("/api/orders/api", "/api/orders/{name}"),  # a value that is also a part of the prefix
        ("/t/t/orders/1", "/{tenant}/t/orders/{name}"),
        ("/orders/t/orders/orders", "/{tenant}/t/orders/{name}"),
        ("/m/a/b/q/orders/1", "/m/{rest:path}/q/orders/{name}"),
        ("/t/007/orders/1", "/t/{number:int}/orders/{name}"),
        ("/h/acme/orders/1", "/h/{tenant}/orders/{name}"),
        ("/s/deep/leaf", "/s/deep/leaf"),
        ("/s/deep/missing", "/s/deep"),
        ("/static/file.txt", "/static"),
        ("/static/missing", "/static"),
        ("/missing", None),
    ],
)
@pytest.mark.parametrize("root", ["", "/proxy"])
def test_a_mount_of_starlette_is_in_the_route_as_the_program_wrote_it(
    path, route, root, names, tmp_path
):
    (tmp_path / "file.txt").write_text("")
    ask(asgi.FlowMiddleware(tree(tmp_path)), root + path, root_path=root)
    assert names == ["GET" if route is None else f"GET {route}"]


def test_a_middleware_inside_of_a_mount_knows_the_whole_route(names):
    inner = asgi.FlowMiddleware(Starlette(routes=[Route("/orders/{name}", answer)]))
    ask(Starlette(routes=[Mount("/{tenant}", inner)]), "/acme/orders/1")
    assert names == ["GET /{tenant}/orders/{name}"]


def test_a_name_that_is_read_during_the_routing_is_not_the_last_one(names):
    def reading(app):
        async def read(scope, receive, send):
            assert corectx.current().name == "GET /shop"
            await app(scope, receive, send)

        return read

    inner = reading(Starlette(routes=[Route("/orders/{name}", answer)]))
    ask(asgi.FlowMiddleware(Starlette(routes=[Mount("/shop", inner)])), "/shop/orders/1")
    assert names == ["GET /shop/orders/{name}"]


def test_the_routers_that_fastapi_includes_are_in_the_route(names):
    inner, outer, app = fastapi.APIRouter(), fastapi.APIRouter(prefix="/r"), fastapi.FastAPI()
    inner.get("/y/{id}")(answer_nothing)
    outer.get("/x/{id}")(answer_nothing)
    outer.include_router(inner, prefix="/deep/{n}")
    app.include_router(outer, prefix="/v1/{v}")
    app.mount("/m/{tenant}", fastapi.FastAPI())
    for path in ("/v1/2/r/x/1", "/v1/2/r/deep/3/y/4", "/m/acme/missing"):
        ask(asgi.FlowMiddleware(app), path)
    assert names == [
        "GET /v1/{v}/r/x/{id}",
        "GET /v1/{v}/r/deep/{n}/y/{id}",
        "GET /m/{tenant}",
    ]


def test_a_path_is_no_route_if_the_router_does_not_tell_its_mounts(names):
    class Silent(Router):
        @property
        def routes(self):
            return [] if self.is_silent else self.mounts

        @routes.setter
        def routes(self, routes):
            self.mounts = routes

    router = Silent(routes=[Mount("/{tenant}", routes=[Route("/orders/{name}", answer)])])
    router.is_silent = False

    async def app(scope, receive, send):
        await router(scope, receive, send)
        router.is_silent = True

    ask(asgi.FlowMiddleware(app), "/acme/orders/1")
    assert names == ["GET /{mount}/orders/{name}"]


@pytest.mark.parametrize("is_inside", [True, False], ids=["inside", "outside"])
def test_where_flask_is_mounted_is_in_its_rule(is_inside, names):
    shop = flask.Flask("shop")
    shop.get("/orders/<name>")(lambda name: "")
    mounts = {"/shop": wsgi.FlowMiddleware(shop) if is_inside else shop}
    mounted = DispatcherMiddleware(flask.Flask("front"), mounts)
    client = Client(mounted if is_inside else wsgi.FlowMiddleware(mounted))
    client.get("/shop/orders/shop").close()
    assert names == ["GET /shop/orders/<name>"]


def test_the_path_template_of_litestar_is_the_route(names):
    async def app(scope, receive, send):
        scope["path_template"] = "/orders/{name}"
        await PlainTextResponse("")(scope, receive, send)

    ask(asgi.FlowMiddleware(app), "/orders/1")
    ask(asgi.FlowMiddleware(app), "/proxy/orders/1", root_path="/proxy")
    assert names == ["GET /orders/{name}"] * 2


@pytest.mark.parametrize("mount", ["", "/shop"])
def test_the_route_of_bottle_is_in_the_name(mount, names):
    def bottle(environ, start_response):
        environ["bottle.route"] = SimpleNamespace(rule="/orders/<name>")
        start_response("200 OK", [])
        return [b""]

    mounted = DispatcherMiddleware(flask.Flask("front"), {mount: bottle}) if mount else bottle
    Client(wsgi.FlowMiddleware(mounted)).get(f"{mount}/orders/1").close()
    assert names == [f"GET {mount}/orders/<name>"]


@pytest.mark.parametrize("is_inside", [True, False], ids=["in_a_scope", "in_the_request"])
def test_a_program_names_its_request_where_no_middleware_can_see_the_route(is_inside, names):
    heard = []

    class Renamed:
        def renamed(self, frame):
            heard.append(frame.name)

    def app(environ, start_response):
        with corectx.scope(tenant="acme") if is_inside else contextlib.nullcontext():
            set_route("/orders/{name}")
        start_response("200 OK", [])
        return [b""]

    end = corectx.subscribe(Renamed())
    Client(wsgi.FlowMiddleware(app)).get("/orders/1").close()
    end()
    assert names[-1:] == heard == ["GET /orders/{name}"]
    set_route("/outside of any request")
