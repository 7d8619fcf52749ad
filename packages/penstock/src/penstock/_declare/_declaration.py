"""Decorate a function, and put it into flows. Nothing runs when a function is decorated.

`declare` returns a wrapper that carries a `Declaration`: the step, and the flows that its calls are
recorded for. Other decorators that use `functools.wraps` pass the declaration on, so that a `flow`
above them still finds it.
"""

from __future__ import annotations

import sys
from types import FunctionType

from corectx.lowlevel import kind_of
from penstock._calls import Calls
from penstock._declare._code import (
    METHODS,
    function_in,
    is_more_than_its_function,
    is_same_body,
    manager_maker,
    name_of,
)
from penstock._declare._refusals import (
    is_decoratable,
    is_task,
    misplaced,
    not_a_name,
    replaced_by,
)
from penstock._declare._step import Step, read_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Protocol, TypeAlias, TypeVar

    Function = TypeVar("Function")
    Predecessor: TypeAlias = str | Callable[..., Any]
    After: TypeAlias = Predecessor | Iterable[Predecessor] | Mapping[Predecessor, str | None] | None

    # after= as predecessors and their labels, name=, and the kind of call, if it is given
    Options: TypeAlias = tuple[
        tuple["str | Declaration", ...], tuple[str, ...], str | None, str | None
    ]

    class Decorator(Protocol):
        """Returns the function that it is given, with its type."""

        def __call__(self, function: Function, /) -> Function: ...

    class Declared(Protocol):
        """The registry, as a declaration knows it."""

        def add(self, step: Step) -> Step: ...
        def add_waiting(self, step: Step) -> None: ...
        def remove_waiting(self, step: Step) -> None: ...

    class InFlow(Protocol):
        """A flow, as a declaration knows it."""

        @property
        def name(self) -> str: ...
        @property
        def registry(self) -> Declared: ...


_DECLARATION = "__penstock__"  # on a wrapper: its Declaration
_FLOWS = "__penstock_flows__"  # on a function that is neither entrypoint nor step, yet: its flows

# functools.lru_cache adds these to a function; functools.wraps does not copy them.
_OF_A_CACHE = ("cache_clear", "cache_info", "cache_parameters")

_DJANGO = "django.utils.decorators"  # a function of it stands for a method


class Declaration(Calls):
    """The declaration of one function by `entrypoint` or `step`.

    `flows` are the names of its flows. A call of `wrapper`, the decorated function, is a call in
    all of them.
    """

    __slots__ = ("registry", "step")
    step: Step  # in the first flow that has the function
    registry: Declared

    @property
    def flows(self) -> list[str]:
        """The names of the flows."""
        return [step.flow for step in self._steps]

    @property
    def begins(self) -> str | None:
        """The flow that a call begins: an entrypoint's first flow, None for a step."""
        return self.flows[0] if self.flows and self.step.kind == "entrypoint" else None

    def claim(self, flow: InFlow) -> None:
        """Put the function into `flow`; once is enough."""
        flows = self.flows
        if flow.name in flows:
            return
        step = self.step
        if flows:
            step = step.in_flow(flow.name)
        else:
            self.registry.remove_waiting(step)
            step.flow = flow.name
        self.record_as(flow.registry.add(step))

    def is_same_function(self, other: Declaration) -> bool:
        """Tell whether `other` declares the same function, or another version of it."""
        return self.step.is_same_function(other.step) and not self._is_another_body(other)

    def takes_name_of(self, other: Declaration) -> bool:
        """Tell whether `other` declares another function of the same module and name."""
        return (
            self.registry is other.registry
            and self.step.is_same_function(other.step)
            and self._is_another_body(other)
        )

    def _is_another_body(self, other: Declaration) -> bool:
        mine, its = self.step, other.step
        if mine.hides_another_than(its):
            return True
        # A module that is executed again, and a later cell, declare a new version.
        is_new = mine.origin is not its.origin or mine.is_interactive
        return not is_new and not is_same_body(self.function, other.function)

    def name_in(self, flow: str) -> str:
        """Return the name of the function in an ``after=`` of `flow`: "step" or "flow:step"."""
        name = self.step.name
        return name if flow in self.flows or not self.flows else f"{self.flows[0]}:{name}"


