"""Show an instance of a class that is not built in: walk it, name it, or call its `__repr__`."""

from __future__ import annotations

from statecrumbs._builtin_types import MAX_BITS, SHOWERS
from statecrumbs._classes import (
    FUNCTION,
    TUPLE,
    base_among,
    by_id,
    class_name,
    function_module,
    module_of,
    mro_of,
    name_of,
    names_in,
    owner_of,
    qualname_of,
    read_attributes,
)
from statecrumbs._foreign import foreign_shower, name_only
from statecrumbs._peek import holds_lazy
from statecrumbs._stdlib_types import OWNED_SHOWERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from statecrumbs._renderer import Renderer

# Where a `__repr__` shows no more than a name or a value, whatever else its object holds: the
# labels of an enumeration may be lazy strings, and a request holds a lazy user.
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

_WRAPPERS = ("classmethod", "staticmethod")  # of the built-in ones, those that show another object

# A subclass of one of these with a `__repr__` of its own most probably shows all its items.
_SIZED = by_id(str, list, dict, tuple, bytes, set, frozenset, bytearray)
_INT = by_id(int)
_EXCEPTION = by_id(BaseException)
_MANY = 1000  # items or characters; with more, its own `__repr__` is not called


def show_object(renderer: Renderer, value: Any, kind: type, room: int, depth: int) -> str:
    """Return the text of `value`, whose class `kind` is not itself a built-in one."""
    bases = mro_of(kind)
    foreign = foreign_shower(bases)
    if foreign is not None:
        return foreign(renderer, value, bases, room, depth)
    owner = owner_of(bases, "__repr__")
    if owner is object:
        return object.__repr__(value)
    inherited = SHOWERS.get(owner) if type(owner) is type else None
    if inherited is not None:
        return inherited(renderer, value, room, depth)
    owned = OWNED_SHOWERS.get((module_of(owner), name_of(owner)))
    if owned is not None:
        return owned(renderer, value, owner, room, depth)
    function = names_in(owner)["__repr__"]
    generated = _generated_fields(value, kind, owner, function)
    if generated is not None:
        name, fields = generated
        return renderer.fields(value, name, fields, len(fields), room, depth)
    if issubclass(kind, type) or _is_harmless(function, owner):
        return renderer.call_repr(value, room, depth)
    return _show_own(renderer, value, bases, room, depth)


def _is_harmless(function: Any, owner: type) -> bool:
    module = function_module(function) if type(function) is FUNCTION else module_of(owner)
    return (
        module in _HARMLESS
        and name_of(owner) not in _WRAPPERS
        and not issubclass(owner, BaseException)
    )


def _show_own(
    renderer: Renderer, value: Any, bases: tuple[type, ...], room: int, depth: int
) -> str:
    """Return the text of `value` by its own `__repr__`, unless that could fetch, or take long."""
    base = base_among(bases, _SIZED)
    many = base is not None and base.__len__(value) > _MANY
    if base_among(bases, _INT) and int.bit_length(value) > MAX_BITS:
        return SHOWERS[int](renderer, value, room, depth)
    if not many and not holds_lazy(value, big_too=base is not None):
        return renderer.call_repr(value, room, depth)
    base = base or base_among(bases, _EXCEPTION)
    if base is None:
        return name_only(renderer, value, bases, room, depth)
    name = class_name(value)
    text = SHOWERS[base](renderer, value, room - len(name) - 2, depth)
    return text if text.startswith(name) else f"{name}({text})"


def _generated_fields(
    value: Any, kind: type, owner: type, function: Any
) -> tuple[str, Sequence[tuple[str, Any]]] | None:
    """Return the name and the fields that a generated `__repr__` shows, None for another one."""
    if type(function) is not FUNCTION:
        return None
    names = names_in(owner)
    maker = function.__globals__.get("__name__")
    if maker == "collections" and "_fields" in names:
        return name_of(kind), list(zip(names["_fields"], TUPLE.__iter__(value)))  # noqa: B905 - as namedtuple's does
    if maker in ("dataclasses", "reprlib") and "__dataclass_fields__" in names:
        # A function that was written, but decorated with reprlib.recursive_repr, has a file.
        inner: Any = function.__dict__.get("__wrapped__")
        if type(inner) is not FUNCTION or inner.__code__.co_filename != "<string>":
            return None
        shown = [
            field.name
            for field in names["__dataclass_fields__"].values()
            if field.repr and field._field_type.name == "_FIELD"  # noqa: SLF001 - no ClassVar
        ]
        name = qualname_of(kind)
    elif function.__code__.co_filename.startswith("<attrs generated"):
        attributes = names.get("__attrs_attrs__", ())
        if not all(type(attribute.repr) is bool for attribute in attributes):
            return None  # a field has a function that renders it
        shown = [attribute.name for attribute in attributes if attribute.repr]
        name = qualname_of(kind).rpartition(">.")[2]
    else:
        return None
    return name, read_attributes(value, shown)
