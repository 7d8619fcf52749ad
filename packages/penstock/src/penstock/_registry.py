"""What is declared: flows, their steps, and the one registry that the decorators fill."""

from __future__ import annotations

from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Protocol, TypeAlias, TypeVar, overload

    Decorated = TypeVar("Decorated")
    Function = TypeVar("Function")
    After: TypeAlias = str | Callable[..., Any] | Iterable[str | Callable[..., Any]] | None

    class Decorator(Protocol):
        """What returns the function that it is given, with its type."""

        def __call__(self, function: Function, /) -> Function: ...

    class Reference(Protocol):
        """A predecessor given as a function: its name is known when all flows are."""

        def name_in(self, flow: str) -> str: ...


class Step:
    """One function's place in one flow; frames know it as the site that opened them.

    `kind` is "entrypoint" or "step"; `flow` is "" while the function is in no flow. `call_kind` is
    "function", "coroutine", "generator", "async_generator" or "task". `file` and `line` (from 1)
    are where its first decorator stands, None for what is not written in Python. `module` and
    `qualname` name the function.
    """

    __slots__ = (
        "_after",
        "call_kind",
        "doc",
        "file",
        "flow",
        "kind",
        "line",
        "module",
        "name",
        "qualname",
    )

    def __init__(
        self,
        *,
        kind: str,
        name: str,
        flow: str = "",
        after: tuple[str | Reference, ...] = (),
        call_kind: str = "function",
        doc: str | None = None,
        file: str | None = None,
        line: int | None = None,
        module: str = "",
        qualname: str = "",
    ) -> None:
        self.kind: str = kind
        self.name: str = name
        self.flow: str = flow
        self._after = after
        self.call_kind: str = call_kind
        self.doc: str | None = doc
        self.file: str | None = file
        self.line: int | None = line
        self.module: str = module
        self.qualname: str = qualname

    @property
    def after(self) -> tuple[str, ...]:
        """The predecessors, each "step" or "other_flow:step"; they may not exist."""
        names = [each if isinstance(each, str) else each.name_in(self.flow) for each in self._after]
        return tuple(dict.fromkeys(names)) if len(names) > 1 else tuple(names)

    @property
    def where(self) -> str:
        """The "file:line" for messages; the function's full name where there is no file."""
        if self.file is None:
            return f"{self.module}.{self.qualname}"
        return f"{self.file}:{self.line}"

    def in_flow(self, flow: str) -> Step:
        """Return the same function's place in `flow`."""
        return Step(
            kind=self.kind,
            name=self.name,
            flow=flow,
            after=self._after,
            call_kind=self.call_kind,
            doc=self.doc,
            file=self.file,
            line=self.line,
            module=self.module,
            qualname=self.qualname,
        )

    def is_same_function(self, other: Step) -> bool:
        """Tell whether `other` is this function, maybe in a newer version.

        A file that runs as ``__main__`` and is imported too has two modules of the same functions.
        """
        return self.qualname == other.qualname and (
            self.module == other.module or (self.file is not None and self.file == other.file)
        )

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r} of flow {self.flow!r} at {self.where}>"


class Flow:
    """A named flow: the steps that declare to be in it, and the decorators that declare one.

    Get it from `penstock.flow`; the same name gives the same object. It decorates what `entrypoint`
    or `step` decorated, or a class with such methods.
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
        """What was given as ``flow(name, doc=...)``, else the decorated class's docstring."""
        return self.registry.doc_of(self.name)

    def __call__(self, target: Decorated, /) -> Decorated:
        """Put `target` into this flow: a function, a method, or a class with marked methods."""
        from penstock._decorators import claim

        return claim(target, self)

    if TYPE_CHECKING:

        @overload
        def entrypoint(self, function: Function, /) -> Function: ...
        @overload
        def entrypoint(self, /, *, after: After = None, name: str | None = None) -> Decorator: ...

    def entrypoint(
        self, function: Any = None, /, *, after: After = None, name: str | None = None
    ) -> Any:
        """Declare `function` to be an entrypoint of this flow; see `penstock.entrypoint`."""
        from penstock._decorators import decorate

        return decorate(function, "entrypoint", after=after, name=name, flow=self)

    if TYPE_CHECKING:

        @overload
        def step(self, function: Function, /) -> Function: ...
        @overload
        def step(self, /, *, after: After = None, name: str | None = None) -> Decorator: ...

    def step(self, function: Any = None, /, *, after: After = None, name: str | None = None) -> Any:
        """Declare `function` to be a step of this flow; see `penstock.step`."""
        from penstock._decorators import decorate

        return decorate(function, "step", after=after, name=name, flow=self)

    def __repr__(self) -> str:
        return f"<Flow {self.name!r}: {', '.join(self.steps) or 'no steps'}>"


