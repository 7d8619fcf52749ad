"""Draw a graph as a Mermaid flowchart, in the shape that people write by hand.

    graph TD
        handle_kafka_message --> fetch_from_api
        fetch_from_api --> sync_to_database

A step is declared on a line of its own only where it must be: it has no edge, or its name cannot
be an id and needs a label. Several flows become subgraphs. A step that does not exist is dashed. An
edge to a task, which goes through a queue, ends with a circle: ``receive --o charge``.

Mermaid refuses a diagram of more than 500 edges or 50,000 characters, and a diagram cannot raise
those limits (https://mermaid.js.org/config/schema-docs/config.html, maxEdges and maxTextSize).
A larger graph becomes several diagrams, each complete in itself; every edge is in exactly one.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from penstock._graph import Edge, connected
from penstock.formats._wording import code, summary, told, visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from penstock._graph import Graph, Node

    # An edge, or the id of a node that has none. Both begin with the ids at their ends.
    _Unit = Edge | tuple[str]

__all__ = ["Diagram", "diagrams", "render"]

MAX_EDGES = 500
MAX_CHARS = 50_000
# Room for one edge whose two ends and two flows all need labels; see _Writer.
MIN_CHARS = 1_000

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that some release of 10 or 11 takes for its own when they stand where an id may stand, in
# lower case, and the names that every JavaScript object has, which release 10 trips over.
_RESERVED = frozenset(
    {
        "call",
        "class",
        "classdef",
        "click",
        "constructor",
        "default",
        "end",
        "flowchart",
        "graph",
        "hasownproperty",
        "href",
        "interpolate",
        "isprototypeof",
        "linkstyle",
        "propertyisenumerable",
        "style",
        "subgraph",
        "tolocalestring",
        "tostring",
        "valueof",
        "_blank",
        "_parent",
        "_self",
        "_top",
    }
)
# These may not stand raw in a label: ASCII punctuation but for harmless marks; an underscore that
# is not inside a word and what looks like a list, a rule or an address (releases 11.0 to 11.5 read
# labels as Markdown); outer spaces; the one word that a lexer rule looks for in the whole line; and
# the two pairs of characters that Mermaid itself writes for "&" and ";" and reads back.
_UNSAFE = re.compile(
    r"""["#$%&*+:;<>@\[\\\]^`{|}~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-\s=]|\s$"""
    r"""|(?<=^[0-9])[.)]|(?<=[0-9])[.)](?=\s|$)|(?<=www)\.|(?<=WWW)\.|d(?=irection)"""
    r"""|(?<=\uFB02)\xB0|(?<=\xB6)\xDF"""
)
_NAMED = {'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"}

_ARROWS = {"unseen": ("-.", ".-"), "undeclared": ("==", "==")}


class Diagram(NamedTuple):
    """Hold one diagram's source, which ends with a newline, and what it shows, in graph order."""

    text: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def render(graph: Graph, *, direction: str = "TD", max_chars: int = MAX_CHARS) -> str:
    """Return `graph` as one Mermaid diagram, or as Markdown where it takes several.

    The Markdown has an index: what each diagram holds, and in which ones a step appears that is in
    several. No diagram has more than 500 edges or `max_chars` characters (UTF-16 code units, as
    Mermaid counts). Raises ValueError where `max_chars` is less than 1,000.
    """
    drawn = diagrams(graph, direction=direction, max_chars=max_chars)
    if len(drawn) == 1:
        return drawn[0].text
    return _document(graph, drawn)


def diagrams(
    graph: Graph, *, direction: str = "TD", max_chars: int = MAX_CHARS
) -> tuple[Diagram, ...]:
    """Return the diagrams that draw `graph`: one, or as many as the limits need."""
    if max_chars < MIN_CHARS:
        raise ValueError(f"max_chars={max_chars!r} is too small: a diagram needs {MIN_CHARS:,}.")
    writer = _Writer(graph, direction, max_chars)
    if len(graph.edges) <= MAX_EDGES:
        text = writer.text(graph.nodes, graph.edges)
        if _length(text) <= max_chars:
            return (Diagram(text, graph.nodes, graph.edges),)
    room = max_chars - len(writer.header) - 64  # for what styles missing steps
    return tuple(
        Diagram(writer.text(nodes, edges), nodes, edges)
        for nodes, edges in _split(graph, writer, max_edges=MAX_EDGES, max_size=room)
    )


def _document(graph: Graph, drawn: Sequence[Diagram]) -> str:
    """Return the Markdown page that holds the diagrams `drawn` of `graph`, with an index."""
    lines = [
        f"# {code(graph.title)}",
        "",
        f"{len(graph.nodes):,} steps and {len(graph.edges):,} links, in {len(drawn)} diagrams.",
        "",
        "| Diagram | Steps | Links | From | To |",
        "| --- | ---: | ---: | --- | --- |",
    ]
    parts: dict[str, tuple[int, ...]] = {}
    for number, diagram in enumerate(drawn, 1):
        alone = (number,)  # one object for all: most steps are in one diagram
        for node in diagram.nodes:
            others = parts.get(node.id)
            parts[node.id] = alone if others is None else (*others, number)
        first, last = diagram.nodes[0], diagram.nodes[-1]
        lines.append(
            f"| [Diagram {number}](#diagram-{number}) | {len(diagram.nodes):,} "
            f"| {len(diagram.edges):,} | {code(first.name)} | {code(last.name)} |"
        )
    for number, diagram in enumerate(drawn, 1):
        lines += ["", f"## Diagram {number}", "", "```mermaid", diagram.text.rstrip("\n"), "```"]
    shared = [node for node in graph.nodes if len(parts[node.id]) > 1]
    if shared:
        lines += ["", "## Steps in several diagrams", "", "| Step | Diagrams |", "| --- | --- |"]
        lines += [f"| {code(node.name)} | {_ranges(parts[node.id])} |" for node in shared]
    return "\n".join(lines) + "\n"


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending `numbers` as "1-3, 5"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


class _Writer:
    """Write diagrams of one graph's nodes and edges, under ids that all the diagrams share."""

    def __init__(self, graph: Graph, direction: str, max_chars: int) -> None:
        self.header = f"graph {direction}\n"
        self.framed = len(graph.groups) > 1
        self._longest = max_chars // 10  # so that an edge fits, with two names and two flows
        self._tasks = {node.id for node in graph.nodes if node.call_kind == "task"}
        names = Counter(node.name for node in graph.nodes)
        plain = {name for name, times in names.items() if times == 1 and self._is_plain(name)}
        fresh = _unused("n", plain)
        self.ids: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        for node in graph.nodes:
            if node.name in plain:
                self.ids[node.id] = node.name
            else:
                self.ids[node.id] = next(fresh)
                self.labels[node.id] = self._label(node.name)
            if node.ran is not None:
                lines = [self._label(node.name), *map(self._label, summary(node.ran))]
                self.labels[node.id] = "<br/>".join(lines)
        taken = set(self.ids.values())
        flows = [group.flow for group in graph.groups] if self.framed else []
        named = {flow for flow in flows if self._is_plain(flow) and flow not in taken}
        free = _unused("flow", taken | named)
        self.frames = {
            flow: flow if flow in named else f'{next(free)}["{self._label(flow)}"]'
            for flow in flows
        }

    def _is_plain(self, name: str) -> bool:
        return (
            len(name) <= self._longest
            and _PLAIN.fullmatch(name) is not None
            and name.lower() not in _RESERVED
            and not (name[0] == "_" and name[-1] == "_")  # releases 11.0 to 11.5: bold
        )

    def _label(self, name: str) -> str:
        shown = visible(name)
        label = _UNSAFE.sub(_encode, shown)
        if _length(label) > self._longest:  # no character takes more than 8
            label = _UNSAFE.sub(_encode, shown[: self._longest // 8] + "\N{HORIZONTAL ELLIPSIS}")
        return label

    def declaration(self, node: Node) -> str:
        """Return the line, unindented, that declares `node`."""
        name = self.ids[node.id]
        label = self.labels.get(node.id)
        return name if label is None else f'{name}["{label}"]'

    def arrow(self, edge: Edge) -> str:
        """Return the line, unindented, that draws `edge`."""
        return f"{self.ids[edge.source]} {self._arrow(edge)} {self.ids[edge.target]}"

    def _arrow(self, edge: Edge) -> str:
        """Return the arrow for `edge`: dotted where never seen, thick where not declared.

        Its head is a circle where the edge goes through a queue.
        """
        words = told(edge)
        head = "o" if edge.target in self._tasks else ">"
        if not words:
            return f"--{head}"
        line, end = _ARROWS.get(edge.status, ("--", "--"))
        return f'{line} "{self._label(words)}" {end}{head}'

    def text(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> str:
        """Return the diagram of `nodes` and `edges`."""
        nodes = tuple(nodes)
        flows = {node.id: node.flow for node in nodes} if self.framed else {}
        inside: dict[str | None, list[Edge]] = {}
        drawn: set[str] = set()  # ids whose arrow puts them where they belong
        for edge in edges:
            flow = flows.get(edge.source)
            if flow == flows.get(edge.target):
                drawn.update((edge.source, edge.target))
            else:
                flow = None
            inside.setdefault(flow, []).append(edge)
        members: dict[str | None, list[Node]] = {}
        for node in nodes:
            members.setdefault(flows.get(node.id), []).append(node)

        lines = [self.header]
        for flow, group in members.items():
            indent = "    "
            if flow is not None:
                lines.append(f"    subgraph {self.frames[flow]}\n")
                indent = "        "
            lines += [
                f"{indent}{self.declaration(node)}\n"
                for node in group
                if node.id in self.labels or node.id not in drawn
            ]
            lines += [f"{indent}{self.arrow(edge)}\n" for edge in inside.get(flow, ())]
            if flow is not None:
                lines.append("    end\n")
        if self.framed:
            lines += [f"    {self.arrow(edge)}\n" for edge in inside.get(None, ())]
        missing = ",".join(self.ids[node.id] for node in nodes if node.unknown)
        if missing:
            lines.append("    classDef missing stroke-dasharray: 5 5\n")
            lines.append(f"    class {missing} missing\n")
        return "".join(lines)

    def node_size(self, node: Node) -> int:
        """Return the most characters that `node` adds to a diagram, its frame not counted."""
        return _length(self.declaration(node)) + 9 + (len(self.ids[node.id]) + 1) * node.unknown

    def edge_size(self, edge: Edge) -> int:
        """Return the most characters that `edge` adds to a diagram, its ends not counted."""
        ends = len(self.ids[edge.source]) + len(self.ids[edge.target])
        return ends + 11 + _length(self._arrow(edge))

    def frame_size(self, flow: str) -> int:
        """Return how many characters the frame of `flow` adds to a diagram."""
        return _length(self.frames[flow]) + 22 if self.framed else 0


def _encode(match: re.Match[str]) -> str:
    char = match[0]
    if char in "\xb0\xdf":  # read back twice, so only something in between helps
        return f"\N{ZERO WIDTH NON-JOINER}{char}"
    return _NAMED.get(char) or f"#{ord(char)};"


def _unused(prefix: str, taken: Collection[str]) -> Iterator[str]:
    """Yield `prefix` with 0, 1, 2, ..., but nothing that is in `taken`."""
    return (name for number in count() if (name := f"{prefix}{number}") not in taken)


def _length(text: str) -> int:
    """Return the length that JavaScript, and so Mermaid, gives `text`: in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


class _Collected:
    """Collect the nodes and edges of one diagram, and the room that they take."""

    def __init__(self, known: dict[str, Node], writer: _Writer) -> None:
        self._known = known
        self._writer = writer
        self.nodes: dict[str, Node] = {}
        self.flows: set[str] = set()
        self.edges: list[Edge] = []
        self.size = 0

    def take(self, unit: _Unit, *, max_edges: int, max_size: int) -> bool:
        """Take `unit`, if there is room for it or nothing else here; say whether it was taken."""
        nodes, writer = self.nodes, self._writer
        size = self.size + (writer.edge_size(unit) if isinstance(unit, Edge) else 0)
        new = [self._known[end] for end in unit[:2] if end not in nodes]
        for node in new:
            size += writer.node_size(node)
            if node.flow not in self.flows:
                size += writer.frame_size(node.flow)
        if nodes and (size > max_size or len(self.edges) == max_edges):
            return False
        for node in new:
            nodes[node.id] = node
            self.flows.add(node.flow)
        if isinstance(unit, Edge):
            self.edges.append(unit)
        self.size = size
        return True

    def merge(self, other: _Collected) -> None:
        """Take everything of `other`, which has no node in common with this part."""
        self.size += other.size - sum(map(self._writer.frame_size, self.flows & other.flows))
        self.nodes.update(other.nodes)
        self.flows |= other.flows
        self.edges += other.edges


def _split(
    graph: Graph, writer: _Writer, *, max_edges: int, max_size: int
) -> Iterator[tuple[tuple[Node, ...], tuple[Edge, ...]]]:
    """Yield the nodes and edges of each part of `graph`, both in the graph's order.

    Every edge is in one part, every node in one at least. A connected part stays
    together if it fits. Otherwise it is cut along a depth-first walk, so that a path is followed as
    far as possible in one part; a node at a cut is in several.
    """
    known = {node.id: node for node in graph.nodes}
    place = {each: index for index, each in enumerate(known)}
    count = len(known)  # two places as one number, since that sorts faster

    def finished(part: _Collected) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
        nodes = [known[each] for each in sorted(part.nodes, key=place.__getitem__)]
        edges = sorted(part.edges, key=lambda edge: place[edge[0]] * count + place[edge[1]])
        return tuple(nodes), tuple(edges)

    part = _Collected(known, writer)
    for component in _components(graph):
        piece = _Collected(known, writer)
        pieces = [piece]
        for unit in component:
            if not piece.take(unit, max_edges=max_edges, max_size=max_size):
                piece = _Collected(known, writer)
                pieces.append(piece)
                piece.take(unit, max_edges=max_edges, max_size=max_size)
        if len(pieces) == 1 and (
            part.size + piece.size <= max_size and len(part.edges) + len(piece.edges) <= max_edges
        ):
            part.merge(piece)
            continue
        if part.nodes:
            yield finished(part)
        yield from map(finished, pieces[:-1])
        part = piece
    yield finished(part)


def _components(graph: Graph) -> list[list[_Unit]]:
    """Return the connected parts, each in the order in which it is cut.

    An edge stands where a depth-first walk, flow by flow, has reached both of its ends.
    """
    reached = _walk(graph)
    flow = {each: index for index, group in enumerate(graph.groups) for each in group.nodes}
    count = len(reached)

    def when(edge: Edge) -> int:  # three numbers as one, since that sorts faster
        source, target = edge[:2]
        one, other = reached[source], reached[target]
        if one < other:
            one, other = other, one
        return (max(flow[source], flow[target]) * count + one) * count + other

    components = connected((node.id for node in graph.nodes), (edge[:2] for edge in graph.edges))
    owner = {each: index for index, ids in enumerate(components) for each in ids}
    units: list[list[_Unit]] = [[] for _ in components]
    for edge in sorted(graph.edges, key=when):
        units[owner[edge.source]].append(edge)
    for ids, found in zip(components, units, strict=True):
        if not found:
            found.append((ids[0],))
    return units


def _walk(graph: Graph) -> dict[str, int]:
    """Return when a depth-first walk from the first nodes reaches each node."""
    following: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in reversed(graph.edges):  # since the last one is taken from the stack first
        following[edge.source].append(edge.target)
    reached: dict[str, int] = {}
    stack = [node.id for node in reversed(graph.nodes)]
    while stack:
        each = stack.pop()
        if each not in reached:
            reached[each] = len(reached)
            stack += following[each]
    return reached
