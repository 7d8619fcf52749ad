"""Flow and Registry: the flows that were declared, and the registry that is in use."""

from __future__ import annotations

import sys
from _thread import RLock  # as `threading` has it, which takes longer to import
from types import MappingProxyType

from penstock._declare._code import function_in, is_property
from penstock._declare._declaration import declaration_of, declare, tie
from penstock._declare._refusals import is_decoratable, misplaced, refuse_options, replaced_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar, overload

    from penstock._declare._declaration import After, Decorator, Function
    from penstock._declare._step import Step

    Decorated = TypeVar("Decorated")


class Flow:
    """A named flow: the steps that declare to be in it, and the decorators that declare one.

    Get it from `penstock.flow`; the same name gives the same object. It decorates functions that
    `entrypoint` or `step` decorated, and classes with such methods.
    """

    __slots__ = ("name", "registry")

    def __init__(self, name: str, registry: Registry) -> None:
        self.name: str = name
        self.registry: Registry = registry

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
            tie(function, self)
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


class DeclaredFlow:
    """The declarations of one flow at one moment.

    `steps` has its steps by name, and `after` the predecessors of each: "step" or
    "other_flow:step"; they may not exist. `labels` has what the author says of edges from them.
    """

    __slots__ = ("after", "doc", "labels", "name", "steps")

    def __init__(self, name: str, steps: Mapping[str, Step], doc: str | None) -> None:
        self.name: str = name
        self.doc: str | None = doc
        self.steps: Mapping[str, Step] = steps
        self.after: Mapping[str, tuple[str, ...]] = {
            name: step.after for name, step in self.steps.items()
        }
        self.labels: Mapping[str, Mapping[str, str]] = {
            name: labels for name, step in self.steps.items() if (labels := step.labels)
        }


