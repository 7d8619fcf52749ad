"""Tasks that a worker runs, in all of Celery's ways, are compared with the declared flows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.celery.app import filesystem

# The first test waits for all orders.
pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[2]
MODULE = "tests.celery.observed_shop"
NUMBER = 20  # of orders, each way


@pytest.fixture(scope="module")
def verdict(tmp_path_factory):
    """Place orders with a real worker; return what the command says about it."""
    folder = tmp_path_factory.mktemp("shop")
    settings = {**filesystem(folder), "worker_enable_remote_control": False}
    environment = {
        **os.environ,
        "TEST_SHOP": json.dumps(settings),
        "PENSTOCK_OBSERVE": str(folder / "evidence"),
    }

    def start(*arguments: str, **more):
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *arguments], cwd=ROOT, env=environment, **more
        )

    worker = start(
        *("celery", "-A", MODULE, "worker", "-P", "prefork", "-c", "2", "-l", "error"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        client = start(MODULE, str(NUMBER), stdout=subprocess.PIPE, text=True)
        said, _ = client.communicate(timeout=100)
    finally:
        worker.terminate()
        _, complaints = worker.communicate(timeout=60)
    assert said == "done\n", complaints
    command = [sys.executable, "-m", "penstock", "--app", MODULE, "verify", "--json"]
    done = subprocess.run(
        [*command, folder / "evidence"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def edges(flow) -> dict[str, int]:
    return {f"{edge['from']} -> {edge['to']}": edge["count"] for edge in flow["edges"]}


def runs(flow) -> dict[str, int]:
    return {step["name"]: step["runs"] for step in flow["steps"]}


EACH = {"receive": NUMBER, "reserve": NUMBER, "charge": NUMBER, "ship": NUMBER}


@pytest.mark.parametrize("way", ["by_chord", "in_turn"])
def test_a_fan_out_is_seen_whole_and_nothing_is_called_undeclared(verdict, way):
    assert runs(verdict[way]) == EACH
    assert edges(verdict[way]) == {
        "receive -> reserve": NUMBER,
        "receive -> charge": NUMBER,
        "reserve -> ship": NUMBER,
        "charge -> ship": NUMBER,
    }
    assert verdict[way]["undeclared"] == []


def test_so_is_a_chain(verdict):
    flow = verdict["by_chain"]
    assert runs(flow) == EACH
    assert edges(flow) == {
        "receive -> reserve": NUMBER,
        "reserve -> charge": NUMBER,
        "reserve -> ship": NUMBER,
        "charge -> ship": NUMBER,
    }
    assert flow["undeclared"] == []


def test_tasks_that_are_sent_after_the_entrypoint_returned_are_in_its_run(verdict):
    flow = verdict["late"]
    assert runs(flow) == EACH
    assert edges(flow) == {
        "receive -> reserve": NUMBER,
        "receive -> charge": NUMBER,
        "reserve -> ship": NUMBER,
        "charge -> ship": NUMBER,
    }
    assert flow["undeclared"] == []


def test_a_task_comes_after_the_entrypoint_that_sent_it_and_not_after_another_run(verdict):
    flow = verdict["two_doors"]
    assert runs(flow) == {"receive": NUMBER, "take_over": NUMBER, "charge_either": 3 * NUMBER}
    assert edges(flow) == {
        "receive -> charge_either": NUMBER,
        "take_over -> charge_either": 2 * NUMBER,
    }
    assert flow["undeclared"] == []


def test_a_predecessor_that_comes_later_is_found_across_processes(verdict):
    flow = verdict["wrongly"]
    assert edges(flow) == {
        "receive -> reserve": NUMBER,
        "ship -> charge": 0,
        "reserve -> ship": NUMBER,
        "charge -> ship": NUMBER,
    }
    assert {(start["to"], *start["expected"]) for start in flow["undeclared"]} == {
        ("charge", "ship")
    }
    assert sum(start["count"] for start in flow["undeclared"]) == NUMBER


def test_a_child_that_ends_right_after_its_task_has_counted_it(tmp_path):
    settings = {**filesystem(tmp_path), "worker_enable_remote_control": False}
    environment = {
        **os.environ,
        "TEST_SHOP": json.dumps(settings),
        "PENSTOCK_OBSERVE": str(tmp_path / "evidence"),
    }
    worker = subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-m", "celery", "-A", MODULE, "worker"),
            *("-P", "prefork", "-c", "1", "--max-tasks-per-child", "1", "-l", "error"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        client = [sys.executable, "-m", MODULE, "1"]
        subprocess.run(client, cwd=ROOT, env=environment, check=True, timeout=100)
    finally:
        worker.terminate()
        worker.communicate(timeout=60)
    command = [sys.executable, "-m", "penstock", "--app", MODULE, "verify", "--json"]
    done = subprocess.run(
        [*command, tmp_path / "evidence"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(done.stdout)
    ways = ("by_chord", "by_chain", "in_turn", "wrongly", "late")
    for way in ways:
        assert runs(found[way]) == dict.fromkeys(EACH, 1)
