"""Step: the place of one function in one flow, and the function that reads it."""

from __future__ import annotations

import os
import sys
from types import CodeType, FunctionType, MappingProxyType

from penstock._declare._code import below, code_in, layers, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from functools import partial
    from types import FrameType
    from typing import Any, Protocol

    class Reference(Protocol):
        """A predecessor given as a function: its name is known when all flows are."""

        def name_in(self, flow: str) -> str: ...
else:
    from _functools import partial  # as `functools` has it, which takes longer to import


# The modules between a declaration in the program and this one.
_OWN = ("penstock.", "penstock_celery.", "django.utils.decorators")
_DOT = f".{os.sep}"  # in the path of a file: there may be another path to it


class Step:
    """One function's place in one flow; frames know it as the site that opened them.

    `kind` is "entrypoint" or "step". `flow` is "" while the function is in no flow. `call_kind` is
    "function", "coroutine", "generator", "async_generator" or "task".

    `file` and `line` (from 1) are the place of the function's first decorator, or None for a
    function that is not in Python. `declared_at` is the file and line that put a partial, a bound
    method or another object into a flow. `code` is the code that it runs. It tells functions with
    the same name apart. `origin` is a different object for each execution of the module, or None if
    it is unknown. `is_interactive` is true for a function from a notebook or a prompt.
    """

    __slots__ = (
        "after_as_given",
        "call_kind",
        "code",
        "declared_at",
        "doc",
        "file_as_given",
        "flow",
        "is_interactive",
        "kind",
        "labels_as_given",
        "line",
        "module",
        "name",
        "origin",
        "qualname",
    )

    def __init__(
        self,
        kind: str = "",
        name: str = "",
        flow: str = "",
        after: tuple[str | Reference, ...] = (),
        *,
        call_kind: str = "function",
        module: str = "",
        qualname: str = "",
        doc: str | None = None,
        file: str | None = None,
        line: int | None = None,
        code: tuple[object, ...] = (),
        namespace: Mapping[str, Any] = MappingProxyType({}),
        declared_at: tuple[str, int] | None = None,
    ) -> None:
        self.kind: str = kind
        self.name: str = name
        self.flow: str = flow
        self.call_kind: str = call_kind
        self.after_as_given: tuple[str | Reference, ...] = after
        # One for each predecessor, or none at all
        self.labels_as_given: tuple[str, ...] = ()
        self.module: str = module
        self.qualname: str = qualname
        self.doc: str | None = doc
        self.file_as_given: str | None = file
        self.line: int | None = line
        self.code: tuple[object, ...] = code
        self.declared_at: tuple[str, int] | None = declared_at
        # Read now: another execution of the module changes the same namespace.
        self.origin: object = namespace.get("__spec__")
        self.is_interactive: bool = file is not None and "__file__" not in namespace

    @property
    def file(self) -> str | None:
        """The file that the function is in; of several paths to it the one without dots."""
        # A program that runs as ``../shop.py`` and is imported too has one file, not two.
        file = self.file_as_given
        return os.path.normpath(file) if file is not None and _DOT in file else file

    @property
    def after(self) -> tuple[str, ...]:
        """The predecessors, each "step" or "other_flow:step"; they may not exist."""
        return tuple(dict.fromkeys(self._predecessors()))

    @property
    def labels(self) -> dict[str, str]:
        """The words of the author on the edges from predecessors, by their names in `after`."""
        labelled = zip(self._predecessors(), self.labels_as_given, strict=False)
        return {name: label for name, label in labelled if label}

    def _predecessors(self) -> list[str]:
        given = self.after_as_given
        return [each if isinstance(each, str) else each.name_in(self.flow) for each in given]

    @property
    def where(self) -> str:
        """The "file:line" for messages, or without a file the full name of the function."""
        if self.file is None:
            return f"{self.module}.{self.qualname}"
        return f"{self.file}:{self.line}"

    def in_flow(self, flow: str) -> Step:
        """Return the same function's place in `flow`."""
        step = Step.__new__(Step)
        for each in Step.__slots__:
            setattr(step, each, getattr(self, each))
        step.flow = flow
        return step

    def is_same_function(self, other: Step) -> bool:
        """Tell whether `other` has the name of this function, maybe in another version.

        A file that runs as ``__main__`` and is also imported gives two modules with the same
        functions.
        """
        if self.qualname != other.qualname or self.module == other.module:
            return self.qualname == other.qualname
        if self.file is None or other.file is None:
            return False
        # `runpy.run_path` leaves a path as it is given, relative or not.
        return os.path.abspath(self.file) == os.path.abspath(other.file)

    def is_later_version_of(self, other: Step) -> bool:
        """Tell whether this is the function of `other` with other code, such as from another cell.

        One cell may give the same function to several flows, or a loop in it several names.
        """
        return (
            self.is_same_function(other)
            # Code compares equal wherever it is; each cell is a file of its own.
            and (self.code != other.code or self.file != other.file)
            and not self.hides_another_than(other)
        )

    def hides_another_than(self, other: Step) -> bool:
        """Tell whether both are wrappers of one decorator, around functions with different names.

        Without functools.wraps a wrapper does not have the name of the function below.
        """
        return _names(self.code) != _names(other.code)

    def hidden_from(self, other: Step) -> CodeType | None:
        """Return the code of the function behind this wrapper, if `other` wraps another one."""
        for each in self.code:
            if isinstance(each, CodeType) and each not in other.code:
                return each
        return None

    def is_same_declaration(self, other: Step) -> bool:
        """Tell whether `other`, of the same flow and name, declares the same for the same code.

        A function that is defined inside another one is a new object at each call, with the same
        code object. The wrappers of one decorator also share a code object. The objects in their
        closures tell them apart.
        """
        return (
            self.is_same_function(other)
            and self.kind == other.kind
            and self.code == other.code
            and self.after == other.after
            and self.labels_as_given == other.labels_as_given
        )

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r} of flow {self.flow!r} at {self.where}>"


