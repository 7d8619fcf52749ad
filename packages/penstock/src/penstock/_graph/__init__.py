"""The graph of the flows: `build` makes it of a registry. Every drawing, and the verdict, uses it.

_model       Graph, Node, Edge, Group: immutable values; the ids of nodes
_algorithms  the order of a graph; cycles, longest paths, connected parts; collapsed flows and
             implied edges
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from penstock._arguments import did_you_mean
from penstock._declare import Flow, registry_in_use
from penstock._graph._algorithms import (
    collapsed,
    connected,
    cycles,
    longest_paths,
    ordered,
    with_implied,
    without_implied,
)
from penstock._graph._model import (
    FLOW,
    Edge,
    Graph,
    Group,
    Node,
    Ran,
    node_id,
    split_node_id,
    summary_and_doc,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from penstock._declare import DeclaredFlow, Registry, Step

__all__ = [
    "FLOW",
    "Edge",
    "Graph",
    "Group",
    "Node",
    "Ran",
    "UnknownFlowError",
    "build",
    "collapsed",
    "connected",
    "cycles",
    "longest_paths",
    "node_id",
    "resolve",
    "split_node_id",
    "with_implied",
    "without_implied",
]

_MOST_FLOWS_LISTED = 10  # in an error message


class UnknownFlowError(KeyError):
    """No imported module declares the flow that the caller named; the message has a hint."""

    def __str__(self) -> str:  # KeyError would show the message's repr
        return str(self.args[0])


def build(registry: Registry | None = None, name: str | None = None) -> Graph:
    """Return the graph of the flow `name` in `registry`, or without a name of all its flows.

    The default of `registry` is the registry in use. Predecessors in other flows are nodes as well,
    and so are predecessors that do not exist. Raises UnknownFlowError, a KeyError, for a flow that
    is not declared.
    """
    flows = (registry_in_use() if registry is None else registry).declared()
    if name is None:
        chosen, title = sorted(flows), "All flows"
    elif name in flows:
        chosen, title = [name], name
    else:
        raise UnknownFlowError(_no_such_flow(name, flows))

    nodes: dict[str, Node] = {}
    pairs: set[tuple[str, str]] = set()
    labels: dict[tuple[str, str], str] = {}
    docs: dict[str, str | None] = {}
    for flow in chosen:
        declared = flows[flow]
        docs[flow] = declared.doc
        for step_name, step in declared.steps.items():
            target = node_id(flow, step_name)
            nodes[target] = _node(target, flow, step)
            for reference in declared.after[step_name]:
                if reference in declared.steps:  # as most are; the loop makes their nodes
                    pairs.add((node_id(flow, reference), target))
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
                    docs.setdefault(owner, flows[owner].doc)
            for reference, label in declared.labels.get(step_name, {}).items():
                labels[node_id(*resolve(flows, flow, reference)), target] = label
    graph = ordered(title, docs, nodes.values(), pairs)
    if not labels:
        return graph
    edges = (edge._replace(label=labels.get(edge[:2], "")) for edge in graph.edges)
    return graph._replace(edges=tuple(edges))


def resolve(flows: Mapping[str, Flow | DeclaredFlow], flow: str, reference: str) -> tuple[str, str]:
    """Return the flow and the step that an `after=` entry in `flow` means.

    A step of the same flow comes first, since its name may have a colon; then "other_flow:step".
    The flow in the result exists. The step may not exist; then its name is as the author wrote it.
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


def _node(node_id: str, flow: str, step: Step) -> Node:
    file = _import_path(step.module, step.file)
    summary, doc = summary_and_doc(step.doc)
    return Node(
        id=node_id,
        name=step.name,
        flow=flow,
        entrypoint=step.kind == "entrypoint",
        call_kind=step.call_kind,
        summary=summary,
        doc=doc,
        file=file,
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


@lru_cache(maxsize=1024)  # steps of one module share it
def _import_path(module: str, file: str | None) -> str | None:
    """Return `file` relative to the folder that `module` was imported from; see `Node.file`."""
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
