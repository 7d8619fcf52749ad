"""Make the graph of one flow or of all flows that a registry has."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING

from penstock._graph._algorithms import cycles, longest_paths
from penstock._graph._model import Edge, Graph, Group, Node, node_id
from penstock._registry import Flow
from penstock._suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from penstock._registry import Registry, Step

_MOST_FLOWS_LISTED = 10  # in an error message


class UnknownFlowError(KeyError):
    """No imported module declares the flow that the caller named; the message has a hint."""

    def __str__(self) -> str:  # KeyError would show the message's repr
        return str(self.args[0])


def build(registry: Registry, name: str | None = None) -> Graph:
    """Return the graph of the flow `name` in `registry`, or of all its flows where `name` is None.

    Predecessors in other flows are nodes as well, and so are predecessors that do not exist.
    Raises UnknownFlowError, a KeyError, if `registry` does not have the flow.
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

    Arcs that close a cycle are ignored: the search for cycles begins at the nodes without a
    predecessor and then takes the others, in their order.
    """
    successors: list[list[int]] = [[] for _ in range(count)]
    has_predecessor = [False] * count
    for source, target in arcs:
        successors[source].append(target)
        has_predecessor[target] = True
    layer, order = longest_paths(successors)
    if len(order) < count:
        roots = sorted(range(count), key=has_predecessor.__getitem__)
        closing = {(cycle[-1], cycle[0]) for cycle in cycles(successors, roots)}
        layer, _ = longest_paths(successors, without=closing)
    return layer


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
