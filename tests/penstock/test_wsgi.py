"""Each WSGI request is one operation, also while its body streams."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import threading
import wsgiref.simple_server
import wsgiref.util
import wsgiref.validate

import pytest

import corectx
from corectx import current, failed_frame
from penstock import current_flow_id, flow
from penstock.contrib.wsgi import FlowMiddleware

pytestmark = pytest.mark.usefixtures("ran")


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def serve():
    """Serve an application by wsgiref; return what sends a request to it.

    The standard library's validator stands on both sides of the middleware.
    """
    with contextlib.ExitStack() as stack:

        def start(app, **options):
            middleware = FlowMiddleware(wsgiref.validate.validator(app), **options)
            server = stack.enter_context(
                wsgiref.simple_server.make_server(
                    "127.0.0.1", 0, wsgiref.validate.validator(middleware), handler_class=Quiet
                )
            )
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            thread.start()
            client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=50)
            stack.callback(client.close)

            def send(path="/", headers=None, method="GET"):
                client.request(method, path, headers=headers or {})
                response = client.getresponse()
                return response.read().decode(), response

            return send

        yield start


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_request_ends_if_the_server_drops_the_body_without_closing_it(chunks):
    left = []

    class Observer:
        def left(self, frame, exc):
            left.append((frame.kind, exc))

    def body():
        yield b"a"
        yield b"b"

    end = corectx.subscribe(Observer())
    app = FlowMiddleware(lambda environ, start_response: body())
    streamed = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, None)
    for _ in range(chunks):
        next(streamed)
    assert left == []
    del streamed
    gc.collect()
    assert left == [("request", None)]
    assert current() is None
    end()


def seen():
    """Return what an application sees of its request."""
    frame = current()
    return [(frame.kind, frame.name, dict(frame.values), frame.correlation_id)]


def answer(start_response, *headers):
    start_response("200 OK", [("Content-Type", "text/plain"), *headers])


def complete(environ, start_response):
    answer(start_response)
    return [json.dumps(seen()).encode()]


def streamed(environ, start_response):
    answer(start_response)
    for _ in range(3):
        yield repr(current_flow_id()).encode() + b"\n"


def test_a_request_is_a_frame_with_its_id_in_the_response(serve):
    text, response = serve(complete)("/orders/17?token=secret")
    [(kind, name, values, correlation_id)] = json.loads(text)
    assert (kind, name) == ("request", "GET")
    assert values == {"method": "GET", "path": "/orders/17"}
    assert response.headers["X-Correlation-ID"] == correlation_id


def test_a_streamed_body_has_the_id_in_each_chunk(serve):
    text, response = serve(streamed)()
    assert text.splitlines() == [repr(response.headers["X-Correlation-ID"])] * 3


def test_each_request_has_another_id(serve):
    send = serve(complete)
    assert send()[1].headers["X-Correlation-ID"] != send()[1].headers["X-Correlation-ID"]


def test_the_header_of_the_client_is_not_trusted(serve):
    _, response = serve(complete)(headers={"X-Correlation-ID": "abc", "corectx": '{"id":"abc"}'})
    assert response.headers["X-Correlation-ID"] != "abc"


@pytest.mark.parametrize("headers", [{"X-Correlation-ID": "abc"}, {"corectx": '{"id":"abc"}'}])
def test_the_header_of_the_client_is_used_where_it_is_trusted(serve, headers):
    _, response = serve(complete, trust_inbound=True)(headers=headers)
    assert response.headers["X-Correlation-ID"] == "abc"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Correlation-ID": "a b"},
        {"X-Correlation-ID": "x" * 129},
        {"corectx": "{"},
        {"corectx": '{"id":"<script>"}'},
        {"corectx": '{"flow":"f"}'},
    ],
)
def test_an_inbound_id_that_is_not_valid_is_replaced(serve, headers):
    _, response = serve(complete, trust_inbound=True)(headers=headers)
    correlation_id = response.headers["X-Correlation-ID"]
    assert len(correlation_id) == 32
    assert corectx.is_valid_id(correlation_id)


def test_a_flow_of_the_client_goes_on_in_a_trusting_server(serve):
    f = flow("f")
    work = f.step(current)

    def app(environ, start_response):
        answer(start_response)
        return [repr(work() is not current()).encode()]

    send = serve(app, trust_inbound=True)
    begin = f.entrypoint(lambda: send(headers=corectx.inject({}))[0])
    assert begin() == "True"
    assert send()[0] == "False"


def test_the_header_can_be_another_or_none(serve):
    send = serve(complete, trust_inbound=True, header="X-Request-ID")
    assert send(headers={"x-request-id": "abc"})[1].headers["X-Request-ID"] == "abc"
    assert send(headers={"X-Correlation-ID": "abc"})[1].headers["X-Request-ID"] != "abc"
    _, response = serve(complete, header=None)()
    assert "X-Correlation-ID" not in response.headers


@pytest.mark.parametrize("header", ["", "a b", "a:b", "a\r\nb"])
def test_a_header_that_cannot_be_one_is_refused(header):
    with pytest.raises(ValueError, match="name of an HTTP header or None"):
        FlowMiddleware(complete, header=header)


def test_a_header_that_the_application_sets_stays(serve):
    def app(environ, start_response):
        answer(start_response, ("x-correlation-id", "mine"))
        return [b""]

    _, response = serve(app)()
    assert response.headers.get_all("X-Correlation-ID") == ["mine"]


def test_a_long_path_is_cut_and_text(serve):
    [(_, _, values, _)] = json.loads(serve(complete)("/%C3%A9" + "x" * 1000)[0])
    assert len(values["path"]) == 200
    assert values["path"].startswith("/éx")


# Below, the middleware is called as a server would, to see what happens between the calls.


def call(app, **options):
    environ = {}
    wsgiref.util.setup_testing_defaults(environ)
    return FlowMiddleware(app, **options)(environ, lambda *_: None)


@pytest.fixture
def ended():
    """Collect the frames of requests as they end, with their exceptions."""
    ended = []

    class Observer:
        def left(self, frame, exc):
            if frame.kind == "request":
                ended.append((frame, exc))

    unsubscribe = corectx.subscribe(Observer())
    yield ended
    unsubscribe()


def test_a_request_never_joins_what_is_current_in_the_server(ended):
    with corectx.scope(leaked=True) as leaked:
        call(lambda environ, start_response: [])
        assert current() is leaked
    [(frame, _)] = ended
    assert frame.parent is None
    assert "leaked" not in frame.values


def test_a_complete_body_is_handed_on_as_it_is(ended):
    body = [b"a", b"b"]
    assert call(lambda environ, start_response: body) is body
    assert len(ended) == 1


def test_between_its_chunks_a_request_is_not_current(ended):
    def app(environ, start_response):
        with corectx.scope(inside=True) as scope:
            for _ in range(3):
                assert current() is scope
                yield b"."
            assert current() is scope

    body = call(app)
    for _ in body:
        assert current() is None
    assert ended == []
    body.close()
    assert [exc for _, exc in ended] == [None]


def test_a_body_may_be_sent_by_another_thread(ended):
    body = call(streamed)
    chunks = []
    thread = threading.Thread(target=lambda: chunks.extend(body))
    thread.start()
    thread.join()
    body.close()
    [(frame, _)] = ended
    assert chunks == [repr(frame.correlation_id).encode() + b"\n"] * 3


def test_a_failing_application_is_named_and_passes(ended):
    def app(environ, start_response):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as caught:
        call(app)
    [(frame, exc)] = ended
    assert exc is caught.value
    assert failed_frame(exc) is frame
    assert current() is None


def test_a_body_that_fails_is_named_and_ends_the_request_once(ended):
    def app(environ, start_response):
        yield b"."
        raise ValueError("broken")

    body = call(app)
    with pytest.raises(ValueError, match="broken") as caught:
        list(body)
    body.close()
    assert [(failed_frame(exc) is frame, exc) for frame, exc in ended] == [(True, caught.value)]


def test_a_client_that_goes_away_in_the_middle_is_no_error(ended):
    cleaned = []

    def app(environ, start_response):
        with corectx.scope(inside=True) as scope:
            try:
                yield b"."
            finally:
                cleaned.append(current() is scope)

    body = call(app)
    next(body)
    body.close()
    assert cleaned == [True]
    assert [exc for _, exc in ended] == [None]


class Closing:
    """A body with a `close` of its own, which is called in the request's frame."""

    def __init__(self, chunks, error=None):
        self.closed = []
        self.iterator = iter(chunks)
        self.error = error

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.iterator)

    def close(self):
        self.closed.append(current())
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("sent", [0, 1, 2])
def test_a_body_is_closed_once_inside_the_request(ended, sent):
    inner = Closing([b"a", b"b"])
    body = call(lambda environ, start_response: inner)
    for _, _ in zip(range(sent), body, strict=False):
        pass
    body.close()
    [(frame, _)] = ended
    assert inner.closed == [frame]


