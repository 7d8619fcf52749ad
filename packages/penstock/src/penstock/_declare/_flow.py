"""Decorate a function, and put it into flows. Nothing runs when a function is decorated.

`declare` returns a wrapper that carries a `Declaration`: the step, the flows that it is in, and the
`Calls` that are recorded for them. Other decorators that use `functools.wraps`
pass the declaration on, so that a `flow` above them still finds it.
"""

from __future__ import annotations

from corectx.lowlevel import kind_of
from penstock._calls import Calls
from penstock._declare._step import (
    METHODS,
    describe,
    function_in,
    is_property,
    name_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Protocol, TypeAlias, TypeVar, overload

    from penstock._declare._step import Step

    Decorated = TypeVar("Decorated")
    Function = TypeVar("Function")
    After: TypeAlias = str | Callable[..., Any] | Iterable[str | Callable[..., Any]] | None

    class Decorator(Protocol):
        """Returns the function that it is given, with its type."""

        def __call__(self, function: Function, /) -> Function: ...

    class Declared(Protocol):
        """The registry, as a flow knows it."""

        def steps_of(self, flow: str) -> Mapping[str, Step]: ...
        def doc_of(self, flow: str) -> str | None: ...
        def describe(self, flow: str, doc: str, module: str = "", qualname: str = "") -> None: ...
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
        elif _is_decoratable(function) and not (is_property(target) or _replaced_by(function)):
            self._tie(function)
        else:
            raise TypeError(_misplaced(target, f"@flow({self.name!r})"))
        return target

    if TYPE_CHECKING:

        @overload
        def entrypoint(self, function: Function, /) -> Function: ...
        @overload
        def entrypoint(self, /, *, after: After = None, name: str | None = None) -> Decorator: ...

    def entrypoint(
        self, function: Any = None, /, *, after: After = None, name: str | None = None
    ) -> Any:
        """Declare `function` to be an entrypoint of this flow; see `penstock.entrypoint`."""
        return declare(
            function, "entrypoint", registry=self.registry, after=after, name=name, flow=self
        )

    if TYPE_CHECKING:

        @overload
        def step(self, function: Function, /) -> Function: ...
        @overload
        def step(self, /, *, after: After = None, name: str | None = None) -> Decorator: ...

    def step(self, function: Any = None, /, *, after: After = None, name: str | None = None) -> Any:
        """Declare `function` to be a step of this flow; see `penstock.step`."""
        return declare(function, "step", registry=self.registry, after=after, name=name, flow=self)

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
            self.registry.describe(self.name, cls.__doc__, cls.__module__, cls.__qualname__)

    def _tie(self, function: Any) -> None:
        """Let `function` know its flow: @entrypoint or @step may still come, above it."""
        try:
            setattr(function, _FLOWS, [*getattr(function, _FLOWS, ()), self])
        except (AttributeError, TypeError):
            raise TypeError(_misplaced(function, f"@flow({self.name!r})")) from None
        self.registry.add_waiting(describe(function, "", flow=self.name))


class Declaration:
    """The declaration of one function by `entrypoint` or `step`.

    `flows` are the names of the flows that it is in. A call of `wrapper`, the decorated function,
    is a call in all of them.
    """

    __slots__ = ("_calls", "_registry", "_step", "flows", "wrapper")

    def __init__(self, step: Step, calls: Calls, registry: Declared, flows: list[str]) -> None:
        self._step = step
        self._calls = calls
        self._registry = registry
        self.flows: list[str] = flows
        self.wrapper: Callable[..., Any] = calls.wrapper

    @property
    def begins(self) -> str | None:
        """The flow that a call of the function begins: of an entrypoint's, the first."""
        return self.flows[0] if self.flows and self._step.kind == "entrypoint" else None

    def claim(self, flow: Flow) -> None:
        """Put the function into `flow`; once is enough."""
        if flow.name in self.flows:
            return
        if not self.flows:
            self._registry.remove_waiting(self._step)
        step = self._step.in_flow(flow.name)
        self.flows.append(flow.name)
        self._calls.record_as(flow.registry.add(step))

    def name_in(self, flow: str) -> str:
        """Return what an ``after=`` in `flow` calls the function: "step" or "other_flow:step"."""
        name = self._step.name
        return name if flow in self.flows or not self.flows else f"{self.flows[0]}:{name}"


def declare(
    function: Any,
    kind: str,
    *,
    registry: Declared,
    after: After = None,
    name: str | None = None,
    flow: Flow | None = None,
    call_kind: str | None = None,
) -> Any:
    """Return `function` declared as `kind`, or the decorator that does it where it is None.

    `call_kind` overrides the kind of call that is read from the function.
    """
    predecessors = _predecessors(after, kind)
    if name is not None and not (name and isinstance(name, str)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(not_a_name(name, f"name= of @{kind}"))

    def decorate(target: Any) -> Any:
        if isinstance(target, METHODS):
            return type(target)(decorate(target.__func__))
        _check_target(target, kind, flow)
        own_kind = kind_of(target)
        step = describe(
            target,
            kind,
            after=predecessors,
            name=name,
            call_kind=call_kind or own_kind,
            flow="" if flow is None else flow.name,
        )
        if flow is None:
            registry.add_waiting(step)
        else:
            step = registry.add(step)
        calls = Calls(
            target,
            own_kind,
            is_entrypoint=kind == "entrypoint",
            step=None if flow is None else step,
        )
        flows = [] if flow is None else [flow.name]
        declaration = Declaration(step, calls, registry, flows)
        wrapper = calls.wrapper
        setattr(wrapper, _DECLARATION, declaration)
        for attribute in _OF_A_CACHE:
            if hasattr(target, attribute):
                setattr(wrapper, attribute, getattr(target, attribute))
        for earlier in vars(wrapper).pop(_FLOWS, ()):  # @flow stands below this decorator
            earlier.registry.remove_waiting(describe(target, "", flow=earlier.name))
            declaration.claim(earlier)
        return wrapper

    return decorate if function is None else decorate(function)


def declaration_of(function: object) -> Declaration | None:
    """Return the declaration that `function` carries, or None."""
    found = getattr(function, _DECLARATION, None)
    if found is None:  # a task of Celery's has no attribute of its function's but this
        found = getattr(getattr(function, "__wrapped__", None), _DECLARATION, None)
    return found if isinstance(found, Declaration) else None


def not_a_name(name: object, what: str) -> str:
    """Return the message about a `name` that is no text, or empty; it begins with `what`."""
    return f"{what} is text that is not empty, but got {name!r}."


def _check_target(target: Any, kind: str, flow: Flow | None) -> None:
    """Raise TypeError where `target` cannot be declared as `kind`."""
    if not _is_decoratable(target) or _is_task(target) or _replaced_by(target):
        raise TypeError(_misplaced(target, f"@{kind}"))
    inner = declaration_of(target)
    if inner is None or inner.wrapper is not target:
        return
    if not inner.flows:
        raise TypeError(
            f"{name_of(target)!r} has two of @entrypoint and @step, and no flow between them."
        )
    if flow is not None and flow.name in inner.flows:
        raise TypeError(f"{name_of(target)!r} is in the flow {flow.name!r} already.")


def _is_decoratable(target: Any) -> bool:
    return callable(target) and not isinstance(target, type)


def _is_task(target: Any) -> bool:
    """Tell whether `target` is a Celery task: a function in its place has no `delay`."""
    return hasattr(target.__class__, "apply_async")


def _replaced_by(target: Any) -> str:
    """Return the decorator that put `target`, which its framework must find, in a function's place.

    "" for everything else. Before pytest 8.4 a fixture was a marked function.
    """
    made = type(target)
    if made.__module__.startswith("_pytest.") or hasattr(target, "_pytestfixturefunction"):
        return "@pytest.fixture"
    return "@click.command" if hasattr(made, "make_context") else ""


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
            "Decorate its methods, and put @flow over the class."
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
    if replaced_by := _replaced_by(target):
        return f"{decorator} stands above {replaced_by}. Write it below, next to the def."
    if callable(getattr(target, "func", None)):  # such as a task of Django's
        made = type(target)
        return (
            f"{decorator} stands above {name_of(target)!r}, which a decorator has made a "
            f"{made.__module__}.{made.__qualname__} of. Write it below, next to the def."
        )
    if isinstance(target, str) and decorator == "@entrypoint":
        return (
            f"@entrypoint decorates functions, but got {target!r}. Write @flow({target!r}) above "
            f"@entrypoint, or @entrypoint(name={target!r})."
        )
    if isinstance(target, str):
        return (
            f"{decorator} decorates functions, but got {target!r}. Did you mean after={target!r}?"
        )
    what = getattr(target, "__qualname__", None) or repr(target)
    return f"{decorator} is for functions and methods, but got {what} ({type(target).__name__})."
