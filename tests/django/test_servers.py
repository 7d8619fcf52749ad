"""The middleware behind real servers: one ID in all that a request does, and nothing after."""

from __future__ import annotations

import contextlib
import json
import os

import pytest

from tests.django.servers import Server

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", params=["wsgiref", "gunicorn", "uvicorn"])
def server(request):
    started = Server(request.param)
    yield started
    started.stop()
    assert not [line for line in started.lines if "LEFTOVER" in line]


def flow_id(response) -> str:
    return response.headers["X-Correlation-ID"]


def complaints(server, since: int) -> list[str]:
    """Return what was logged or dumped of errors after the first `since` lines."""
    marks = ("Traceback", "unhandled_exception", "different Context")
    return [line for line in server.lines[since:] if any(mark in line for mark in marks)]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_id_in_the_view_is_the_one_in_the_response(server, kind):
    response, body = server.get(f"/{kind}/7/")
    assert json.loads(body) == {
        "id": flow_id(response),
        "values": {"method": "GET", "route": f"{kind}/<int:number>/", "view": kind},
    }
    assert response.headers["Access-Control-Expose-Headers"] == "X-Correlation-ID"
    server.wait_for(f"LEFT {flow_id(response)} GET /{kind}/<int:number>/ None")


@pytest.mark.parametrize("kind", ["stream", "async_stream"])
def test_each_chunk_of_a_streaming_body_has_the_id(server, kind):
    response, body = server.get(f"/{kind}/")
    assert body.decode().split() == [flow_id(response)] * 3
    server.wait_for(f"LEFT {flow_id(response)} GET /{kind}/ None")


def test_the_record_of_a_404_has_the_id(server):
    response, _ = server.get("/nope/")
    assert response.status == 404
    server.wait_for(f"LOG django.request {flow_id(response)} Not Found: /nope/")


@pytest.mark.parametrize("path", ["/failing/", "/async_failing/"])
def test_an_unhandled_exception_dumps_the_trail_of_its_request_once(server, path):
    server.get("/sync/1/")
    response, _ = server.get(path)
    assert response.status == 500
    server.wait_for(f"LOG django.request {flow_id(response)} Internal Server Error: {path}")
    server.wait_for(f"LEFT {flow_id(response)} GET {path} LookupError('in view')")
    (dump,) = [
        dump for dump in server.dumps if dump[-1]["frame"]["correlation_id"] == flow_id(response)
    ]
    assert dump[-1]["frame"]["name"] == f"GET {path}"
    assert dump[-1]["exception"]["type"] == "LookupError"
    mine = [each for each in dump[:-1] if each["frame"]["correlation_id"] == flow_id(response)]
    assert [(each["event"], each["password"]) for each in mine] == [("about to fail", "[redacted]")]


def test_an_exception_in_a_streaming_body_dumps_too(server):
    with contextlib.closing(server.connection()) as connection:
        connection.request("GET", "/failing_stream/")
        response = connection.getresponse()
        with contextlib.suppress(Exception):
            response.read()
    server.wait_for(f"LEFT {flow_id(response)} GET /failing_stream/ OSError('in stream')")
    (dump,) = [
        dump for dump in server.dumps if dump[-1]["frame"]["correlation_id"] == flow_id(response)
    ]
    assert dump[-1]["exception"]["message"] == "in stream"


def test_requests_on_one_connection_share_nothing_also_after_a_large_upload(server):
    with contextlib.closing(server.connection()) as connection:
        seen = []
        for method, path, body in [
            ("POST", "/upload/", os.urandom(3_000_000)),
            ("GET", "/sync/1/", None),
            ("GET", "/async/1/", None),
        ]:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = json.loads(response.read())
            assert answer["id"] == flow_id(response)
            assert answer["values"]["method"] == method
            seen.append(answer["id"])
    assert len(set(seen)) == 3


def test_the_inbound_header_is_not_trusted_by_default(server):
    response, _ = server.get("/sync/1/", X_Correlation_ID="mine", corectx='{"id":"mine"}')
    assert flow_id(response) != "mine"


def test_a_client_that_goes_away_in_mid_stream_is_no_error(server):
    path = "/endless/" if server.kind == "uvicorn" else "/sync_endless/"
    before = len(server.lines)
    connection = server.connection()
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.readline().decode().strip() == flow_id(response)
    response.close()
    connection.close()
    server.wait_for(f"LEFT {flow_id(response)} GET {path} None")
    server.get("/sync/1/")
    assert complaints(server, since=before) == []


# Under WSGI nobody hears of it before there is something to write.
@pytest.mark.parametrize("server", ["uvicorn"], indirect=True)
def test_a_client_that_goes_away_while_an_async_view_waits_is_no_error(server):
    before = len(server.lines)
    connection = server.connection()
    connection.request("GET", "/waiting/")
    waiting = server.wait_for("LOG project")
    assert waiting.endswith(" waiting")
    connection.close()
    server.wait_for(f"LEFT {waiting.split()[2]} GET /waiting/ None")
    server.get("/sync/1/")
    assert complaints(server, since=before) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("X-Total", "X-Total, X-Correlation-ID"),
        ("x-correlation-id, X-Total", "x-correlation-id, X-Total"),
    ],
)
def test_what_the_view_exposes_to_other_origins_stays_exposed(server, given, expected):
    response, _ = server.get(f"/exposing/?names={given.replace(' ', '%20')}")
    assert response.headers["Access-Control-Expose-Headers"] == expected


@pytest.fixture(scope="module", params=["wsgiref", "uvicorn"])
def trusting(request):
    started = Server(
        request.param,
        TRUST_INBOUND=True,
        HEADER="X-Request-ID",
        RESPONSE_HEADER="X-Request-ID",
        EXPOSE_HEADER=False,
        IGNORE_PATHS=["/health/"],
    )
    yield started
    started.stop()


def test_a_trusted_header_is_taken_over(trusting):
    response, body = trusting.get("/sync/1/", X_Request_ID="from-the-proxy.1")
    assert response.headers["X-Request-ID"] == "from-the-proxy.1"
    assert json.loads(body)["id"] == "from-the-proxy.1"
    assert "Access-Control-Expose-Headers" not in response.headers


def test_a_header_of_our_own_is_taken_over_first(trusting):
    response, _ = trusting.get("/sync/1/", corectx='{"id":"caller"}', X_Request_ID="proxy")
    assert response.headers["X-Request-ID"] == "caller"


@pytest.mark.parametrize("sent", ["mine", "no ID"])
def test_a_header_that_the_settings_do_not_name_is_not_trusted(trusting, sent):
    response, _ = trusting.get("/sync/1/", X_Request_ID="proxy", X_Correlation_ID=sent)
    assert response.headers["X-Request-ID"] == "proxy"
    response, _ = trusting.get("/sync/1/", X_Correlation_ID="mine")
    assert response.headers["X-Request-ID"] != "mine"


@pytest.mark.parametrize("bad", ["x y", "x" * 129, "<script>", "a\tb"])
def test_a_trusted_header_that_is_no_id_is_replaced(trusting, bad):
    response, _ = trusting.get("/sync/1/", X_Request_ID=bad)
    assert len(response.headers["X-Request-ID"]) == 32
    assert bad not in "\n".join(trusting.lines)


def test_an_ignored_path_makes_no_frame(trusting):
    response, body = trusting.get("/health/")
    assert "X-Request-ID" not in response.headers
    assert json.loads(body) == {"id": None, "values": {}}
