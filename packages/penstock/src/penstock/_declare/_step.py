"""Step: the place of one function in one flow, and the function that reads it."""

from __future__ import annotations

import os
import sys
from types import CodeType

from penstock._declare._place import Place, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Reference(Protocol):
        """A predecessor given as a function: its name is known when all flows are."""

        def name_in(self, flow: str) -> str: ...


_NOWHERE = Place()


class Step:
    """One function's place in one flow; frames know it as the site that opened them.

    `kind` is "entrypoint" or "step". `flow` is "" while the function is in no flow. `call_kind` is
    "function", "coroutine", "generator", "async_generator" or "task". `place` tells where the
    function is written.
    """

    __slots__ = ("_after", "_labels", "call_kind", "flow", "kind", "name", "place")

    def __init__(
        self,
        kind: str,
        name: str,
        flow: str = "",
        place: Place = _NOWHERE,
        after: tuple[str | Reference, ...] = (),
        labels: tuple[str, ...] = (),
        call_kind: str = "function",
    ) -> None:
        self.kind: str = kind
        self.name: str = name
        self.flow: str = flow
        self.place: Place = place
        self._after = after
        self._labels = labels  # of the same entries; empty where none has one
        self.call_kind: str = call_kind

    @property
    def doc(self) -> str | None:
        """The docstring of the function."""
        return self.place.doc

    @property
    def file(self) -> str | None:
        """The file of the function's first decorator; see `Place`."""
        return self.place.file

    @property
    def line(self) -> int | None:
        """The line in `file`, from 1."""
        return self.place.line

    @property
    def module(self) -> str:
        """The name of the function's module."""
        return self.place.module

    @property
    def qualname(self) -> str:
        """The name of the function in its module."""
        return self.place.qualname

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
            self.kind, self.name, flow, self.place, self._after, self._labels, self.call_kind
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
            and (self.place.code != other.place.code or self.file != other.file)
            and not self.hides_another_than(other)
        )

    def hides_another_than(self, other: Step) -> bool:
        """Tell whether both are wrappers of one decorator, around functions with different names.

        Without functools.wraps a wrapper does not have the name of the function below.
        """
        return _names(self.place.code) != _names(other.place.code)

    def hidden_from(self, other: Step) -> CodeType | None:
        """Return the code of the function behind this wrapper, if `other` wraps another one."""
        for each in self.place.code:
            if isinstance(each, CodeType) and each not in other.place.code:
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
            and self.place.code == other.place.code
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
    flow: str = "",
    name: str | None = None,
    after: tuple[str | Reference, ...] = (),
    labels: tuple[str, ...] = (),
    call_kind: str = "function",
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
    return Step(kind, place.name if name is None else name, flow, place, after, labels, call_kind)
