"""Make plain JSON data of anything that somebody put into a crumb."""

from __future__ import annotations

from math import isfinite
from reprlib import Repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias, TypeGuard

    Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_DEPTH = 32  # the deepest that we make ourselves are ten causes, each a member of a group
_LENGTH = 200  # characters of a repr

_repr = Repr()
_repr.maxother = _repr.maxstring = _repr.maxlong = _LENGTH


def plain(value: object, around: tuple[int, ...] = ()) -> Json:
    """Return `value` as what strict JSON can hold; for anything else its `repr`, bounded.

    `around` are the IDs of the containers that it was found in.
    """
    if value is None or type(value) is bool or type(value) is int or type(value) is str:
        return value
    if type(value) is float:
        return value if isfinite(value) else repr(value)
    if len(around) < _DEPTH and id(value) not in around:
        around = (*around, id(value))
        if is_object(value):
            return {_text(key): plain(item, around) for key, item in value.items()}
        if is_list(value):
            return [plain(item, around) for item in value]
    return _text(value)


def _text(value: object) -> str:
    if type(value) is str:
        return value
    try:
        return str.__str__(value) if isinstance(value, str) else _repr.repr(value)
    except Exception:
        return "<unserializable>"


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether `value` is what a JSON object becomes."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Tell whether `value` is what a JSON list becomes, or can become one."""
    return isinstance(value, (list, tuple))
