"""The middleware makes one frame for a request, whatever frame is current in the server."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROJECT = """
import asyncio
import corectx
import django
from django.conf import settings
from django.core.signals import request_started
from django.http import FileResponse, JsonResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["penstock.contrib.django.FlowMiddleware"],
    PENSTOCK={"IGNORE_PATHS": ["/health/"]},
    ROOT_URLCONF=__name__,
)
django.setup()
left = []

class Observer:
    def left(self, frame, exc):
        left.append((frame.name, exc))

corectx.subscribe(Observer())

def view(request):
    frame = corectx.current()
    while frame.kind != "request":
        frame = frame.parent
    assert frame.parent is None
    assert "tenant" not in corectx.values()
    return JsonResponse({"id": corectx.correlation_id()})

def file(request):
    return FileResponse(open(__file__, "rb"))

def leaving(request):
    raise SystemExit(3)

def asking(request):
    before = corectx.current()
    ignored = Client().get("/health/")
    assert ignored.status_code == 200 and "X-Correlation-ID" not in ignored.headers
    assert corectx.current() is before
    return JsonResponse({"id": corectx.correlation_id()})

def health(request):
    return JsonResponse({})

def stream(request):
    return StreamingHttpResponse(iter(["a", "b"]))

def own(request):
    return JsonResponse({}, headers={"X-Correlation-ID": "mine"})

urlpatterns = [
    path("", view),
    path("file/", file),
    path("leaving/", leaving),
    path("asking/", asking),
    path("health/", health),
    path("stream/", stream),
    path("own/", own),
]
"""


def run(tmp_path, body: str, project: str = PROJECT) -> None:
    (tmp_path / "program.py").write_text(project + textwrap.dedent(body))
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


in_each_way = pytest.mark.parametrize(
    "ask",
    ['Client().get("/")', 'asyncio.run(AsyncClient().get("/"))'],
    ids=["sync", "async"],
)


@in_each_way
def test_a_request_adopts_no_frame_that_is_current(tmp_path, ask):
    run(
        tmp_path,
        f"""
        # As a server leaves it that handles a request in the context of the one before.
        before = corectx.start(corectx.Site("request", "GET /"), values={{"tenant": "other"}})
        corectx.attach(before)
        response = {ask}
        flow_id = response.headers["X-Correlation-ID"]
        assert response.json()["id"] == flow_id != before.correlation_id
        """,
    )


@in_each_way
def test_where_it_stands_twice_in_the_settings_a_request_has_one_id_all_the_same(tmp_path, ask):
    once = '"penstock.contrib.django.FlowMiddleware"'
    between = '"django.middleware.common.CommonMiddleware"'
    run(
        tmp_path,
        f"""
        response = {ask}
        assert response.headers["X-Correlation-ID"] == response.json()["id"]
        assert corectx.current() is None
        """,
        PROJECT.replace(once, f'{once}, {between}, "penstock_django.FlowMiddleware"'),
    )


WRAPPED = {
    "wsgi": """
from wsgiref.util import setup_testing_defaults
from django.core.handlers.wsgi import WSGIHandler
from penstock.contrib.wsgi import FlowMiddleware

def ask(path):
    environ, headers = {"PATH_INFO": path}, []
    setup_testing_defaults(environ)
    start = lambda status, found, exc_info=None: headers.extend(found)
    body = FlowMiddleware(WSGIHandler())(environ, start)
    content = b"".join(body)
    body.close()
    return {name.lower(): value for name, value in headers}, content
""",
    "asgi": """
from django.core.handlers.asgi import ASGIHandler
from penstock.contrib.asgi import FlowMiddleware

