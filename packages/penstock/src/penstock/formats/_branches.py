"""Lines between steps that stand one below the other: which step comes next, and what joins it.

A lane is a column in which a line runs down from a step to those that come after it and have not
come yet. The line ends at the last of them; at each other one it sends a branch to the side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def ordered(members: Sequence[str], following: Mapping[str, Sequence[str]]) -> list[str]:
    """Return `members`, each after all that it follows, one branch after the other.

    `members` are in an order in which all of `following` leads down. Where branches part, the
    shortest comes first, so that the longest runs straight down.
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


class Lanes:
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
        """Where all lanes are in use, join those that lead to the same steps."""
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
