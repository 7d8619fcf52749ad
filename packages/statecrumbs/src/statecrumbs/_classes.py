"""Look at classes and at instances without running anybody's code.

`value.name`, `isinstance` and `hasattr` may run a property, a `__getattr__`, a metaclass; an object
that answers every question with a new attribute has hung debuggers before. What is here reads only
what stands in the dictionaries and slots.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Final

# The descriptors of `type` itself, since a metaclass may define attributes of the same names.
mro_of: Final[Callable[[type], tuple[type, ...]]] = type.__dict__["__mro__"].__get__
names_in: Final[Callable[[type], Mapping[str, Any]]] = type.__dict__["__dict__"].__get__
_name_of: Final[Callable[[type], str]] = type.__dict__["__name__"].__get__
_qualname_of: Final[Callable[[type], str]] = type.__dict__["__qualname__"].__get__
_module_of: Final[Callable[[type], object]] = type.__dict__["__module__"].__get__

# `type`, of which nothing is claimed but that it returns a class.
class_of: Callable[[object], type[object]] = type


class _Slotted:
    __slots__ = ("slot",)


_GETSET: Any = type.__dict__["__dict__"].__class__
_MEMBER: Any = _Slotted.__dict__["slot"].__class__
FUNCTION = type(lambda: None)

# The built-in containers, to be asked about instances of any subclass.
DICT: Any = dict
LIST: Any = list
TUPLE: Any = tuple
SET: Any = set
FROZENSET: Any = frozenset


class _NotStored:
    """Stands for an attribute that is computed, or missing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<not stored>"


_NOT_STORED = _NotStored()


def by_id(*classes: Any) -> dict[int, Any]:
    """Return `classes` by their ids: a metaclass may define what hashes and equals its classes."""
    return {id(cls): cls for cls in classes}


def base_among(bases: Iterable[type], wanted: Mapping[int, Any]) -> Any:
    """Return the first of `bases` that is `wanted`, None where none is."""
    return next((base for base in bases if id(base) in wanted), None)


def owner_of(bases: Iterable[type], name: str) -> type:
    """Return the first of `bases` that defines `name`, which `object` does too."""
    return next(base for base in bases if name in names_in(base))


def name_of(cls: type) -> str:
    """Return the name of `cls`, as an exact `str`."""
    return str.__str__(_name_of(cls))


def qualname_of(cls: type) -> str:
    """Return the name of `cls` with those of what it is defined in."""
    return str.__str__(_qualname_of(cls))


def module_of(cls: type) -> str:
    """Return the name of the module of `cls`, "" where it has none."""
    try:
        module = _module_of(cls)
    except AttributeError:
        return ""
    if type(module) is str:
        return module
    # A proxy may compute its __module__; its methods tell the truth (celery.local.Proxy).
    function = names_in(cls).get("__repr__")
    return function_module(function) if type(function) is FUNCTION else ""


def class_name(value: object) -> str:
    """Return the name of the class of `value`, in which its `__class__` has no say."""
    return name_of(type(value))


def class_title(value: object) -> str:
    """Return the class of `value` as `repr` names it: module and qualified name."""
    cls = type(value)
    module = module_of(cls)
    return qualname_of(cls) if module in ("", "builtins") else f"{module}.{qualname_of(cls)}"


def function_module(function: Any) -> str:
    """Return the name of the module in which a function was written."""
    module = function.__module__
    return module if type(module) is str else ""


def instance_dict(value: object) -> dict[str, object]:
    """Return the `__dict__` of an instance, empty where it has none."""
    for cls in mro_of(type(value)):
        descriptor = names_in(cls).get("__dict__")
        if descriptor is not None:
            kind = class_of(descriptor)
            stored: Any = descriptor.__get__(value) if kind in (_GETSET, _MEMBER) else None
            found = class_of(stored)
            return stored if found is dict else {}
    return {}


def read_attributes(value: object, names: Iterable[str]) -> list[tuple[str, object]]:
    """Return each name with what is stored for it in `value` or its class; no property is run."""
    stored = instance_dict(value)
    return [(name, stored[name] if name in stored else _slot(value, name)) for name in names]


def _slot(value: object, name: str) -> object:
    for cls in mro_of(type(value)):
        if name in names_in(cls):
            found = names_in(cls)[name]
            kind = class_of(found)
            if kind is _MEMBER:
                try:
                    return found.__get__(value)
                except AttributeError:  # it is empty
                    break
            if all("__get__" not in names_in(base) for base in mro_of(kind)):
                return found
            break
    return _NOT_STORED
