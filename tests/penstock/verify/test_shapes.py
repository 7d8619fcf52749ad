"""One flow written in several ways: all that is declared is seen, and nothing is called undeclared.

The way with Celery is in tests/celery.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from corectx import bind, extract, inject
from corectx.executors import ContextExecutor
from corectx.lowlevel import around
from penstock import flow
from tests.penstock.verify.verdicts import edges, runs, undeclared

ALL = {"receive -> reserve": 1, "receive -> charge": 1, "charge -> ship": 1, "reserve -> ship": 1}


def declare(**bodies):
    """Declare receive, then reserve and charge, then ship; a body gets the steps by name."""
    orders = flow("orders")
    steps = {}

    def body_of(name):
        def body():
            return bodies.get(name, lambda _: None)(steps)

        body.__name__ = body.__qualname__ = name
        return body

    steps["receive"] = orders.entrypoint(body_of("receive"))
    steps["reserve"] = orders.step(after="receive")(body_of("reserve"))
    steps["charge"] = orders.step(after="receive")(body_of("charge"))
    steps["ship"] = orders.step(after=["charge", "reserve"])(body_of("ship"))
    return steps["receive"]


def test_nested_calls(observed):
    chain = flow("chain")

    @chain.entrypoint
    def first():
        return second()

    @chain.step(after=first)
    def second():
        return third()

    @chain.step(after=second)
    def third():
        return None

    first()
    verdict = observed()
    assert edges(verdict) == {"first -> second": 1, "second -> third": 1}
    assert undeclared(verdict) == {}


def test_an_orchestrator_that_calls_in_turn(observed):
    receive = declare(receive=lambda s: (s["reserve"](), s["charge"](), s["ship"]()))
    receive()
    verdict = observed()
    assert edges(verdict) == ALL
    assert undeclared(verdict) == {}


def test_gather(observed):
    orders = flow("orders")

    @orders.entrypoint
    async def receive():
        await asyncio.gather(reserve(), charge())
        await ship()

    @orders.step(after="receive")
    async def reserve():
        await asyncio.sleep(0)

    @orders.step(after="receive")
    async def charge():
        await asyncio.sleep(0)

    @orders.step(after=["reserve", "charge"])
    async def ship():
        await asyncio.sleep(0)

    asyncio.run(receive())
    verdict = observed()
    assert edges(verdict) == ALL
    assert undeclared(verdict) == {}


def test_a_pool_of_threads(observed):
    def receive(steps):
        with ContextExecutor(ThreadPoolExecutor(2)) as pool:
            for each in [pool.submit(steps["reserve"]), pool.submit(steps["charge"])]:
                each.result()
        steps["ship"]()

    declare(receive=receive)()
    verdict = observed()
    assert edges(verdict) == ALL
    assert undeclared(verdict) == {}


def test_a_thread_that_outlives_the_entrypoint(observed):
    go = threading.Event()
    late = []

    def receive(steps):
        steps["reserve"]()
        steps["charge"]()

        def ship():
            go.wait(30)
            steps["ship"]()

        late.append(threading.Thread(target=bind(ship)))
        late[0].start()

    declare(receive=receive)()
    go.set()
    late[0].join()
    verdict = observed()
    assert edges(verdict) == ALL
    assert undeclared(verdict) == {}


def test_generators_and_async_generators(observed):
    rows = flow("rows")

    @rows.entrypoint
    def read():
        for row in parse():
            store(row)

    @rows.step(after=read)
    def parse():
        yield 1
        yield 2

    @rows.step(after=parse)
    def store(row):
        return row

    read()
    verdict = observed()
    assert edges(verdict) == {"read -> parse": 1, "parse -> store": 2}
    assert undeclared(verdict) == {}
    assert runs(verdict) == {"read": (1, 0, 0), "parse": (1, 0, 0), "store": (2, 0, 0)}


def test_a_step_that_is_tried_again_and_one_that_follows_itself(observed):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        charge()
        retry()

    @orders.step(after=["receive", "retry"])
    def charge():
        return None

    @orders.step(after=["charge", "retry"])
    def retry(times=2):
        charge()
        if times:
            retry(times - 1)

    receive()
    verdict = observed()
    assert undeclared(verdict) == {}
    assert edges(verdict) == {
        "receive -> charge": 4,
        "retry -> charge": 3,
        "charge -> retry": 3,
        "retry -> retry": 2,
    }


def test_several_entrypoints_of_which_one_run_has_one(observed):
    users = flow("users")

    @users.entrypoint
    def by_api():
        update()

    @users.entrypoint
    def by_admin():
        update()

    @users.step(after=[by_api, by_admin])
    def update():
        return None

    by_api()
    by_api()
    by_admin()
    verdict = observed()
    assert edges(verdict) == {"by_api -> update": 2, "by_admin -> update": 1}
    assert undeclared(verdict) == {}


def test_a_flow_that_leads_to_another(observed):
    orders, mail = flow("orders"), flow("mail")

    @orders.entrypoint
    def receive():
        ship()

    @orders.step(after=receive)
    def ship():
        notify()

    @mail.entrypoint(after="orders:ship")
    def notify():
        send()

    @mail.step(after=notify)
    def send():
        return None

    receive()
    notify()  # by itself: an entrypoint needs nothing before it
    verdict = observed()
    assert edges(verdict) == {"receive -> ship": 1, "ship -> notify": 1, "notify -> send": 2}
    assert undeclared(verdict) == {}


def test_a_step_called_outside_of_its_flow_did_not_run_in_it(observed):
    steps = declared_steps()
    steps["ship"]()
    steps["receive"]()
    verdict = observed()
    assert runs(verdict)["ship"] == (0, 0, 0)
    assert undeclared(verdict) == {}


def in_another_process(headers, names, folder, registry_source):
    """Continue the operation in the headers of a message, as a worker does."""
    import penstock

    with penstock.observe(folder):
        steps = registry_source()
        for name in names:
            around(steps[name], lambda: extract(headers))()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_send_each_other_messages(observed, tmp_path, method):
    """receive sends reserve and charge to a worker each, and ship to a third one."""
    context = multiprocessing.get_context(method)

    def receive(steps):
        for names in (["reserve"], ["charge"], ["ship"]):
            headers = inject({})
            worker = context.Process(
                target=in_another_process,
                args=(headers, names, str(tmp_path / "evidence"), declared_steps),
            )
            worker.start()
            worker.join()
            assert worker.exitcode == 0

    declare(receive=receive)()
    verdict = observed()
    assert undeclared(verdict) == {}
    assert edges(verdict) == ALL


def declared_steps():
    """Declare the flow in a worker, and return its steps by name."""
    orders = flow("orders")

    def make(name, decorator):
        def body():
            return None

        body.__name__ = body.__qualname__ = name
        return decorator(body)

    return {
        "receive": make("receive", orders.entrypoint),
        "reserve": make("reserve", orders.step(after="receive")),
        "charge": make("charge", orders.step(after="receive")),
        "ship": make("ship", orders.step(after=["charge", "reserve"])),
    }
