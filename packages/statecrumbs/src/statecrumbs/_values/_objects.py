"""Show an instance of a class that is not built in: by its fields, by its name, or by its repr."""

from __future__ import annotations

import gc

from statecrumbs._values._builtin import MAX_BITS, SHOW, STDLIB_SHOW
from statecrumbs._values._frameworks import (
    FRAMEWORKS,
    MAPPED,
    framework_show,
    is_lazy,
    name_only,
)
from statecrumbs._values._inspection import (
    DICT,
    FUNCTION,
    TUPLE,
    class_of,
    instance_dict,
    module_of,
    mro_of,
    name_of,
    names_in,
    qualname_of,
    read_attributes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from statecrumbs._values._frameworks import FrameworkShow
    from statecrumbs._values._renderer import Renderer


def _by_id(*classes: Any) -> dict[int, Any]:
    """Return `classes` by their ids: a metaclass may define what hashes and equals its classes."""
    return {id(cls): cls for cls in classes}


# The `__repr__` of classes in these modules shows only a name or a value, whatever else the object
# holds: the labels of an enumeration may be lazy strings, and a request holds a lazy user.
_HARMLESS = frozenset(
    (
        "builtins",
        "django.core.handlers.asgi",
        "django.core.handlers.wsgi",
        "django.db.models.enums",
        "django.http.request",
        "django.http.response",
        "enum",
        "rest_framework.request",
    )
)

_WRAPPERS = ("classmethod", "staticmethod")  # built-in types whose repr shows another object

# A subclass of these with a `__repr__` of its own most probably shows all its items.
_SIZED = _by_id(str, list, dict, tuple, bytes, set, frozenset, bytearray)
_INT = _by_id(int)
_EXCEPTION = _by_id(BaseException)
_MANY = 1000  # items or characters; of a larger value its own `__repr__` is not called

_MAX_OBJECTS = 100  # looked at; lazy objects farther away are not found
_MAX_ITEMS = 50  # looked at in one container

_CONTAINERS = _by_id(dict, list, tuple, set, frozenset)
# The repr of these shows no other object, though they may refer to many.
_CLOSED = _by_id(str, bytes, float, bool, type(None), type(lambda: None), type(len), type(gc), type)


def show_object(renderer: Renderer, value: Any, kind: type, room: int, depth: int) -> str:
    """Return the text of `value`, whose class `kind` is not itself a built-in one."""
    bases = mro_of(kind)
    owner, module, show = look_at(bases)
    if show is not None:
        return show(renderer, value, bases, room, depth)
    if owner is object:
        return object.__repr__(value)
    inherited = SHOW.get(owner) if type(owner) is type else None
    if inherited is not None:
        return inherited(renderer, value, room, depth)
    if module in STDLIB_SHOW:
        known = STDLIB_SHOW[module].get(name_of(owner))
        if known is not None:
            return known(renderer, value, owner, room, depth)
    function = names_in(owner)["__repr__"]
    generated = _generated_fields(value, kind, owner, function)
    if generated is not None:
        name, fields = generated
        return renderer.fields(value, name, fields, len(fields), room, depth)
    if issubclass(kind, type) or _is_harmless(function, owner, module):
        return renderer.call_repr(value, room, depth)
    return show_own(renderer, value, bases, owner, module, room, depth)


def look_at(bases: tuple[type, ...]) -> tuple[type, str, FrameworkShow | None]:
    """Return which of `bases` defines `__repr__`, its module, and the function of a framework.

    That function shows instances of a class with these bases; None where no framework is known.
    """
    owner: type = object
    owner_module = "builtins"
    for base in bases[:-1]:  # the last is `object`
        names = names_in(base)
        module = names.get("__module__")
        if type(module) is not str:  # a class written in C, a proxy
            module = module_of(base)
        if owner is object and "__repr__" in names:
            owner, owner_module = base, module
        if module.partition(".")[0] in FRAMEWORKS or MAPPED in names:
            show = framework_show(base, module)
            if show is not None:
                return owner, owner_module, show
    return owner, owner_module, None


def _is_harmless(function: Any, owner: type, module: str) -> bool:
    if type(function) is FUNCTION:
        module = function.__module__
    return (
        type(module) is str
        and module in _HARMLESS
        and name_of(owner) not in _WRAPPERS
        and not issubclass(owner, BaseException)
    )


def show_own(
    renderer: Renderer,
    value: Any,
    bases: tuple[type, ...],
    owner: type,
    module: str,
    room: int,
    depth: int,
) -> str:
    """Return the text of `value` by its own `__repr__`, unless that could fetch, or take long."""
    base = _base_among(bases, _SIZED)
    many = base is not None and base.__len__(value) > _MANY
    if _base_among(bases, _INT) and int.bit_length(value) > MAX_BITS:
        return SHOW[int](renderer, value, room, depth)
    if not many:
        container = _container(bases, owner, module)
        if not _holds_lazy(value, container, big_too=base is not None):
            return renderer.call_repr(value, room, depth)
    base = base or _base_among(bases, _EXCEPTION)
    if base is None:
        return name_only(renderer, value, bases, room, depth)
    name = name_of(type(value))
    text = SHOW[base](renderer, value, room - len(name) - 2, depth)
    return text if text.startswith(name) else f"{name}({text})"


def _generated_fields(
    value: Any, kind: type, owner: type, function: Any
) -> tuple[str, Sequence[tuple[str, Any]]] | None:
    """Return the name and the fields that a generated `__repr__` shows, None for another one."""
    found = generated(kind, owner, function)
    if found is None:
        return None
    title, names, is_tuple = found
    if is_tuple:
        return title, list(zip(names, TUPLE.__iter__(value)))  # noqa: B905 - as namedtuple's does
    return title, read_attributes(value, names)


def generated(kind: type, owner: type, function: Any) -> tuple[str, Sequence[str], bool] | None:
    """Return what a generated `__repr__` shows: a name, those of its fields, whether it is a tuple.

    None for a `function` of another origin. `owner` is the class that has it, among the bases of
    `kind`.
    """
    if type(function) is not FUNCTION:
        return None
    names = names_in(owner)
    maker = function.__globals__.get("__name__")
    if maker == "collections" and "_fields" in names:
        return name_of(kind), names["_fields"], True
    if maker in ("dataclasses", "reprlib") and "__dataclass_fields__" in names:
        # A handwritten function under reprlib.recursive_repr comes from a file.
        inner: Any = function.__dict__.get("__wrapped__")
        if type(inner) is not FUNCTION or inner.__code__.co_filename != "<string>":
            return None
        shown = [
            field.name
            for field in names["__dataclass_fields__"].values()
            if field.repr and field._field_type.name == "_FIELD"  # noqa: SLF001 - no ClassVar
        ]
        return qualname_of(kind), shown, False
    if function.__code__.co_filename.startswith("<attrs generated"):
        attributes = names.get("__attrs_attrs__", ())
        if not all(type(attribute.repr) is bool for attribute in attributes):
            return None  # a field has a function of its own for its text
        shown = [attribute.name for attribute in attributes if attribute.repr]
        return qualname_of(kind).rpartition(">.")[2], shown, False
    return None


# --- What a `__repr__` of the program may show must not be evaluated: look for it first.


def _holds_lazy(value: object, container: Any, *, big_too: bool) -> bool:
    """Return whether `value` holds something lazy where its `__repr__` may show it.

    The search follows attributes, items, and objects that have a `__repr__` of their own, the
    nearest first. A huge int counts as lazy, and with `big_too` a container of many items.
    """
    queue = _held_by(value, container)
    seen = {id(value)}
    for node in queue:  # it grows meanwhile
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
        owner, module, show = look_at(bases)
        if show is not None:
            if is_lazy(show):
                return True
            continue
        container = _container(bases, owner, module)
        if big_too and container is not None and container.__len__(node) > _MANY:
            return True
        if owner is not object and _base_among(bases, _CLOSED) is not type:
            queue += _held_by(node, container)
    return False


def _held_by(value: Any, container: Any) -> list[Any]:
    """Return attributes and items of `value`, the first ones where there are many."""
    if container is None:
        return gc.get_referents(value)
    held = [*instance_dict(value).values(), *_some(container.__iter__(value))]
    if container is dict:
        held += _some(DICT.values(value))
    return held


def _container(bases: tuple[type, ...], owner: type, module: str) -> Any:
    """Return the type of container among `bases`, None where there is none."""
    found = _base_among(bases, _CONTAINERS)
    # The deque is not imported for this; of the other containers it alone may have millions.
    if found is None and module == "collections" and name_of(owner) == "deque":
        return owner
    return found


def _base_among(bases: Iterable[type], wanted: Mapping[int, Any]) -> Any:
    """Return the first of `bases` that is `wanted`, None where none is."""
    for base in bases:
        if id(base) in wanted:
            return base
    return None


def _some(items: Iterable[Any]) -> list[Any]:
    try:
        return [item for _, item in list(zip(range(_MAX_ITEMS), items))]  # noqa: B905
    except RuntimeError:  # another thread changed the container at this very moment
        return []
