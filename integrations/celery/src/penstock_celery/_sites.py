"""The site of a task's frame: its name, its flow, and its place in a chord."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from corectx import Site
from penstock.lowlevel import declaration_of


class ChordSite(Site):
    """The site of one task of a chord, in which other processes know it by the ID of the header.

    `part` is that ID and the number of this task in the header. `after_parts`, of the body, is the
    ID and how many results arrived. One of the two is None.
    """

    __slots__ = ("after_parts", "part")

    def __init__(
        self,
        name: str,
        flow: str | None,
        part: tuple[str, int] | None,
        after_parts: tuple[str, int] | None,
    ) -> None:
        super().__init__("task", name, flow)
        self.part = part
        self.after_parts = after_parts


def site_of(task: Any, request: Any) -> Site:
    """Return the site for one execution of `task`; `request` is Celery's context, or a dict.

    Where the task begins a flow, its frame is in that flow too: a chain sends the next task after
    the body has returned.
    """
    declaration = declaration_of(task.run)
    flow = None if declaration is None else declaration.begins
    group: object = request.get("group")
    # A retry is inside of the first try, which is the one that others know of.
    if not isinstance(group, str) or request.get("retries"):
        return _site(task.name, flow)
    number: object = request.get("group_index")
    if number is None:
        # Celery gives the body the ID of its header as a group, and the results as an argument.
        args = request.get("args")
        # From outside it may be a mapping of arguments, too.
        results: object = args[0] if isinstance(args, (list, tuple)) and args else None
        if isinstance(results, (list, tuple)):
            size = len(cast("list[object]", results))
            return ChordSite(task.name, flow, None, (group, size))
    elif isinstance(number, int) and request.get("chord") is not None:
        return ChordSite(task.name, flow, (group, number), None)
    return _site(task.name, flow)


@lru_cache(maxsize=1024)
def _site(name: str, flow: str | None) -> Site:
    return Site("task", name, flow)
