"""Decorate a function, and put it into flows. Nothing runs when a function is decorated.

`declare` returns a wrapper that carries a `Declaration`: the step, the flows that it is in, and the
`Calls` that are recorded for them. Other decorators that use `functools.wraps`
pass the declaration on, so that a `flow` above them still finds it.
"""

from __future__ import annotations

from types import FunctionType

from corectx.lowlevel import kind_of
from penstock._calls import Calls
from penstock._declare._place import (
    METHODS,
    function_in,
    is_more_than_its_function,
    is_property,
    is_same_body,
    manager_maker,
    name_of,
)
from penstock._declare._refusals import (
    is_decoratable,
    is_task,
    misplaced,
    not_a_name,
    refuse_options,
    replaced_by,
)
from penstock._declare._step import read_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Protocol, TypeAlias, TypeVar, overload

    from penstock._declare._step import Step

    Decorated = TypeVar("Decorated")
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
        """The registry, as a flow knows it."""

        def steps_of(self, flow: str) -> Mapping[str, Step]: ...
        def doc_of(self, flow: str) -> str | None: ...
        def set_doc(self, flow: str, doc: str, module: str = "", qualname: str = "") -> None: ...
        def add(self, step: Step) -> Step: ...
        def add_waiting(self, step: Step) -> None: ...
        def remove_waiting(self, step: Step) -> None: ...


_DECLARATION = "__penstock__"  # on a wrapper: its Declaration
_FLOWS = "__penstock_flows__"  # on a function that is neither entrypoint nor step, yet: its flows

# functools.lru_cache adds these to a function; functools.wraps does not copy them.
_OF_A_CACHE = ("cache_clear", "cache_info", "cache_parameters")


class Flow:
    """A named flow: the steps that declare to be in it, and the decorators that declare one.

    Get it from `penstock.flow`; the same name gives the same object. It decorates functions that
    `entrypoint` or `step` decorated, and classes with such methods.
    """

    __slots__ = ("name", "registry")

    def __init__(self, name: str, registry: Declared) -> None:
        self.name: str = name
        self.registry: Declared = registry

    @property
    def steps(self) -> Mapping[str, Step]:
        """The steps by name; of several functions with one name, the first by module and name."""
        return self.registry.steps_of(self.name)

    @property
    def doc(self) -> str | None:
        """The text of ``flow(name, doc=...)``, else the decorated class's docstring."""
        return self.registry.doc_of(self.name)

    def __call__(self, target: Decorated, /) -> Decorated:
        """Put `target` into this flow: a function, a method, or a class with declared methods."""
        if isinstance(target, type):
            self._claim_methods(target)
            return target
        function = function_in(target)
        declaration = declaration_of(function)
        if declaration is not None:
            declaration.claim(self)
        elif is_decoratable(function) and not (is_property(target) or replaced_by(function)):
            self._tie(function)
        else:
            raise TypeError(misplaced(target, f"@flow({self.name!r})"))
        return target

    if TYPE_CHECKING:

        @overload
        def entrypoint(self, function: Function, /) -> Function: ...
        @overload
        def entrypoint(self, /, *, after: After = None, name: str | None = None) -> Decorator: ...

    def entrypoint(
        self, function: Any = None, /, *, after: After = None, name: str | None = None, **wrong: Any
    ) -> Any:
        """Declare `function` to be an entrypoint of this flow; see `penstock.entrypoint`."""
        if wrong:
            refuse_options("entrypoint", wrong)
        return declare(function, "entrypoint", self.registry, after, name, self)

    if TYPE_CHECKING:

        @overload
        def step(self, function: Function, /) -> Function: ...
        @overload
        def step(self, /, *, after: After = None, name: str | None = None) -> Decorator: ...

    def step(
        self, function: Any = None, /, *, after: After = None, name: str | None = None, **wrong: Any
    ) -> Any:
        """Declare `function` to be a step of this flow; see `penstock.step`."""
        if wrong:
            refuse_options("step", wrong)
        return declare(function, "step", self.registry, after, name, self)

    def _repr_svg_(self) -> str:
        """Return the drawing that a Jupyter notebook shows."""
        from importlib import import_module

        # By name: the drawings import the declarations, and not the other way round.
        draw = import_module("penstock._dag").generate_dag
        drawn: str = draw(self.name, format="svg", direction="auto", registry=self.registry)
        return drawn

    def __repr__(self) -> str:
        return f"<Flow {self.name!r}: {', '.join(self.steps) or 'no steps'}>"

    def _claim_methods(self, cls: type) -> None:
        """Put the declared functions in the body of `cls` into this flow, but no inherited ones."""
        found = [declaration_of(function_in(value)) for value in vars(cls).values()]
        declarations = [each for each in found if each is not None]
        if not declarations:
            raise TypeError(
                f"@flow({self.name!r}) decorates the class {cls.__qualname__!r}, but no method in "
                "its body is an @entrypoint or a @step."
            )
        for declaration in declarations:
            declaration.claim(self)
        if cls.__doc__:
            self.registry.set_doc(self.name, cls.__doc__, cls.__module__, cls.__qualname__)

    def _tie(self, function: Any) -> None:
        """Note the flow on `function`: @entrypoint or @step may still come, above it."""
        try:
            setattr(function, _FLOWS, [*getattr(function, _FLOWS, ()), self])
        except (AttributeError, TypeError):
            raise TypeError(misplaced(function, f"@flow({self.name!r})")) from None
        self.registry.add_waiting(read_step(function, "", self.name))


