"""The one graph model that every drawing is made from, and `build`, which makes it from a registry.

The model is plain frozen data in one deterministic order, so that a format is a pure function of
it and gives the same bytes whatever the import order, the hash seed or the interpreter.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from penstock._registry import Flow
from penstock._suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from penstock._registry import Registry, Step

_MOST_FLOWS_LISTED = 10  # in an error message


class Ran(NamedTuple):
    """Say how often one step ran, how it ended, and how long it took, in nanoseconds.

    `p50` and `p95` are None where it never ended.
    """

    began: int
    errors: int
    cancelled: int
    p50: int | None
    p95: int | None


class Node(NamedTuple):
    """Describe one step of one flow.

    `id` is "flow:name", with backslashes and colons of the flow escaped by a backslash, so that it
    is unique for every pair of strings. `call_kind` is "function", "coroutine", "generator",
    "async_generator" or "task", and "" where `unknown`: the node is named in an `after=`
    but no such step exists. `summary` is the docstring's first line or "".

    `file` is relative to the folder that the module was imported from ("shop/flows.py", with
    slashes on every system), so that a drawing is the same on every machine; for a script it is
    the bare file name. `line` counts from 1. `ran` is what was observed, None where nobody looked.
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

    Where it was observed what runs, `status` is "seen", "unseen" or "undeclared", which only ran;
    elsewhere it is "". `seen` says how often.
    """

    source: str
    target: str
    status: str = ""
    seen: int = 0


class Group(NamedTuple):
    """Hold one flow's nodes that appear in a graph: their ids, in the graph's own order."""

    flow: str
    summary: str
    doc: str | None
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Hold what is drawn.

    Nodes are ordered by layer (the length of the longest path that leads there), then name, then
    flow; edges by the positions of their source and target; groups by the position of their first
    node. So an edge leads down the order of nodes, except where it closes a cycle: then its source
    stands at or after its target, and it counts for no layer. Every node is in exactly one group.
    Formats frame the groups only where there are several.
    """

    title: str
    groups: tuple[Group, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def is_observed(self) -> bool:
        """Whether the graph also says what really ran."""
        return any(node.ran is not None for node in self.nodes)


class UnknownFlowError(KeyError):
    """Say that the caller named a flow that no imported module declares; the message helps."""

    def __str__(self) -> str:  # KeyError would show the message's repr
        return str(self.args[0])


def build(registry: Registry, name: str | None = None) -> Graph:
    """Return the graph of the flow `name` in `registry`, or of all its flows where `name` is None.

    A predecessor that belongs to another flow, and one that does not exist, is a node as well.
    Raises UnknownFlowError, which is a KeyError, for a flow that the registry does not have.
    """
    flows = registry.flows
    if name is None:
        chosen, title = sorted(flows), "All flows"
    elif name in flows:
        chosen, title = [name], name
    else:
        raise UnknownFlowError(_no_such_flow(name, flows))

    nodes: dict[str, Node] = {}
    pairs: set[tuple[str, str]] = set()
    for flow in chosen:
        steps = flows[flow].steps
        prefix = node_id(flow, "")
        for step in steps.values():
            target = prefix + step.name
            nodes[target] = _node(target, flow, step)
            for reference in step.after:
                if reference in steps:  # most are, and their node is there or will be
                    pairs.add((prefix + reference, target))
                    continue
                owner, predecessor = resolve(flows, flow, reference)
                source = node_id(owner, predecessor)
                pairs.add((source, target))
                if source not in nodes:
                    others = flows[owner].steps
                    nodes[source] = (
                        _node(source, owner, others[predecessor])
                        if predecessor in others
                        else _unknown(source, owner, predecessor)
                    )
    return _ordered(title, flows, nodes, pairs)


def node_id(flow: str, name: str) -> str:
    """Return the id of the node for step `name` of `flow`: "flow:name"."""
    if ":" in flow or "\\" in flow:
        flow = flow.replace("\\", "\\\\").replace(":", "\\:")
    return f"{flow}:{name}"


def parted(id_: str) -> tuple[str, str]:
    """Return the flow and the name that `node_id` made the id of."""
    at = 0
    while id_[at] != ":":
        at += 2 if id_[at] == "\\" else 1
    return re.sub(r"\\(.)", r"\1", id_[:at]), id_[at + 1 :]


def resolve(flows: Mapping[str, Flow], flow: str, reference: str) -> tuple[str, str]:
    """Return the flow and the step that an `after=` entry in `flow` means.

    A step of the same flow comes first, since its name may hold a colon; then "other_flow:step".
    The flow that is returned exists; the step may not, and is then as the author wrote it.
    """
    if ":" not in reference or reference in flows[flow].steps:
        return flow, reference
    cuts = [cut for cut, char in enumerate(reference) if char == ":" and reference[:cut] in flows]
    for cut in cuts:
        if reference[cut + 1 :] in flows[reference[:cut]].steps:
            return reference[:cut], reference[cut + 1 :]
    if cuts:
        return reference[: cuts[0]], reference[cuts[0] + 1 :]
    return flow, reference


def _ordered(
    title: str, flows: Mapping[str, Flow], nodes: dict[str, Node], pairs: set[tuple[str, str]]
) -> Graph:
    """Return the graph with everything in its order."""
    by_name = sorted(nodes.values(), key=lambda node: (node.name, node.flow))
    # A cycle is cut where it leads back to an entrypoint, so those come first here.
    named = sorted(by_name, key=lambda node: not node.entrypoint)
    place = {node.id: index for index, node in enumerate(named)}
    arcs = _sorted([(place[source], place[target]) for source, target in pairs], len(named))
    layer = _layers(len(named), arcs)

    ordered = sorted(by_name, key=lambda node: layer[place[node.id]])
    ids = [node.id for node in ordered]
    rank = [0] * len(ids)
    for position, each in enumerate(ids):
        rank[place[each]] = position
    members: dict[str, list[str]] = {}
    for node in ordered:
        members.setdefault(node.flow, []).append(node.id)
    return Graph(
        title=title,
        groups=tuple(_group(flow, flows[flow], tuple(own)) for flow, own in members.items()),
        nodes=tuple(ordered),
        edges=tuple(
            Edge(ids[source], ids[target])
            for source, target in _sorted(
                [(rank[source], rank[target]) for source, target in arcs], len(named)
            )
        ),
    )


def _sorted(arcs: Iterable[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """Return `arcs` between `count` nodes in order; as one number each, since that sorts faster."""
    numbers = sorted([source * count + target for source, target in arcs])
    return [divmod(number, count) for number in numbers]


def _layers(count: int, arcs: list[tuple[int, int]]) -> list[int]:
    """Return the layer of each of `count` nodes, counted from 0, that `arcs` join.

    Arcs that close a cycle are ignored: searching depth first, from the nodes that nothing leads to
    and then from the others, in their order, those are the arcs that lead back into the path of
    the search.
    """
    successors: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in arcs:
        successors[source].append(target)
        waiting[target] += 1
    layer, is_free_of_cycles = _longest(waiting, successors, set())
    if not is_free_of_cycles:
        back = _closing(sorted(range(count), key=lambda node: waiting[node] > 0), successors)
        for _, target in back:
            waiting[target] -= 1
        layer, _ = _longest(waiting, successors, back)
    return layer


def _longest(
    waiting: list[int], successors: list[list[int]], back: set[tuple[int, int]]
) -> tuple[list[int], bool]:
    """Return how long the longest path to each node is, and whether the arcs have no cycle.

    The arcs in `back` are left out; `waiting` says how many others lead to each node.
    """
    waiting = waiting.copy()
    layer = [0] * len(waiting)
    ready = [node for node, arcs in enumerate(waiting) if not arcs]
    for source in ready:  # grows while it is read
        below = layer[source] + 1
        for target in successors[source]:
            if back and (source, target) in back:
                continue
            layer[target] = max(layer[target], below)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return layer, len(ready) == len(waiting)


def _closing(roots: Iterable[int], successors: list[list[int]]) -> set[tuple[int, int]]:
    """Return the arcs that lead back into the path of a depth-first search from `roots`."""
    back: set[tuple[int, int]] = set()
    new, on_path, done = 0, 1, 2
    state = [new] * len(successors)
    for root in roots:
        if state[root] != new:
            continue
        state[root] = on_path
        path = [(root, iter(successors[root]))]
        while path:  # not recursive: a chain may have 10,000 steps
            source, following = path[-1]
            for target in following:
                if state[target] == new:
                    state[target] = on_path
                    path.append((target, iter(successors[target])))
                    break
                if state[target] == on_path:
                    back.add((source, target))
            else:
                path.pop()
                state[source] = done
    return back


def _node(node_id: str, flow: str, step: Step) -> Node:
    doc = inspect.cleandoc(step.doc) if step.doc else None
    return Node(
        id=node_id,
        name=step.name,
        flow=flow,
        entrypoint=step.kind == "entrypoint",
        call_kind=step.call_kind,
        summary=_first_line(doc),
        doc=doc,
        file=_import_path(step.module, step.file),
        line=step.line,
    )


def _unknown(node_id: str, flow: str, name: str) -> Node:
    return Node(
        id=node_id,
        name=name,
        flow=flow,
        entrypoint=False,
        call_kind="",
        summary="",
        doc=None,
        file=None,
        line=None,
        unknown=True,
    )


def _group(flow: str, declared: Flow, ids: tuple[str, ...]) -> Group:
    doc = inspect.cleandoc(declared.doc) if declared.doc else None
    return Group(flow=flow, summary=_first_line(doc), doc=doc, nodes=ids)


def _first_line(doc: str | None) -> str:
    return doc.partition("\n")[0].strip() if doc else ""


@lru_cache(maxsize=1024)  # steps of one module share it
def _import_path(module: str, file: str | None) -> str | None:
    """Return `file` from the folder on down that `module` was found in; see `Node.file`."""
    if file is None:
        return None
    path = file.replace("\\", "/")
    stem = module.replace(".", "/")
    for tail in (f"{stem}.py", f"{stem}/__init__.py"):
        if path == tail or path.endswith(f"/{tail}"):
            return tail
    return path.rpartition("/")[2]


def _no_such_flow(name: object, flows: Iterable[str]) -> str:
    if isinstance(name, Flow):
        return f"A flow is given by its name, {name.name!r}, not as the object."
    known = sorted(flows)
    if not known:
        return f"Unknown flow {name!r}: no flow is declared. Import the modules that declare flows."
    hint = did_you_mean(name, known)
    if not hint and len(known) <= _MOST_FLOWS_LISTED:
        hint = f" Known: {', '.join(known)}."
    return f"Unknown flow {name!r}.{hint}"
