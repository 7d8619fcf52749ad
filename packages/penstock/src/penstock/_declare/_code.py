"""The functions below the decorators of a function, and the code that they run."""

from __future__ import annotations

import sys
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from functools import partial
    from typing import Any
else:
    from _functools import partial  # as `functools` has it, which takes longer to import


_DEEPEST = 100  # decorators on top of each other; a chain of __wrapped__ may have a cycle
_MOST = 100  # values in an object or a collection
_PLAIN = (str, bytes, int, float, bool, type(None))  # exactly these: subclasses may run code


def layers(function: Any) -> Iterator[Any]:
    """Yield `function` and the functions below it, through functools.wraps, partials, methods."""
    for _ in range(_DEEPEST):
        yield function
        function = below(function)
        if function is None:
            return


def below(function: Any) -> Any:
    if isinstance(function, partial):
        return function.func
    return getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)


def code_in(function: Any) -> tuple[object, ...]:
    """Return the code of `function` and of the objects in its closure, and what it is bound to.

    A function that is defined inside another one is a new object at each call of the outer one,
    with the same code. The wrapper of each decorated function is such a function, too, or an object
    with `__call__` that holds the decorated one.
    """
    found: list[object] = []
    inner = function
    for inner in layers(function):
        if isinstance(inner, partial):
            found += map(comparable, inner.args)
            found += [(key, comparable(value)) for key, value in sorted(inner.keywords.items())]
        elif type(inner) is MethodType:
            found.append(comparable(inner.__self__))
    code = getattr(inner, "__code__", None)
    found.append(comparable(inner) if code is None else code)
    contents = closure_of(inner) if code is not None else (value for _, value in _state(inner))
    for content in contents:
        # issubclass, since isinstance would ask a lazy object.
        if type(content) is FunctionType or issubclass(type(content), type):
            found.append(comparable(content))
    return tuple(found)


def is_same_body(one: Any, other: Any) -> bool:
    """Tell whether both run the same code with the same plain values of its closure and defaults.

    They must have the same name in one execution of a module.
    """
    return code_in(one) == code_in(other) and _plain_values(one) == _plain_values(other)


def _plain_values(function: Any) -> list[object]:
    *_, inner = layers(function)
    defaults: dict[str, Any] = getattr(inner, "__kwdefaults__", None) or {}
    values = [*closure_of(inner), *(getattr(inner, "__defaults__", None) or ()), *defaults.values()]
    return [comparable(value, depth=0) for value in values]


def is_more_than_its_function(value: Any) -> bool:
    """Tell whether `value` is an object around a function, and has methods that a function lacks.

    An actor of a task queue is such an object: the queue knows it by itself.
    """
    if type(value) is FunctionType or not any(
        type(content) is FunctionType for _, content in _state(value)
    ):
        return False
    return any(
        type(member) is FunctionType and not name.startswith("_")
        for made in type(value).__mro__
        for name, member in vars(made).items()
    )


def closure_of(function: Any) -> Iterator[Any]:
    """Give the objects that `function` closes over."""
    for cell in getattr(function, "__closure__", None) or ():
        try:
            content = cell.cell_contents
        except ValueError:  # nothing is in it yet
            continue
        yield content


def comparable(value: Any, depth: int = 2) -> object:
    """Return a key that tells `value` apart from others; at `depth` 0 by its class only.

    At 1 also by the values of a collection, and at 2 by those of any object.
    """
    kind = type(value)
    if kind is FunctionType:
        return value.__code__
    if kind in _PLAIN:
        return kind, value
    if issubclass(kind, type):
        return value.__module__, value.__qualname__
    parts: Any = ()
    if depth:
        if kind is list or kind is tuple:
            parts = tuple(comparable(each, depth - 1) for each in value[:_MOST])
        elif kind is set or kind is frozenset:
            parts = frozenset(comparable(each, depth - 1) for each in list(value)[:_MOST])
        elif kind is dict:
            parts = _pairs(list(value.items()), depth)
        elif depth > 1:
            parts = _pairs(_state(value), depth)
    return kind.__module__, kind.__qualname__, hash(parts)


def _pairs(items: list[tuple[Any, Any]], depth: int) -> tuple[object, ...]:
    return tuple(
        (comparable(key, depth - 1), comparable(value, depth - 1)) for key, value in items[:_MOST]
    )


def _state(value: Any) -> list[tuple[str, Any]]:
    """Return the names and values of the attributes that are in `value` itself."""
    found: list[tuple[str, Any]] = []
    for made in type(value).__mro__:
        for name, member in list(vars(made).items()):
            if type(member) is MemberDescriptorType and made.__module__ != "builtins":
                try:
                    found.append((name, member.__get__(value)))
                except AttributeError:  # nothing is in it yet
                    continue
            elif name == "__dict__" and type(member) is GetSetDescriptorType:
                found += list(member.__get__(value).items())
    return found


METHODS = (staticmethod, classmethod)


def manager_maker(function: Any) -> Any:
    """Return the decorator of contextlib that made `function` of a generator function, or None."""
    contextlib = sys.modules.get("contextlib")
    code = getattr(function, "__code__", None)
    if contextlib is None or code is None:
        return None
    for make in (contextlib.contextmanager, contextlib.asynccontextmanager):
        if any(each is code for each in make.__code__.co_consts):
            return make
    return None


def name_of(function: Any) -> str:
    """Return the name of `function`, or of the function that it is made from."""
    name = getattr(function, "__name__", None)
    if name is None:
        *_, inner = layers(function)
        name = getattr(inner, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def is_property(value: Any) -> bool:
    """Tell whether @property or @cached_property made `value`."""
    # A program that has such a property has imported the module.
    cached: Any = getattr(sys.modules.get("functools"), "cached_property", ())
    return isinstance(value, (property, cached))


def function_in(value: Any) -> Any:
    """Return the function in `value`, an attribute of a class such as a static method."""
    if isinstance(value, METHODS):
        return value.__func__
    if is_property(value):
        return value.fget if isinstance(value, property) else value.func
    return value
