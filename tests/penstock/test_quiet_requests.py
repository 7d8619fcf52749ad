"""Requests where nobody listens to frames: the middleware does its work without a call then."""

from __future__ import annotations

import weakref

import pytest

from corectx import Site, attach, current, start, subscribe
from penstock.contrib.asgi import FlowMiddleware as AsgiMiddleware
from penstock.contrib.wsgi import FlowMiddleware as WsgiMiddleware


class Environ(dict):
    """A WSGI environment that can be weakly referenced."""


def environ():
    return Environ(REQUEST_METHOD="GET", PATH_INFO="/orders/17", SCRIPT_NAME="")


def wsgi(app, environ_of_request=None):
    """Send a request to `app`; return the lists of headers that it gave the server."""
    given = []
    request = environ() if environ_of_request is None else environ_of_request
    WsgiMiddleware(app)(request, lambda _status, headers: given.append(headers))
    return given


def finish(coroutine):
    with pytest.raises(StopIteration):
        coroutine.send(None)


def asgi(app):
    """Send a request to `app`; return the messages that it gave the server."""
    sent = []

    async def send(message):
        sent.append(message)

    finish(AsgiMiddleware(app)({"type": "http", "method": "GET", "path": "/orders/17"}, None, send))
    return sent


def response(headers):
    return {"type": "http.response.start", "status": 200, "headers": headers}


def test_a_list_of_headers_that_the_application_keeps_is_not_changed():
    kept = [("Content-Type", "text/plain")]

    def app(environ, start_response):
        start_response("200 OK", kept)
        return [b""]

    first, second = wsgi(app), wsgi(app)
    assert kept == [("Content-Type", "text/plain")]
    assert [name for name, _ in first[0]] == ["Content-Type", "X-Correlation-ID"]
    assert first[0][1] != second[0][1]


def test_headers_may_be_an_iterator():
    async def app(scope, receive, send):
        await send(response(iter([(b"content-type", b"text/plain")])))

    [message] = asgi(app)
    assert [name for name, _ in message["headers"]] == [b"content-type", b"x-correlation-id"]


@pytest.mark.parametrize("name", ["X-Correlation-ID", "x-correlation-id", "X-CORRELATION-ID"])
def test_a_header_of_the_application_stays_in_any_case(name):
    def app(environ, start_response):
        start_response("200 OK", [("A-Name-As-Long-1", "other"), (name, "mine")])
        return [b""]

    assert wsgi(app) == [[("A-Name-As-Long-1", "other"), (name, "mine")]]


def test_a_response_that_begins_after_its_request_has_the_id_too():
    later = []

    def app(environ, start_response):
        later.append(start_response)
        return [b""]

    async def async_app(scope, receive, send):
        later.append(send)

    given, sent = wsgi(app), asgi(async_app)
    later[0]("200 OK", [])
    finish(later[1](response([])))
    assert [name for name, _ in given[0]] == ["X-Correlation-ID"]
    assert [name for name, _ in sent[0]["headers"]] == [b"x-correlation-id"]


def test_a_frame_that_the_application_left_current_is_none_of_the_next_request():
    def app(environ, start_response):
        attach(start(Site("task", "import")))
        start_response("200 OK", [])
        return [b""]

    wsgi(app)
    assert current() is None


def test_a_frame_that_is_remembered_has_its_name_and_keeps_no_request_alive():
    frames = []

    def app(environ, start_response):
        frames.append(current())
        start_response("200 OK", [])
        return [b""]

    request = environ()
    there = weakref.ref(request)
    wsgi(app, request)
    del request
    assert there() is None
    assert frames[0].name == "GET"
    assert frames[0].values == {"method": "GET", "path": "/orders/17"}


def test_ctrl_c_in_an_observer_leaves_no_frame_current():
    class Interrupted:
        def entered(self, frame):
            raise KeyboardInterrupt

    def app(environ, start_response):
        return []

    async def async_app(scope, receive, send):
        pass

    unsubscribe = subscribe(Interrupted())
    try:
        for ask in (lambda: wsgi(app), lambda: asgi(async_app)):
            with pytest.raises(KeyboardInterrupt):
                ask()
            assert current() is None
    finally:
        unsubscribe()
