"""Read classes and instances without running code of the program.

`value.name`, `isinstance` and `hasattr` may run a property, a `__getattr__` or a metaclass. Objects
that answer every question with a new attribute have hung debuggers before. The functions here read
only the dictionaries and slots.
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

# `type`, declared as a function that returns a class; a checker would narrow more than is known.
class_of: Callable[[object], type[object]] = type


class _Slotted:
    __slots__ = ("slot",)


_GETSET: Any = type.__dict__["__dict__"].__class__
_MEMBER: Any = _Slotted.__dict__["slot"].__class__
FUNCTION = type(lambda: None)

# The built-in containers. Their methods are called with instances of any subclass.
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


def name_of(cls: type) -> str:
    """Return the name of `cls`, as an exact `str`."""
    return str.__str__(_name_of(cls))


def qualname_of(cls: type) -> str:
    """Return the qualified name of `cls`, as an exact `str`."""
    return str.__str__(_qualname_of(cls))


def module_of(cls: type) -> str:
    """Return the name of the module of `cls`, "" where it has none."""
    try:
        module = _module_of(cls)
    except AttributeError:
        return ""
    if type(module) is str:
        return module
    # A proxy may compute its __module__ (celery.local.Proxy); that of its methods is stored.
    function = names_in(cls).get("__repr__")
    return function_module(function) if type(function) is FUNCTION else ""


def title_of(cls: type) -> str:
    """Return the name of `cls` as `repr` writes it: module and qualified name."""
    module = module_of(cls)
    return qualname_of(cls) if module in ("", "builtins") else f"{module}.{qualname_of(cls)}"


def function_module(function: Any) -> str:
    """Return the name of the module that defines a function, "" where it has none."""
    module = function.__module__
    return module if type(module) is str else ""


def instance_dict(value: object) -> dict[str, object]:
    """Return the `__dict__` of an instance, empty where it has none."""
    for cls in mro_of(type(value)):
        descriptor = names_in(cls).get("__dict__")
        if descriptor is not None:
            kind = class_of(descriptor)
            is_plain = kind is _GETSET or kind is _MEMBER
            stored: Any = descriptor.__get__(value) if is_plain else None
            found = class_of(stored)
            return stored if found is dict else {}
    return {}


def dict_reader(cls: type) -> Callable[[object], Any] | None:
    """Return what reads the `__dict__` of an instance of `cls`; None where instances have none."""
    for base in mro_of(cls):
        descriptor = names_in(base).get("__dict__")
        if descriptor is not None:
            kind = class_of(descriptor)
            is_plain = kind is _GETSET or kind is _MEMBER  # `in` would ask the kind's own class
            return descriptor.__get__ if is_plain else None
    return None


def slot_reader(cls: type, name: str) -> Callable[[object], Any] | None:
    """Return what reads the slot `name` of an instance of `cls`; None where it is no slot."""
    for base in mro_of(cls):
        if name in names_in(base):
            found: Any = names_in(base)[name]
            return found.__get__ if class_of(found) is _MEMBER else None
    return None


def read_attributes(value: object, names: Iterable[str]) -> list[tuple[str, object]]:
    """Return each name with the value stored in `value` or its class; run no property."""
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
