"""Show the containers of the standard library, and of classes that inherit their `__repr__`.

They are known by name, since importing them here would cost every program their import. `owner` is
the class whose `__repr__` the value has: asking it, not the instance, leaves a subclass no say.
"""

from __future__ import annotations

import sys

from statecrumbs._builtin_types import HEAD, WHOLE, first, show_dict
from statecrumbs._classes import DICT, class_name, class_title, instance_dict, names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from statecrumbs._renderer import Renderer

    OwnedShower: TypeAlias = Callable[[Renderer, Any, Any, int, int], str]


def _deque(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    count = owner.__len__(value)
    longest = names_in(owner)["maxlen"].__get__(value)
    opening = f"{class_name(value)}(["
    closing = "])" if longest is None else f"], maxlen={longest})"
    items = first(owner.__iter__(value), count)
    return renderer.sequence(value, items, count, opening, closing, room, depth)


def _defaultdict(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    factory = renderer.show(names_in(owner)["default_factory"].__get__(value), room, depth + 1)
    inner = show_dict(renderer, value, "", room - len(factory), depth)
    return f"{class_name(value)}({factory}, {inner})"


def _ordered_dict(renderer: Renderer, value: Any, _owner: Any, room: int, depth: int) -> str:
    name = class_name(value)
    if not DICT.__len__(value):
        return f"{name}()"
    if sys.version_info >= (3, 12):
        return show_dict(renderer, value, name, room, depth)
    count = DICT.__len__(value)
    items = first(DICT.items(value), count)
    return renderer.sequence(value, items, count, f"{name}([", "])", room, depth)


def _counter(renderer: Renderer, value: Any, _owner: Any, room: int, depth: int) -> str:
    name = class_name(value)
    count = DICT.__len__(value)
    items = first(DICT.items(value), count)
    if len(items) == count and all(type(number) is int for _, number in items):
        items.sort(key=lambda item: item[1], reverse=True)  # as its own repr does
    if not count:
        return f"{name}()"
    return renderer.mapping(value, items, count, f"{name}({{", "})", room, depth)


def _namespace(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    name = "namespace" if type(value) is owner else class_name(value)
    fields = instance_dict(value)
    return renderer.fields(value, name, fields.items(), len(fields), room, depth)


def _partial(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    function, args, keywords = (
        names_in(owner)[name].__get__(value) for name in ("func", "args", "keywords")
    )
    fields = [
        ("", function),
        *(("", arg) for arg in args[:WHOLE]),
        *first(keywords.items(), len(keywords)),
    ]
    count = 1 + len(args) + len(keywords)
    return renderer.fields(value, class_title(value), fields, count, room, depth)


def _array(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    code = names_in(owner)["typecode"].__get__(value)
    count = owner.__len__(value)
    name = class_name(value)
    if code in "uw" or not count:
        return f"{name}({code!r}{f', <{count} characters>' if count else ''})"
    items = owner.__getitem__(value, slice(0, count if count <= WHOLE else HEAD))
    opening = f"{name}({code!r}, ["
    return renderer.sequence(value, list(items), count, opening, "])", room, depth)


# By module and name, as the types give them.
OWNED_SHOWERS: dict[tuple[str, str], OwnedShower] = {
    ("array", "array"): _array,
    ("collections", "Counter"): _counter,
    ("collections", "OrderedDict"): _ordered_dict,
    ("collections", "defaultdict"): _defaultdict,
    ("collections", "deque"): _deque,
    ("functools", "partial"): _partial,
    ("types", "SimpleNamespace"): _namespace,
}
