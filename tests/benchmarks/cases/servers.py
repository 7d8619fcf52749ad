"""A request through the ASGI and the WSGI middleware, and through the least that does the job.

The least is an ID, a ContextVar and the header of the response. The application only answers.
"""

import os
from contextvars import ContextVar

from frameworks.pairs import least, show

from penstock.contrib.asgi import FlowMiddleware as AsgiMiddleware
from penstock.contrib.wsgi import FlowMiddleware as WsgiMiddleware

var: ContextVar[object] = ContextVar("var", default=None)
SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/orders/4711",
    "headers": [(b"host", b"shop.example"), (b"user-agent", b"curl/8.5.0"), (b"accept", b"*/*")],
    "query_string": b"page=2",
    "http_version": "1.1",
    "scheme": "http",
    "server": ("127.0.0.1", 80),
    "client": ("127.0.0.1", 40000),
}
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/orders/4711",
    "QUERY_STRING": "page=2",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "shop.example",
    "wsgi.url_scheme": "http",
}


async def asgi_app(scope, receive, send):
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


def wsgi_app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def least_asgi(app):
    async def middleware(scope, receive, send):
        made = os.urandom(16).hex()
        header = (b"x-correlation-id", made.encode())
        token = var.set(made)

        async def send_named(message):
            if message["type"] == "http.response.start":
                message["headers"].append(header)
            await send(message)

        try:
            await app(scope, receive, send_named)
        finally:
            var.reset(token)

    return middleware


def least_wsgi(app):
    def middleware(environ, start_response):
        made = os.urandom(16).hex()
        token = var.set(made)

        def start_named(status, headers, exc_info=None):
            headers.append(("X-Correlation-ID", made))
            return start_response(status, headers, exc_info)

        try:
            return app(environ, start_named)
        finally:
            var.reset(token)

    return middleware


async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message):
    pass


def start_response(status, headers, exc_info=None):
    pass


def asgi_requests(app):
    async def ask(count):
        for _ in range(count):
            await app({**SCOPE}, receive, send)

    def run(count):
        try:
            ask(count).send(None)
        except StopIteration:
            return

    return run


def wsgi_requests(app):
    def run(count):
        for _ in range(count):
            app({**ENVIRON}, start_response)

    return run


show(
    asgi=least(
        *map(asgi_requests, (AsgiMiddleware(asgi_app), least_asgi(asgi_app), asgi_app)),
    ),
    wsgi=least(
        *map(wsgi_requests, (WsgiMiddleware(wsgi_app), least_wsgi(wsgi_app), wsgi_app)),
    ),
)
