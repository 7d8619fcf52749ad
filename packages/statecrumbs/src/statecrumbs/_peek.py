"""Look into an object for what must not be evaluated, before its own `__repr__` is called."""

from __future__ import annotations

import gc

from statecrumbs._builtin_types import MAX_BITS
from statecrumbs._classes import (
    DICT,
    base_among,
    by_id,
    class_of,
    instance_dict,
    module_of,
    mro_of,
    name_of,
    owner_of,
)
from statecrumbs._foreign import foreign_shower, is_lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_MAX_OBJECTS = 100  # looked at; what is farther away is not found
_MAX_ITEMS = 50  # looked at in one container
_BIG = 1000  # items

_CONTAINERS = by_id(dict, list, tuple, set, frozenset)
# What shows no other object, though it may refer to many: a function refers to its module.
_CLOSED = by_id(str, bytes, float, bool, type(None), type(lambda: None), type(len), type(gc), type)


def holds_lazy(value: object, *, big_too: bool) -> bool:
    """Return whether `value` holds something lazy where its `__repr__` may show it.

    Followed are attributes, items, and objects that have a `__repr__` of their own; the nearest
    first. A huge int counts as lazy, and with `big_too` a container of many items.
    """
    queue = _held_by(value, mro_of(type(value)))
    seen = {id(value)}
    for node in queue:  # which grows meanwhile
        kind = class_of(node)
        if id(kind) in _CLOSED or id(node) in seen:
            continue
        seen.add(id(node))
        if len(seen) > _MAX_OBJECTS:
            break
        if kind is int:
            if node.bit_length() > MAX_BITS:
                return True
            continue
        bases = mro_of(kind)
        if foreign_shower(bases) is not None:
            if is_lazy(bases):
                return True
        elif big_too and _size(node, bases) > _BIG:
            return True
        elif owner_of(bases, "__repr__") is not object and base_among(bases, _CLOSED) is not type:
            queue += _held_by(node, bases)
    return False


def _held_by(value: Any, bases: tuple[type, ...]) -> list[Any]:
    """Return attributes and items of `value`, the first ones where there are many."""
    base = _container(bases)
    if base is None:
        return gc.get_referents(value)
    held = [*instance_dict(value).values(), *_some(base.__iter__(value))]
    if base is dict:
        held += _some(DICT.values(value))
    return held


def _size(value: Any, bases: tuple[type, ...]) -> int:
    base = _container(bases)
    return 0 if base is None else base.__len__(value)


def _container(bases: tuple[type, ...]) -> Any:
    found = base_among(bases, _CONTAINERS)
    if found is None and (owner := owner_of(bases, "__repr__")) is not object:
        # Not imported for this: it is the other class that answers for millions of items.
        return owner if (module_of(owner), name_of(owner)) == ("collections", "deque") else None
    return found


def _some(items: Iterable[Any]) -> list[Any]:
    try:
        return [item for _, item in list(zip(range(_MAX_ITEMS), items))]  # noqa: B905
    except RuntimeError:  # another thread changed the container at this very moment
        return []
