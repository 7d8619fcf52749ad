"""`scope`: values for the length of a block or of a call. `add_values`: for a whole operation."""

from __future__ import annotations

from corectx._current import get_current, leave_around, set_current
from corectx._failures import note_failure
from corectx._frame import BareFrame, Frame, MappingProxyType, chain
from corectx._observers import listeners, notify_entered, notify_left
from corectx._process import collecting, in_collector, log_once, run_finalizer
from corectx._wrap import around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TypeVar

    from typing_extensions import Never

    Function = TypeVar("Function", bound=Callable[..., Any])


def scope(*misplaced: Never, **values: object) -> Scope:
    """Add `values` to the current values for a ``with`` block or for the calls of a function.

    As a decorator it takes functions, coroutine functions, generators and async generators. One
    scope may be entered many times at once, in any number of threads and tasks: it keeps no state,
    since each frame that it opens knows its outer frame. (If one context has two frames of one
    scope, the inner one is left first.)
    """
    if misplaced:
        # The type only: values may be personal data.
        raise TypeError(
            "A scope takes values by name, such as scope(order=4711), but got an unnamed "
            f"{type(misplaced[0]).__name__}."
        )
    made = Scope()
    made.values = values
    return made


class Scope:
    """The result of `scope`: a context manager, a decorator, and the site of its frames.

    It has no ``__init__``, since Python calls a class with arguments in twice the time.
    """

    __slots__ = ("values",)
    values: dict[str, object]
    kind = "scope"
    name: str | None = None
    flow: str | None = None

    def __repr__(self) -> str:
        # The keys only: values may be personal data.
        return f"scope({', '.join(f'{key}=...' for key in self.values)})"

    def __enter__(self) -> Frame:
        # This method and `__exit__` do inline the work of `enter` and `leave`: see `_current`.
        frame = BareFrame()
        frame.site = self
        frame.parent = frame.outer = outer = get_current()
        frame.recorder_cache = None
        if outer is None:  # as `_open` says
            frame.flow = frame.correlation_id = None
            frame.values = MappingProxyType(self.values)
            frame.store = {}
        else:
            frame.flow = outer.flow
            frame.correlation_id = outer.correlation_id
            values = self.values
            frame.values = MappingProxyType(outer.values | values) if values else outer.values
            frame.store = outer.store
        if collecting and in_collector():
            return frame
        try:
            set_current(frame)
        except BaseException:  # as in `attach`
            set_current(outer)
            raise
        if listeners.scope_entered:
            try:
                notify_entered(frame)
            except BaseException as exc:  # Ctrl-C: then Python does not call __exit__
                self.__exit__(None, exc, None)
                raise
        return frame

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if collecting and in_collector():
            run_finalizer(self.__exit__, exc_type, exc, traceback)
            return
        frame = inner = get_current()
        if frame is None or frame.site is not self:
            frame = _opened_by(self)
            if frame is None:  # left in another context than it was entered in; nothing to undo
                return
        try:
            if exc is not None:
                note_failure(frame, exc)
            if listeners.scope_left:
                notify_left(frame, exc)
        finally:
            if frame is inner:
                set_current(frame.outer)
            else:
                leave_around(frame, frame.outer)

    def __call__(self, function: Function, /) -> Function:
        if isinstance(function, type):
            raise TypeError(
                f"A scope goes around functions, and {function.__qualname__} is a class. "
                "Decorate those of its methods that need it."
            )
        return around(function, self._open)

    def _open(self) -> Frame:
        outer = get_current()
        if outer is not None:
            return outer.child(self, self.values)
        # The outermost scope is the root of a trail but has no correlation ID. The first request,
        # task or flow inside it gets one.
        return Frame(self, None, None, None, MappingProxyType(self.values), {})


def add_values(**values: object) -> None:
    """Add `values` to the current values for the rest of the operation, without a ``with``.

    Use it in code that has no block around the rest, such as a signal handler that learns the user
    of a request. The frames around the caller in the same operation get the values, and so do
    frames that are opened inside them later. Without a current frame the values are lost; the first
    time is logged.
    """
    frame = get_current()
    if frame is None:
        # The keys only: values may be personal data.
        log_once(
            "add_values",
            f"add_values({', '.join(f'{key}=...' for key in values)}) was called outside of any "
            "request, task, flow or scope: the values are lost.",
        )
        return
    store = frame.store
    while frame is not None and frame.store is store:
        frame.values = MappingProxyType(frame.values | values)
        frame.recorder_cache = None  # it may hold the old values; earlier crumbs keep it
        frame = frame.parent


def _opened_by(site: Scope) -> Frame | None:
    """Return the innermost frame around us that `site` opened."""
    return next((each for each in chain(get_current()) if each.site is site), None)
