"""Make JSON data of any value that stands in a crumb."""

from __future__ import annotations

from math import isfinite
from reprlib import Repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeGuard

    Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_DEPTH = 32  # the deepest that we make ourselves: ten causes, each a member of a group
_LENGTH = 200  # characters of a repr
_MAX_BITS = 2048  # of an int: fewer digits than the least limit that Python can be told

_repr = Repr()
_repr.maxother = _repr.maxstring = _repr.maxlong = _LENGTH


def to_json(value: object, around: tuple[int, ...] = ()) -> Json:
    """Return `value` as strict JSON data; for a value that JSON lacks, its bounded `repr`.

    `around` are the IDs of the containers around it.
    """
    if value is None or type(value) is bool or type(value) is str:
        return value
    if type(value) is int:
        bits = value.bit_length()
        # Python refuses to write an int with more decimal digits than its limit.
        return value if bits <= _MAX_BITS else f"<int of {bits} bits>"
    if type(value) is float:
        return value if isfinite(value) else repr(value)
    if len(around) < _DEPTH and id(value) not in around:
        around = (*around, id(value))
        if is_object(value):
            return {_text(key): to_json(item, around) for key, item in value.items()}
        if is_list(value):
            return [to_json(item, around) for item in value]
    return _text(value)


def indented(value: object) -> str:
    """Return strict JSON with an indent of 2. Raise for other data, and for keys that are no str.

    `json.dumps` has no help of C for that. If most of the data are strings in dicts, this takes
    a fourth of the time. The text of a dict that many records share is made once.
    """
    import json

    dumps, quote = json.dumps, json.encoder.encode_basestring_ascii
    quoted = _Quoted(quote)
    # By the address of a dict in a record, which the record keeps alive.
    shared: dict[int, str] = {}

    def text_of(value: Any, line: str) -> str:
        kind = type(value)
        if kind is dict and value:
            is_member = line == "\n    "
            if is_member and id(value) in shared:
                return shared[id(value)]
            inner = line + "  "
            members = [
                f"{quoted[key]}{quote(item) if type(item) is str else text_of(item, inner)}"
                for key, item in value.items()
            ]
            text = f"{{{inner}{f',{inner}'.join(members)}{line}}}"
            if is_member:
                shared[id(value)] = text
            return text
        if kind is list and value:
            inner = line + "  "
            items = f",{inner}".join([text_of(item, inner) for item in value])
            return f"[{inner}{items}{line}]"
        # No string has a line end in it.
        return dumps(value, indent=2, allow_nan=False).replace("\n", line)

    return text_of(value, "\n")


def checksum(records: list[Any]) -> dict[str, str]:
    """Return the checksum of a dump: the CRC-32 of its JSON text with sorted keys, 8 hex digits.

    It is the same after a collector has parsed the records and written them in another form. It is
    an object, because data of a crumb with the same name is a text.
    """
    import json
    from zlib import crc32

    try:
        text = json.dumps(records, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(to_json(records), allow_nan=False, sort_keys=True)
    return {"crc32": f"{crc32(text.encode()):08x}"}


class _Quoted(dict[str, str]):
    """Each key of an object in quotes, with a colon behind it."""

    __slots__ = ("_quote",)

    def __init__(self, quote: Callable[[str], str]) -> None:
        self._quote = quote

    def __missing__(self, key: str) -> str:
        self[key] = text = f"{self._quote(key)}: "
        return text


def _text(value: object) -> str:
    if type(value) is str:
        return value
    try:
        return str.__str__(value) if isinstance(value, str) else _repr.repr(value)
    except Exception:
        return "<unserializable>"


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether `value` is a dict, as JSON objects become."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether `value` is a list or a tuple."""
    return isinstance(value, (list, tuple))
