"""Lines of a log as log services export them, in JSON documents or in CSV, as lines of JSON.

Also, which JSON values are a dump, a record of one, or a line of one for log shippers.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from statecrumbs._json import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final, TypeGuard

_MAX_DEPTH: Final = 16
_MAX_WRAPPERS: Final = 4  # objects around a line for log shippers
# The signs of a line of a dump in CSV, which doubles the quotes in a field.
_MARK: Final = re.compile(r'""(?:event|statecrumbs)\\*"": ?\\*""')
_SIGNS: Final = ('""event', '""statecrumbs')  # found sooner, where there is none
_FIELD: Final = re.compile(r'"((?:[^"]|"")*)"|([^,;\t\r\n]*)')
_ROW_ENDS: Final = ("", "\n", "\r")


def rows_of_json(value: object, depth: int = 0) -> Iterator[str]:
    """Yield each row in a JSON document as a line of JSON.

    The rows are the items of its lists, or of the lists in these, as where a service exports
    streams of lines. An item with lists in it may be a row itself, as a record with attributes is.
    """
    if depth >= _MAX_DEPTH:
        return
    if is_object(value):
        for member in value.values():
            yield from rows_of_json(member, depth + 1)
    elif is_list(value):
        for item in value:
            if not has_rows(item) or shipped_line(item) is not None:
                yield _row(item)
                continue
            if is_object(item):
                yield _row({key: each for key, each in item.items() if not has_rows(each)})
            yield from rows_of_json(item, depth + 1)


def _row(item: object) -> str:
    """Return `item` as a JSON object in one line; the columns of a list have their numbers."""
    if not is_object(item):
        item = dict(enumerate(item if is_list(item) else (item,)))
    return json.dumps(item)


def has_rows(value: object, depth: int = 0) -> bool:
    """Tell whether a list of objects or of lists is in `value`, and is no dump."""
    if depth >= _MAX_DEPTH:
        return False
    if is_list(value):
        return not is_dump(value) and any(is_object(item) or is_list(item) for item in value)
    return is_object(value) and any(has_rows(item, depth + 1) for item in value.values())


def shipped_line(value: object, depth: int = 0) -> dict[str, Any] | None:
    """Return the line for log shippers that `value` is, or that is in it; None for no such line."""
    if not is_object(value):
        return None
    if "statecrumbs" in value and "line" in value and "of" in value:
        return value
    for item in value.values():
        found = shipped_line(item, depth + 1) if depth < _MAX_WRAPPERS else None
        if found is not None:
            return found
    return None


def is_record(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether `value` can be a record of a dump: an object with the text of an event."""
    return is_object(value) and isinstance(value.get("event"), str)


def is_dump(value: object) -> TypeGuard[list[dict[str, Any]]]:
    """Return whether `value` is a list of records, and not an empty one."""
    return is_list(value) and bool(value) and all(map(is_record, value))


def rows_of_csv(text: str) -> str | None:
    """Return `text`, if it is CSV with lines of a dump in it, with a line of JSON for each row.

    It has as many lines as before: empty ones stand for the further lines of a row.
    """
    if not any(sign in text for sign in _SIGNS) or not _MARK.search(text):
        return None
    lines: list[str] = []
    fields: dict[int, str] = {}
    at = begin = 0
    while at <= len(text):
        found: Any = _FIELD.match(text, at)
        quoted, bare = found.groups()
        fields[len(fields)] = bare if quoted is None else quoted.replace('""', '"')
        at = found.end()
        end = text[at : at + 1]
        if end in _ROW_ENDS:
            lines += [json.dumps(fields), *[""] * text.count("\n", begin, at)]
            fields = {}
            at = text.find("\n", at) if end else len(text)
            begin = at = len(text) + 1 if at < 0 else at + 1
        elif end == '"':  # a row is not CSV
            fields[len(fields) - 1] += end
            at += 1
        else:
            at += 1
    return "\n".join(lines)
