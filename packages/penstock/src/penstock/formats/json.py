"""Write a graph as JSON: everything that is in the model, for programs to read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock._graph import Edge, Graph, Group, Node

__all__ = ["render"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def render(graph: Graph) -> str:
    """Return `graph` as a JSON object, indented by two spaces, that ends with a newline.

    Within version 1, keys are only ever added. Everything is in the graph's order; a key whose
    value is not known is null, and none is left out:

        version  1
        title    the flow's name, or "All flows"
        groups   [{flow, summary, doc, nodes: [id, ...]}, ...]
        nodes    [{id, name, flow, entrypoint, call_kind, summary, doc, file, line, unknown}, ...]
        edges    [{source: id, target: id}, ...]

    An id is "flow:name". `call_kind` is "function", "coroutine", "generator", "async_generator",
    or "task"; "" where `unknown` is true, since that step is named but not declared. `file`
    is relative to the folder that the module was imported from. `summary` is the first line of
    `doc`, or "".
    """
    content = {
        "version": 1,
        "title": graph.title,
        "groups": _records(graph.groups),
        "nodes": _records(graph.nodes),
        "edges": _records(graph.edges),
    }
    text = json.dumps(content, ensure_ascii=False, indent=2)
    # A lone surrogate has no UTF-8, but JSON can spell it.
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def _records(items: Sequence[Group | Node | Edge]) -> list[dict[str, object]]:
    # As dataclasses.asdict, which copies deeply and takes ten times as long.
    return [{name: getattr(item, name) for name in item.__slots__} for item in items]
