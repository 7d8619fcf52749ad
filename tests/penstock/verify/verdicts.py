"""Short forms of verdicts, to compare with."""

from __future__ import annotations

from penstock._graph import split_node_id


def edges(verdict) -> dict[str, int]:
    """Return how often each declared edge was seen, by "source -> target"."""
    return {
        f"{split_node_id(edge.source)[1]} -> {split_node_id(edge.target)[1]}": edge.count
        for edge in verdict.edges
    }


def undeclared(verdict) -> dict[str, int]:
    """Return how often each step started undeclared."""
    found: dict[str, int] = {}
    for start in verdict.undeclared:
        name = split_node_id(start.step)[1]
        found[name] = found.get(name, 0) + start.count
    return found


def runs(verdict) -> dict[str, tuple[int, int, int]]:
    """Return how often each step began, failed and was cancelled."""
    return {
        split_node_id(step)[1]: (ran.began, ran.errors, ran.cancelled)
        for flow in verdict.flows.values()
        for step, ran in flow.ran.items()
    }
