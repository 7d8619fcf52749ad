"""Put dumps together that were written as lines for log shippers: `formatter.format_lines`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statecrumbs._json import is_list
from statecrumbs._reading._unwrap import is_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

_MAX_DUMPS: Final = 1000
_MAX_LINES: Final = 1_000_000


@dataclass
class ShippedDump:
    """The records of one dump as far as its lines arrived, and where in the log they stand."""

    records: list[dict[str, Any]]
    first: int
    last: int
    has_begin: bool
    has_end: bool
    lost_lines: int


@dataclass
class _Arrived:
    of: int
    first: int
    last: int
    lines: dict[int, dict[str, Any]] = field(default_factory=dict[int, "dict[str, Any]"])


class ShippedDumps:
    """Collect the lines of dumps, in any order."""

    def __init__(self) -> None:
        self._arrived: dict[str, _Arrived] = {}

    def add(self, line: dict[str, Any], number: int) -> None:
        """Add the content of a line; `number` is its place in the log."""
        identity, place, of = line.get("statecrumbs"), line.get("line"), line.get("of")
        if not isinstance(identity, str) or type(place) is not int or type(of) is not int:
            return
        if not 1 <= place <= of <= _MAX_LINES:
            return
        arrived = self._arrived.setdefault(identity, _Arrived(of, number, number))
        arrived.last = number
        arrived.lines[place] = line
        if len(self._arrived) > _MAX_DUMPS:
            del self._arrived[next(iter(self._arrived))]

    def dumps(self) -> Iterator[ShippedDump]:
        """Yield the dumps of which at least one line arrived."""
        for arrived in self._arrived.values():
            lines = arrived.lines
            lowest, highest = min(lines), max(lines)
            yield ShippedDump(
                list(_records(lines)),
                arrived.first,
                arrived.last,
                has_begin=lowest == 1,
                has_end=highest == arrived.of,
                lost_lines=highest - lowest + 1 - len(lines),
            )


def _records(lines: dict[int, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    pieces: dict[int, str] = {}
    for place in sorted(lines):
        line = lines[place]
        record = line.get("record")
        if is_record(record):
            pieces = {}
            yield record
            continue
        piece, text = line.get("piece"), line.get("text")
        if not is_list(piece) or len(piece) != 2 or not isinstance(text, str):  # noqa: PLR2004
            continue
        number, of = piece
        if number == 1:
            pieces = {}
        pieces[number] = text
        if len(pieces) == of and list(pieces) == list(range(1, of + 1)):
            joined = _parsed("".join(pieces.values()))
            if is_record(joined):
                yield joined


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
