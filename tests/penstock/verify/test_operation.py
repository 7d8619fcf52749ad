"""Steps that run late, outside of their flow, or fail by another step: each is told as it was."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap

import pytest

import corectx
import penstock
from corectx import HEADER, Site, attach, detach, extract, inject, start
from corectx.lowlevel import SEPARATE
from penstock import flow
from penstock._graph import build
from penstock._verify import as_json, as_text, read, verify
from tests.penstock.verify.verdicts import edges, runs, undeclared


@pytest.fixture
def shop(registry):
    """Return a flow of three steps, and the functions of these."""
    orders = flow("shop")

    @orders.entrypoint
    def receive():
        pass

    @orders.step(after=receive)
    def charge():
        ship()

    @orders.step(after=charge)
    def ship():
        pass

    return receive, charge, ship


def in_operation(*functions):
    """Call `functions` in one operation."""
    token = attach(start(Site("request", "GET")))
    for function in functions:
        function()
    detach(token)


def test_edges_to_steps_that_run_after_the_entrypoint_are_seen(shop, observed):
    receive, charge, _ = shop
    in_operation(receive, charge)
    verdict = observed()
    assert edges(verdict) == {"receive -> charge": 1, "charge -> ship": 1}
    assert undeclared(verdict) == {}


def test_a_step_that_ran_only_outside_its_flow_is_told_so_and_not_as_never_run(shop, observed):
    _, charge, _ = shop
    charge()
    in_operation(charge)
    verdict = observed()
    assert runs(verdict)["charge"] == (0, 0, 0)
    (found,) = verdict.flows.values()
    assert found.outside == {"shop:charge": 2, "shop:ship": 2}
    assert found.never_run == ["shop:receive"]
    text = as_text(verdict)
    assert "charge ran 2 times outside its flow" in text
    assert "NEVER RAN" not in text
    steps = {step["name"]: step["outside"] for step in as_json(verdict)["shop"]["steps"]}
    assert steps == {"receive": 0, "charge": 2, "ship": 2}
    assert verdict.edges
    assert verdict.undeclared == []


def test_calls_outside_are_counted_of_coroutines_and_generators_too(registry, observed):
    orders = flow("shop")

    @orders.step
    async def mail():
        pass

    @orders.step
    def lines():
        yield 1

    coroutine = mail()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert list(lines()) == [1]
    (found,) = observed().flows.values()
    assert found.outside == {"shop:mail": 1, "shop:lines": 1}


def test_a_function_that_runs_in_one_of_its_flows_is_not_outside_of_the_others(registry, observed):
    orders, refunds = flow("orders"), flow("refunds")

    @orders.entrypoint
    def receive():
        audit()

    @refunds
    @orders.step(after=receive)
    def audit():
        pass

    receive()
    assert observed().outside == 0


@pytest.mark.parametrize("first", ["shop", "mails"])
def test_it_is_the_same_if_each_flow_declares_the_function_with_its_own_predecessor(
    registry, observed, first
):
    flows = {"shop": flow("shop"), "mails": flow("mails")}

    def tell():
        pass

    def begin():
        tell()

    for name in sorted(flows, key=[first, *flows].index):
        tell = flows[name].step(after=f"{name}_begins")(tell)
    flows["shop"].entrypoint(name="shop_begins")(begin)()
    flows["mails"].entrypoint(name="mails_begins")(begin)()
    tell()
    found = [each.outside for each in observed().flows.values()]
    assert {**found[0], **found[1]} == {"shop:tell": 1, "mails:tell": 1}


def test_a_step_that_begins_a_run_of_another_flow_is_not_outside(registry, observed):
    place = flow("shop").step(flow("mails").entrypoint(lambda: None))
    place()
    assert observed().outside == 0
    assert corectx.current() is None


def test_a_step_that_joined_the_latest_of_several_runs_is_counted_as_ambiguous(shop, observed):
    receive, charge, _ = shop
    in_operation(receive, receive, charge)
    verdict = observed()
    (found,) = verdict.flows.values()
    assert {step: ran.ambiguous for step, ran in found.ran.items()} == {
        "shop:receive": 0,
        "shop:charge": 1,
        "shop:ship": 0,
    }
    assert "charge joined the latest of several runs 1 time" in as_text(verdict)


@pytest.fixture
def two_doors(registry):
    """Return a flow with two entrypoints before one step, and these three functions."""
    orders = flow("shop")

    @orders.entrypoint
    def receive(work):
        work()

    @orders.entrypoint
    def take_over(work):
        work()

    @orders.step(after=[receive, take_over])
    def charge():
        pass

    return receive, take_over, charge


def test_an_edge_is_counted_in_its_run_and_not_in_another_run_of_the_operation(two_doors, observed):
    receive, take_over, charge = two_doors
    in_operation(lambda: receive(charge), lambda: take_over(charge), lambda: take_over(charge))
    assert edges(observed()) == {"receive -> charge": 1, "take_over -> charge": 2}


def arrive(headers, function):
    """Call `function` in the task that `headers` began."""
    token = attach(extract(headers).child(Site("task", "charge")))
    function()
    detach(token)


def test_so_it_is_counted_in_the_processes_that_the_messages_of_both_runs_reach(
    two_doors, registry, tmp_path
):
    receive, take_over, charge = two_doors
    sent = []
    with penstock.observe(tmp_path / "sender"):
        in_operation(
            lambda: receive(lambda: sent.append(inject({}))),
            lambda: take_over(lambda: sent.extend([inject({}), inject({})])),
        )
    with penstock.observe(tmp_path / "receiver"):
        for headers in sent:
            arrive(headers, charge)
    verdict = verify(build(registry), read([tmp_path / "sender", tmp_path / "receiver"]))
    assert edges(verdict) == {"receive -> charge": 1, "take_over -> charge": 2}
    assert undeclared(verdict) == {}


def test_a_predecessor_in_a_third_process_belongs_to_its_run_too(registry, tmp_path):
    orders = flow("shop")
    sent = []

    @orders.entrypoint
    def receive():
        token = attach(start(Site("job", "later"), parent=corectx.current()))
        other = tell()  # from another operation, in the same run
        detach(token)
        sent.append([inject({}), other])

    @orders.step(after=receive)
    def tell():
        return inject({})

    @orders.step(after=receive)
    def reserve():
        pass

    @orders.step(after=[receive, reserve])
    def charge():
        pass

    with penstock.observe(tmp_path / "sender"):
        in_operation(receive, receive)
    with penstock.observe(tmp_path / "reserver"):
        arrive(sent[0][0], reserve)
    with penstock.observe(tmp_path / "charger"):
        arrive(sent[0][1], charge)
        arrive(sent[1][1], charge)
    verdict = verify(
        build(registry), read([tmp_path / each for each in ("sender", "reserver", "charger")])
    )
    assert edges(verdict) == {
        "receive -> tell": 2,
        "receive -> reserve": 1,
        "receive -> charge": 2,
        "reserve -> charge": 1,
    }


def test_a_step_of_an_outer_run_comes_after_the_steps_of_a_run_inside_it(registry, observed):
    orders = flow("shop")

    @orders.entrypoint
    def receive():
        check()
        pay()
        ship()

    @orders.step(after=receive)
    def check():
        pass

    @orders.entrypoint(after=[receive, check])
    def pay():
        book()

    @orders.step(after=[check, pay])
    def book():
        pass

    @orders.step(after=[pay, book])
    def ship():
        pass

    receive()
    verdict = observed()
    assert edges(verdict) == {
        "receive -> check": 1,
        "receive -> pay": 1,
        "check -> pay": 1,
        "check -> book": 1,
        "pay -> book": 1,
        "pay -> ship": 1,
        "book -> ship": 1,
    }
    assert undeclared(verdict) == {}


def test_runs_inside_one_outer_run_do_not_see_each_other(registry, observed):
    orders = flow("shop")

    @orders.entrypoint
    def nightly():
        receive()
        take_over()

    @orders.entrypoint
    def receive():
        charge()

    @orders.entrypoint
    def take_over():
        charge()

    @orders.step(after=[receive, take_over])
    def charge():
        pass

    nightly()
    assert edges(observed()) == {"receive -> charge": 1, "take_over -> charge": 1}


def test_an_entrypoint_after_another_one_of_its_flow_goes_on_with_the_run_of_that(
    registry, observed
):
    orders = flow("shop")

    @orders.entrypoint
    def receive():
        pass

    @orders.entrypoint(after=receive)
    def confirm():
        charge()

    @orders.step(after=receive)
    def charge():
        pass

    in_operation(receive, confirm)
    verdict = observed()
    assert edges(verdict) == {"receive -> confirm": 1, "receive -> charge": 1}
    assert undeclared(verdict) == {}


def test_a_message_from_an_ambiguous_step_says_so(shop, registry, tmp_path):
    receive, charge, _ = shop
    headers = {}
    with penstock.observe(tmp_path / "sender"):
        sender = flow("shop").step(name="tell", after="receive")(lambda: inject(headers))
        in_operation(receive, receive, sender)
    with penstock.observe(tmp_path / "receiver"):
        arrive(headers, charge)
    verdict = verify(build(registry), read([tmp_path / "sender", tmp_path / "receiver"]))
    (found,) = verdict.flows.values()
    assert {step: ran.ambiguous for step, ran in found.ran.items() if ran.ambiguous} == {
        "shop:tell": 1,
        "shop:charge": 1,
    }
    assert edges(verdict)["receive -> charge"] == 1


def test_edges_to_late_steps_of_a_consumer_are_seen_here_and_where_its_messages_arrive(
    shop, observed
):
    receive, charge, ship = shop
    consumer = start(Site("command", "consume"))
    consumer.store[SEPARATE] = {}
    token = attach(consumer)
    for _ in range(2):
        receive()
        charge()
    headers = inject({})
    detach(token)
    token = attach(extract(headers).child(Site("task", "ship")))
    ship()
    detach(token)
    verdict = observed()
    assert edges(verdict) == {"receive -> charge": 2, "charge -> ship": 3}
    assert undeclared(verdict) == {}
    assert verdict.outside == 0


def test_a_failure_is_counted_where_it_was_raised_and_where_it_passed_through(registry, observed):
    orders = flow("shop")

    @orders.entrypoint
    def receive():
        charge()

    @orders.step(after=receive)
    def charge():
        with corectx.scope(card="visa"):
            pay()

    @orders.step(after=charge)
    def pay():
        with corectx.scope(amount=3):
            raise ValueError("declined")

    for _ in range(3):
        with pytest.raises(ValueError, match="declined"):
            receive()
    (found,) = observed().flows.values()
    assert {step: (ran.errors, ran.passed) for step, ran in found.ran.items()} == {
        "shop:receive": (3, 3),
        "shop:charge": (3, 3),
        "shop:pay": (3, 0),
    }


async def awaited(pay):
    await pay()


async def limited(pay):
    await asyncio.wait_for(pay(), 10)


async def grouped(pay):
    async with asyncio.TaskGroup() as group:
        group.create_task(pay())


async def without_traceback(pay):
    try:
        await pay()
    except ValueError as error:
        raise error.with_traceback(None)  # noqa: B904 - it is the same exception


needs_groups = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python 3.11 or newer has TaskGroup"
)


@pytest.mark.parametrize(
    "call", [awaited, limited, pytest.param(grouped, marks=needs_groups), without_traceback]
)
def test_a_failure_passes_through_the_coroutines_that_await_the_step(registry, observed, call):
    orders = flow("shop")

    @orders.entrypoint
    async def receive():
        await charge()

    @orders.step(after=receive)
    async def charge():
        await call(pay)

    @orders.step(after=charge)
    async def pay():
        await asyncio.sleep(0)
        with corectx.scope(amount=3):
            raise ValueError("declined")

    with pytest.raises(Exception, match=r"declined|TaskGroup"):
        asyncio.run(receive())
    (found,) = observed().flows.values()
    assert {step: (ran.errors, ran.passed) for step, ran in found.ran.items()} == {
        "shop:receive": (1, 1),
        "shop:charge": (1, 1),
        "shop:pay": (1, 0),
    }


@needs_groups
def test_a_group_with_a_failure_of_the_step_itself_was_raised_in_the_step(registry, observed):
    orders = flow("shop")

    async def fail():
        raise ValueError("own")

    @orders.entrypoint
    async def receive():
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(pay())

    @orders.step(after=receive)
    async def pay():
        raise ValueError("declined")

    with pytest.raises(Exception, match="TaskGroup"):
        asyncio.run(receive())
    (found,) = observed().flows.values()
    assert (found.ran["shop:receive"].errors, found.ran["shop:receive"].passed) == (1, 0)


def test_a_failure_passes_through_the_generators_that_iterate_the_step(registry, observed):
    orders = flow("shop")

    @orders.entrypoint
    def receive():
        yield from lines()

    @orders.step(after=receive)
    def lines():
        yield 1
        raise ValueError("torn")

    @orders.entrypoint
    async def follow():
        async for _ in pages():
            pass

    @orders.step(after=follow)
    async def pages():
        yield 1
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        list(receive())
    with pytest.raises(ValueError, match="torn"):
        asyncio.run(follow())
    (found,) = observed().flows.values()
    assert {step: (ran.errors, ran.passed) for step, ran in found.ran.items()} == {
        "shop:receive": (1, 1),
        "shop:lines": (1, 0),
        "shop:follow": (1, 1),
        "shop:pages": (1, 0),
    }


def test_the_predecessors_of_all_runs_of_an_operation_travel_with_a_message(registry, tmp_path):
    orders, mails = flow("orders"), flow("mails")

    @orders.entrypoint
    def receive():
        pass

    @orders.step(after=receive)
    def ship():
        pass

    @mails.entrypoint
    def begin():
        pass

    @mails.step(after=begin)
    def send():
        pass

    headers = {}
    with penstock.observe(tmp_path / "sender"):
        in_operation(receive, begin, lambda: inject(headers))
    with penstock.observe(tmp_path / "receiver"):
        arrived = extract(headers)
        token = attach(arrived.child(Site("task", "late")))
        ship()
        send()
        detach(token)
    verdict = verify(build(registry), read([tmp_path / "sender", tmp_path / "receiver"]))
    assert edges(verdict) == {"receive -> ship": 1, "begin -> send": 1}
    assert undeclared(verdict) == {}


def test_what_ran_in_other_flows_of_the_operation_does_not_travel_by_http(registry, observed):
    orders, mails = flow("orders"), flow("mails")

    @orders.entrypoint
    def receive():
        pass

    @mails.entrypoint
    def send():
        return inject({}, http=True)[HEADER], inject({})[HEADER]

    said = []
    in_operation(receive, lambda: said.extend(send()))
    assert ["receive" in each for each in said] == [False, True]
    assert ["send" in each for each in said] == [True, True]


def test_calls_outside_fail_the_command_only_where_that_was_asked_for(tmp_path):
    (tmp_path / "shop.py").write_text(
        textwrap.dedent(
            """
            from penstock import flow, observe
            orders = flow("shop")
            @orders.entrypoint
            def receive(): charge()
            @orders.step(after=receive)
            def charge(): ...
            if __name__ == "__main__":
                with observe("evidence"):
                    receive()
                    charge()
            """
        )
    )
    subprocess.run([sys.executable, "shop.py"], cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "penstock", "--app", "shop", "verify", "evidence"]
    done = subprocess.run([*command, "--json"], cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout)["shop"]["steps"][1]["outside"] == 1
    failed = subprocess.run(
        [*command, "--fail-outside"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (failed.returncode, failed.stderr) == (1, "failed: a step ran outside its flow\n")