def ask(path):
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    sent, asked = [], []

    async def receive():
        if asked:
            await asyncio.Event().wait()
        asked.append(True)
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    asyncio.run(FlowMiddleware(ASGIHandler())(scope, receive, send))
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return headers, b"".join(each.get("body", b"") for each in sent[1:])
""",
}


def test_a_request_without_an_id_names_none_in_its_response(tmp_path):
    """Below a middleware of ours, another one may go on in a thread, and in a bare scope there."""
    body = """
    import threading
    from wsgiref.util import setup_testing_defaults
    from django.core.handlers.wsgi import WSGIHandler
    from penstock.contrib.wsgi import FlowMiddleware

    inner = []

    def elsewhere(environ, start):
        def run():
            with corectx.scope(tenant="acme"):
                body = WSGIHandler()(environ, lambda status, found: inner.extend(found))
                body.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        start("200 OK", [])
        return [b""]

    environ = {"PATH_INFO": "/"}
    setup_testing_defaults(environ)
    FlowMiddleware(elsewhere)(environ, lambda status, found, exc_info=None: None)
    assert inner
    assert "X-Correlation-ID" not in dict(inner)
    """
    run(tmp_path, body)


@pytest.mark.parametrize("interface", WRAPPED)
def test_inside_of_a_middleware_around_the_application_a_request_is_in_its_operation(
    tmp_path, interface
):
    body = """
    import json

    headers, content = ask("/known/")
    assert json.loads(content) == {"id": headers["x-correlation-id"], "user": "bob"}
    assert [name for name, _ in left] == ["GET /known/"] * 2
    again, _ = ask("/missing/")
    assert again["x-correlation-id"] != headers["x-correlation-id"]
    assert len(left) == 4
    assert corectx.current() is None
    """
    known = """
def known(request):
    return JsonResponse({"id": corectx.correlation_id(), "user": corectx.values()["user"]})

urlpatterns.append(path("known/", known))

def note_user(**_):
    corectx.add_values(user="bob")

