"""`scope`: ambient values for the length of a block or a call."""

from __future__ import annotations

import sys
from types import MappingProxyType

from corectx._failures import note_failure
from corectx._frame import CURRENT, Frame, abandon
from corectx._functions import around
from corectx._observers import listeners, notify_entered, notify_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])


class scope:  # noqa: N801 - used like a function, as the context managers of contextlib are
    """Add `values` to the ambient values for a ``with`` block or for the calls of a function.

    As a decorator it takes functions, coroutine functions, generators and async generators. One
    instance may be entered again while it is entered, in any number of threads and tasks: it keeps
    no state, since the frames that it opens know where they came from.
    """

    # A scope is itself the site of its frames.
    __slots__ = ("_values",)
    kind = "scope"
    name: str | None = None
    flow: str | None = None

    def __init__(self, /, **values: object) -> None:
        self._values = values

    def __repr__(self) -> str:
        # The keys only: values may be personal data.
        return f"scope({', '.join(f'{key}=...' for key in self._values)})"

    def _open(self) -> Frame:
        outer = CURRENT.get()
        if outer is None:
            # The outermost scope is the root of a trail, but not yet of a correlation: that begins
            # with the first request, task or flow inside it.
            return Frame(self, None, None, None, MappingProxyType(self._values.copy()), {})
        return outer.child(self, self._values)

    def __enter__(self) -> Frame:
        frame = self._open()
        CURRENT.set(frame)
        if listeners.entered:
            notify_entered(frame)
        return frame

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        frame = inner = CURRENT.get()
        while frame is not None and frame.site is not self:
            frame = frame.parent
        if frame is None:  # left in another context than it was entered in: nothing to undo here
            return
        if exc is not None:
            note_failure(frame, exc)
        if listeners.left:
            notify_left(frame, exc)
        outer = frame.parent
        if frame is inner and (outer is None or not outer.abandoned):
            CURRENT.set(outer)
        else:
            abandon(frame, sys._getframe(1))  # noqa: SLF001 - documented for CPython and PyPy

    def __call__(self, function: Function, /) -> Function:
        return around(function, self._open)
