"""The options of the ASGI and WSGI middleware, and the names of requests."""

from __future__ import annotations

import asyncio
import io
import uuid

import fastapi
import flask
import pytest
from asgiref.wsgi import WsgiToAsgi
from starlette.applications import Starlette
from starlette.routing import Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import corectx
from corectx import current
from penstock.contrib import asgi, wsgi
from penstock.contrib.http import RequestOptions, RequestSite, request_frame


def ask_asgi(path="/", headers=(), own=(), status=200, app=None, root_path="", **options):
    """Send a request through the ASGI middleware; return the frame's data and the headers."""
    seen = []

    async def answer(scope, receive, send):
        frame = current()
        seen.append(None if frame is None else (frame.name, frame.correlation_id, frame.values))
        pairs = [(name.encode(), value.encode()) for name, value in own]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": b""})

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "root_path": root_path,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    asyncio.run(asgi.FlowMiddleware(app or answer, **options)(scope, receive, send))
    found = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return (seen[0] if seen else None), found


def ask_wsgi(path="/", headers=(), own=(), status=200, app=None, **options):
    """The same through the WSGI middleware."""
    seen = []

    def answer(environ, start_response):
        frame = current()
        seen.append(None if frame is None else (frame.name, frame.correlation_id, frame.values))
        start_response(f"{status} OK", list(own))
        return [b""]

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "SERVER_NAME": "shop",
        "SERVER_PORT": "80",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers},
    }
    sent = []

    def start_response(status, headers, exc_info=None):
        sent.extend((name.lower(), value) for name, value in headers)
        return lambda data: None

    list(wsgi.FlowMiddleware(app or answer, **options)(environ, start_response))
    return (seen[0] if seen else None), sent


both = pytest.mark.parametrize("ask", [ask_asgi, ask_wsgi])


@both
def test_an_ignored_path_has_no_frame(ask):
    assert ask("/health/live", ignore_paths=["/health"]) == (None, [])
    assert ask("/orders/health", ignore_paths=["/health"])[0] is not None


@both
def test_the_generator_makes_the_ids(ask):
    (_, found, _), headers = ask(generate_id=lambda: "order-7")
    assert found == "order-7"
    assert headers == [("x-correlation-id", "order-7")]


@both
def test_a_generator_may_make_uuids(ask):
    made = uuid.uuid4()
    assert ask(generate_id=lambda: made)[0][1] == made.hex


@both
def test_a_generator_that_fails_is_replaced_and_logged(ask, caplog):
    (_, found, _), _ = ask(generate_id=lambda: 1 / 0)
    assert len(found) == 32
    assert "generate_id= failed" in caplog.text


@both
def test_the_header_of_the_response_may_be_another_one_than_the_inbound(ask):
    (_, found, _), headers = ask(
        headers=[("X-Request-ID", "abc")],
        trust_inbound=True,
        header="X-Request-ID",
        response_header="X-Trace",
    )
    assert found == "abc"
    assert headers == [("x-trace", "abc")]


@both
def test_scripts_of_other_origins_may_read_the_header(ask):
    _, headers = ask(generate_id=lambda: "a", expose_header=True)
    assert headers == [
        ("x-correlation-id", "a"),
        ("access-control-expose-headers", "X-Correlation-ID"),
    ]
    own = [("access-control-expose-headers", "ETag")]
    _, headers = ask(own=own, generate_id=lambda: "a", expose_header=True)
    assert dict(headers)["access-control-expose-headers"] == "ETag, X-Correlation-ID"


@both
def test_a_header_that_the_view_sets_stays(ask):
    _, headers = ask(own=[("X-Correlation-ID".lower(), "mine")])
    assert headers == [("x-correlation-id", "mine")]


AWS = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"
GCP = "105445aa7843bc8bf206b12000100000/1;o=1"


@both
@pytest.mark.parametrize(
    ("header", "text", "transform_id", "expected"),
    [
        (
            "X-Amzn-Trace-Id",
            AWS,
            lambda text: text.partition("Root=")[2].partition(";")[0],
            "1-67891233-abcdef012345678912345678",
        ),
        (
            "X-Cloud-Trace-Context",
            GCP,
            lambda text: text.partition("/")[0],
            "105445aa7843bc8bf206b12000100000",
        ),
        ("X-Request-ID", "{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}", uuid.UUID, None),
    ],
)
def test_an_id_of_a_proxy_is_taken_over(ask, header, text, transform_id, expected):
    (_, found, _), _ = ask(
        headers=[(header, text)], trust_inbound=True, header=header, transform_id=transform_id
    )
    assert found == (expected or uuid.UUID(text).hex)


