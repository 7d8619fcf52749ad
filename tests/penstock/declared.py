"""Registries for tests, from plain tables of who comes after whom."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from penstock._declare import Registry, Step
from penstock._graph import Graph, build

if TYPE_CHECKING:
    from collections.abc import Mapping

SEED = {
    "bom_sync": {
        "handle_kafka_message": (),
        "fetch_from_api": ("handle_kafka_message",),
        "sync_to_database": ("fetch_from_api",),
    }
}
ORDERS = {
    "orders": {
        "accept": (),
        "validate": ("accept",),
        "pay": ("validate", "billing:charged"),
        "unused": (),
    },
    "billing": {
        "charge": ("orders:validate",),
        "charged": ("charge", "chrage"),
    },
}


def placed(**given: Any) -> Step:
    """Return a step with what is given of it, which is not from a notebook."""
    return Step(**given, namespace={"__file__": given.get("file")})


def registry_of(
    flows: Mapping[str, Mapping[str, tuple[str, ...]]], **attributes: dict[str, Any]
) -> Registry:
    """Return a registry in which `flows` are declared: each step with its predecessors.

    A step without predecessors is an entrypoint. `attributes` are further ones, by step.
    """
    registry = Registry()
    for flow, steps in flows.items():
        for line, (name, after) in enumerate(steps.items(), 1):
            given: dict[str, Any] = {
                "kind": "step" if after else "entrypoint",
                "name": name,
                "flow": flow,
                "after": tuple(after),
                "doc": f"Does {name}.",
                "file": "/home/someone/src/shop/flows.py",
                "line": line,
                "module": "shop.flows",
                "qualname": name,
                **attributes.get(name, {}),
            }
            registry.add(placed(**given))
    return registry


def graph_of(
    flows: Mapping[str, Mapping[str, tuple[str, ...]]],
    name: str | None = None,
    **attributes: dict[str, Any],
) -> Graph:
    """Return the graph of `flows`, or of the one called `name`."""
    return build(registry_of(flows, **attributes), name)


def tangle(steps: int, links: int) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return one flow with that many steps and links, always the same."""
    pick = random.Random(steps)
    after: dict[int, set[int]] = {step: {pick.randrange(step)} for step in range(1, steps)}
    missing = links - len(after)
    while missing:
        step = pick.randrange(1, steps)
        before = len(after[step])
        after[step].add(pick.randrange(max(0, step - 50), step))
        missing -= len(after[step]) - before
    return {
        "tangle": {
            f"s{step}": tuple(f"s{each}" for each in sorted(after.get(step, ())))
            for step in range(steps)
        }
    }
