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
from penstock.formats._wording import columns, shortened, summary, visible

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from penstock._graph import Graph, Group, Node

    _Following = dict[str, list[str]]
    _Notes = dict[str, list[tuple[str, str]]]  # a sign and a name, by the step they stand below

__all__ = ["render"]


WIDTH = 80  # columns, of any terminal; summaries are cut there, names never
_LANES = 10
_SUMMARY_COLUMN = 44  # summaries start before this, except beside a longer name
_SUMMARY_WIDTH = 12  # with less room beside a name, the summary is left out
_NOTE_WIDTH = 72
_LABEL_WIDTH = 40

_ENTRYPOINT, _ENTRY_TASK, _TASK, _STEP, _MISSING = "◆", "◈", "■", "●", "○"
_BACK, _TO, _FROM, _DOWN, _UP = "↺", "→", "←", "↓", "↑"
_QUEUE_TO, _QUEUE_FROM = "⇢", "⇠"
_RAN, _UNSEEN, _UNDECLARED = "∑", "✗", "!"
_LABEL = "◇"
_BREAK = "\n"  # a space in a note where a line may end; visible names have no such character
_LEGEND = {
    _ENTRYPOINT: "entrypoint",
    _ENTRY_TASK: "entrypoint and task, through a queue",
    _TASK: "task, through a queue",
    _STEP: "step",
    _MISSING: "unknown step",
    _BACK: "back up",
    _TO: "to another flow",
    _FROM: "from another flow",
    _QUEUE_TO: "through a queue to another flow",
    _QUEUE_FROM: "through a queue from another flow",
    _DOWN: "further down",
    _UP: "from further up",
    _LABEL: "label of a line",
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
        if edge.label:
            name = visible(source.name) if source.flow == target.flow else _full_name(source)
            label = shortened(visible(edge.label), _LABEL_WIDTH)
            notes[target.id].append((_LABEL, f"{label}{_BREAK}(from {name})"))
        if edge.status in _STATUSES:
            name = visible(target.name) if source.flow == target.flow else _full_name(target)
            notes[source.id].append((_STATUSES[edge.status], name))
        if edge.status == "undeclared":
            continue
        if source.flow != target.flow:
            to, from_ = _TO, _FROM
            if target.call_kind == "task":
                to, from_ = _QUEUE_TO, _QUEUE_FROM
            notes[source.id].append((to, _full_name(target)))
            notes[target.id].append((from_, _full_name(source)))
        elif place[source.id] < place[target.id]:
            following[source.id].append(target.id)
        else:
            notes[source.id].append((_BACK, visible(target.name)))
    return following, notes


def _rows(
    group: Group, nodes: dict[str, Node], following: _Following, notes: _Notes
) -> Iterator[tuple[str, Node | str | None]]:
    """Yield the rows of a drawing: the lines on the left, and the step or note beside them.

    Add to `notes` the links for which there is no room.
    """
    pairs = ((each, target) for each in group.nodes for target in following[each])
    crowd = 0
    for members in connected(group.nodes, pairs):
        if crowd and max(crowd, len(members)) > 1:
            yield "", None
        crowd = len(members)
        lanes = _Lanes(_LANES)
        for each in _ordered(members, following):
            lines, drawn = lanes.step(each, _mark(nodes[each]), following[each])
            for line in lines[:-1]:
                yield line, None
            yield lines[-1], nodes[each]
            for target in () if drawn else following[each]:
                notes[each].append((_DOWN, visible(nodes[target].name)))
                notes[target].append((_UP, visible(nodes[each].name)))
            left = lanes.beside() if notes[each] else ""
            for note in _wrapped(notes[each], min(_NOTE_WIDTH, WIDTH - len(left) - 3)):
                yield left, note


_STATUSES = {"unseen": _UNSEEN, "undeclared": _UNDECLARED}


def _observed(node: Node) -> list[tuple[str, str]]:
    if node.ran is None:
        return []
    return [(_RAN, part) for line in summary(node.ran) for part in line.split(", ")]


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
        line = sign
        for piece in f",{_BREAK}".join(names).split(_BREAK):
            if line not in {sign, " "} and columns(line) + 1 + columns(piece) > room:
                yield line
                line = " "
            line = f"{line} {piece}"
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


_GOES_DOWN = "│├┤┼"
# The sign of a lane where a horizontal line reaches it: from the left, from the right, and whether
# the lane goes on below.
_JUNCTIONS = {
    (False, False, True): "│",
    (True, False, True): "┤",
    (False, True, True): "├",
    (True, True, True): "┼",
    (True, False, False): "╯",
    (False, True, False): "╰",
    (True, True, False): "┴",
}


def _ordered(members: Sequence[str], following: Mapping[str, Sequence[str]]) -> list[str]:
    """Return `members`, each after all that it follows, one branch after the other.

    `members` are in an order in which all of `following` leads down. The shortest of several
    branches comes first, so that the longest runs straight down.
    """
    height = dict.fromkeys(members, 0)
    waiting = dict.fromkeys(members, 0)
    for each in reversed(members):
        for target in following[each]:
            height[each] = max(height[each], height[target] + 1)
            waiting[target] += 1
    order: list[str] = []
    # The next one is taken from the end. Sorting is stable, so equals stay in their order.
    stack = [each for each in reversed(members) if not waiting[each]]
    stack.sort(key=height.__getitem__)
    while stack:
        each = stack.pop()
        order.append(each)
        free: list[str] = []
        for target in reversed(following[each]):
            waiting[target] -= 1
            if not waiting[target]:
                free.append(target)
        stack += sorted(free, key=height.__getitem__, reverse=True)
    return order


class _Lanes:
    """Draw the lines on the left of steps that are given one after the other, from the top."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes: list[set[str]] = []  # what each still leads to; a free one to nothing
        self._branched: set[int] = set()  # those that have sent a branch to the side
        self._above = ""

    def step(self, each: str, mark: str, following: Sequence[str]) -> tuple[list[str], bool]:
        """Return the lines that draw `mark` for the step `each`, which `following` come after.

        The last line is the step's own. The flag is false where there was no room for lines from
        the step to `following`.
        """
        joined = [column for column, lane in enumerate(self._lanes) if each in lane]
        for column in joined:
            self._lanes[column].remove(each)
        ending = [column for column in joined if not self._lanes[column]]

        lines: list[str] = []
        if not ending or self._is_last_of_leaves(joined, following):
            if following:
                lines += self._make_room()
            column = self._free_column(joined)
            lines.append(self._draw(column, mark, joined))
            self._branched.update(joined)
        else:
            column = ending[0]
            if len(joined) > 1 or not self._leads_down_to(column):
                lines.append(self._draw(column, None, joined))
            lines.append(self._draw(column, mark, []))
        self._above = lines[-1]

        if following and column < self._most:
            self._lanes += [set() for _ in range(column + 1 - len(self._lanes))]
            self._lanes[column] = set(following)
            self._branched.discard(column)
        while self._lanes and not self._lanes[-1]:
            self._lanes.pop()
        return lines, column < self._most or not following

    def beside(self) -> str:
        """Return the line that runs beside a note below the last step."""
        self._above = self._draw(-1, None, [])
        return self._above

    def _is_last_of_leaves(self, joined: list[int], following: Sequence[str]) -> bool:
        """Tell whether a step that ends a lane should hang on it like those before it."""
        return (
            not following
            and len(joined) == 1
            and joined[0] in self._branched
            and not any(self._lanes[joined[0] + 1 : joined[0] + 2])
        )

    def _leads_down_to(self, column: int) -> bool:
        return self._above[2 * column : 2 * column + 1] in _GOES_DOWN

    def _free_column(self, joined: list[int]) -> int:
        first = joined[-1] + 1 if joined else 0
        for column in range(first, len(self._lanes)):
            if not self._lanes[column]:
                return column
        return max(first, len(self._lanes))

    def _make_room(self) -> list[str]:
        """If all lanes are in use, join lanes that lead to the same steps."""
        if len(self._lanes) < self._most or not all(self._lanes):
            return []
        lines: list[str] = []
        for column, lane in enumerate(self._lanes):
            same = [other for other in range(column, self._most) if self._lanes[other] == lane]
            if lane and len(same) > 1:
                for other in same[1:]:
                    self._lanes[other] = set()
                lines.append(self._draw(column, None, same))
        return lines

    def _draw(self, centre: int, mark: str | None, joined: list[int]) -> str:
        """Return one line: `mark` in the column `centre`, joined by lines from other columns.

        Without a mark, the lines join there and go on below.
        """
        low, high = min([centre, *joined]), max([centre, *joined])
        cells: list[str] = []
        for column in range(max(len(self._lanes), centre + 1)):
            if column == centre and mark is not None:
                cell = mark
            elif column == centre or column in joined:
                on = column == centre or bool(self._lanes[column])
                cell = _JUNCTIONS[low < column, column < high, on]
            elif self._lanes[column]:
                cell = "│"
            else:
                cell = "─" if low < column < high else " "
            cells.append(cell + ("─" if low <= column < high else " "))
        return "".join(cells).rstrip()
