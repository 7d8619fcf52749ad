"""Draw a graph in DOT, the language of Graphviz.

Everything is quoted. A name that is a plain identifier is its node's id and label at once; every
other one gets an id such as n0 and a label, since an id and a label are read by different rules
(https://graphviz.org/doc/info/lang.html): in a label a backslash escapes and `&amp;` is a character
reference, in an id they stand for themselves.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from penstock._graph import FLOW
from penstock.formats._wording import summary, told, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock._graph import Edge, Graph, Node

__all__ = ["GraphvizError", "quote", "render", "run"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;"})
_DIRECTIONS = {"TD": "TB"}  # the one that DOT spells otherwise than Mermaid


def render(graph: Graph, *, direction: str = "TD") -> str:
    """Return `graph` as a DOT digraph.

    Flows are clusters where there are several. An entrypoint has a double border, a task is a box
    with tabs, a step that does not exist is dashed; a step's summary is its tooltip. An edge to a
    task has two arrowheads, and one that others imply is grey. With evidence, an
    edge that was never seen is dotted, and one that is not declared is bold.
    """
    return "\n".join(_lines(graph, _DIRECTIONS.get(direction, direction))) + "\n"


def _lines(graph: Graph, rankdir: str) -> Iterator[str]:
    ids = _ids(graph)
    yield f"digraph {quote(graph.title)} {{"
    yield f'    graph [rankdir={rankdir}, fontname="Helvetica,Arial,sans-serif"]'
    yield '    node [shape=box, style=rounded, fontname="Helvetica,Arial,sans-serif"]'
    nodes = {node.id: f"{ids[node.id]}{_attributes(node, ids[node.id])}" for node in graph.nodes}
    if len(graph.groups) == 1:
        for line in nodes.values():
            yield f"    {line}"
    else:
        for number, group in enumerate(graph.groups):
            yield f"    subgraph cluster_{number} {{"
            yield f"        label={quote(group.flow)}"
            for each in group.nodes:
                yield f"        {nodes[each]}"
            yield "    }"
    queued = {node.id for node in graph.nodes if node.call_kind == "task"}
    for edge in graph.edges:
        drawn = _edge_attributes(edge, is_queued=edge.target in queued)
        yield f"    {ids[edge.source]} -> {ids[edge.target]}{drawn}"
    yield "}"


def quote(text: str) -> str:
    """Return `text` as a quoted DOT string that shows it, as a label or any other text."""
    return f'"{visible(text).translate(_ESCAPED)}"'


def _ids(graph: Graph) -> dict[str, str]:
    """Return each node's id in the drawing, quoted, by its id in the graph."""
    names = Counter(node.name for node in graph.nodes)
    plain = {name for name, times in names.items() if times == 1 and _PLAIN.fullmatch(name)}
    fresh = (name for number in count() if (name := f"n{number}") not in plain)
    return {
        node.id: f'"{node.name if node.name in plain else next(fresh)}"' for node in graph.nodes
    }


def _attributes(node: Node, own: str) -> str:
    label = quote(node.name)
    if node.ran is not None:
        lines = [label, *map(quote, summary(node.ran))]
        label = '"{}"'.format("\\n".join(line[1:-1] for line in lines))
    attributes = [f"label={label}"] if label != own else []
    if node.call_kind == FLOW:
        attributes.append("shape=folder, style=solid")
    if node.call_kind == "task":
        attributes.append("shape=tab, style=solid")
    if node.entrypoint:
        attributes.append("peripheries=2")
    if node.unknown:
        attributes.append('style="rounded,dashed"')
    if node.summary:
        attributes.append(f"tooltip={quote(node.summary)}")
    return f" [{', '.join(attributes)}]" if attributes else ""


_LINES = {"unseen": ["style=dotted"], "undeclared": ["style=bold", "color=red"]}


def _edge_attributes(edge: Edge, *, is_queued: bool) -> str:
    attributes = [*_LINES.get(edge.status, ())]
    if edge.implied:
        attributes.append("color=grey80")
    if is_queued:
        attributes.append("arrowhead=normalnormal")
    if text := told(edge):
        attributes.append(f"label={quote(text)}")
    return f" [{', '.join(attributes)}]" if attributes else ""


class GraphvizError(RuntimeError):
    """Say that Graphviz is not installed, or could not draw; the message says what to install."""


def run(graph: Graph, *, kind: str, direction: str = "TD") -> str | bytes:
    """Return `graph` drawn by Graphviz: str where `kind` is "svg", bytes for "png" and "pdf".

    Raises GraphvizError where the package or the program is missing, or fails.
    """
    instead = (
        "" if kind == "pdf" else f" Without engine= penstock draws {kind} itself, with neither."
    )
    try:
        import graphviz  # type: ignore[import-untyped]  # it ships no types
    except ImportError as error:
        raise GraphvizError(
            f"engine='graphviz' could not import the Python package 'graphviz' ({error}). "
            "Install it with: pip install 'penstock[graphviz]'. It also needs the program 'dot' "
            f"of Graphviz (https://graphviz.org/download/).{instead}"
        ) from error

    source = render(graph, direction=direction).encode()
    try:
        drawn: bytes = graphviz.pipe("dot", kind, source, quiet=True)
    except graphviz.ExecutableNotFound as error:
        raise GraphvizError(
            f"engine='graphviz' tried to run 'dot -T{kind}', but no program 'dot' is on PATH. "
            "Install Graphviz, for example with: apt-get install graphviz, or: brew install "
            f"graphviz, or from https://graphviz.org/download/.{instead}"
        ) from error
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise GraphvizError(
            f"engine='graphviz' ran 'dot -T{kind}', which failed with exit code "
            f"{error.returncode}: {said or 'it said nothing.'}"
        ) from error
    return drawn.decode() if kind == "svg" else drawn
