"""Write a graph as JSON: everything that is in the model, for programs to read."""

from __future__ import annotations

import json
import re

from penstock._graph import Edge, Graph, Group, Node

__all__ = ["parse", "render"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def render(graph: Graph) -> str:
    """Return `graph` as a JSON object, indented by two spaces, that ends with a newline.

    Within version 1, keys are only ever added. Everything is in the graph's order; a key whose
    value is not known is null, and none is left out:

        version  1
        title    the flow's name, or "All flows"
        groups   [{flow, summary, doc, nodes: [id, ...]}, ...]
        nodes    [{id, name, flow, entrypoint, call_kind, summary, doc, file, line, unknown}, ...]
        edges    [{source: id, target: id, label}, ...]

    An id is "flow:name". `call_kind` is "function", "coroutine", "generator", "async_generator",
    or "task"; "" where `unknown` is true, since that step is named but not declared. `file`
    is relative to the folder that the module was imported from. `summary` is the first line of
    `doc`, or "".

    With evidence, a node also has ``ran: {began, errors, cancelled, p50, p95}``,
    the durations in nanoseconds or null, and an edge has a `status`, "seen", "unseen" or
    "undeclared", and a `count`. A `label` is "" for most edges.
    """
    content = {
        "version": 1,
        "title": graph.title,
        "groups": [group._asdict() for group in graph.groups],
        "nodes": [_node(node) for node in graph.nodes],
        "edges": [_edge(edge) for edge in graph.edges],
    }
    text = json.dumps(content, ensure_ascii=False, indent=2)
    # A lone surrogate has no UTF-8, but JSON can spell it.
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def _node(node: Node) -> dict[str, object]:
    record = node._asdict()
    if node.ran is None:
        del record["ran"]
    else:
        record["ran"] = node.ran._asdict()
    return record


def _edge(edge: Edge) -> dict[str, object]:
    record: dict[str, object] = {
        "source": edge.source,
        "target": edge.target,
        "label": edge.label,
    }
    if edge.status:
        record |= {"status": edge.status, "count": edge.seen}
    return record


def parse(text: str) -> Graph:
    """Return the graph that `render` wrote as `text`, without what was observed."""
    content = json.loads(text)
    return Graph(
        title=content["title"],
        groups=tuple(
            Group(**group)._replace(nodes=tuple(group["nodes"])) for group in content["groups"]
        ),
        nodes=tuple(Node(**node)._replace(ran=None) for node in content["nodes"]),
        edges=tuple(
            Edge(edge["source"], edge["target"], label=edge.get("label", ""))
            for edge in content["edges"]
        ),
    )
