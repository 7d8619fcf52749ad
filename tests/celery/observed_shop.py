"""A shop whose orders go through a worker in several ways; ``python -m`` places some of each."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from celery import Celery, chain, chord
from celery.result import ResultSet

from corectx import Site, enter, leave, start
from penstock import Flow, flow
from penstock.contrib.celery import flow_task
from tests.celery import whole_files

whole_files.install()

app = Celery("shop")
app.conf.update(json.loads(os.environ["TEST_SHOP"]))


def tasks_of(orders: Flow, after_charge: str = "receive") -> dict[str, Any]:
    """Return the tasks that each flow has: reserve and charge, and then ship."""

    def task(name: str, after: Any) -> Any:
        def body() -> None:
            return None

        body.__name__ = body.__qualname__ = name
        full_name = f"{orders.name}.{name}"
        return orders(flow_task(after=after, name=full_name)(body))

    return {
        "reserve": task("reserve", "receive"),
        "charge": task("charge", after_charge),
        "ship": task("ship", ["reserve", "charge"]),
    }


by_chord = flow("by_chord")
chord_tasks = tasks_of(by_chord)


@by_chord.entrypoint(name="receive")
def receive_by_chord() -> Any:
    header = [chord_tasks["reserve"].si(), chord_tasks["charge"].si()]
    return chord(header)(chord_tasks["ship"].si())


by_chain = flow("by_chain")
chain_tasks = tasks_of(by_chain, after_charge="reserve")


@by_chain.entrypoint(name="receive")
def receive_by_chain() -> Any:
    links = [chain_tasks[name].si() for name in ("reserve", "charge", "ship")]
    return chain(*links).delay()


in_turn = flow("in_turn")
turn_tasks = tasks_of(in_turn)


@in_turn.entrypoint(name="receive")
def receive_in_turn() -> Any:
    for name in ("reserve", "charge"):
        turn_tasks[name].delay().get(timeout=100, interval=0.01)
    return turn_tasks["ship"].delay()


wrongly = flow("wrongly")
wrong_tasks = tasks_of(wrongly, after_charge="ship")  # which comes after it


@wrongly.entrypoint(name="receive")
def receive_wrongly() -> Any:
    links = [wrong_tasks[name].si() for name in ("reserve", "charge", "ship")]
    return chain(*links).delay()


late = flow("late")
late_tasks = tasks_of(late)


@late.entrypoint(name="receive")
def receive_late() -> None:
    return None


def place_late() -> Any:
    """Send the tasks after the entrypoint returned, as Django's `on_commit` does."""
    token = enter(start(Site("request", "POST /orders")))
    receive_late()
    links = [late_tasks[name].si() for name in ("reserve", "charge", "ship")]
    result = chain(*links).delay()
    leave(token)
    return result


two_doors = flow("two_doors")


@two_doors.entrypoint(name="receive")
def receive_at_door() -> Any:
    return charge_either.delay()


@two_doors.entrypoint
def take_over() -> list[Any]:
    return [charge_either.delay(), charge_either.delay()]


@two_doors
@flow_task(after=["receive", "take_over"], name="two_doors.charge")
def charge_either() -> None:
    return None


def place_at_two_doors() -> Any:
    """Run the flow twice in one operation, by its two entrypoints."""
    token = enter(start(Site("request", "POST /orders")))
    results = [receive_at_door(), *take_over()]
    leave(token)
    return ResultSet(results)


if __name__ == "__main__":
    ways = [receive_by_chord, receive_by_chain, receive_in_turn, receive_wrongly, place_late]
    ways.append(place_at_two_doors)
    for result in [way() for way in ways for _ in range(int(sys.argv[1]))]:
        result.get(timeout=100, interval=0.01)
    sys.stdout.write("done\n")