@both
def test_an_id_that_the_validator_refuses_is_replaced(ask):
    options = {"trust_inbound": True, "validate_id": lambda text: text.startswith("order-")}
    (_, found, _), _ = ask(headers=[("X-Correlation-ID", "order-7")], **options)
    assert found == "order-7"
    (_, found, _), _ = ask(headers=[("X-Correlation-ID", "nonsense")], **options)
    assert len(found) == 32


@both
@pytest.mark.parametrize("broken", ["transform_id", "validate_id"])
def test_a_transformer_or_validator_that_fails_replaces_the_id(ask, broken):
    options = {"trust_inbound": True, broken: lambda text: 1 / 0}
    (_, found, _), _ = ask(headers=[("X-Correlation-ID", "order-7")], **options)
    assert len(found) == 32


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"header": "X Y"}, ValueError, "header= is the name of an HTTP header"),
        ({"response_header": 5}, ValueError, "response_header= is the name"),
        ({"generate_id": 5}, TypeError, "generate_id= is a function"),
        ({"validate_id": "x"}, TypeError, "validate_id= is a function"),
        ({"transform_id": "x"}, TypeError, "transform_id= is a function"),
        ({"ignore_paths": "/health"}, TypeError, "Did you mean ['/health']?"),
        ({"ignore_paths": ["("]}, ValueError, "no regular expression"),
        ({"trust_inbuond": True}, TypeError, "trust_inbuond"),
    ],
)
def test_a_wrong_option_is_one_clear_error(options, error, says):
    with pytest.raises(error) as caught:
        RequestOptions(**options)
    assert says in str(caught.value)


def test_a_method_that_is_not_known_is_no_name():
    for method in ("BREW", "GET\r\nX", "A" * 5000):
        site = RequestSite(method)
        site.route = "/orders"
        assert site.name == "HTTP /orders"
        assert site.method == "_OTHER"


def test_a_backend_that_fails_at_a_response_breaks_no_request(caplog):
    site = RequestSite("GET")
    site.on_response = lambda: 1 / 0
    site.begin_response(200)
    assert [record.getMessage() for record in caplog.records] == [
        "A tracing backend failed at a response."
    ]


def test_a_status_line_is_read_when_somebody_asks_for_the_code():
    site = RequestSite("GET")
    for line, code in (
        ("404 Not Found", 404),
        ("200", 200),
        ("OK", None),
        ("\u00b2\u00b2\u00b2", None),
    ):
        site.begin_response(line)
        assert site.status == code


def test_a_status_line_whose_digits_are_no_number_breaks_no_request():
    _, headers = ask_wsgi(status="\u00b2\u00b2\u00b2")
    assert [name for name, _ in headers] == ["x-correlation-id"]


def test_the_site_of_other_middleware_gives_the_header_with_the_id():
    class Site(RequestSite):
        def read_headers(self, request):
            return request

    options = RequestOptions(trust_inbound=True, header="X-Request-ID")
    site = Site("GET", {"x-request-id": "abc"})
    assert request_frame(site, {}, options).correlation_id == "abc"


def test_a_mounted_application_has_the_prefix_in_its_route():
    names = []
    inner = fastapi.FastAPI()

    @inner.get("/orders/{number}")
    def order(number: int):
        names.append(current())

    app = Starlette(routes=[Mount("/tenants/{tenant}/shop", inner)])
    ask_asgi("/tenants/acme/shop/orders/7", app=app)
    assert [frame.name for frame in names] == ["GET /tenants/{tenant}/shop/orders/{number}"]


class Requests:
    """An observer that keeps the frames of the requests that begin while it observes."""

    def __init__(self):
        self.begun = []
        self.ended = []

    def entered(self, frame):
        self.begun.append(frame)

    def left(self, frame, exc):
        # A response that another test never closed may end its request now, when it is collected.
        if frame in self.begun:
            self.ended.append(frame)


@pytest.fixture
def requests():
    observer = Requests()
    end = corectx.subscribe(observer)
    yield observer
    end()


def test_a_mounted_application_with_its_own_middleware_is_in_the_operation_around_it(requests):
    inner = fastapi.FastAPI()
    inner.add_middleware(asgi.FlowMiddleware, generate_id=lambda: "inner")
    inner.get("/orders/{number}")(lambda number: None)
    app = Starlette(routes=[Mount("/shop", inner)])
    for _ in range(2):
        _, sent = ask_asgi("/shop/orders/7", app=app, generate_id=lambda: "outer")
        assert ("x-correlation-id", "outer") in sent
    assert [frame.name for frame in requests.begun] == ["GET /shop/orders/{number}"] * 2
    assert requests.ended == requests.begun


