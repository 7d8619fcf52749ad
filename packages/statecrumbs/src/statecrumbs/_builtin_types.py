"""Show values of the built-in types, and of classes that inherit their `__repr__` from one.

It is always the built-in class that is asked, never the instance, so that a subclass that lies
about its length, or computes its items, has no say.
"""

from __future__ import annotations

import gc
import sys

from statecrumbs._classes import DICT, FROZENSET, FUNCTION, LIST, SET, TUPLE, class_name, class_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    from statecrumbs._renderer import Renderer

    Shower: TypeAlias = Callable[[Renderer, Any, int, int], str]

WHOLE = 20  # items; a container that has no more is shown whole
HEAD = 10  # items shown of one that has more

# Decimal digits take time that grows with the square of their number, and Python refuses to write
# more than 4300 of them, or as few as 640 where the host program says so.
MAX_BITS = 2048


def first(items: Iterable[Any], count: int) -> list[Any]:
    """Return the items to be shown of `count` ones: all where they are few, else the first."""
    try:
        if count <= WHOLE:
            return list(items)
        return [item for _, item in list(zip(range(HEAD), items))]  # noqa: B905 - range ends it
    except RuntimeError:  # another thread changed the container at this very moment
        return []


def show_dict(renderer: Renderer, value: Any, name: str, room: int, depth: int) -> str:
    """Return the text of a dict inside the call of a class `name`, or bare where that is ""."""
    opening, closing = (f"{name}({{", "})") if name else ("{", "}")
    count = DICT.__len__(value)
    items = first(DICT.items(value), count)
    return renderer.mapping(value, items, count, opening, closing, room, depth)


def _plain(_renderer: Renderer, value: object, _room: int, _depth: int) -> str:
    return repr(value)


def _int(_renderer: Renderer, value: int, _room: int, _depth: int) -> str:
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= MAX_BITS else f"<int of {bits} bits>"


def _float(_renderer: Renderer, value: float, _room: int, _depth: int) -> str:
    return float.__repr__(value)


def _complex(_renderer: Renderer, value: complex, _room: int, _depth: int) -> str:
    return complex.__repr__(value)


def _class(_renderer: Renderer, value: type, _room: int, _depth: int) -> str:
    return type.__repr__(value)


def _module(renderer: Renderer, value: object, room: int, depth: int) -> str:
    # The repr of a subclass may be what loads a lazy module (importlib.util.LazyLoader).
    if type(value) is _MODULE:
        return renderer.call_repr(value, room, depth)
    return object.__repr__(value)


def _str(renderer: Renderer, value: str, room: int, depth: int) -> str:
    return renderer.string(value, renderer.share(room, depth))


def _bytes(renderer: Renderer, value: bytes, room: int, depth: int) -> str:
    return renderer.byte_string(value, bytes, renderer.share(room, depth))


def _bytearray(renderer: Renderer, value: bytearray, room: int, depth: int) -> str:
    name = class_name(value)
    room = renderer.share(room, depth) - len(name) - 2
    return f"{name}({renderer.byte_string(value, bytearray, room)})"


def _list(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = LIST.__len__(value)
    items = LIST.__getitem__(value, slice(0, count if count <= WHOLE else HEAD))
    return renderer.sequence(value, items, count, "[", "]", room, depth)


def _tuple(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = TUPLE.__len__(value)
    items = TUPLE.__getitem__(value, slice(0, count if count <= WHOLE else HEAD))
    if renderer.is_secret_pair(items):
        return renderer.pair(items, "(", ")", room, depth)
    return renderer.sequence(value, items, count, "(", ",)" if count == 1 else ")", room, depth)


def _set(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = SET.__len__(value)
    name = class_name(value)
    if not count:
        return f"{name}()"
    kind = class_of(value)
    opening, closing = ("{", "}") if kind is set else (f"{name}({{", "})")
    items = first(SET.__iter__(value), count)
    return renderer.sequence(value, items, count, opening, closing, room, depth)


def _frozenset(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = FROZENSET.__len__(value)
    name = class_name(value)
    if not count:
        return f"{name}()"
    items = first(FROZENSET.__iter__(value), count)
    return renderer.sequence(value, items, count, f"{name}({{", "})", room, depth)


def _dict(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    return show_dict(renderer, value, "", room, depth)


def _view(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = len(value)
    opening = f"{class_name(value)}(["
    return renderer.sequence(value, first(value, count), count, opening, "])", room, depth)


def _mapping_proxy(renderer: Renderer, value: object, room: int, depth: int) -> str:
    (mapping,) = gc.get_referents(value)
    return f"mappingproxy({renderer.show(mapping, room, depth)})"


def _range(renderer: Renderer, value: range, room: int, depth: int) -> str:
    ends = (value.start, value.stop) if value.step == 1 else (value.start, value.stop, value.step)
    return f"range({', '.join(_int(renderer, end, room, depth) for end in ends)})"


def _slice(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    parts = (value.start, value.stop, value.step)
    return f"slice({', '.join(renderer.show(part, room // 3, depth + 1) for part in parts)})"


def _method(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    # Its own repr has that of the instance in it.
    function = value.__func__
    name = function.__qualname__ if type(function) is FUNCTION else "?"
    return f"<bound method {name} of {renderer.show(value.__self__, room - len(name), depth)}>"


def _exception(renderer: Renderer, value: BaseException, room: int, depth: int) -> str:
    args: tuple[Any, ...] = BaseException.__dict__["args"].__get__(value)
    opening = f"{class_name(value)}("
    if renderer.is_secret_pair(args):
        return renderer.pair(args, opening, ")", room, depth)
    count = len(args)
    return renderer.sequence(value, first(args, count), count, opening, ")", room, depth)


_EMPTY: dict[object, object] = {}
_MODULE = class_of(sys)

# Types that are here and types that inherit from them. What is `_plain` can have no subclass.
SHOWERS: dict[type, Shower] = {
    int: _int,
    str: _str,
    bool: _plain,
    type(None): _plain,
    float: _float,
    list: _list,
    dict: _dict,
    tuple: _tuple,
    bytes: _bytes,
    set: _set,
    frozenset: _frozenset,
    bytearray: _bytearray,
    complex: _complex,
    BaseException: _exception,
    range: _range,
    slice: _slice,
    type: _class,
    _MODULE: _module,
    FUNCTION: _plain,
    type(len): _plain,
    type(Ellipsis): _plain,
    type(NotImplemented): _plain,
    type(type.__dict__): _mapping_proxy,
    type(_EMPTY.keys()): _view,
    type(_EMPTY.values()): _view,
    type(_EMPTY.items()): _view,
    type(_plain.__get__(0)): _method,
}