class Registry:
    """All flows that were declared.

    `default_registry` is the one that the decorators fill; `penstock.testing.isolated_registry`
    puts another one in its place for a while.
    """

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        # By flow and by the step's name: all functions that want it. More than one is a conflict.
        self._declared: dict[str, dict[str, list[Step]]] = {}
        self._steps: dict[str, Mapping[str, Step]] = {}  # what was chosen, made when asked for
        self._docs: dict[str, dict[tuple[str, str], str]] = {}
        self._unclaimed: dict[tuple[str, str, str], Step] = {}
        self._loose: dict[tuple[str, str, str], Step] = {}
        self._origins: dict[str, object] = {}

    @property
    def flows(self) -> Mapping[str, Flow]:
        """The flows that have a step, by name."""
        return MappingProxyType({name: self.flow(name) for name in list(self._declared)})

    @property
    def unclaimed(self) -> list[Step]:
        """The entrypoints and steps in no flow; their `flow` is ""."""
        return list(self._unclaimed.values())

    @property
    def loose(self) -> list[Step]:
        """The functions in a flow that are neither entrypoint nor step; their `kind` is ""."""
        return list(self._loose.values())

    @property
    def conflicts(self) -> list[tuple[Step, Step]]:
        """Pairs of different functions with one name in one flow: the chosen one, and another."""
        return [
            (chosen, other)
            for steps in self._declared.values()
            for wanting in steps.values()
            for chosen, *others in [sorted(wanting, key=_rank)]
            for other in others
        ]

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
        return docs[min(docs)] if docs else None

    def describe(self, flow: str, doc: str, module: str = "", qualname: str = "") -> None:
        """Keep `doc` as the description of `flow` by a class, or by nobody in particular."""
        self._docs.setdefault(flow, {})[module, qualname] = doc

    def add(self, step: Step, origin: object = None) -> None:
        """Add `step` to its flow, in place of the same function's earlier version; see `begin`."""
        self.begin(step.module, origin)
        declared = self._declared.setdefault(step.flow, {})
        others = declared.get(step.name, [])
        declared[step.name] = [*(each for each in others if not step.is_same_function(each)), step]
        self._steps = {}

    def add_unclaimed(self, step: Step, origin: object = None) -> None:
        """Keep `step` until a flow claims it."""
        self.begin(step.module, origin)
        self._unclaimed[step.module, step.qualname, step.name] = step

    def claim(self, step: Step) -> None:
        """Forget that `step` is in no flow."""
        self._unclaimed.pop((step.module, step.qualname, step.name), None)

    def add_loose(self, step: Step, origin: object = None) -> None:
        """Keep `step`, a function that has a flow, until it is made an entrypoint or a step."""
        self.begin(step.module, origin)
        self._loose[step.module, step.qualname, step.flow] = step

    def tie(self, step: Step) -> None:
        """Forget that `step` is neither entrypoint nor step."""
        self._loose.pop((step.module, step.qualname, step.flow), None)

    def begin(self, module: str, origin: object) -> None:
        """Hear that `module` declares something, in the execution that `origin` stands for.

        A module that is executed again, by `importlib.reload` for one, has another origin: what its
        earlier execution declared is removed. None tells nothing, and nothing is removed.
        """
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
        for waiting in (self._unclaimed, self._loose):
            for key in [key for key in waiting if key[0] == module]:
                del waiting[key]
        for docs in self._docs.values():
            for doc in [doc for doc in docs if doc[0] == module]:
                del docs[doc]


def _rank(step: Step) -> tuple[str, str, str, int]:
    """Sort key by which the same function is chosen whatever the order of imports."""
    return step.module, step.qualname, step.file or "", step.line or 0


default_registry = Registry()
