"""Show values of the built-in types and of containers of the standard library.

The functions here also serve classes that inherit their `__repr__` from one of these types. They
call the methods of that type, never those of the instance: a subclass may lie about its length, or
compute its items.
"""

from __future__ import annotations

import gc
import sys

from statecrumbs._values._inspection import (
    DICT,
    FROZENSET,
    FUNCTION,
    LIST,
    SET,
    TUPLE,
    class_of,
    instance_dict,
    name_of,
    names_in,
    title_of,
)
from statecrumbs._values._renderer import HEAD, WHOLE, first, hidden, is_kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from statecrumbs._values._renderer import Renderer, Show

    # The third parameter is the class of the standard library whose `__repr__` the value has.
    StdlibShower: TypeAlias = Callable[[Renderer, Any, Any, int, int], str]

# Decimal digits take time that grows with the square of their number, and Python refuses to write
# more than 4300 of them, or as few as 640 where the host program says so.
MAX_BITS = 2048


def _items(renderer: Renderer, value: Any, name: str, room: int, depth: int) -> str:
    """Return the text of a dict, inside a call of the class `name` unless that is ""."""
    opening, closing = (f"{name}({{", "})") if name else ("{", "}")
    count = DICT.__len__(value)
    items = first(DICT.items(value), count)
    return renderer.mapping(value, items, count, opening, closing, room, depth)


def _repr(_renderer: Renderer, value: object, _room: int, _depth: int) -> str:
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
    # The repr of a subclass may load a lazy module (importlib.util.LazyLoader).
    if type(value) is _MODULE:
        return renderer.call_repr(value, room, depth)
    return object.__repr__(value)


def _str(renderer: Renderer, value: str, room: int, depth: int) -> str:
    return renderer.string(value, renderer.share(room, depth))


def _bytes(renderer: Renderer, value: bytes, room: int, depth: int) -> str:
    return renderer.byte_string(value, bytes, renderer.share(room, depth))


def _bytearray(renderer: Renderer, value: bytearray, room: int, depth: int) -> str:
    name = name_of(type(value))
    room = renderer.share(room, depth) - len(name) - 2
    return f"{name}({renderer.byte_string(value, bytearray, room)})"


