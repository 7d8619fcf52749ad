"""What hangs together in a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def connected(ids: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the connected components of `ids` under `pairs`, directions ignored.

    Components, and the ids in each, are in the order of `ids`.
    """
    above = {each: each for each in ids}

    def root(each: str) -> str:
        while above[each] != each:
            above[each] = each = above[above[each]]
        return each

    for source, target in pairs:
        above[root(target)] = root(source)
    components: dict[str, list[str]] = {}
    for each in above:
        components.setdefault(root(each), []).append(each)
    return list(components.values())
