"""Each ASGI request and WebSocket is one operation of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref

import pytest

import corectx
from corectx import current, failed_frame
from penstock import current_flow_id, flow
from penstock.contrib.asgi import FlowMiddleware
from tests.penstock.serving import served

pytestmark = pytest.mark.usefixtures("ran")


_HEADER = b"x-correlation-id"


def http_scope(**more):
    return {"type": "http", "method": "GET", "path": "/orders/17", "headers": [], **more}


async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}


async def call(app, scope=None, **options):
    """Send a request to `app` behind the middleware; return the messages that it sent."""
    sent = []

    async def send(message):
        sent.append(message)

    await FlowMiddleware(app, **options)(scope or http_scope(), receive, send)
    return sent


async def answer(scope, receive, send):
    """Answer with what the application sees of its request."""
    frame = current()
    seen = [frame.kind, frame.name, dict(frame.values), frame.correlation_id]
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


def ask(app=answer, scope=None, **options):
    """Return what the application saw, and the correlation IDs of its response."""
    start, body = asyncio.run(call(app, scope, **options))
    ids = [
        value.decode() for name, value in start["headers"] if name.lower() == b"x-correlation-id"
    ]
    return json.loads(body["body"]), ids


def test_a_request_is_a_frame_with_its_id_in_the_response():
    (kind, name, values, correlation_id), ids = ask()
    assert (kind, name) == ("request", "GET")
    assert values == {"method": "GET", "path": "/orders/17"}
    assert ids == [correlation_id]
    assert len(correlation_id) == 32


def test_a_request_never_joins_what_is_current_in_the_server():
    with corectx.scope(leaked=True):
        (_, _, values, correlation_id), _ = ask()
    assert "leaked" not in values
    token = corectx.attach(corectx.start(corectx.Site("request", "earlier")))
    (_, _, _, correlation_id), _ = ask()
    assert correlation_id != current_flow_id()
    corectx.detach(token)


def test_lifespan_passes_through_untouched():
    async def app(scope, receive, send):
        await send({"type": "lifespan.startup.complete", "current": current()})

    assert asyncio.run(call(app, {"type": "lifespan"})) == [
        {"type": "lifespan.startup.complete", "current": None}
    ]


class Lifespan:
    """The messages of a server that begins and ends, and the answers to them."""

    def __init__(self):
        self.messages = ["lifespan.startup", "lifespan.shutdown"]
        self.answers = []

    async def receive(self):
        return {"type": self.messages.pop(0)}

    async def send(self, message):
        self.answers.append(message["type"])

    def ending(self, *, is_final):
        self.answers.append("ending")

    def run(self, app):
        stop = corectx.subscribe(self)
        try:
            asyncio.run(FlowMiddleware(app)({"type": "lifespan"}, self.receive, self.send))
        finally:
            stop()
        return self.answers


WHOLE_LIFE = ["lifespan.startup.complete", "ending", "lifespan.shutdown.complete"]


async def refusing(scope, receive, send):
    raise ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")


async def ignoring(scope, receive, send):
    pass


async def living(scope, receive, send):
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


@pytest.mark.parametrize("app", [refusing, ignoring, living])
def test_the_end_of_the_server_is_announced_also_for_an_application_without_a_lifespan(app):
    assert Lifespan().run(app) == WHOLE_LIFE


def test_the_log_tells_why_penstock_answers_for_the_application(caplog):
    caplog.set_level("INFO", "penstock")
    Lifespan().run(refusing)
    (record,) = caplog.records
    assert "not lifespan" in record.getMessage()


def test_an_application_that_fails_in_its_lifespan_fails_for_the_server_too():
    async def app(scope, receive, send):
        await receive()
        raise OSError("no database")

    lifespan = Lifespan()
    with pytest.raises(OSError, match="no database"):
        lifespan.run(app)
    assert lifespan.answers == []


def test_a_websocket_is_one_operation():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept", "headers": [(b"a", b"b")]})
        await send({"type": "websocket.send", "text": f"{current().name} {current_flow_id()}"})

    accept, message = asyncio.run(call(app, {"type": "websocket", "path": "/chat", "headers": []}))
    name, _, correlation_id = message["text"].partition(" ")
    assert name == "WEBSOCKET"
    assert accept["headers"] == [(b"a", b"b"), (b"x-correlation-id", correlation_id.encode())]


INBOUND = [[(b"x-correlation-id", b"abc")], [(b"Corectx", b'{"id":"abc"}')]]


@pytest.mark.parametrize("headers", INBOUND)
def test_the_header_of_the_client_counts_only_where_it_is_trusted(headers):
    scope = http_scope(headers=headers)
    assert ask(scope=scope)[1] != ["abc"]
    assert ask(scope=scope, trust_inbound=True)[1] == ["abc"]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-correlation-id", b"")],
        [(b"x-correlation-id", "é".encode())],
        [(b"x-correlation-id", b"x" * 129)],
        [(b"corectx", b"[]")],
        [(b"corectx", b'{"id":7}')],
        [(b"corectx", b"x" * 100_000)],
    ],
)
def test_an_inbound_id_that_is_not_valid_is_replaced(headers):
    (_, _, _, correlation_id), ids = ask(scope=http_scope(headers=headers), trust_inbound=True)
    assert ids == [correlation_id]
    assert len(correlation_id) == 32
    assert corectx.is_valid_id(correlation_id)


def test_the_header_can_be_another_or_none():
    scope = http_scope(headers=[(b"x-request-id", b"abc")])
    seen, ids = ask(scope=scope, trust_inbound=True, header="X-Request-ID")
    assert (seen[3], ids) == ("abc", [])
    [start, _] = asyncio.run(call(answer, scope, trust_inbound=True, header="X-Request-ID"))
    assert start["headers"] == [(b"x-request-id", b"abc")]  # in lower case, as ASGI demands
    [start, _] = asyncio.run(call(answer, header=None))
    assert "headers" not in start


def test_a_header_that_the_application_sets_stays():
    async def app(scope, receive, send):
        headers = [(b"x-correlation-id", b"mine")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"0"})

    assert ask(app)[1] == ["mine"]


def test_the_message_of_the_application_is_not_changed():
    message = {"type": "http.response.start", "status": 200, "headers": []}

    async def app(scope, receive, send):
        await send(message)

    asyncio.run(call(app))
    assert message == {"type": "http.response.start", "status": 200, "headers": []}


class Route:
    path = "/orders/{id}"


def test_the_route_becomes_part_of_the_name_when_it_is_known():
    names = []

    async def app(scope, receive, send):
        names.append(current().name)
        scope["route"] = Route()
        names.append(current().name)

    asyncio.run(call(app))
    assert names == ["GET", "GET /orders/{id}"]


def test_a_frame_that_is_remembered_does_not_keep_the_request_alive():
    class State:
        pass

    kept = []

    async def app(scope, receive, send):
        kept.append(current())

    state = State()
    alive = weakref.ref(state)
    asyncio.run(call(app, http_scope(state=state, route=Route())))
    del state
    gc.collect()
    assert alive() is None
    assert kept[0].name == "GET /orders/{id}"


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
def test_a_failing_application_is_named_and_passes(error):
    async def app(scope, receive, send):
        frames.append(current())
        raise error

    async def main():
        with pytest.raises(error) as caught:
            await call(app)
        assert failed_frame(caught.value) is frames[0]
        assert current() is None

    frames = []
    asyncio.run(main())


def test_requests_at_the_same_time_do_not_mix():
    async def main():
        arrived = []
        met = asyncio.Event()

        async def app(scope, receive, send):
            before = current_flow_id()
            arrived.append(before)
            if len(arrived) == 10:
                met.set()
            await met.wait()
            assert current_flow_id() == before

        await asyncio.gather(*(call(app) for _ in range(10)))
        return arrived

    assert len(set(asyncio.run(main()))) == 10


def test_a_flow_of_the_request_has_its_id():
    @flow("f").entrypoint
    async def begin():
        return current_flow_id()

    async def app(scope, receive, send):
        assert await begin() == current_flow_id()

    asyncio.run(call(app))


def test_requests_on_one_connection_have_their_own_ids():
    """Also after a large upload: uvicorn then runs the later ones in the context of the first."""
    around = []

    async def inner(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        assert current().parent is None
        await answer(scope, receive, send)

    async def outer(scope, receive, send):
        before = current()
        await FlowMiddleware(inner)(scope, receive, send)
        around.append((before, current()))

    ids = []
    with served(outer) as client:
        for size in (0, 3_000_000, 0, 0):
            client.request("POST", "/upload", b"x" * size)
            response = client.getresponse()
            [_, _, _, correlation_id] = json.loads(response.read())
            assert response.headers["X-Correlation-ID"] == correlation_id
            ids.append(correlation_id)
    assert len(set(ids)) == 4
    assert all(before is after for before, after in around)