def _list(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = LIST.__len__(value)
    items = LIST.__getitem__(value, slice(0, count if count <= WHOLE else HEAD))
    return renderer.sequence(value, items, count, "[", "]", room, depth)


def _tuple(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    if is_kept(value):
        text: str = value[1](renderer, value[2], room, depth)
        return text
    count = TUPLE.__len__(value)
    items = TUPLE.__getitem__(value, slice(0, count if count <= WHOLE else HEAD))
    if renderer.is_secret_pair(items):
        return renderer.pair(items, "(", ")", room, depth)
    return renderer.sequence(value, items, count, "(", ",)" if count == 1 else ")", room, depth)


def _set(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = SET.__len__(value)
    name = name_of(type(value))
    if not count:
        return f"{name}()"
    kind = class_of(value)
    opening, closing = ("{", "}") if kind is set else (f"{name}({{", "})")
    items = first(SET.__iter__(value), count)
    return renderer.sequence(value, items, count, opening, closing, room, depth)


def _frozenset(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = FROZENSET.__len__(value)
    name = name_of(type(value))
    if not count:
        return f"{name}()"
    items = first(FROZENSET.__iter__(value), count)
    return renderer.sequence(value, items, count, f"{name}({{", "})", room, depth)


def _dict(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    return _items(renderer, value, "", room, depth)


def _view(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    count = len(value)
    opening = f"{name_of(type(value))}(["
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
    # Its own repr contains the repr of the instance.
    function = value.__func__
    name = function.__qualname__ if type(function) is FUNCTION else "?"
    return f"<bound method {name} of {renderer.show(value.__self__, room - len(name), depth)}>"


def _exception(renderer: Renderer, value: BaseException, room: int, depth: int) -> str:
    return show_arguments(renderer, name_of(type(value)), arguments_of(value), room, depth)


# The arguments of an exception, whatever its class says.
arguments_of: Callable[[BaseException], tuple[Any, ...]] = BaseException.__dict__["args"].__get__


def show_arguments(
    renderer: Renderer, name: str, args: Sequence[Any], room: int, depth: int
) -> str:
    """Return the text of an exception of the class `name` with the arguments `args`."""
    opening = f"{name}("
    if renderer.is_secret_pair(args):
        return renderer.pair(args, opening, ")", room, depth)
    count = len(args)
    return renderer.sequence(args, first(args, count), count, opening, ")", room, depth)


_EMPTY: dict[object, object] = {}
_MODULE = class_of(sys)

# For these types and their subclasses. Types with `_repr` cannot have subclasses.
SHOW: dict[type, Show] = {
    int: _int,
    str: _str,
    bool: _repr,
    type(None): _repr,
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
    FUNCTION: _repr,
    type(len): _repr,
    type(Ellipsis): _repr,
    type(NotImplemented): _repr,
    type(type.__dict__): _mapping_proxy,
    type(_EMPTY.keys()): _view,
    type(_EMPTY.values()): _view,
    type(_EMPTY.items()): _view,
    type(_repr.__get__(0)): _method,
}


def _deque(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    count = owner.__len__(value)
    longest = names_in(owner)["maxlen"].__get__(value)
    opening = f"{name_of(type(value))}(["
    closing = "])" if longest is None else f"], maxlen={longest})"
    items = first(owner.__iter__(value), count)
    return renderer.sequence(value, items, count, opening, closing, room, depth)


def _defaultdict(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    factory = renderer.show(names_in(owner)["default_factory"].__get__(value), room, depth + 1)
    inner = _items(renderer, value, "", room - len(factory), depth)
    return f"{name_of(type(value))}({factory}, {inner})"


def _ordered_dict(renderer: Renderer, value: Any, _owner: Any, room: int, depth: int) -> str:
    name = name_of(type(value))
    if not DICT.__len__(value):
        return f"{name}()"
    if sys.version_info >= (3, 12):
        return _items(renderer, value, name, room, depth)
    count = DICT.__len__(value)
    items = first(DICT.items(value), count)
    return renderer.sequence(value, items, count, f"{name}([", "])", room, depth)


def _counter(renderer: Renderer, value: Any, _owner: Any, room: int, depth: int) -> str:
    name = name_of(type(value))
    count = DICT.__len__(value)
    items = first(DICT.items(value), count)
    if len(items) == count and all(type(number) is int for _, number in items):
        items.sort(key=lambda item: item[1], reverse=True)  # as its own repr
    if not count:
        return f"{name}()"
    return renderer.mapping(value, items, count, f"{name}({{", "})", room, depth)


def _namespace(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    name = "namespace" if type(value) is owner else name_of(type(value))
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
    return renderer.fields(value, title_of(type(value)), fields, count, room, depth)


def _typed_array(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    code = names_in(owner)["typecode"].__get__(value)
    count = owner.__len__(value)
    name = name_of(type(value))
    if code in "uw" or not count:
        return f"{name}({code!r}{f', <{count} characters>' if count else ''})"
    items = owner.__getitem__(value, slice(0, count if count <= WHOLE else HEAD))
    opening = f"{name}({code!r}, ["
    return renderer.sequence(value, list(items), count, opening, "])", room, depth)


def _user(renderer: Renderer, value: Any, _owner: Any, room: int, depth: int) -> str:
    # A class of the user inherits from this one; its repr is that of its `data`.
    held = instance_dict(value)
    return renderer.show(held["data"], room, depth) if "data" in held else object.__repr__(value)


def _chain_map(renderer: Renderer, value: Any, _owner: Any, room: int, depth: int) -> str:
    maps = instance_dict(value).get("maps")
    if type(maps) is not list:
        return object.__repr__(value)
    count = LIST.__len__(maps)
    fields = [("", each) for each in maps[: count if count <= WHOLE else HEAD]]
    return renderer.fields(value, name_of(type(value)), fields, count, room, depth)


def _mapping_view(renderer: Renderer, value: Any, owner: Any, room: int, depth: int) -> str:
    mapping = names_in(owner)["_mapping"].__get__(value)
    return renderer.fields(value, name_of(type(value)), [("", mapping)], 1, room, depth)


def _enum(renderer: Renderer, value: Any, _owner: Any, room: int, depth: int) -> str:
    held = instance_dict(value)
    title, name, inner = name_of(type(value)), held.get("_name_"), held.get("_value_")
    kind = type(inner)
    if inner is None or kind is int or kind is bool or kind is float:
        return renderer.call_repr(value, room, depth)
    return show_member(renderer, title, name, inner, room, depth)


def show_member(
    renderer: Renderer, title: str, name: Any, inner: Any, room: int, depth: int
) -> str:
    """Return the text of the member `name` of the enumeration `title`: <Color.RED: 1>."""
    opening = f"<{title}.{name}: "
    if (
        renderer.names_secret(name) or (title.endswith("s") and renderer.names_secret(title))
    ) and not _is_kind(name, inner):
        return f"{opening}{hidden(name, inner)!r}>"
    # Its own repr contains the whole repr of its value, which may be of any class.
    return f"{opening}{renderer.show(inner, room - len(opening) - 1, depth + 1)}>"


def _is_kind(name: str, inner: Any) -> bool:
    """Return whether a member stands for a kind of secret: TOKEN = "token", PASSWORD = 2."""
    if type(inner) is int:
        return 0 <= inner < _MOST_MEMBERS
    return type(inner) is str and inner.lower() == name.lower()


_MOST_MEMBERS = 100  # that are numbered


# By module, then by the name of the class. They are known by name, since importing these modules
# here would cost every program their import.
STDLIB_SHOW: dict[str, dict[str, StdlibShower]] = {
    "array": {"array": _typed_array},
    "collections": {
        "ChainMap": _chain_map,
        "Counter": _counter,
        "OrderedDict": _ordered_dict,
        "UserDict": _user,
        "UserList": _user,
        "UserString": _user,
        "defaultdict": _defaultdict,
        "deque": _deque,
    },
    "collections.abc": {"MappingView": _mapping_view},
    "enum": {"Enum": _enum},
    "functools": {"partial": _partial},
    "types": {"SimpleNamespace": _namespace},
}
