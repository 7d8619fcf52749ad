"""Draw a graph for a terminal: one line a step, joined by lines on the left, as `git log --graph`.

    ◆ validate_order       Checks stock and address.
    ├─● charge_payment     Takes the money.
    ● │ reserve_inventory  Sets the goods aside.
    ├─╯
    ● send_confirmation

Steps stand in an order in which they can run, a branch at a time. A line leads down from a step to
all that come after it; one that passes under another line is interrupted there. Words below the
step tell the other links: to other flows, back up (cycles), and those without room beside ten other
lines. If runs were observed, words also tell how often each step ran, and which links were never
seen or are not declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock._graph import connected, cycles, longest_paths
from penstock.formats._branches import Lanes, ordered
from penstock.formats._wording import columns, shortened, summary, visible

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from penstock._graph import Graph, Group, Node

    _Following = dict[str, list[str]]
    _Notes = dict[str, list[tuple[str, str]]]  # a sign and a name, by the step they stand below

__all__ = ["render"]

WIDTH = 80  # columns, of any terminal; summaries are cut there, names never
_LANES = 10
_SUMMARY_COLUMN = 44  # summaries start before this, except beside a longer name
_SUMMARY_WIDTH = 12  # with less room beside a name, the summary is left out
_NOTE_WIDTH = 72

_ENTRYPOINT, _ENTRY_TASK, _TASK, _STEP, _MISSING = "◆", "◈", "■", "●", "○"
_BACK, _TO, _FROM, _DOWN, _UP = "↺", "→", "←", "↓", "↑"
_RAN, _UNSEEN, _UNDECLARED = "∑", "✗", "!"
_LEGEND = {
    _ENTRYPOINT: "entrypoint",
    _ENTRY_TASK: "entrypoint and task",
    _TASK: "task",
    _STEP: "step",
    _MISSING: "not declared",
    _BACK: "back up",
    _TO: "to another flow",
    _FROM: "from another flow",
    _DOWN: "further down",
    _UP: "from further up",
    _RAN: "observed",
    _UNSEEN: "never seen to lead to",
    _UNDECLARED: "leads to, but is not declared",
}


def render(graph: Graph) -> str:
    """Return `graph` as a drawing in box characters, flow by flow, that ends with a newline."""
    nodes = {node.id: node for node in graph.nodes}
    following, notes = _links(graph, nodes)
    lines: list[str] = []
    for group in _in_order(graph, nodes):
        lines += [*_heading(group), *_aligned(_rows(group, nodes, following, notes)), ""]
    used = {_mark(node) for node in graph.nodes}
    used.update(sign for each in notes.values() for sign, _ in each)
    lines += _legend(used)
    return "\n".join(line.rstrip(" ") for line in lines) + "\n"


def _in_order(graph: Graph, nodes: dict[str, Node]) -> list[Group]:
    """Return the groups, each after those that lead to it, unless they lead to each other."""
    place = {group.flow: at for at, group in enumerate(graph.groups)}
    pairs = {(place[nodes[a].flow], place[nodes[b].flow]) for a, b, *_ in graph.edges}
    after: list[list[int]] = [[] for _ in place]
    for source, target in sorted(pairs):
        if source != target:
            after[source].append(target)
    closing = {(cycle[-1], cycle[0]) for cycle in cycles(after, range(len(after)))}
    rank, _ = longest_paths(after, without=closing)
    return [graph.groups[at] for at in sorted(range(len(after)), key=lambda at: (rank[at], at))]


def _legend(used: Container[str]) -> Iterator[str]:
    """Yield the lines that say what the signs mean that are `used`."""
    line = ""
    for sign, meant in _LEGEND.items():
        entry = f"{sign} {meant}"
        if sign in used and line and len(line) + 3 + len(entry) > WIDTH:
            yield line
            line = entry
        elif sign in used:
            line = f"{line}   {entry}" if line else entry
    yield line


def _heading(group: Group) -> list[str]:
    text = visible(group.flow)
    if group.summary:
        text = f"{text}: {_cut(visible(group.summary), columns(text) + 2)}"
    return [text, "─" * min(columns(text), WIDTH), ""]


def _mark(node: Node) -> str:
    if node.unknown:
        return _MISSING
    if node.call_kind == "task":
        return _ENTRY_TASK if node.entrypoint else _TASK
    return _ENTRYPOINT if node.entrypoint else _STEP


def _links(graph: Graph, nodes: dict[str, Node]) -> tuple[_Following, _Notes]:
    """Return the links that lines can be drawn for, and what has to be told below a step."""
    place = {each: index for index, each in enumerate(nodes)}
    following: _Following = {each: [] for each in nodes}
    notes: _Notes = {each: _observed(node) for each, node in nodes.items()}
    for edge in graph.edges:
        source, target = nodes[edge.source], nodes[edge.target]
        if edge.status in _STATUSES:
            name = visible(target.name) if source.flow == target.flow else _full_name(target)
            notes[source.id].append((_STATUSES[edge.status], name))
        if edge.status == "undeclared":
            continue
        if source.flow != target.flow:
            notes[source.id].append((_TO, _full_name(target)))
            notes[target.id].append((_FROM, _full_name(source)))
        elif place[source.id] < place[target.id]:
            following[source.id].append(target.id)
        else:
            notes[source.id].append((_BACK, visible(target.name)))
    return following, notes


def _rows(
    group: Group, nodes: dict[str, Node], following: _Following, notes: _Notes
) -> Iterator[tuple[str, Node | str | None]]:
    """Yield the rows of a drawing: the lines on the left, and the step or note beside them.

    Adds to `notes` what turns out to have no room.
    """
    pairs = ((each, target) for each in group.nodes for target in following[each])
    crowd = 0
    for members in connected(group.nodes, pairs):
        if crowd and max(crowd, len(members)) > 1:
            yield "", None
        crowd = len(members)
        lanes = Lanes(_LANES)
        for each in ordered(members, following):
            lines, drawn = lanes.step(each, _mark(nodes[each]), following[each])
            for line in lines[:-1]:
                yield line, None
            yield lines[-1], nodes[each]
            for target in () if drawn else following[each]:
                notes[each].append((_DOWN, visible(nodes[target].name)))
                notes[target].append((_UP, visible(nodes[each].name)))
            left = lanes.beside() if notes[each] else ""
            for note in _wrapped(notes[each], min(_NOTE_WIDTH, WIDTH - len(left) - 4)):
                yield left, note


_STATUSES = {"unseen": _UNSEEN, "undeclared": _UNDECLARED}


def _observed(node: Node) -> list[tuple[str, str]]:
    return [] if node.ran is None else [(_RAN, ", ".join(summary(node.ran)))]


def _full_name(node: Node) -> str:
    return f"{visible(node.flow)}:{visible(node.name)}"


def _wrapped(notes: Sequence[tuple[str, str]], room: int) -> Iterator[str]:
    """Yield lines such as "-> a, b" that name everything in `notes`, by their signs.

    They are not longer than `room` columns, unless one name is.
    """
    by_sign: dict[str, list[str]] = {}
    for sign, name in notes:
        by_sign.setdefault(sign, []).append(name)
    for sign, names in by_sign.items():
        line = f"{sign} {names[0]}"
        for name in names[1:]:
            if len(line) + len(name) > room:
                yield f"{line},"
                line = f"  {name}"
            else:
                line = f"{line}, {name}"
        yield line


def _aligned(rows: Iterable[tuple[str, Node | str | None]]) -> list[str]:
    """Return the lines of the drawing, its summaries in one column where the names allow it."""
    lines: list[tuple[str, int, str]] = []
    for left, what in rows:
        if isinstance(what, str):
            lines.append((f"{left}   {what}", 0, ""))
        elif what is None:
            lines.append((left, 0, ""))
        else:
            named = f"{left} {visible(what.name)}"
            lines.append((named, columns(named), visible(what.summary) if what.summary else ""))
    ends = (end for _, end, summary in lines if summary and end < _SUMMARY_COLUMN)
    column = max(ends, default=0) + 2
    return [
        f"{text}{' ' * max(column - end, 2)}{_cut(summary, max(column, end + 2))}"
        if summary
        else text
        for text, end, summary in lines
    ]


def _cut(summary: str, start: int) -> str:
    room = WIDTH - start
    return shortened(summary, room) if room >= _SUMMARY_WIDTH else ""
