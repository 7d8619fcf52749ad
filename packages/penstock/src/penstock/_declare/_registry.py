"""`flow`, `entrypoint`, `step`, and the registry that they fill."""

from __future__ import annotations

from _thread import RLock  # as `threading` has it, which takes longer to import
from types import MappingProxyType

from penstock._declare._flow import Flow, declare, not_a_name
from penstock._declare._step import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, overload

    from penstock._declare._flow import After, Decorator, Function
    from penstock._declare._step import Step


class DeclaredFlow:
    """One flow as it is declared at one moment.

    `steps` has its steps by name, and `after` the predecessors of each: "step" or
    "other_flow:step"; they may not exist.
    """

    __slots__ = ("after", "doc", "name", "steps")

    def __init__(self, flow: Flow) -> None:
        self.name: str = flow.name
        self.doc: str | None = flow.doc
        self.steps: Mapping[str, Step] = flow.steps
        self.after: Mapping[str, tuple[str, ...]] = {
            name: step.after for name, step in self.steps.items()
        }


class Registry:
    """All flows that were declared.

    The decorators fill the one that is in use; `penstock.testing.isolated_registry` puts another
    one in its place for a while.
    """

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        # By flow and by the step's name: all functions that want it. More than one is a conflict.
        self._declared: dict[str, dict[str, list[Step]]] = {}
        self._steps: dict[str, Mapping[str, Step]] = {}  # what was chosen, made when asked for
        self._docs: dict[str, dict[tuple[str, str], str]] = {}
        # The flows as they were declared, and the `_steps` that they were made from.
        self._snapshot: tuple[object, Mapping[str, DeclaredFlow]] = (None, {})
        # Steps in no flow and functions of no kind wait for another decorator.
        self._waiting: dict[tuple[str, str, str, str], Step] = {}
        self._origins: dict[str, object] = {}
        # Several threads may import modules at once. A signal handler may import one, too.
        self._lock = RLock()

    @property
    def flows(self) -> Mapping[str, Flow]:
        """The flows that have a step, by name."""
        return MappingProxyType({name: self.flow(name) for name in list(self._declared)})

    @property
    def unclaimed(self) -> list[Step]:
        """The entrypoints and steps in no flow; their `flow` is ""."""
        return [step for step in list(self._waiting.values()) if not step.flow]

    @property
    def loose(self) -> list[Step]:
        """The functions in a flow that are neither entrypoint nor step; their `kind` is ""."""
        return [step for step in list(self._waiting.values()) if step.flow]

    @property
    def conflicts(self) -> list[tuple[Step, Step]]:
        """Pairs of different functions with one name in one flow: the chosen one, and another."""
        return [
            (chosen, other)
            for steps in list(self._declared.values())
            for wanting in list(steps.values())
            for chosen, *others in [sorted(wanting, key=_rank)]
            for other in others
        ]

    def declared(self) -> Mapping[str, DeclaredFlow]:
        """Return the flows that have a step, by name, as they are declared now."""
        steps = self._steps  # another one as soon as anything is declared, maybe meanwhile
        made_from, snapshot = self._snapshot
        if made_from is not steps:
            snapshot = MappingProxyType(
                {name: DeclaredFlow(flow) for name, flow in self.flows.items()}
            )
            self._snapshot = steps, snapshot
        return snapshot

    def flow(self, name: str) -> Flow:
        """Return the flow `name`, always the same object for the same name."""
        # setdefault: several threads may import at once.
        return self._flows.get(name) or self._flows.setdefault(name, Flow(name, self))

    def steps_of(self, flow: str) -> Mapping[str, Step]:
        """Return the steps of `flow` by name."""
        known = self._steps  # another one as soon as anything is declared, maybe meanwhile
        chosen = known.get(flow)
        if chosen is None:
            declared = list(self._declared.get(flow, {}).items())
            chosen = MappingProxyType({name: min(wanting, key=_rank) for name, wanting in declared})
            known[flow] = chosen
        return chosen

    def doc_of(self, flow: str) -> str | None:
        """Return the description of `flow`."""
        docs = self._docs.get(flow)
        return min(list(docs.items()))[1] if docs else None

    def describe(self, flow: str, doc: str, module: str = "", qualname: str = "") -> None:
        """Keep `doc` as the description of `flow` ; a class may give one, too."""
        self._docs.setdefault(flow, {})[module, qualname] = doc
        self._steps = {}

    def add(self, step: Step) -> Step:
        """Add `step`, and return the step that stands for its declaration from now on.

        The same code with the same name, flow and `after` is one declaration, however often it is
        executed: then that is the earlier step. In a notebook or at a prompt a function replaces
        the one of the same name. Elsewhere two functions with one name in one flow are a conflict.

        A module that is executed again, for example by `importlib.reload`, has another `origin`.
        Then the declarations of its earlier execution are removed.
        """
        with self._lock:
            self._begin(step.module, step.origin)
            declared = self._declared.setdefault(step.flow, {})
            others = declared.get(step.name, [])
            for each in others:
                if step.is_same_declaration(each):
                    if step.module == each.module:
                        return each
                    others = [other for other in others if other is not each]
            if step.is_interactive:
                others = [each for each in others if not step.is_same_function(each)]
            declared[step.name] = [*others, step]
            self._steps = {}
        return step

    def add_waiting(self, step: Step) -> None:
        """Keep `step`, which is in no flow, or neither entrypoint nor step, until it is."""
        with self._lock:
            self._begin(step.module, step.origin)
            self._waiting[_place(step)] = step

    def remove_waiting(self, step: Step) -> None:
        """Forget what `add_waiting` kept."""
        self._waiting.pop(_place(step), None)

    def _begin(self, module: str, origin: object) -> None:
        """Remove what an earlier execution of `module` declared; see `add`."""
        if origin is None or self._origins.setdefault(module, origin) is origin:
            return
        self._origins[module] = origin
        for flow, declared in list(self._declared.items()):
            kept = {
                name: steps
                for name, wanting in declared.items()
                if (steps := [step for step in wanting if step.module != module])
            }
            if kept:
                self._declared[flow] = kept
            else:
                del self._declared[flow]
        self._steps = {}
        for place in [place for place in self._waiting if place[0] == module]:
            del self._waiting[place]
        for docs in self._docs.values():
            for doc in [doc for doc in docs if doc[0] == module]:
                del docs[doc]


def _place(step: Step) -> tuple[str, str, str, str]:
    return step.module, step.qualname, step.flow, step.name if step.kind else ""


def _rank(step: Step) -> tuple[str, str, str, int]:
    """Sort key by which the same function is chosen whatever the order of imports."""
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
    if not name or not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(not_a_name(name, "The name of a flow"))
    if doc is not None:
        _in_use.describe(name, doc)
    return _in_use.flow(name)


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
    return declare(function, "entrypoint", registry=_in_use, after=after, name=name)


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
    return declare(function, "step", registry=_in_use, after=after, name=name)
