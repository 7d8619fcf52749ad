"""FastAPI: background tasks, dependencies and streams run late in a request, and in its run."""

from __future__ import annotations

import functools

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse

import penstock
from penstock import flow
from penstock._graph import build
from penstock._verify import read, verify
from penstock.contrib.asgi import FlowMiddleware
from tests.penstock.serving import served
from tests.penstock.verify.verdicts import edges, runs, undeclared


def get(app, path: str) -> tuple[int, bytes]:
    """Send one request to a server, and wait for all that it causes; return status and body."""
    with served(app) as client:
        client.request("GET", path)
        response = client.getresponse()
        return response.status, response.read()


@pytest.fixture
def shop(registry):
    """Return a flow, and the functions of its steps."""
    orders = flow("shop")

    @orders.entrypoint
    def place():
        pass

    @orders.step(after=place)
    def charge():
        pass

    @orders.step(after=place)
    async def mail():
        pass

    return place, charge, mail


@pytest.fixture
def verdict(registry, tmp_path):
    """Observe until called; then return the verdict."""
    observation = penstock.observe(tmp_path / "evidence")

    def judge():
        observation.stop()
        return verify(build(registry), read([tmp_path / "evidence"]))

    yield judge
    observation.stop()


def test_background_tasks_are_in_the_run_of_their_request(shop, verdict):
    place, charge, mail = shop
    api = FastAPI()

    @api.get("/sync")
    def sync(tasks: BackgroundTasks):
        place()
        tasks.add_task(charge)
        tasks.add_task(mail)

    @api.get("/async")
    async def in_async(tasks: BackgroundTasks):
        place()
        tasks.add_task(charge)
        tasks.add_task(mail)

    app = FlowMiddleware(api)
    assert get(app, "/sync")[0] == get(app, "/async")[0] == 200
    found = verdict()
    assert edges(found) == {"place -> charge": 2, "place -> mail": 2}
    assert undeclared(found) == {}
    assert found.outside == 0


def test_the_teardown_of_a_dependency_and_a_stream_are_in_it_too(shop, verdict):
    place, charge, mail = shop

    def dependency():
        yield
        charge()

    api = FastAPI()

    @api.get("/", dependencies=[Depends(dependency)])
    async def stream():
        place()

        async def body():
            yield b"a"
            await mail()
            yield b"b"

        return StreamingResponse(body())

    assert get(FlowMiddleware(api), "/") == (200, b"ab")
    assert edges(verdict()) == {"place -> charge": 1, "place -> mail": 1}


def test_an_http_exception_below_500_is_no_failure_of_a_step(registry, verdict):
    orders = flow("shop")
    api = FastAPI()

    @api.get("/find")
    @orders.entrypoint
    def find(status: int):
        raise HTTPException(status)

    app = FlowMiddleware(api)
    assert get(app, "/find?status=404")[0] == 404
    assert get(app, "/find?status=503")[0] == 503
    assert runs(verdict())["find"] == (2, 1, 0)


def test_routes_that_are_steps_have_their_own_parameters(registry):
    orders = flow("shop")

    api = FastAPI()

    @api.get("/plain")
    @orders.entrypoint
    def plain(number: int, word: str = "none"):
        return [number, word]

    @api.get("/partial")
    @orders.entrypoint(name="partial")
    @functools.partial(functools.partial, word="given")
    def with_partial(number: int, word: str):
        return [number, word]

    app = FlowMiddleware(api)
    assert get(app, "/plain?number=7") == (200, b'[7,"none"]')
    assert get(app, "/plain?number=x")[0] == 422
    assert get(app, "/partial?number=7") == (200, b'[7,"given"]')
