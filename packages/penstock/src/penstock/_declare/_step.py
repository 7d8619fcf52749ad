"""One function's place in one flow, and how it is read from the function."""

from __future__ import annotations

import sys

from corectx.lowlevel import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Protocol

    class Reference(Protocol):
        """A predecessor given as a function: its name is known when all flows are."""

        def name_in(self, flow: str) -> str: ...


METHODS = (staticmethod, classmethod)

_DEEPEST = 100  # decorators on top of each other; a chain of __wrapped__ may have a cycle


class Step:
    """One function's place in one flow; frames know it as the site that opened them.

    `kind` is "entrypoint" or "step"; `flow` is "" while the function is in no flow. `call_kind` is
    "function", "coroutine", "generator", "async_generator" or "task". `file` and `line` (from 1)
    are where its first decorator stands, None for a function that is not in Python. `module` and
    `qualname` name the function. `origin` is another object for each execution of the module, None
    where that is not known. `is_interactive` is true for a function that was defined in a notebook
    or at a prompt.
    """

    __slots__ = (
        "_after",
        "_code",
        "call_kind",
        "doc",
        "file",
        "flow",
        "is_interactive",
        "kind",
        "line",
        "module",
        "name",
        "origin",
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
        code: tuple[object, ...] = (),
        origin: object = None,
        is_interactive: bool = False,
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
        self._code = code
        self.origin: object = origin
        self.is_interactive: bool = is_interactive

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
            code=self._code,
            origin=self.origin,
            is_interactive=self.is_interactive,
        )

    def is_same_function(self, other: Step) -> bool:
        """Tell whether `other` has the name of this function, maybe in another version.

        A file that runs as ``__main__`` and is imported too has two modules of the same functions.
        """
        return self.qualname == other.qualname and (
            self.module == other.module or (self.file is not None and self.file == other.file)
        )

    def is_same_declaration(self, other: Step) -> bool:
        """Tell whether `other`, of the same flow and name, says the same of the same code.

        A function that is defined inside another one is a new object at each call of that one, and
        has one code object. So has the wrapper of every function that a decorator wraps: what it
        closes over tells them apart.
        """
        return (
            self.is_same_function(other)
            and self.kind == other.kind
            and self._code == other._code
            and self.after == other.after
        )

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r} of flow {self.flow!r} at {self.where}>"


def describe(
    function: Any,
    kind: str,
    *,
    after: tuple[str | Reference, ...] = (),
    name: str | None = None,
    call_kind: str = "function",
    flow: str = "",
) -> Step:
    """Return `function` as a step of `flow`, or of no flow yet."""
    declared = _declared(function, kind, flow)
    if declared is not function:
        function, call_kind = declared, kind_of(declared)
    inner = _innermost(function)
    own_name = name_of(function)
    code = getattr(inner, "__code__", None)
    namespace: dict[str, Any] = getattr(inner, "__globals__", {})
    return Step(
        kind=kind,
        name=own_name if name is None else name,
        flow=flow,
        after=after,
        call_kind=call_kind,
        doc=getattr(function, "__doc__", None),
        file=getattr(code, "co_filename", None),
        line=getattr(code, "co_firstlineno", None),
        module=namespace.get("__name__") or getattr(function, "__module__", None) or "",
        qualname=getattr(inner, "__qualname__", own_name),
        code=_code_in(inner),
        origin=namespace.get("__spec__"),
        is_interactive=code is not None and "__file__" not in namespace,
    )


def _declared(function: Any, kind: str, flow: str) -> Any:
    """Return the function that a decorator declares, where `function` only stands in for it.

    Django's `method_decorator` tries a decorator on a function of its own, and applies it again to
    the method at each call. Raises TypeError where no flow is known then, or no method.
    """
    if (
        getattr(function, "__qualname__", "") != "_update_method_wrapper.<locals>.dummy"
        or function.__module__ != "django.utils.decorators"
    ):
        return function
    if kind and not flow:
        raise TypeError(
            f"@method_decorator needs the decorator of a flow, but got {kind}. Write "
            f"@method_decorator(flow('NAME').{kind}, ...)."
        )
    caller: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while caller is not None:
        if caller.f_code.co_name == "_multi_decorate" and "method" in caller.f_locals:
            return caller.f_locals["method"]
        caller = caller.f_back
    raise TypeError(
        "The @method_decorator of this Django does not tell which method it decorates. Write the "
        "decorator of the flow directly above the method."
    )


def _code_in(function: Any) -> tuple[object, ...]:
    """Return the code of `function`, and of the functions and classes that it closes over."""
    found: list[object] = [getattr(function, "__code__", None)]
    for cell in getattr(function, "__closure__", None) or ():
        try:
            content = cell.cell_contents
        except ValueError:  # nothing is in it yet
            continue
        if type(content) is type(_code_in):
            found.append(content.__code__)
        elif issubclass(type(content), type):  # isinstance would ask a lazy object
            found.append((content.__module__, content.__qualname__))
    return tuple(found)


def name_of(function: Any) -> str:
    """Return the name of `function`, or of what it is made from."""
    name = getattr(function, "__name__", None) or getattr(_innermost(function), "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def is_property(value: Any) -> bool:
    """Tell whether @property or @cached_property made `value`."""
    from functools import cached_property

    return isinstance(value, (property, cached_property))


def function_in(value: Any) -> Any:
    """Return the function in what a class body may hold: a static method, a property, ..."""
    if isinstance(value, METHODS):
        return value.__func__
    if is_property(value):
        return value.fget if isinstance(value, property) else value.func
    return value


def _innermost(function: Any) -> Any:
    """Return the function below functools.wraps, partials and methods."""
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
