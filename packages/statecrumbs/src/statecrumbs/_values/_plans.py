"""How the instances of one class are kept: found out once for each class.

Only the class is looked at here. It may change later, so that each instance is refused whose class
has another `__repr__` by then.
"""

from __future__ import annotations

import os
import sys

# `operator` has it, and takes as long to import as all of this folder.
from _operator import attrgetter, itemgetter
from _weakref import ref

from statecrumbs._values._builtin import SHOW, arguments_of, show_arguments, show_member
from statecrumbs._values._frameworks import key_name, show_model
from statecrumbs._values._inspection import (
    DICT,
    TUPLE,
    dict_reader,
    module_of,
    mro_of,
    name_of,
    names_in,
    slot_reader,
    title_of,
)
from statecrumbs._values._keep import ITEM, SCALARS, keep_items
from statecrumbs._values._objects import generated, look_at, show_own
from statecrumbs._values._renderer import KEPT, WHOLE, first, hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from statecrumbs._values._keep import Keep, Keepers
    from statecrumbs._values._renderer import Kept, Renderer

_LONGEST = 128  # characters of the name of a class
_LARGE = 96  # characters of a number
_SMALL = 0x3FFFFFFF  # of ints up to this, CPython compares the least time

# Reads an attribute of a class as `type` does, whatever its metaclass says.
_read: Callable[[type, str], Any] = type.__getattribute__

_quick_repr_of: Callable[[type], Any] = attrgetter("__repr__")

_EXCEPTION_REPR = BaseException.__repr__

