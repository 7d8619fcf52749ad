"""A step that runs is in flight although it tells nobody: found on the stacks of the threads."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

import penstock
import statecrumbs
from corectx import bind, current, start
from corectx.lowlevel import listeners, notify_entered
from penstock import flow
from penstock._verify import _evidence as evidence
from penstock.contrib import asgi
from penstock.testing import isolated_registry
from statecrumbs import _in_flight
from statecrumbs._black_box import read
from statecrumbs._crash._dump import in_flight_now


@pytest.fixture
def shop():
    with isolated_registry():
        yield flow("shop")


@pytest.fixture(autouse=True)
def enabled():
    statecrumbs.enable(on_crash="none")
    yield
    statecrumbs.disable()


def in_flight():
    return [(one["kind"], one["name"], one["depth"]) for one in in_flight_now()]


def test_a_step_is_in_flight_while_it_runs_and_no_longer(shop):
    before = time.time()
    seen = []

    @shop.step(after="receive")
    def charge():
        seen.append(in_flight())
        seen.append([work.since_ns / 1e9 for work in _in_flight.in_flight.works()])

    @shop.entrypoint
    def receive():
        charge()
        seen.append(in_flight())

    receive()
    assert listeners.is_inlined
    within, (first, second), after = seen
    assert within == [("entrypoint", "receive", 0), ("step", "charge", 1)]
    assert before <= first <= second <= time.time()
    assert after == [("entrypoint", "receive", 0)]
    assert in_flight() == []


@pytest.mark.parametrize("way", ["thread", "to_thread"])
def test_it_is_the_work_of_the_thread_that_runs_it(shop, way):
    inside, go_on = threading.Event(), threading.Event()

    @shop.step(after="receive")
    def charge():
        inside.set()
        go_on.wait()

    @shop.entrypoint
    def receive():
        if way == "thread":
            thread = threading.Thread(target=bind(charge), name="at the bank")
            thread.start()
            look()
            thread.join()
        else:
            asyncio.run(in_a_pool())

    async def in_a_pool():
        await asyncio.gather(asyncio.to_thread(charge), asyncio.to_thread(look))

    def look():
        inside.wait()
        seen.update((work.frame.name, work.thread()) for work in _in_flight.in_flight.works())
        go_on.set()

    seen: dict[str, str] = {}
    receive()
    assert seen["receive"] == "MainThread"
    assert seen["charge"].startswith("at the bank" if way == "thread" else "asyncio_")


def test_it_has_the_name_of_the_asyncio_task_that_runs_it(shop):
    """A plain step and a request have one too. Work around the event loop has none."""
    seen: set[tuple[str, str | None]] = set()

    @shop.step(after="receive")
    def look():
        seen.update((one["name"], one.get("task")) for one in in_flight_now())

    @shop.step(after="receive")
    async def charge():
        look()

    @shop.step(after="receive")
    async def wait(inside, done):
        inside.set()
        await done.wait()

    @shop.entrypoint
    async def receive():
        inside, done = asyncio.Event(), asyncio.Event()
        waiting = asyncio.create_task(wait(inside, done), name="token=hunter2")
        await inside.wait()
        await charge()
        done.set()
        await waiting

    @asgi.FlowMiddleware
    async def app(*_):
        await receive()

    async def serve():
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await asyncio.create_task(app(scope, None, None), name="at the desk")

    @flow("batch").entrypoint
    def main():
        asyncio.run(serve())

    main()
    assert seen == {
        ("main", None),
        ("GET", "at the desk"),
        ("receive", "at the desk"),
        ("charge", "at the desk"),
        ("look", "at the desk"),
        ("wait", "token=[redacted]"),
    }


def test_a_step_in_a_greenlet_that_waits_is_in_flight(shop, monkeypatch):
    greenlet = pytest.importorskip("greenlet")
    # Another test may have searched all objects a moment ago, which delays the next search.
    monkeypatch.setattr("corectx._open._next_search", 0.0)

    @shop.step(after="receive")
    def charge():
        hub.switch()

    @shop.entrypoint
    def receive():
        charge()

    hub = greenlet.getcurrent()
    waiting = greenlet.greenlet(receive)
    waiting.switch()
    assert in_flight() == [("entrypoint", "receive", 0), ("step", "charge", 1)]
    assert {work.thread() for work in _in_flight.in_flight.works()} == {"greenlet"}
    waiting.switch()
    assert in_flight() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only: fork")
def test_a_step_that_a_signal_handler_cut_off_is_in_flight_no_more_and_counted(
    shop, tmp_path, request
):
    sites = []

    @shop.entrypoint
    def receive():
        sites.append(current().site)

    statecrumbs.enable(black_box=tmp_path / "boxes")
    (box,) = (tmp_path / "boxes").glob("*.crumbs")
    penstock.configure("logging")
    request.addfinalizer(penstock.configure)
    with penstock.observe(tmp_path / "evidence") as observation:
        receive()
        notify_entered(start(sites[0]))  # and then the handler raised
        assert [row["name"] for row in read(box).in_flight] == ["receive"]
        observation.flush()
        assert in_flight() == []
        assert read(box).in_flight == []
    counted = evidence.read([tmp_path / "evidence"])
    assert counted.steps["shop:receive"].began == 2


def test_the_steps_of_the_parent_are_no_work_of_a_forked_child(shop):
    reading, writing = os.pipe()

    @shop.step(after="receive")
    def childs():
        os.write(writing, repr(in_flight()).encode())

    @shop.step(after="receive")
    def charge():
        child = os.fork()
        if child == 0:
            try:
                childs()
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    @shop.entrypoint
    def receive():
        charge()

    receive()
    assert os.read(reading, 1000).decode() == "[('step', 'childs', 0)]"
    os.close(reading)
    os.close(writing)


def test_a_black_box_that_is_enabled_in_the_middle_of_a_step_has_it(shop, tmp_path):
    @shop.step(after="receive")
    def charge():
        statecrumbs.enable(black_box=tmp_path)
        (path,) = tmp_path.glob("*.crumbs")
        seen.append([row["name"] for row in read(path).in_flight])
        inner()
        seen.append([row["name"] for row in read(path).in_flight])
        statecrumbs.enable(black_box=None)
        seen.append([name for _, name, _ in in_flight()])

    @shop.step(after="charge")
    def inner():
        (path,) = tmp_path.glob("*.crumbs")
        seen.append([row["name"] for row in read(path).in_flight])

    @shop.entrypoint
    def receive():
        charge()

    seen: list[list[str]] = []
    receive()
    both = ["receive", "charge"]
    assert seen == [both, [*both, "inner"], both, both]
    assert in_flight() == []


@pytest.mark.parametrize("exits", [SystemExit(3), KeyboardInterrupt()], ids=["exit", "interrupt"])
def test_an_exit_in_a_step_keeps_its_operation_until_other_work_begins(shop, exits):
    @shop.step(after="receive")
    def charge(leaves):
        if leaves:
            raise exits

    @shop.entrypoint
    def receive(leaves):
        charge(leaves)

    with pytest.raises((SystemExit, KeyboardInterrupt)):
        receive(leaves=True)
    assert {name for _, name, _ in in_flight()} == {"receive", "charge"}
    assert all(work.is_left for work in _in_flight.in_flight.works())
    receive(leaves=False)
    assert in_flight() == []
    assert listeners.is_inlined
