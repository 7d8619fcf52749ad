"""Crumbs as text: JSON for programs, one line a crumb for people."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

__all__ = ["format_json", "format_text"]


def format_json(crumbs: Iterable[Mapping[str, Any]]) -> str:
    """Return `crumbs` as a pretty JSON list that every JSON parser takes.

    It is ASCII, so that it can be printed to any terminal, whatever its encoding, and cannot drive
    it; parsers see the same characters. Values that JSON lacks (NaN, objects that somebody put
    into the dicts) become a bounded `repr`, so that the rest of the list is kept.
    """
    import json

    crumbs = list(crumbs)
    try:
        return json.dumps(crumbs, indent=2, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        from statecrumbs._json import to_json

        return json.dumps(to_json(crumbs), indent=2, allow_nan=False)


def format_text(crumbs: Iterable[Mapping[str, Any]]) -> str:
    """Return one line for each of `crumbs`, in the order given (oldest first, by all our sources).

    A line has the seconds before the last crumb, the thread, the event with its data, and in
    brackets the scope: the frame, the first digits of its correlation ID, and the scoped values.
    Control characters are escaped, so that a value can neither break a line nor drive a terminal.
    """
    from statecrumbs._lines import lines, relative_times

    crumbs = list(crumbs)
    return "\n".join(lines(crumbs, relative_times(crumbs)))
