"""Steps that run late, outside of their flow, or fail by another step: each is told as it was."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

import corectx
import penstock
from corectx import Site, attach, detach, extract, inject, start
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
