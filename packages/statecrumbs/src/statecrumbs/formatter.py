"""Crumbs as text: JSON for programs, one line a crumb for people."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

__all__ = ["format_json", "format_lines", "format_text"]

_MAX_LINE = 4096  # bytes with the line end: Linux writes so much to a pipe in one piece (pipe(7))
_MAX_PIECE = 1900  # characters of a record; escaping doubles them at most


def format_json(crumbs: Iterable[Mapping[str, Any]]) -> str:
    """Return `crumbs` as a pretty JSON list that every JSON parser takes.

    It is ASCII, so any terminal can print it and cannot be driven by it; parsers see the same
    characters. Values that JSON lacks (NaN, objects that somebody put into the dicts) become a
    bounded `repr`, so that the rest of the list is kept.
    """
    from statecrumbs._json import indented, to_json

    crumbs = list(crumbs)
    try:
        return indented(crumbs)
    except (TypeError, ValueError, RecursionError):
        return indented(to_json(crumbs))


def format_lines(crumbs: Iterable[Mapping[str, Any]]) -> str:
    """Return `crumbs` as lines for log shippers, which ``statecrumbs read`` puts together again.

    Each line is a JSON object in ASCII of at most 4 KiB, with an ID of the dump, its number, and
    the number of all lines: ``{"statecrumbs": "8f14e45f", "line": 3, "of": 12, "record": {...}}``.
    The JSON text of a record that is too long for one line is cut into numbered pieces: lines with
    ``"piece": [1, 3], "text": "..."`` instead of ``"record"``.
    """
    import json
    from os import urandom

    from statecrumbs._json import to_json

    contents: list[dict[str, Any]] = []
    for crumb in crumbs:
        record = to_json(crumb)
        text = json.dumps(record, allow_nan=False)
        if len(text) <= _MAX_LINE - 100:  # the rest of the line is shorter
            contents.append({"record": record})
            continue
        pieces = [text[at : at + _MAX_PIECE] for at in range(0, len(text), _MAX_PIECE)]
        contents += [
            {"piece": [number, len(pieces)], "text": piece}
            for number, piece in enumerate(pieces, 1)
        ]
    head = {"statecrumbs": urandom(4).hex()}
    return "\n".join(
        json.dumps({**head, "line": number, "of": len(contents), **content})
        for number, content in enumerate(contents, 1)
    )


def format_text(crumbs: Iterable[Mapping[str, Any]]) -> str:
    """Return one line for each of `crumbs`, in their order; all our sources give the oldest first.

    A line has the seconds before the last crumb, the thread, the event with its data, and in
    brackets the scope: the frame, the first digits of its correlation ID, and the scoped values.
    Control characters are escaped, so that a value can neither break a line nor drive a terminal.
    """
    from statecrumbs._lines import lines, relative_times

    crumbs = list(crumbs)
    return "\n".join(lines(crumbs, relative_times(crumbs)))
