"""The graph that every format draws: immutable values in one deterministic order.

A format is a pure function of a graph. It gives the same bytes whatever the import order, the hash
seed or the interpreter.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

FLOW: Final = "flow"  # the call kind of a node that stands for a whole flow


class Ran(NamedTuple):
    """Count the runs of one step and how they ended, with durations in nanoseconds.

    `p50` and `p95` are None for a step that never ended. `errors` includes `passed`: exceptions
    that were raised in another step and passed through this one. `outside` counts the calls outside
    of the step's flow, which are no runs. `ambiguous` counts the runs that may belong to another
    run of the flow.
    """

    began: int
    errors: int
    cancelled: int
    p50: int | None
    p95: int | None
    passed: int = 0
    outside: int = 0
    ambiguous: int = 0


class Node(NamedTuple):
    """Describe one step of one flow.

    `id` is "flow:name", with backslashes and colons of the flow escaped by a backslash, so that it
    is unique for every pair of strings. `call_kind` is "function", "coroutine", "generator",
    "async_generator" or "task". An `unknown` node is named in an `after=`, but no such step exists;
    its `call_kind` is "". `summary` is the docstring's first line or "".

    `file` is relative to the folder that the module was imported from ("shop/flows.py", with
    slashes on every system), so that a drawing is the same on every machine; for a script it is
    the bare file name. `line` counts from 1. `ran` is None for a graph without evidence.
    """

    id: str
    name: str
    flow: str
    entrypoint: bool
    call_kind: str
    summary: str
    doc: str | None
    file: str | None
    line: int | None
    unknown: bool = False
    ran: Ran | None = None


class Edge(NamedTuple):
    """Join two nodes, by their ids: `target` declares that it comes after `source`.

    With evidence, `status` is "seen", "unseen", or "undeclared" for an edge that ran but is not
    declared, and `seen` is its count. Without evidence, `status` is "". `label` is the author's
    word on the edge, such as a condition, or "". An `implied` edge is drawn faintly.
    """

    source: str
    target: str
    status: str = ""
    seen: int = 0
    label: str = ""
    implied: bool = False


class Group(NamedTuple):
    """Hold one flow's nodes that appear in a graph: their ids, in the graph's own order."""

    flow: str
    summary: str
    doc: str | None
    nodes: tuple[str, ...]


def summary_and_doc(docstring: str | None) -> tuple[str, str | None]:
    """Return the first line of a docstring, and the whole docstring without its indentation.

    It does the work of `inspect.cleandoc`. To import `inspect` takes longer than to make a drawing.
    """
    if not docstring:
        return "", None
    first, *lines = docstring.expandtabs().split("\n")
    margin = min((len(each) - len(each.lstrip()) for each in lines if each.strip()), default=0)
    lines = [first.lstrip(), *(each[margin:] for each in lines)]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        del lines[0]
    doc = "\n".join(lines)
    return doc.partition("\n")[0].strip(), doc


class Graph(NamedTuple):
    """Hold the nodes and edges of one drawing, and the flows that the nodes belong to.

    Nodes are ordered by layer (the length of the longest path that leads there), then name, then
    flow. Edges are ordered by the positions of their source and target, and groups by the position
    of their first node. An edge leads down the order of nodes, unless it closes a cycle: then its
    source stands at or after its target, and the layers do not count it. Every node is in exactly
    one group. Formats draw the groups only if there are several.
    """

    title: str
    groups: tuple[Group, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def is_observed(self) -> bool:
        """Whether the graph has evidence of what ran."""
        return any(node.ran is not None for node in self.nodes)


def node_id(flow: str, name: str) -> str:
    """Return the id of the node for step `name` of `flow`: "flow:name"."""
    if ":" in flow or "\\" in flow:
        flow = flow.replace("\\", "\\\\").replace(":", "\\:")
    return f"{flow}:{name}"


def split_node_id(id_: str) -> tuple[str, str]:
    """Return the flow and the name of the step with this node id; undoes `node_id`."""
    at = 0
    while id_[at] != ":":
        at += 2 if id_[at] == "\\" else 1
    return re.sub(r"\\(.)", r"\1", id_[:at]), id_[at + 1 :]