def declare(
    function: Any,
    kind: str,
    registry: Declared,
    after: After = None,
    name: str | None = None,
    flow: InFlow | None = None,
    call_kind: str | None = None,
) -> Any:
    """Return `function` declared as `kind`, or without a function the decorator that does it.

    `call_kind` overrides the kind of call that is read from the function.
    """
    predecessors = () if after is None else _predecessors(after, kind)
    labels = () if after is None else _labels(after, kind)
    if name is not None and not (name and isinstance(name, str)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(not_a_name(name, f"name= of @{kind}"))
    options = predecessors, labels, name, call_kind
    if function is None:
        return _decorator(kind, registry, flow, options)
    return _declared(function, kind, registry, flow, options)


def _decorator(kind: str, registry: Declared, flow: InFlow | None, options: Options) -> Any:
    def decorate(target: Any) -> Any:
        return _declared(target, kind, registry, flow, options)

    return decorate


def _declared(
    target: Any, kind: str, registry: Declared, flow: InFlow | None, options: Options
) -> Any:
    # A mark, an earlier declaration and other decorators leave an attribute.
    is_bare = type(target) is FunctionType and not target.__dict__
    if not is_bare:
        if isinstance(target, METHODS):
            inner = _declared(target.__func__, kind, registry, flow, options)
            return type(target)(inner)
        make = manager_maker(target)
        if make is not None:
            return make(_declared(_generator_of(target), kind, registry, flow, options))
        _check_target(target, kind, flow)
    flow_name = "" if flow is None else flow.name
    predecessors, labels, name, call_kind = options
    own_kind = kind_of(target)
    if is_bare and target.__module__ != _DJANGO:
        step, view_kind = read_step(target), None
    else:
        step, view_kind = _step_behind(target, kind, flow_name)
    step.kind = kind
    step.name = name or step.name
    step.flow = flow_name
    step.call_kind = view_kind or call_kind or own_kind
    step.after_as_given = predecessors
    step.labels_as_given = labels
    if step.call_kind == "coroutine":  # Django's dispatch, which does not look like one
        own_kind = step.call_kind
    if flow is None:
        registry.add_waiting(step)
    else:
        step = registry.add(step)
    earlier = None if is_bare else declaration_of(target)
    declaration = Declaration(target, own_kind, None if flow is None else step, earlier)
    declaration.step = step
    declaration.registry = registry
    wrapper = declaration.wrap(is_entrypoint=kind == "entrypoint")
    setattr(wrapper, _DECLARATION, declaration)
    if not is_bare:
        _take_over(target, wrapper, declaration)
    return wrapper


def tie(function: Any, flow: InFlow) -> None:
    """Note `flow` on `function`: @entrypoint or @step may still come, above it."""
    try:
        setattr(function, _FLOWS, [*getattr(function, _FLOWS, ()), flow])
    except (AttributeError, TypeError):
        raise TypeError(misplaced(function, f"@flow({flow.name!r})")) from None
    flow.registry.add_waiting(_tied(function, flow.name))


def _tied(function: Any, flow: str) -> Step:
    step, _ = _step_behind(function, "", flow)
    step.flow = flow
    return step


def _step_behind(function: Any, kind: str, flow: str) -> tuple[Step, str | None]:
    """Return `function`, or the view that it stands for, as a step; and the kind of a view."""
    if _DJANGO in sys.modules or hasattr(function, "view_class"):
        from penstock._declare._views import step_behind

        behind = step_behind(function, kind, flow)
        if behind is not None:
            return behind
    return read_step(function), None


def _take_over(target: Any, wrapper: Any, declaration: Declaration) -> None:
    """Let the wrapper have what other decorators noted on `target`: a cache, and flows."""
    for attribute in _OF_A_CACHE:
        if hasattr(target, attribute):
            setattr(wrapper, attribute, getattr(target, attribute))
    for tied in vars(wrapper).pop(_FLOWS, ()):  # @flow stands below this decorator
        tied.registry.remove_waiting(_tied(target, tied.name))
        declaration.claim(tied)


def _generator_of(manager: Any) -> Any:
    """Return the generator function of a context manager of contextlib: it does the work."""
    generator = manager.__wrapped__
    if hasattr(manager, _FLOWS):
        setattr(generator, _FLOWS, getattr(manager, _FLOWS))
    return generator


def declaration_of(function: object) -> Declaration | None:
    """Return the declaration that `function` carries, or None."""
    found = getattr(function, _DECLARATION, None)
    if found is None:  # a Celery task has only this attribute of its function
        found = getattr(getattr(function, "__wrapped__", None), _DECLARATION, None)
    return found if isinstance(found, Declaration) else None


def _check_target(target: Any, kind: str, flow: InFlow | None) -> None:
    """Raise TypeError if `target` cannot be declared as `kind`."""
    is_other = is_task(target) or replaced_by(target) or is_more_than_its_function(target)
    if not is_decoratable(target) or is_other:
        raise TypeError(misplaced(target, f"@{kind}"))
    inner = declaration_of(target)
    if inner is None or inner.wrapper is not target:
        return
    if not inner.flows:
        raise TypeError(
            f"{name_of(target)!r} has two of @entrypoint and @step, and no flow between them."
        )
    if flow is not None and flow.name in inner.flows:
        raise TypeError(f"{name_of(target)!r} is in the flow {flow.name!r} already.")


def _predecessors(after: Any, kind: str) -> tuple[str | Declaration, ...]:
    if after is None:
        return ()
    try:
        entries: list[Any] = (
            [after] if isinstance(after, str) or callable(function_in(after)) else list(after)
        )
    except TypeError:
        raise TypeError(_wrong_predecessor(after, kind)) from None
    found: list[str | Declaration] = []
    for entry in entries:
        known = entry if isinstance(entry, str) else declaration_of(function_in(entry))
        if not known:
            raise TypeError(_wrong_predecessor(entry, kind))
        found.append(known)
    return tuple(found)


def _labels(after: Any, kind: str) -> tuple[str, ...]:
    """Return the label of each predecessor where `after` is a dict of them, "" for none."""
    if not isinstance(after, dict):
        return ()
    for label in after.values():
        if label is not None and not (isinstance(label, str) and label.strip()):
            raise TypeError(not_a_name(label, f"A label in after= of @{kind}"))
    return tuple(label or "" for label in after.values())


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