def test_a_body_whose_close_fails_ends_the_request(ended):
    body = call(lambda environ, start_response: Closing([], ValueError("broken")))
    with pytest.raises(ValueError, match="broken"):
        body.close()
    assert [type(exc) for _, exc in ended] == [ValueError]
    assert current() is None


class Deleted:
    """A body that cleans up when it is deleted, and has no `close`."""

    def __init__(self, note):
        self.note = note

    def __iter__(self):
        return self

    def __next__(self):
        return b"."

    def __del__(self):
        self.note()


class Cleaning(Deleted):
    """A body that cleans up when it is closed."""

    close = Deleted.__del__

    def __del__(self):
        pass


def finishing(note):
    with corectx.scope(inside=True):
        try:
            yield b"a"
            yield b"b"
        finally:
            note()


class Knot:
    """An object that only the cyclic garbage collector ends."""

    def __init__(self, held):
        self.me = self
        self.held = held


@pytest.mark.parametrize("hold", [lambda body: body, Knot], ids=["at_once", "in_a_cycle"])
@pytest.mark.parametrize("body", [finishing, Cleaning, Deleted])
def test_a_dropped_body_cleans_up_inside_of_its_request(ended, body, hold):
    noted = []

    def note():
        frame = current()
        while frame is not None and frame.kind != "request":
            frame = frame.parent
        noted.append((frame, list(ended)))

    held = hold(call(lambda environ, start_response: body(note)))
    next(getattr(held, "held", held))
    del held
    gc.collect()
    [(frame, exc)] = ended
    assert exc is None
    assert noted == [(frame, [])]
    assert current() is None


