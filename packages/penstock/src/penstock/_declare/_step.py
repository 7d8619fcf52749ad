"""Step: the place of one function in one flow, and the function that reads it."""

from __future__ import annotations

import os
import sys
from types import CodeType

from penstock._declare._place import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Reference(Protocol):
        """A predecessor given as a function: its name is known when all flows are."""

        def name_in(self, flow: str) -> str: ...


class Step:
    """One function's place in one flow; frames know it as the site that opened them.

    `kind` is "entrypoint" or "step". `flow` is "" while the function is in no flow. `call_kind` is
    "function", "coroutine", "generator", "async_generator" or "task". `file` and `line` (from 1)
    are the place of its first decorator, or None for a function that is not in Python. A partial, a
    bound method or an object has the file and line that declare it as `declared_at`. `module` and
    `qualname` name the function. `origin` is a different object for each execution of the module,
    or None if it is unknown. `is_interactive` is true for a function from a notebook or a prompt.
    """

    __slots__ = (
        "_after",
        "_code",
        "_labels",
        "call_kind",
        "declared_at",
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
        labels: tuple[str, ...] = (),
        call_kind: str = "function",
        doc: str | None = None,
        file: str | None = None,
        line: int | None = None,
        module: str = "",
        qualname: str = "",
        code: tuple[object, ...] = (),
        origin: object = None,
        is_interactive: bool = False,
        declared_at: tuple[str, int] | None = None,
    ) -> None:
        self.kind: str = kind
        self.name: str = name
        self.flow: str = flow
        self._after = after
        self._labels = labels  # of the same entries; empty where none has one
        self.call_kind: str = call_kind
        self.doc: str | None = doc
        self.file: str | None = file
        self.line: int | None = line
        self.module: str = module
        self.qualname: str = qualname
        self._code = code
        self.origin: object = origin
        self.is_interactive: bool = is_interactive
        self.declared_at: tuple[str, int] | None = declared_at

    @property
    def after(self) -> tuple[str, ...]:
        """The predecessors, each "step" or "other_flow:step"; they may not exist."""
        names = [each if isinstance(each, str) else each.name_in(self.flow) for each in self._after]
        return tuple(dict.fromkeys(names)) if len(names) > 1 else tuple(names)

    @property
    def labels(self) -> dict[str, str]:
        """The words of the author on the edges from predecessors, by their names in `after`."""
        return {
            each if isinstance(each, str) else each.name_in(self.flow): label
            for each, label in zip(self._after, self._labels, strict=False)
            if label
        }

    @property
    def where(self) -> str:
        """The "file:line" for messages, or without a file the full name of the function."""
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
            labels=self._labels,
            call_kind=self.call_kind,
            doc=self.doc,
            file=self.file,
            line=self.line,
            module=self.module,
            qualname=self.qualname,
            code=self._code,
            origin=self.origin,
            is_interactive=self.is_interactive,
            declared_at=self.declared_at,
        )

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
            and (self._code != other._code or self.file != other.file)
            and not self.hides_another_than(other)
        )

    def hides_another_than(self, other: Step) -> bool:
        """Tell whether both are wrappers of one decorator, around functions with different names.

        Without functools.wraps a wrapper does not have the name of the function below.
        """
        return _names(self._code) != _names(other._code)

    def hidden_from(self, other: Step) -> CodeType | None:
        """Return the code of the function behind this wrapper, if `other` wraps another one."""
        for each in self._code:
            if isinstance(each, CodeType) and each not in other._code:
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
            and self._code == other._code
            and self.after == other.after
            and self._labels == other._labels
        )

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r} of flow {self.flow!r} at {self.where}>"


def _names(code: tuple[object, ...]) -> list[str]:
    return [each.co_name for each in code if isinstance(each, CodeType)]


def read_step(
    function: Any,
    kind: str,
    *,
    after: tuple[str | Reference, ...] = (),
    labels: tuple[str, ...] = (),
    name: str | None = None,
    call_kind: str = "function",
    flow: str = "",
) -> Step:
    """Return `function` as a step of `flow`, or of no flow yet."""
    place = None
    if "django.utils.decorators" in sys.modules or hasattr(function, "view_class"):
        from penstock._declare._views import place_behind

        behind = place_behind(function, kind, flow)
        if behind is not None:
            place, own_kind = behind
            call_kind = own_kind or call_kind
    place = place or place_of(function)
    return Step(
        kind=kind,
        name=place.name if name is None else name,
        flow=flow,
        after=after,
        labels=labels,
        call_kind=call_kind,
        doc=place.doc,
        file=place.file,
        line=place.line,
        module=place.module,
        qualname=place.qualname,
        code=place.code,
        origin=place.origin,
        is_interactive=place.is_interactive,
        declared_at=place.declared_at,
    )