request_started.connect(note_user)
"""
    run(tmp_path, body, PROJECT + known + WRAPPED[interface])


def test_the_server_can_still_send_a_file_in_its_own_way(tmp_path):
    run(
        tmp_path,
        """
        from wsgiref.util import FileWrapper, setup_testing_defaults
        from django.core.wsgi import get_wsgi_application

        environ = {"PATH_INFO": "/file/", "wsgi.file_wrapper": FileWrapper}
        setup_testing_defaults(environ)
        sent = {}
        body = get_wsgi_application()(environ, lambda status, headers: sent.update(headers))
        assert isinstance(body, FileWrapper)
        assert sent["X-Correlation-ID"]
        body.close()
        """,
    )


def test_a_view_that_ends_the_program_leaves_no_frame_behind(tmp_path):
    """Django sends no signal then, and a server may go on in the same thread."""
    run(
        tmp_path,
        """
        for _ in range(2):
            try:
                Client().get("/leaving/")
            except SystemExit as exc:
                ended_by = exc
            assert corectx.current() is None
            assert left == [("GET /leaving/", ended_by)]
            left.clear()
        """,
    )


def test_an_async_view_that_ends_the_program_leaves_no_frame_behind(tmp_path):
    run(
        tmp_path,
        """
        from django.test import RequestFactory
        from penstock_django import FlowMiddleware

        async def leaving(request):
            raise SystemExit(3)

        async def ask():
            try:
                await FlowMiddleware(leaving)(RequestFactory().get("/"))
            except SystemExit as exc:
                assert left == [("GET", exc)]
            assert corectx.current() is None

        asyncio.run(ask())
        """,
    )


def test_an_ignored_request_inside_of_another_leaves_that_ones_frame_alone(tmp_path):
    run(
        tmp_path,
        """
        response = Client().get("/asking/")
        assert response.json()["id"] == response.headers["X-Correlation-ID"]
        assert corectx.current() is None
        assert left == [("GET /asking/", None)]
        """,
    )


@pytest.mark.parametrize("end", ["list(response)", "response.close()"])
def test_a_stream_that_a_test_reads_or_closes_leaves_no_frame_behind(tmp_path, end):
    run(
        tmp_path,
        f"""
        response = Client().get("/stream/")
        assert left == []
        {end}
        assert corectx.current() is None
        assert left == [("GET /stream/", None)]
        """,
    )


def test_a_header_that_the_view_sets_stays(tmp_path):
    run(
        tmp_path,
        """
        assert Client().get("/own/").headers["X-Correlation-ID"] == "mine"
        """,
    )


def test_an_id_of_a_proxy_is_transformed_validated_and_taken_over(tmp_path):
    options = """{
        "TRUST_INBOUND": True,
        "HEADER": "X-Amzn-Trace-Id",
        "TRANSFORM_ID": lambda text: text.partition("Root=")[2].partition(";")[0],
        "VALIDATE_ID": lambda text: text.startswith("1-"),
    }"""
    run(
        tmp_path,
        """
        given = "Root=1-67891233-abcdef012345678912345678;Sampled=1"
        response = Client(headers={"X-Amzn-Trace-Id": given}).get("/")
        assert response.json()["id"] == "1-67891233-abcdef012345678912345678"
        response = Client(headers={"X-Amzn-Trace-Id": "Root=2-x"}).get("/")
        assert len(response.json()["id"]) == 32
        """,
        PROJECT.replace('{"IGNORE_PATHS": ["/health/"]}', options).replace(
            "settings.configure(", "import logging; logging.disable(); settings.configure("
        ),
    )


MOUNTED = {
    "wsgi": """
    from django.core.wsgi import get_wsgi_application
    from penstock.contrib.wsgi import FlowMiddleware
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from werkzeug.test import Client

    mounted = DispatcherMiddleware(None, {"/acme": get_wsgi_application()})
    for app in (mounted, FlowMiddleware(mounted)):
        Client(app).get("/acme/orders/7/").close()
    mount = "/acme"
    """,
    "wsgi in asgi": """
    from asgiref.wsgi import WsgiToAsgi
    from django.core.wsgi import get_wsgi_application
    from penstock.contrib.asgi import FlowMiddleware
    from starlette.applications import Starlette
    from starlette.routing import Mount

    async def ask(app):
        scope = {"type": "http", "method": "GET", "path": "/acme/orders/7/", "headers": []}
        messages = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": b""})
        async def send(message): ...
        await app({**scope, "query_string": b"", "http_version": "1.1"}, messages.get, send)

    mounted = Starlette(routes=[Mount("/{tenant}", WsgiToAsgi(get_wsgi_application()))])
    mount = "/acme"
    asyncio.run(ask(mounted))
    assert left.pop()[0] == "GET /acme/orders/<int:number>/"
    mount = "/{tenant}"
    for _ in range(2):
        asyncio.run(ask(FlowMiddleware(mounted)))
    assert left.pop()[0] == "GET /{tenant}/orders/<int:number>/"
    """,
    "asgi": """
    from django.core.asgi import get_asgi_application
    from penstock.contrib.asgi import FlowMiddleware
    from starlette.applications import Starlette
    from starlette.routing import Mount

    mounted = Starlette(routes=[Mount("/{tenant}", get_asgi_application())])

    async def ask(app):
        scope = {"type": "http", "method": "GET", "path": "/acme/orders/7/", "headers": []}
        messages = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": b""})
        async def send(message): ...
        await app({**scope, "query_string": b""}, messages.get, send)

    for app in (mounted, FlowMiddleware(mounted)):
        asyncio.run(ask(app))
    mount = "/{tenant}"
    """,
}


@pytest.mark.parametrize("interface", MOUNTED)
def test_a_mounted_project_has_the_mount_in_its_routes(tmp_path, interface):
    program = textwrap.dedent(MOUNTED[interface])
    project = PROJECT + 'urlpatterns += [path("orders/<int:number>/", lambda *_, **__: view(_[0]))]'
    project = project.replace("    assert frame.parent is None\n", "")
    check = 'assert [name for name, _ in left] == [f"GET {mount}/orders/<int:number>/"] * 3, left'
    run(tmp_path, f"{program}\n{check}", project + "\n")


def test_a_project_mounted_in_asgi_is_named_once_where_the_middleware_stands_twice(tmp_path):
    program = textwrap.dedent(MOUNTED["wsgi in asgi"])
    project = PROJECT + 'urlpatterns += [path("orders/<int:number>/", lambda *_, **__: view(_[0]))]'
    project = project.replace("    assert frame.parent is None\n", "")
    once = '"penstock.contrib.django.FlowMiddleware"'
    run(
        tmp_path, program, project.replace(once, f'{once}, "penstock_django.FlowMiddleware"') + "\n"
    )


# As in most programs: nobody listens, and another middleware of theirs opens a scope.
QUIET = (
    PROJECT.replace("corectx.subscribe(Observer())", "")
    + """
from django.http import HttpResponse
from django.http.response import ResponseHeaders

seen = []

def scoped(get_response):
    def handle(request):
        with corectx.scope(tenant="shop"):
            response = get_response(request)
            seen.append(dict(corectx.values()))
            return response
    return handle