class Registry:
    """All flows that were declared.

    The decorators fill the one that is in use; `penstock.testing.isolated_registry` puts another
    one in its place for a while.
    """

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        # By flow and by the step's name: all functions with that name. Several are a conflict.
        self._declared: dict[str, dict[str, list[Step]]] = {}
        self._steps: dict[str, Mapping[str, Step]] = {}  # what was chosen, made when asked for
        self._docs: dict[str, dict[tuple[str, str], str]] = {}
        # The flows as they were declared, and the `_steps` that they were made from.
        self._snapshot: tuple[object, Mapping[str, DeclaredFlow]] = (None, {})
        # Steps in no flow, and functions that are neither entrypoint nor step, wait for another
        # decorator.
        self._waiting: dict[tuple[str, str, str, str], Step] = {}
        # By module: the `origin` of its declarations, and whether `sys.modules` had that execution.
        self._origins: dict[str, tuple[object, bool]] = {}
        # Several threads may import modules at once. A signal handler may import one, too.
        self._lock = RLock()

    @property
    def flows(self) -> Mapping[str, Flow]:
        """The flows that have a step, by name."""
        self._forget_replaced()
        return MappingProxyType({name: self.flow(name) for name in self._names()})

    @property
    def unclaimed(self) -> list[Step]:
        """The entrypoints and steps in no flow; their `flow` is ""."""
        self._forget_replaced()
        return [step for step in list(self._waiting.values()) if not step.flow]

    @property
    def loose(self) -> list[Step]:
        """The functions in a flow that are neither entrypoint nor step; their `kind` is ""."""
        self._forget_replaced()
        return [step for step in list(self._waiting.values()) if step.flow]

    @property
    def conflicts(self) -> list[tuple[Step, Step]]:
        """Pairs of different functions with one name in one flow: the chosen one, and another."""
        self._forget_replaced()
        return [
            (chosen, other)
            for steps in list(self._declared.values())
            for wanting in list(steps.values())
            for chosen, *others in [sorted(wanting, key=_rank)]
            for other in others
        ]

    def declared(self) -> Mapping[str, DeclaredFlow]:
        """Return the flows that have a step, by name, as they are declared now."""
        self._forget_replaced()
        steps = self._steps  # another one as soon as anything is declared, maybe meanwhile
        made_from, snapshot = self._snapshot
        if made_from is not steps:
            snapshot = MappingProxyType(
                {
                    name: DeclaredFlow(name, self._chosen(name), self._doc(name))
                    for name in self._names()
                }
            )
            self._snapshot = steps, snapshot
        return snapshot

    def _names(self) -> list[str]:
        return [flow for flow, declared in list(self._declared.items()) if declared]

    def flow(self, name: str) -> Flow:
        """Return the flow `name`, always the same object for the same name."""
        # setdefault: several threads may import at once.
        return self._flows.get(name) or self._flows.setdefault(name, Flow(name, self))

    def steps_of(self, flow: str) -> Mapping[str, Step]:
        """Return the steps of `flow` by name."""
        self._forget_replaced()
        return self._chosen(flow)

    def _chosen(self, flow: str) -> Mapping[str, Step]:
        known = self._steps  # another one as soon as anything is declared, maybe meanwhile
        chosen = known.get(flow)
        if chosen is None:
            declared = list(self._declared.get(flow, {}).items())
            chosen = MappingProxyType({name: min(wanting, key=_rank) for name, wanting in declared})
            known[flow] = chosen
        return chosen

    def doc_of(self, flow: str) -> str | None:
        """Return the description of `flow`."""
        self._forget_replaced()
        return self._doc(flow)

    def _doc(self, flow: str) -> str | None:
        docs = self._docs.get(flow)
        return min(list(docs.items()))[1] if docs else None

    def set_doc(self, flow: str, doc: str, module: str = "", qualname: str = "") -> None:
        """Keep `doc` as the description of `flow` ; a class may give one, too."""
        self._docs.setdefault(flow, {})[module, qualname] = doc
        self._steps = {}

    def add(self, step: Step) -> Step:
        """Add `step`, and return the step that stands for its declaration from now on.

        The same code with the same name, flow and `after` is one declaration, even if it is
        executed often. Then the earlier step is returned. In a notebook or at a prompt a function
        replaces the one of the same name, in every flow. Elsewhere two functions with one name in
        one flow are a conflict.

        A module that is executed again, for example by `importlib.reload`, has another `origin`.
        Then the declarations of its earlier execution are removed, also if it declares nothing now.
        """
        self._begin(step.module, step.origin)
        declared = self._declared.get(step.flow)
        if declared is None:
            declared = self._declared.setdefault(step.flow, {})
        # Nearly every step is the only one of its name, and needs no lock, which takes longer.
        alone = [step]
        if declared.setdefault(step.name, alone) is alone and not step.is_interactive:
            self._steps = {}
            return step
        with self._lock:
            return self._add_beside(step, declared)

    def _add_beside(self, step: Step, declared: dict[str, list[Step]]) -> Step:
        """Add `step` to what its flow `declared`, where others may have its name."""
        others = [each for each in declared.get(step.name, ()) if each is not step]
        for each in list(others):
            if step.is_same_declaration(each):
                if step.module == each.module:
                    return each
                others.remove(each)
        if step.is_interactive:
            others = [each for each in others if not step.is_same_function(each)]
        declared[step.name] = [*others, step]
        if step.is_interactive:  # after that, so that a changed function keeps its place
            self._remove(step.is_later_version_of)
        self._steps = {}
        return step

    def add_waiting(self, step: Step) -> None:
        """Keep `step` until another decorator gives it the flow or the kind that it lacks."""
        self._begin(step.module, step.origin)
        with self._lock:
            self._waiting[_key(step)] = step
            if step.is_interactive:
                self._remove(step.is_later_version_of)

    def remove_waiting(self, step: Step) -> None:
        """Forget a step that `add_waiting` kept."""
        self._waiting.pop(_key(step), None)

    def _begin(self, module: str, origin: object) -> None:
        """Remove the declarations of an earlier execution of `module`; see `add`."""
        known = self._origins.get(module)
        if origin is None or (known is not None and known[0] is origin):
            return
        with self._lock:
            self._origins[module] = origin, _origin_of(module) is origin
            if known is None:
                return
            # Another thread may have added the first of the new ones.
            self._remove(lambda step: step.module == module and step.origin is not origin)
            for docs in self._docs.values():
                for doc in [doc for doc in docs if doc[0] == module]:
                    del docs[doc]

    def _forget_replaced(self) -> None:
        """Remove the declarations of modules that were executed again and declare nothing now."""
        for module, (origin, was_loaded) in list(self._origins.items()):
            now = _origin_of(module) if was_loaded else None  # otherwise that is another module
            if now is not None and now is not origin:
                self._begin(module, now)

    def _remove(self, is_old: Callable[[Step], bool]) -> None:
        """Remove the declarations that `is_old` is true for, such as those of an earlier cell."""
        # In place, since `add` may put a step of another name there in the meantime.
        for declared in list(self._declared.values()):
            for name, wanting in list(declared.items()):
                kept = [step for step in wanting if not is_old(step)]
                if not kept:
                    declared.pop(name, None)
                elif len(kept) < len(wanting):
                    declared[name] = kept
        self._steps = {}
        for key, step in list(self._waiting.items()):
            if is_old(step):
                self._waiting.pop(key, None)


def _origin_of(module: str) -> object:
    """Return the `origin` of the last execution of `module`, or None if that is unknown."""
    return getattr(sys.modules.get(module), "__dict__", {}).get("__spec__")


def _key(step: Step) -> tuple[str, str, str, str]:
    return step.module, step.qualname, step.flow, step.name if step.kind else ""


def _rank(step: Step) -> tuple[str, str, str, int]:
    """Return a sort key that chooses the same function in every order of imports."""
    return step.module, step.qualname, step.file or "", step.line or 0


_in_use = Registry()


def registry_in_use() -> Registry:
    """Return the registry that the decorators fill and the drawings show."""
    return _in_use


def replace_registry(registry: Registry) -> Registry:
    """Put `registry` into use and return the one that was; for the whole process."""
    global _in_use
    replaced, _in_use = _in_use, registry
    return replaced
