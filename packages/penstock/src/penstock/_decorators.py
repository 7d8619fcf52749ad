"""`flow`, `entrypoint`, `step`: declare what a function is. Nothing runs when they decorate.

`entrypoint` and `step` return a wrapper that carries a `Mark`: what was declared, which flows
claimed it, and the `Calls` that are recorded for them. Other decorators that use `functools.wraps`
pass the mark on, so that a `flow` above them still finds it.
"""

from __future__ import annotations

from corectx.lowlevel import kind_of
from penstock import _registry
from penstock._calls import Calls
from penstock._written import described, inside, is_method, is_property, name_of, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, overload

    from penstock._registry import After, Decorated, Decorator, Flow, Function, Registry, Step

_MARK = "__penstock__"  # on a wrapper: its Mark
_FLOWS = "__penstock_flows__"  # on a function that is neither entrypoint nor step, yet: its flows

# What functools.lru_cache adds to a function, where functools.wraps does not see it.
_OF_A_CACHE = ("cache_clear", "cache_info", "cache_parameters")


class Mark:
    """What `entrypoint` or `step` declared of one function."""

    __slots__ = ("_calls", "_origin", "_registry", "_unclaimed", "flows")

    def __init__(self, step: Step, calls: Calls, registry: Registry, origin: object) -> None:
        self._unclaimed = step
        self._calls = calls
        self._registry = registry
        self._origin = origin
        self.flows: list[str] = []
        registry.add_unclaimed(step, origin)

    @property
    def wrapper(self) -> Callable[..., Any]:
        """The function that `entrypoint` or `step` returned."""
        return self._calls.wrapper

    @property
    def begins(self) -> str | None:
        """The flow that a call of the function begins: of an entrypoint's, the first."""
        return self.flows[0] if self.flows and self._unclaimed.kind == "entrypoint" else None

    def claim(self, flow: Flow) -> None:
        """Put the function into `flow`; once is enough."""
        if flow.name in self.flows:
            return
        self.flows.append(flow.name)
        step = self._unclaimed.in_flow(flow.name)
        self._registry.claim(self._unclaimed)
        flow.registry.add(step, self._origin)
        self._calls.record_as(step)

    def name_in(self, flow: str) -> str:
        """Return what an ``after=`` in `flow` calls the function: "step" or "other_flow:step"."""
        name = self._unclaimed.name
        return name if flow in self.flows or not self.flows else f"{self.flows[0]}:{name}"


def flow(name: str, *, doc: str | None = None) -> Flow:
    """Return the flow `name`, always the same object for the same name.

    It decorates functions and methods that are an `entrypoint` or a `step`, above these decorators
    or below them, and classes that have such methods; it has `entrypoint` and `step` itself, too.
    `doc` describes it in drawings and pages; otherwise the docstring of the decorated class does.
    """
    if callable(name):  # type checkers would have told
        raise TypeError(
            f"@flow stands over {name_of(name)!r} without the name of a flow. Write @flow('NAME')."
        )
    _check_name(name, "The name of a flow")
    registry = _registry.default_registry
    if doc is not None:
        registry.describe(name, doc)
    return registry.flow(name)


if TYPE_CHECKING:

    @overload
    def entrypoint(function: Function, /) -> Function: ...
    @overload
    def entrypoint(*, after: After = None, name: str | None = None) -> Decorator: ...


def entrypoint(function: Any = None, /, *, after: After = None, name: str | None = None) -> Any:
    """Declare `function` to be where a flow begins; with or without parentheses.

    Each call joins the correlation that is active, or starts one. `name` is the function's own
    unless told; `after` says which step of another flow leads here, as "other_flow:step".
    """
    return decorate(function, "entrypoint", after=after, name=name)


if TYPE_CHECKING:

    @overload
    def step(function: Function, /) -> Function: ...
    @overload
    def step(*, after: After = None, name: str | None = None) -> Decorator: ...


def step(function: Any = None, /, *, after: After = None, name: str | None = None) -> Any:
    """Declare `function` to be a step of a flow; with or without parentheses.

    `after` names what happens before it in a run: a step's name, "other_flow:step", the decorated
    function itself, or several of these. `name` is the function's own unless told. A call where the
    flow does not run is a plain call.
    """
    return decorate(function, "step", after=after, name=name)


def decorate(
    function: Any,
    kind: str,
    *,
    after: After,
    name: str | None,
    flow: Flow | None = None,
    call_kind: str | None = None,
) -> Any:
    """Return `function` declared as `kind`, or the decorator that does it where it is None.

    `call_kind` is what the registry says of its calls, where that is more than the function tells.
    """
    predecessors = _predecessors(after, kind)
    if name is not None:
        _check_name(name, f"name= of @{kind}")

    def declare(function: Any) -> Any:
        return _declare(function, kind, predecessors, name, flow, call_kind)

    return declare if function is None else declare(function)


def claim(target: Decorated, flow: Flow) -> Decorated:
    """Put `target` into `flow`, and return it."""
    if isinstance(target, type):
        _claim_methods(target, flow)
        return target
    function = inside(target)
    mark = mark_of(function)
    if mark is not None:
        mark.claim(flow)
    elif _is_decoratable(function) and not is_property(target):
        _tie(function, flow)
    else:
        raise TypeError(_misplaced(target, f"@flow({flow.name!r})"))
    return target


