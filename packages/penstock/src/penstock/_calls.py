"""Open the frames of steps and entrypoints at their calls.

An entrypoint begins a run of its flow, and a step joins one. A step that finds no run is a plain
call, without a frame.

Nearly every call is of a function or a coroutine function in one flow. Such a function has a
wrapper with everything inline. All other calls go through `corectx.lowlevel.around`, once for each
flow.
"""

from __future__ import annotations

from _weakref import ref  # as `weakref` has it, which takes longer to import
from time import time

from corectx import leave
from corectx.lowlevel import (
    COROUTINE,
    CURRENT,
    NO_VALUES,
    UNOPENED,
    BareFrame,
    around,
    carry_on,
    collecting,
    get_current,
    imitate,
    in_collector,
    listeners,
    new_trace_id,
    note_failure,
    notify_entered,
    notify_left,
    opens_inline,
    run_finalizer,
    run_key,
    set_current,
)
from penstock._context import OwnRunFrame, join_run, open_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from functools import partial
    from typing import Any, Protocol, TypeAlias

    from corectx import Frame

    class Step(Protocol):
        """The step that a call is recorded as."""

        @property
        def kind(self) -> str: ...
        @property
        def name(self) -> str: ...
        @property
        def flow(self) -> str: ...

    Function: TypeAlias = Callable[..., Any]
else:
    from _functools import partial  # as `functools` has it, which takes longer to import

# Bound once, as in corectx; its `set_current` hides the token that `reset` takes.
_set_current = CURRENT.set
_reset_current = CURRENT.reset


# Called with each step that is called outside of any run of its flow.
_outside_listeners: list[Callable[[Step], None]] = []


def hear_of_calls_outside(listener: Callable[[Step], None]) -> Callable[[], None]:
    """Call `listener` for each step that is called outside of its flow.

    Return the function that ends this.
    """
    _outside_listeners.append(listener)
    return lambda: _outside_listeners.remove(listener)