def test_a_mounted_flask_application_with_its_own_middleware_is_in_the_operation_around_it(
    requests,
):
    inner = flask.Flask("shop")
    inner.get("/orders/<int:number>")(lambda number: "")
    mounted = DispatcherMiddleware(
        flask.Flask("front"), {"/shop": wsgi.FlowMiddleware(inner, generate_id=lambda: "inner")}
    )
    client = Client(wsgi.FlowMiddleware(mounted, generate_id=lambda: "outer"))
    for _ in range(2):
        response = client.get("/shop/orders/7")
        response.close()
        assert response.headers["x-correlation-id"] == "outer"
    assert [frame.name for frame in requests.begun] == ["GET /shop/orders/<int:number>"] * 2
    assert requests.ended == requests.begun


def test_a_wsgi_application_mounted_in_asgi_is_in_the_operation_around_it(requests):
    inner = flask.Flask("shop")
    inner.get("/orders/<int:number>")(lambda number: current().correlation_id)
    mounted = WsgiToAsgi(wsgi.FlowMiddleware(inner, generate_id=lambda: "inner"))
    app = Starlette(routes=[Mount("/shop", mounted)])
    _, sent = ask_asgi("/shop/orders/7", app=app, generate_id=lambda: "outer")
    assert [each for each in sent if each[0] == "x-correlation-id"] == [
        ("x-correlation-id", "outer")
    ]
    assert [frame.name for frame in requests.begun] == ["GET /shop"]
    assert requests.ended == requests.begun


@pytest.mark.parametrize("path", ["/orders/7", "/shop/caf\u00e9", "/pre/shop/orders/7"])
def test_a_mounted_wsgi_application_below_a_root_path_is_in_the_operation_around_it(requests, path):
    """Some servers have the root path in the path, and some only beside it."""
    inner = wsgi.FlowMiddleware(flask.Flask("shop"), generate_id=lambda: "inner")
    app = Starlette(routes=[Mount("/shop", WsgiToAsgi(inner)), Mount("/", WsgiToAsgi(inner))])
    ask_asgi(path, app=app, root_path="/pre", generate_id=lambda: "outer")
    assert [frame.correlation_id for frame in requests.ended] == ["outer"]


def test_a_wsgi_request_inside_of_a_site_that_does_not_describe_itself_is_one_of_its_own(requests):
    class Bare(RequestSite):
        frameworks = ("ASGI",)

    around = corectx.enter(corectx.start(Bare("GET")))
    try:
        Client(wsgi.FlowMiddleware(flask.Flask("shop"))).get("/").close()
    finally:
        corectx.leave(around)
    first, second = (frame.correlation_id for frame in requests.ended)
    assert first != second


def test_a_wsgi_request_that_is_made_inside_of_an_asgi_request_is_one_of_its_own(requests):
    def answer(environ, start_response):
        start_response("200 OK", [])
        return [current().correlation_id.encode()]

    shop = Client(wsgi.FlowMiddleware(answer, generate_id=lambda: "inner"))
    front = fastapi.FastAPI()
    front.get("/orders/7")(lambda: shop.get("/orders/8").text)
    front.get("/orders/8")(lambda: shop.post("/orders/8").text)
    for path in ("/orders/7", "/orders/8"):
        ask_asgi(path, app=front, generate_id=lambda: "outer")
    assert [frame.correlation_id for frame in requests.ended] == ["inner", "outer"] * 2


def test_one_environment_may_be_used_for_two_requests(requests):
    """A middleware that asks its application again changes the same dict."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    app = wsgi.FlowMiddleware(lambda environ, start_response: [b""])
    app(environ, None)
    app(environ, None)
    assert len(requests.ended) == 2


def test_a_mounted_flask_application_has_the_prefix_in_its_rule():
    names = []
    inner = flask.Flask("shop")

    @inner.get("/orders/<int:number>")
    def order(number):
        names.append(current())
        return ""

    app = wsgi.FlowMiddleware(DispatcherMiddleware(flask.Flask("front"), {"/shop": inner}))
    Client(app).get("/shop/orders/7").close()
    assert [frame.name for frame in names] == ["GET /shop/orders/<int:number>"]


def test_a_request_of_flasks_test_client_ends_when_its_response_is_closed():
    app = flask.Flask("shop")
    app.get("/")(lambda: "done")
    app.wsgi_app = wsgi.FlowMiddleware(app.wsgi_app)
    left = []

    class Observer:
        def left(self, frame, exc):
            left.append(frame.kind)

    end = corectx.subscribe(Observer())
    response = app.test_client().get("/")
    assert left == []
    response.close()
    end()
    assert left == ["request"]


def test_an_unhandled_exception_of_fastapi_has_the_id_in_its_response():
    app = fastapi.FastAPI()

    @app.get("/")
    def fail():
        raise ValueError("no such order")

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    wrapped = asgi.FlowMiddleware(app, generate_id=lambda: "order-7")
    with pytest.raises(ValueError, match="no such order"):
        asyncio.run(wrapped(scope, receive, send))
    assert sent[0]["status"] == 500
    assert (b"x-correlation-id", b"order-7") in sent[0]["headers"]