def order(request, number):
    seen.append(dict(corectx.values()))
    if number == 7:
        raise ValueError(number)
    return HttpResponse(headers={"access-control-expose-headers": "X-Total"})

urlpatterns += [path("orders/<int:number>/", order, name="order")]
"""
)


@pytest.mark.parametrize("below", ["[]", "['program.scoped']"])
def test_where_nobody_listens_the_view_has_its_route_and_no_frame_stays(tmp_path, below):
    run(
        tmp_path,
        f"""
        import sys
        sys.modules["program"] = sys.modules["__main__"]
        settings.MIDDLEWARE += {below}
        more = {{"tenant": "shop"}} if {below} else {{}}
        values = {{"method": "GET", "route": "orders/<int:number>/", "view": "order", **more}}
        client = Client(raise_request_exception=False)
        for number, status in ((1, 200), (7, 500), (1, 200)):
            response = client.get(f"/orders/{{number}}/")
            assert response.status_code == status
            assert len(response.headers["X-Correlation-ID"]) == 32
            assert corectx.current() is None
            assert seen and all(each == values for each in seen), seen
            seen.clear()
        assert client.get("/nowhere/").status_code == 404
        assert corectx.current() is None
        """,
        QUIET,
    )


def test_a_route_and_values_that_a_middleware_gave_are_kept(tmp_path):
    run(
        tmp_path,
        """
        import sys
        from penstock.contrib.http import set_route

        def giving(get_response):
            def handle(request):
                if "named" in request.GET:
                    set_route("/given")
                else:
                    corectx.add_values(tenant="shop")
                seen.append(corectx.current())
                return get_response(request)
            return handle

        sys.modules["program"] = sys.modules["__main__"]
        settings.MIDDLEWARE += ["program.giving"]
        known = {"method": "GET", "route": "orders/<int:number>/", "view": "order"}
        for query, name, more in (
            ("?named=1", "GET /given", {}),
            ("", "GET /orders/<int:number>/", {"tenant": "shop"}),
        ):
            Client().get(f"/orders/1/{query}")
            frame, values = seen
            assert frame.name == name
            assert values == {**known, **more}
            seen.clear()
        """,
        QUIET,
    )


def test_an_unknown_method_is_other_in_the_values_of_its_request(tmp_path):
    run(
        tmp_path,
        """
        Client().generic("HACK", "/orders/1/")
        assert [each["method"] for each in seen] == ["_OTHER"]
        """,
        QUIET,
    )


def test_changed_settings_are_in_force_at_the_next_request(tmp_path):
    run(
        tmp_path,
        """
        from django.test import override_settings

        client = Client()

        def names():
            headers = client.get("/orders/1/").headers
            return [name for name in ("X-Correlation-ID", "X-Other") if name in headers]

        assert names() == ["X-Correlation-ID"]
        with override_settings(PENSTOCK={"RESPONSE_HEADER": "X-Other"}):
            assert names() == ["X-Other"]
        with override_settings(PENSTOCK={"IGNORE_PATHS": ["/orders/"]}):
            assert names() == []
        with override_settings(PENSTOCK={"RESPONSE_HEADER": None}):
            assert names() == []
        assert names() == ["X-Correlation-ID"]
        """,
        QUIET,
    )


def test_the_headers_are_those_that_django_itself_would_set(tmp_path):
    run(
        tmp_path,
        """
        from penstock_django import _middleware

        assert _middleware._StoredHeaders

        def headers(path):
            response = Client().get(path)
            pairs = sorted(response.headers.items())
            assert response.headers["x-correlation-ID"] == response["X-CORRELATION-ID"]
            made = response["x-correlation-id"]
            assert b"X-Correlation-ID: " + made.encode() in response.serialize_headers()
            return [(name, text.replace(made, "ID")) for name, text in pairs]

        paths = ["/", "/own/", "/orders/1/", "/stream/"]
        fast = [headers(path) for path in paths]
        _middleware._StoredHeaders = None
        assert [headers(path) for path in paths] == fast
        assert ("Access-Control-Expose-Headers", "X-Correlation-ID") in fast[0], fast
        assert fast[2][0] == ("Access-Control-Expose-Headers", "X-Total, X-Correlation-ID"), fast
        """,
        QUIET,
    )