class Declaration:
    """The declaration of one function by `entrypoint` or `step`.

    `flows` are the names of its flows. A call of `wrapper`, the decorated function, is a call in
    all of them.
    """

    __slots__ = ("_registry", "_step", "calls", "flows")

    def __init__(self, step: Step, calls: Calls, registry: Declared, flows: list[str]) -> None:
        self._step = step
        self.calls: Calls = calls
        self._registry = registry
        self.flows: list[str] = flows

    @property
    def wrapper(self) -> Any:
        """The decorated function, or None if it is gone."""
        return self.calls.wrapper

    @property
    def begins(self) -> str | None:
        """The flow that a call begins: an entrypoint's first flow, None for a step."""
        return self.flows[0] if self.flows and self._step.kind == "entrypoint" else None

    def claim(self, flow: Flow) -> None:
        """Put the function into `flow`; once is enough."""
        if flow.name in self.flows:
            return
        if not self.flows:
            self._registry.remove_waiting(self._step)
        step = self._step.in_flow(flow.name)
        self.flows.append(flow.name)
        self.calls.record_as(flow.registry.add(step))

    def is_same_function(self, other: Declaration) -> bool:
        """Tell whether `other` declares the same function, or another version of it."""
        return self._step.is_same_function(other._step) and not self._is_another_body(other)

    def takes_name_of(self, other: Declaration) -> bool:
        """Tell whether `other` declares another function of the same module and name."""
        return (
            self._registry is other._registry
            and self._step.is_same_function(other._step)
            and self._is_another_body(other)
        )

    def _is_another_body(self, other: Declaration) -> bool:
        mine, its = self._step, other._step
        if mine.hides_another_than(its):
            return True
        # A module that is executed again, and a later cell, declare a new version.
        is_new = mine.place.origin is not its.place.origin or mine.place.is_interactive
        return not is_new and not is_same_body(self.calls.function, other.calls.function)

    def name_in(self, flow: str) -> str:
        """Return the name of the function in an ``after=`` of `flow`: "step" or "flow:step"."""
        name = self._step.name
        return name if flow in self.flows or not self.flows else f"{self.flows[0]}:{name}"


def declare(
    function: Any,
    kind: str,
    registry: Declared,
    after: After = None,
    name: str | None = None,
    flow: Flow | None = None,
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


def _decorator(kind: str, registry: Declared, flow: Flow | None, options: Options) -> Any:
    def decorate(target: Any) -> Any:
        return _declared(target, kind, registry, flow, options)

    return decorate


def _declared(
    target: Any, kind: str, registry: Declared, flow: Flow | None, options: Options
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
    own_kind = kind_of(target)
    predecessors, labels, name, call_kind = options
    step = read_step(
        target,
        kind,
        "" if flow is None else flow.name,
        name,
        predecessors,
        labels,
        call_kind or own_kind,
    )
    if step.call_kind == "coroutine":  # Django's dispatch, which does not look like one
        own_kind = step.call_kind
    earlier = None if is_bare else declaration_of(target)
    below = None if earlier is None else earlier.calls
    if flow is None:
        registry.add_waiting(step)
        flows, calls = [], Calls(target, own_kind, None, below)
    else:
        step = registry.add(step)
        flows, calls = [flow.name], Calls(target, own_kind, step, below)
    wrapper = calls.wrap(is_entrypoint=kind == "entrypoint")
    declaration = Declaration(step, calls, registry, flows)
    setattr(wrapper, _DECLARATION, declaration)
    if not is_bare:
        _take_over(target, wrapper, declaration)
    return wrapper


def _take_over(target: Any, wrapper: Any, declaration: Declaration) -> None:
    """Let the wrapper have what other decorators noted on `target`: a cache, and flows."""
    for attribute in _OF_A_CACHE:
        if hasattr(target, attribute):
            setattr(wrapper, attribute, getattr(target, attribute))
    for tied in vars(wrapper).pop(_FLOWS, ()):  # @flow stands below this decorator
        tied.registry.remove_waiting(read_step(target, "", tied.name))
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


def _check_target(target: Any, kind: str, flow: Flow | None) -> None:
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