def mark_of(function: object) -> Mark | None:
    """Return the mark that `function` carries, or None."""
    mark = getattr(function, _MARK, None)
    if mark is None:  # a task of Celery's has no attribute of its function's but this
        mark = getattr(getattr(function, "__wrapped__", None), _MARK, None)
    return mark if isinstance(mark, Mark) else None


def _declare(
    target: Any,
    kind: str,
    after: tuple[str | Mark, ...],
    name: str | None,
    flow: Flow | None,
    call_kind: str | None,
) -> Any:
    if is_method(target):
        return type(target)(_declare(target.__func__, kind, after, name, flow, call_kind))
    if not _is_decoratable(target) or _is_task(target):
        raise TypeError(_misplaced(target, f"@{kind}"))
    inner = mark_of(target)
    if inner is not None and inner.wrapper is target:
        if not inner.flows:
            raise TypeError(
                f"{name_of(target)!r} has two of @entrypoint and @step, and no flow between them."
            )
        if flow is not None and flow.name in inner.flows:
            raise TypeError(f"{name_of(target)!r} is in the flow {flow.name!r} already.")
    own_kind = kind_of(target)
    calls = Calls(target, own_kind, is_entrypoint=kind == "entrypoint")
    declared = described(target, kind, after=after, name=name, call_kind=call_kind or own_kind)
    mark = Mark(declared, calls, _registry.default_registry, origin(target))
    wrapper = calls.wrapper
    setattr(wrapper, _MARK, mark)
    for attribute in _OF_A_CACHE:
        if hasattr(target, attribute):
            setattr(wrapper, attribute, getattr(target, attribute))
    for earlier in vars(wrapper).pop(_FLOWS, ()):  # @flow stands below this decorator
        earlier.registry.tie(described(target, "", flow=earlier.name))
        mark.claim(earlier)
    if flow is not None:
        mark.claim(flow)
    return wrapper


def _claim_methods(cls: type, flow: Flow) -> None:
    """Put the marked functions in the body of `cls` into `flow`; inherited ones have their own."""
    marks = [mark_of(inside(value)) for value in vars(cls).values()]
    found = [mark for mark in marks if mark is not None]
    if not found:
        raise TypeError(
            f"@flow({flow.name!r}) decorates the class {cls.__qualname__!r}, but no method in its "
            "body is an @entrypoint or a @step."
        )
    for mark in found:
        mark.claim(flow)
    if cls.__doc__:
        flow.registry.describe(flow.name, cls.__doc__, cls.__module__, cls.__qualname__)


def _tie(function: Any, flow: Flow) -> None:
    """Let `function` know its flow: @entrypoint or @step may still come, above it."""
    try:
        setattr(function, _FLOWS, [*getattr(function, _FLOWS, ()), flow])
    except (AttributeError, TypeError):
        raise TypeError(_misplaced(function, f"@flow({flow.name!r})")) from None
    flow.registry.add_loose(described(function, "", flow=flow.name), origin(function))


def _is_decoratable(target: Any) -> bool:
    return callable(target) and not isinstance(target, type)


def _is_task(target: Any) -> bool:
    """Tell whether `target` is a task of Celery's: a function in its place has no `delay`."""
    return hasattr(target.__class__, "apply_async")


def _check_name(name: object, what: str) -> None:
    if not name or not isinstance(name, str):
        raise TypeError(f"{what} is text that is not empty, but got {name!r}.")


def _predecessors(after: Any, kind: str) -> tuple[str | Mark, ...]:
    if after is None:
        return ()
    try:
        entries: list[Any] = (
            [after] if isinstance(after, str) or callable(inside(after)) else list(after)
        )
    except TypeError:
        raise TypeError(_wrong_predecessor(after, kind)) from None
    found: list[str | Mark] = []
    for entry in entries:
        known = entry if isinstance(entry, str) else mark_of(inside(entry))
        if not known:
            raise TypeError(_wrong_predecessor(entry, kind))
        found.append(known)
    return tuple(found)


def _wrong_predecessor(entry: object, kind: str) -> str:
    if callable(entry):
        return (
            f"after= of @{kind} got {name_of(entry)!r}, which is neither an @entrypoint nor a "
            "@step. Decorate it, or give the name of a step."
        )
    return (
        f"after= of @{kind} takes the name of a step, a decorated function, or several of these, "
        f"but got {entry!r}."
    )


def _misplaced(target: object, decorator: str) -> str:
    """Say why `target` cannot have `decorator`, and what to write instead."""
    if isinstance(target, type):
        return (
            f"{decorator} is for functions and methods, but got the class {target.__qualname__!r}. "
            "Mark its methods, and put @flow over the class."
        )
    if is_property(target):
        return (
            f"{decorator} stands above @{type(target).__name__}. Write it below, next to the def; "
            "@flow goes over the class."
        )
    if _is_task(target):
        return (
            f"{decorator} stands above the task {name_of(target)!r}. Write it below, next to the "
            "def."
        )
    if isinstance(target, str):
        return (
            f"{decorator} decorates functions, but got {target!r}. Did you mean after={target!r}?"
        )
    what = getattr(target, "__qualname__", None) or repr(target)
    return f"{decorator} is for functions and methods, but got {what} ({type(target).__name__})."