# Values that never change, and hold no object of the program. By module, since importing these
# modules here would cost every program their import.
_FIXED: dict[str, tuple[str, ...]] = {
    "datetime": ("date", "timedelta", "timezone"),
    "ipaddress": ("IPv4Address", "IPv6Address"),
    "uuid": ("UUID",),
}
# The methods that the `__repr__` of a pydantic model calls, and where each is defined.
_OF_PYDANTIC = {
    "__repr_args__": "pydantic.main",
    "__repr_name__": "pydantic._internal._repr",
    "__repr_str__": "pydantic._internal._repr",
}
_PATHS = ("PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
_ZONES = (("datetime", "timezone"), ("zoneinfo", "ZoneInfo"))


def plan(keepers: Keepers, kind: type) -> Keep | None:
    """Return how instances of `kind` are kept, None where each is rendered at once."""
    bases = mro_of(kind)
    owner, module, show = look_at(bases)
    if show is not None:
        return _of_model(keepers, kind, bases) if show is show_model else None
    if owner is object:
        return _named
    if type(kind) is type and (fixed := _of_fixed(kind)) is not None:
        return fixed
    name = name_of(owner)
    if owner is BaseException:
        return _of_exception(keepers, kind)
    if owner is type(os.environ) and kind is owner:
        return _of_environment(keepers)
    function = names_in(owner)["__repr__"]
    if function is getattr(getattr(sys.modules.get("enum"), "Enum", None), "__repr__", None):
        return _of_enumeration(kind, function)
    if (module, name) == ("django.utils.datastructures", "CaseInsensitiveMapping"):
        return _of_headers(keepers, kind, function)
    if (module, name) == ("pydantic.main", "BaseModel"):
        return _of_pydantic(keepers, kind, function)
    found = generated(kind, owner, function)
    if found is None:
        return None
    title, names, is_tuple = found
    read = _all_items if is_tuple else _reader(kind, names)
    return None if read is None else _of_fields(keepers, kind, title, names, read, function)


def _of_fields(
    keepers: Keepers,
    kind: type,
    title: str,
    names: Sequence[str],
    read: Callable[[Any], Sequence[Any]],
    function: Any,
) -> Keep | None:
    """Keep the fields `names`, which `read` returns, while `function` is the `__repr__`."""
    count = len(names)
    if count > WHOLE or len(title) > _LONGEST:
        return None
    sensitive = [at for at, name in enumerate(names) if keepers.is_sensitive(name)]
    taken = len(title) + sum(map(len, names))
    # Not the function itself: its globals may hold the class.
    current_repr = ref(function)
    repr_of = _repr_reader(kind)

    def show(renderer: Renderer, parts: Sequence[Any], room: int, depth: int) -> str:
        fields = list(zip(names, parts))  # noqa: B905 - they are as many
        return renderer.fields(parts, title, fields, count, room, depth)

    def keep(value: Any, room: int) -> Kept | None:
        if repr_of(type(value)) is not current_repr():
            return None
        parts: Any = read(value)
        if sensitive:
            parts = [*parts]
            for at in sensitive:
                parts[at] = hidden(names[at], parts[at])
        parts = keep_items(keepers, parts, room - taken)
        return (KEPT, show, parts) if parts is not None and len(parts) == count else None

    return keep


def _repr_reader(kind: type) -> Callable[[type], Any]:
    """Return what reads the `__repr__` of `kind`, without running code of its metaclass."""
    if _read(type(kind), "__getattribute__") is _read:
        return _quick_repr_of  # in half the time
    return lambda cls: _read(cls, "__repr__")


def _reader(kind: type, names: Sequence[str]) -> Callable[[Any], Sequence[Any]] | None:
    """Return what reads the fields `names` of an instance of `kind`; it may raise."""
    slots = [slot_reader(kind, name) for name in names]
    if slots and None not in slots:
        return lambda value: [read(value) for read in slots]  # type: ignore[misc]  # pyright: ignore[reportOptionalCall]
    read_dict = dict_reader(kind)
    if read_dict is None or any(slots):
        return None
    if len(names) < 2:  # noqa: PLR2004 - then an itemgetter returns no tuple
        return lambda value: [read_dict(value)[name] for name in names]
    get = itemgetter(*names)
    return lambda value: get(read_dict(value))


def _all_items(value: Any) -> tuple[Any, ...]:
    items: tuple[Any, ...] = TUPLE.__getitem__(value, slice(None))
    return items


def _of_exception(keepers: Keepers, kind: type) -> Keep:
    title = name_of(kind)
    taken = len(title)
    repr_of = _repr_reader(kind)

    def show(renderer: Renderer, parts: Sequence[Any], room: int, depth: int) -> str:
        return show_arguments(renderer, title, parts, room, depth)

    def keep(value: Any, room: int) -> Kept | None:
        if repr_of(type(value)) is not _EXCEPTION_REPR:
            return None
        args = arguments_of(value)
        parts = keep_items(keepers, args, room - taken) if len(args) <= WHOLE else None
        return None if parts is None else (KEPT, show, parts)

    return keep


def _of_enumeration(kind: type, function: Any) -> Keep | None:
    show_value = getattr(kind, "_value_repr_", None)  # since 3.11
    read_dict = dict_reader(kind)
    if read_dict is None or show_value not in (None, int.__repr__, str.__repr__, float.__repr__):
        return None
    title = name_of(kind)

    def show(renderer: Renderer, parts: tuple[str, Any], room: int, depth: int) -> str:
        return show_member(renderer, title, *parts, room, depth)

    def keep(member: Any, room: int) -> Kept | None:
        held = read_dict(member)
        value = held["_value_"]
        if id(type(value)) not in SCALARS or _read(type(member), "__repr__") is not function:
            return None
        if len(title) + (len(value) if type(value) is str else _LARGE) > room:
            return None
        return (KEPT, show, (held["_name_"], value))

    return keep


def _of_fixed(kind: type) -> Keep | None:
    """Keep values of the standard library that never change, and let them be shown in short."""
    module, name = module_of(kind), name_of(kind)
    if getattr(sys.modules.get(module), name, None) is not kind:
        return None
    if name in _FIXED.get(module, ()):
        SHOW[kind] = _show_fixed
        return _itself
    if name == "Decimal" and module == "decimal":
        SHOW[kind] = _show_text_of
        return _of_decimal(kind)
    if name in ("datetime", "time") and module == "datetime":
        SHOW[kind] = _show_in_zone
        return _itself_in_zone
    if name in _PATHS and module.partition(".")[0] == "pathlib":
        SHOW[kind] = _show_text_of
        return _itself_if_short
    return None


def is_fixed(value: object) -> bool:
    """Return whether `value` is of the standard library and never changes; not for scalars."""
    kind: Any = type(value)
    keep = _of_fixed(kind) if type(kind) is type else None
    return keep is not None and keep(value, sys.maxsize) is not None


def _show_fixed(_renderer: Renderer, value: object, _room: int, _depth: int) -> str:
    return repr(value)


def _show_text_of(renderer: Renderer, value: object, room: int, depth: int) -> str:
    return renderer.call_repr(value, room, depth)


def _show_in_zone(renderer: Renderer, value: Any, room: int, depth: int) -> str:
    if _itself_in_zone(value, room) is not None:
        return repr(value)
    kind = type(value)
    return show_own(renderer, value, mro_of(kind), kind, "datetime", room, depth)


def _itself(value: Any, _room: int) -> Any:
    return value


def _of_decimal(kind: Any) -> Keep:
    bare: int = kind(0).__sizeof__()

    def keep(value: Any, room: int) -> Any:
        # The smallest one has room for 76 digits; each 8 bytes more hold 19.
        return value if _LARGE + 3 * (value.__sizeof__() - bare) <= room else None

    return keep


def _itself_if_short(value: Any, room: int) -> Any:
    return value if len(str(value)) <= room else None


def _itself_in_zone(value: Any, _room: int) -> Any:
    # A zone may be of a class of the program, and hold anything.
    zone = value.tzinfo
    if zone is None:
        return value
    kind: Any = type(zone)
    is_known = any(getattr(sys.modules.get(at), name, None) is kind for at, name in _ZONES)
    return value if is_known else None


def _of_environment(keepers: Keepers) -> Keep:
    encoding = sys.getfilesystemencoding()
    is_sensitive = keepers.is_sensitive

    def text_of(stored: Any) -> str:  # it is bytes, but for Windows
        return stored.decode(encoding, "surrogateescape") if type(stored) is bytes else stored

    def show(renderer: Renderer, parts: tuple[Any, int], room: int, depth: int) -> str:
        kept, count = parts
        items = [(name, text_of(text)) for name, text in kept]
        return renderer.mapping(parts, items, count, "environ({", "})", room, depth)

    def keep(value: Any, room: int) -> Kept | None:
        stored = value._data  # noqa: SLF001 - an attribute of the instance
        kept: list[tuple[str, Any]] = []
        count = len(stored)
        items = first(DICT.items(stored), count)
        room -= ITEM * len(items)
        for name, text in items:
            key = name.decode(encoding, "surrogateescape") if type(name) is bytes else name
            room -= len(key) + len(text)
            kept.append((key, hidden(key, text) if is_sensitive(key) else text))
        return (KEPT, show, (kept, count)) if room >= 0 else None

    return keep


def _of_headers(keepers: Keepers, kind: type, function: Any) -> Keep | None:
    """Keep what is shown as a dict of the items of a ``_store``, whose keys are in lower case."""
    read_dict = dict_reader(kind)
    keep_dict = keepers[id(dict)]
    if read_dict is None:
        return None

    def keep(value: Any, room: int) -> Any:
        if _read(type(value), "__repr__") is not function:
            return None
        store = read_dict(value)["_store"]
        return keep_dict(dict(store.values()), room) if type(store) is dict else None

    return keep


def _of_pydantic(keepers: Keepers, kind: type, function: Any) -> Keep | None:
    fields = _read(kind, "__pydantic_fields__")
    arguments = _read(kind, "__repr_args__")
    is_own = (
        arguments.__module__ == "pydantic.main"
        and _read(kind, "__pydantic_computed_fields__") == {}
    )
    read_dict, read_extra = dict_reader(kind), slot_reader(kind, "__pydantic_extra__")
    if not is_own or read_dict is None or read_extra is None:
        return None
    for name in ("__repr_name__", "__repr_str__"):
        if not _read(kind, name).__module__.startswith("pydantic."):
            return None
    shown = [name for name, field in fields.items() if field.repr]
    every = list(fields)

    def read(value: Any) -> Sequence[Any]:
        stored = read_dict(value)
        if [*stored] != every or read_extra(value) is not None:
            raise LookupError  # it is shown in another way
        return [stored[name] for name in shown]

    return _of_fields(keepers, kind, name_of(kind), shown, read, function)


def _of_model(keepers: Keepers, kind: type, bases: tuple[type, ...]) -> Keep | None:
    name, read_dict, title = key_name(bases), dict_reader(kind), title_of(kind)
    if name is None or read_dict is None:
        return None
    taken = len(title)
    least = taken + 2 * ITEM  # as `keep_items` counts it for a number

    def show(renderer: Renderer, key: Any, room: int, depth: int) -> str:
        return f"<{title} pk={renderer.show(key, room, depth + 1)}>"

    def keep(value: Any, room: int) -> Kept | None:
        key = read_dict(value)[name]
        if type(key) is int and 0 <= key <= _SMALL and least <= room:  # nearly always
            return (KEPT, show, key)
        parts = keep_items(keepers, (key,), room - taken)
        return None if parts is None else (KEPT, show, parts[0])

    return keep


def _named(value: object, _room: int) -> Kept:
    return (KEPT, _show_text, object.__repr__(value))


def _show_text(_renderer: Renderer, text: str, _room: int, _depth: int) -> str:
    return text