class Calls:
    """The flows that the calls of one function are recorded in; it grows as flows claim it."""

    __slots__ = (
        "_all_steps",
        "_general",
        "_inner",
        "_kind",
        "_outermost",
        "_steps",
        "_wrapper",
        "function",
    )

    def __init__(
        self, function: Function, kind: str, step: Step | None = None, below: Calls | None = None
    ) -> None:
        """Prepare for `wrap`; `below` are the calls of `function`, if that is a wrapper of ours."""
        self.function: Function = function
        self._inner = function  # with the frames of all flows but the outermost one around it
        self._kind = kind
        self._outermost = step
        self._steps: list[Step] = [] if step is None else [step]
        # Also those of the declarations below and above this one: one call is a call in all.
        if below is None:
            self._all_steps = self._steps.copy()
        else:
            self._all_steps = below._all_steps  # noqa: SLF001
            self._all_steps += self._steps
        self._general: Function | None = None

    def wrap(self, *, is_entrypoint: bool) -> Function:
        """Return the wrapper that records the calls, which is of the same kind as the function."""
        if self._kind == "function":
            make = _around_entrypoint if is_entrypoint else _around_step
        elif self._kind == "coroutine" and not is_entrypoint:
            make = _around_async_step
        else:
            make = None
        if make is None:
            wrapper = self._around_all(like=self.function)
        else:
            wrapper = make(self.function, self._call, self._outermost)
            imitate(wrapper, self.function)
        # Weak, since the wrapper has these calls: a cycle would keep both for a while.
        self._wrapper = ref(wrapper)
        return wrapper

    @property
    def wrapper(self) -> Any:
        """The function that `wrap` returned, or None if it is gone."""
        return self._wrapper()

    def record_as(self, step: Step) -> None:
        """Record the calls as `step` too, in a frame around those of the flows so far."""
        inside = self._outermost
        if inside is not None:
            self._inner = around(self._inner, lambda: _open(inside), kind=self._kind)
        self._outermost = step
        self._steps.append(step)
        self._all_steps.append(step)
        wrapper = self._wrapper()
        if wrapper is not None:
            _record_only(step if inside is None else None, wrapper)

    def _around_all(self, like: Function) -> Function:
        """Return a function with the name of `like` and the frames of all flows around it."""

        def inner(*args: Any, **kwargs: Any) -> Any:
            return self._inner(*args, **kwargs)

        imitate(inner, like)
        return around(inner, self._open_outermost, kind=self._kind)

    def _call(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function that is in several flows or in none; few functions are."""
        if self._general is None:
            self._general = self._around_all(like=self._inner)
        return self._general(*args, **kwargs)

    def _open_outermost(self) -> Frame | None:
        step = self._outermost
        if step is None:
            return None
        outer = get_current()
        # As `join_run` does it, for nearly every call
        if outer is not None and outer.flow is step.flow and step.kind == "step":
            opened = BareFrame()
            opened.site = step
            opened.parent = outer
            opened.flow = outer.flow
            opened.correlation_id = outer.correlation_id
            opened.values = outer.values
            opened.store = outer.store
            opened.outer = UNOPENED
            opened.recorder_cache = None
            return opened
        frame = _open(step)
        if frame is None and _outside_listeners:
            self._tell_outside()
        return frame

    def _tell_outside(self) -> None:
        """Tell the listeners if none of the function's flows runs here, or begins."""
        if all(step.kind == "step" and _open(step) is None for step in self._all_steps):
            for step in self._steps:
                for listener in _outside_listeners:
                    listener(step)


def _open(step: Step) -> Frame | None:
    """Return a frame for a call of `step` here and now, or None if its flow does not run."""
    frame = get_current()
    if step.kind == "entrypoint":
        return open_run(step, frame, run_key(step.flow))
    return None if frame is None else join_run(step, frame)


# The functions below do inline the work of `enter` and `leave`, for calls that one flow records.
# They pass all other calls to `general`. `opens_inline` looks for the local variable `frame` in the
# call of a plain function. ``**kwargs`` copies a dict, also an empty one, which takes as long as
# all looks for observers together.

_NO_FLOW = object()  # in place of the name of the only flow: no frame has this one


def _record_only(step: Step | None, wrapper: Any) -> None:
    """Let an inline `wrapper` record its calls as `step`, or pass all to `general` if it is None.

    Other wrappers look for their steps at each call, and have no variable `own`.
    """
    names, cells = wrapper.__code__.co_freevars, wrapper.__closure__
    if "own" not in names:
        return
    is_entrypoint = "own_key" in names
    own = cells[names.index("own")]
    if step is None:
        own.cell_contents = None if is_entrypoint else _NO_FLOW
        return
    cells[names.index("step")].cell_contents = step
    if is_entrypoint:
        cells[names.index("own_key")].cell_contents = run_key(step.flow)
    # Last, since another thread may be in a call: `own` says whether the others count.
    own.cell_contents = step.flow


def _around_step(  # noqa: C901 - inline, see above
    function: Function, general: Function, step: Any
) -> Function:
    own: Any = getattr(step, "flow", _NO_FLOW)  # the name of the flow

    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: C901, PLR0912 - inline, see above
        if collecting and in_collector():
            return run_finalizer(partial(general, *args, **kwargs))
        outer = get_current()
        if outer is None:
            return (general if _outside_listeners else function)(*args, **kwargs)
        # An equal name from another process is another object. It goes the long way.
        flow = outer.flow
        if flow is not own:
            return general(*args, **kwargs)
        frame = BareFrame()
        frame.site = step
        frame.parent = frame.outer = outer
        frame.flow = flow
        frame.correlation_id = outer.correlation_id
        frame.values = outer.values
        frame.store = outer.store
        frame.recorder_cache = None
        try:
            token = _set_current(frame)
        except BaseException:  # of a signal handler, right after the call
            _set_current(outer)
            raise
        is_quiet = False
        try:
            if listeners.entered:
                is_quiet = listeners.is_inlined
                if is_quiet:
                    frame.since = time()
                else:
                    notify_entered(frame)
            result = function(*args, **kwargs) if kwargs else function(*args)
        except BaseException as exc:
            note_failure(frame, exc)
            if listeners.left:
                notify_left(frame, exc)
            raise
        else:
            if result is not None and type(result) is COROUTINE:
                return carry_on(frame, result, is_told=not is_quiet)
            if listeners.left and not (is_quiet and listeners.is_inlined):
                notify_left(frame, None)
            return result
        finally:
            # Otherwise a frame around this one was left in the meantime, by a generator.
            if frame.outer is outer:
                _reset_current(token)
            else:
                _set_current(frame.outer)

    return wrapper


def _around_async_step(function: Function, general: Function, step: Any) -> Function:
    own: Any = getattr(step, "flow", _NO_FLOW)  # the name of the flow

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        outer = get_current()
        if outer is None:
            return await (general if _outside_listeners else function)(*args, **kwargs)
        flow = outer.flow
        if flow is not own or collecting:
            return await general(*args, **kwargs)
        frame = BareFrame()
        frame.site = step
        frame.parent = frame.outer = outer
        frame.flow = flow
        frame.correlation_id = outer.correlation_id
        frame.values = outer.values
        frame.store = outer.store
        frame.recorder_cache = None
        try:
            set_current(frame)
        except BaseException:  # of a signal handler, right after the call
            set_current(outer)
            raise
        try:
            if listeners.entered:
                notify_entered(frame)
            result = await function(*args, **kwargs)
        except BaseException as exc:
            leave((frame, outer, True), exc)
            del frame, outer  # the traceback of an exception holds this call
            raise
        # A coroutine may end in another context, or in a finalizer.
        if listeners.left or collecting or frame.outer is UNOPENED or get_current() is not frame:
            leave((frame, outer, True))
        else:
            set_current(frame.outer)
            frame.outer = UNOPENED  # as `detach` says
        return result

    return wrapper


def _around_entrypoint(  # noqa: C901 - inline, see above
    function: Function, general: Function, step: Any
) -> Function:
    own: Any = getattr(step, "flow", None)  # the name of the flow
    own_key = "" if own is None else run_key(own)  # of the run in a store

    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: C901, PLR0912 - inline, see above
        if collecting and in_collector():
            return run_finalizer(partial(general, *args, **kwargs))
        flow = own  # once, since a second flow may claim the function meanwhile, in another thread
        if flow is None:
            return general(*args, **kwargs)
        outer = get_current()
        if outer is not None or listeners.starting:
            frame = open_run(step, outer, own_key)
        else:
            frame = OwnRunFrame()  # as `open_run` fills it, for the first frame of an operation
            frame.site = step
            frame.parent = frame.outer = None
            frame.flow = flow
            frame.correlation_id = new_trace_id()
            frame.values = NO_VALUES
            run: dict[Any, Any] = {}
            frame.run = run
            frame.store = {own_key: run}
            frame.recorder_cache = None
        try:
            token = _set_current(frame)
        except BaseException:  # of a signal handler, right after the call
            _set_current(outer)
            raise
        is_quiet = False
        try:
            if listeners.entered:
                is_quiet = listeners.is_inlined
                if is_quiet:
                    frame.since = time()
                else:
                    notify_entered(frame)
            result = function(*args, **kwargs) if kwargs else function(*args)
        except BaseException as exc:
            note_failure(frame, exc)
            if listeners.left:
                notify_left(frame, exc)
            raise
        else:
            if result is not None and type(result) is COROUTINE:
                return carry_on(frame, result, is_told=not is_quiet)
            if listeners.left and not (is_quiet and listeners.is_inlined):
                notify_left(frame, None)
            return result
        finally:
            if frame.outer is outer:
                _reset_current(token)
            else:
                _set_current(frame.outer)

    return wrapper


# All wrappers of one kind have the same code.
opens_inline(_around_step(leave, leave, None))
opens_inline(_around_entrypoint(leave, leave, None))
