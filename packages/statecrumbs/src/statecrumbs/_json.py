"""Make JSON data of any value that stands in a crumb."""

from __future__ import annotations

from math import isfinite
from reprlib import Repr

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        # Python refuses to write an int of more decimal digits than it is told to.
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