def _names(code: tuple[object, ...]) -> list[str]:
    return [each.co_name for each in code if isinstance(each, CodeType)]


def read_step(function: Any) -> Step:
    """Return the function below the decorators of `function` as a step of no kind and no flow."""
    if type(function) is FunctionType and (not function.__dict__ or below(function) is None):
        plain = function.__code__
        namespace = function.__globals__
        step = Step.__new__(Step)  # `__init__` would take as long as all of this
        step.kind = step.flow = ""
        step.name = function.__name__
        step.call_kind = "function"
        step.after_as_given = step.labels_as_given = ()
        step.module = namespace.get("__name__") or function.__module__ or ""
        step.qualname = function.__qualname__
        step.doc = function.__doc__
        step.file_as_given = plain.co_filename
        step.line = plain.co_firstlineno
        step.code = (plain,) if function.__closure__ is None else code_in(function)
        step.declared_at = None
        step.origin = namespace.get("__spec__")
        step.is_interactive = "__file__" not in namespace
        return step
    chain = list(layers(function))
    inner = chain[-1]
    name = name_of(function)
    code = getattr(inner, "__code__", None)
    known: dict[str, Any] | None = getattr(inner, "__globals__", None)
    file, line = getattr(code, "co_filename", None), getattr(code, "co_firstlineno", None)
    declared_at = None
    if type(function) is not FunctionType:
        frame = frame_outside()
        declared_at = os.path.normpath(frame.f_code.co_filename), frame.f_lineno
        # An object with `__call__`, and a builtin, know no place of their own.
        if known is None:
            known = frame.f_globals
            file, line = declared_at
    known = known or {}
    described = next(each for each in chain if not isinstance(each, partial))
    return Step(
        name=name,
        module=known.get("__name__") or getattr(function, "__module__", None) or "",
        qualname=getattr(inner, "__qualname__", None) or name,
        doc=getattr(described, "__doc__", None),
        file=file,
        line=line,
        code=code_in(function),
        namespace=known,
        declared_at=declared_at,
    )


def frame_outside() -> FrameType:
    """Return the nearest call that is neither of penstock nor of `django.utils.decorators`."""
    frame: FrameType = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(_OWN):
            break
        frame = frame.f_back
    return frame