def test_the_rule_of_flask_becomes_the_name(ended):
    class Rule:
        rule = "/orders/<int:id>"

    class Request:
        url_rule = Rule()

    def app(environ, start_response):
        environ["werkzeug.request"] = Request()
        start_response("200 OK", [])
        environ["werkzeug.request"] = None  # as Flask does when its context ends
        return [b""]

    call(app)
    [(frame, _)] = ended
    assert frame.name == "GET /orders/<int:id>"


def test_no_frame_stays_if_a_signal_handler_raises_while_the_body_is_prepared(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("penstock.contrib.wsgi._Body", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call(lambda environ, start_response: [b""])
    assert current() is None


def test_a_request_ends_once_if_a_signal_handler_raises_before_the_server_has_the_body(ended):
    closed = []

    class Streamed:
        def __iter__(self):
            yield b""

        def close(self):
            closed.append(True)

    class Interrupting:
        def suspended(self, frame):
            if not ended:
                raise KeyboardInterrupt

    unsubscribe = corectx.subscribe(Interrupting())
    try:
        with pytest.raises(KeyboardInterrupt):
            call(lambda environ, start_response: Streamed())
    finally:
        unsubscribe()
    [(_, exc)] = ended
    assert isinstance(exc, KeyboardInterrupt)
    ended.clear()
    del exc  # its traceback holds the body
    gc.collect()
    assert closed == [True]
    assert ended == []
    assert current() is None
