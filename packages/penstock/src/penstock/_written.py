"""What the author wrote of a function: its name, its place, its docstring."""

from __future__ import annotations

from penstock._registry import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from penstock._registry import Reference

_DEEPEST = 100  # decorators on top of each other; a chain of __wrapped__ may run in circles


def described(
    function: Any,
    kind: str,
    *,
    after: tuple[str | Reference, ...] = (),
    name: str | None = None,
    call_kind: str = "function",
    flow: str = "",
) -> Step:
    """Return `function` as a step of `flow`, or of no flow yet."""
    written = _innermost(function)
    own_name = name_of(function)
    code = getattr(written, "__code__", None)
    module = getattr(written, "__globals__", {}).get("__name__")
    return Step(
        kind=kind,
        name=own_name if name is None else name,
        flow=flow,
        after=after,
        call_kind=call_kind,
        doc=getattr(function, "__doc__", None),
        file=getattr(code, "co_filename", None),
        line=getattr(code, "co_firstlineno", None),
        module=module or getattr(function, "__module__", None) or "",
        qualname=getattr(written, "__qualname__", own_name),
    )


def origin(function: Any) -> object:
    """Return what is another object each time that the function's module is executed."""
    return getattr(_innermost(function), "__globals__", {}).get("__spec__")


def name_of(function: Any) -> str:
    """Return the name of `function`, or of what it is made from."""
    name = getattr(function, "__name__", None) or getattr(_innermost(function), "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def is_method(value: Any) -> bool:
    """Tell whether `value` is what @staticmethod or @classmethod makes."""
    return isinstance(value, (staticmethod, classmethod))


def is_property(value: Any) -> bool:
    """Tell whether `value` is what @property or @cached_property makes."""
    from functools import cached_property

    return isinstance(value, (property, cached_property))


def inside(value: Any) -> Any:
    """Return the function in what a class body may hold: a static method, a property, ..."""
    if is_method(value):
        return value.__func__
    if is_property(value):
        return value.fget if isinstance(value, property) else value.func
    return value


def _innermost(function: Any) -> Any:
    """Return what is below functools.wraps, partials and methods."""
    for _ in range(_DEEPEST):
        inner = _below(function)
        if inner is None:
            break
        function = inner
    return function


def _below(function: Any) -> Any:
    from functools import partial

    if isinstance(function, partial):
        return function.func
    return getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
