"""Open the frames of steps and entrypoints at their calls.

An entrypoint begins a run of its flow. A step joins a run, in this order: the one among its frame's
ancestors, ended or not; the only run of its flow in the operation; the latest of several, and then
its frame is ambiguous. A step that finds no run is a plain call, without a frame.

Nearly every call is of a plain function in one flow, so that has a wrapper with everything inline.
All other calls go through `corectx.lowlevel.around`, once for each flow.
"""

from __future__ import annotations

from corectx import Frame, new_correlation_id
from corectx.lowlevel import (
    CURRENT,
    NO_VALUES,
    RUNS,
    SEPARATE,
    around,
    get_current,
    is_ambiguous,
    latest_run,
    listeners,
    new_trace_id,
    note_failure,
    notify_entered,
    notify_left,
    remember_run,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol, TypeAlias

    class Step(Protocol):
        """The step that a call is recorded as."""

        @property
        def kind(self) -> str: ...
        @property
        def name(self) -> str: ...
        @property
        def flow(self) -> str: ...

    Function: TypeAlias = Callable[..., Any]
    # Tells an inline wrapper the one step that it records, or None where it must ask the other.
    SetSingle: TypeAlias = Callable[[Step | None], None]

# Bound once, as in corectx; its `set_current` hides the token that `reset` takes.
_set_current = CURRENT.set
_reset_current = CURRENT.reset


class BareFrame(Frame):
    """A frame whose maker sets every attribute: that is half the price of `Frame.__init__`."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__


class RunFrame(BareFrame):
    """The frame of an entrypoint: one run of its flow. `context` holds the values of the run."""

    __slots__ = ("context",)
    context: dict[str, Any]


class LateFrame(RunFrame):
    """The frame of a step that joined a run of its operation, outside of the run's entrypoint.

    If the run cannot be told from others of its flow it `is_ambiguous`, and has none of their
    values.
    """

    __slots__ = ("is_ambiguous",)
    is_ambiguous: bool


def open_run(step: Step, outer: Frame | None) -> RunFrame:
    """Return the frame of a run inside `outer`: it joins the active correlation, or starts one."""
    frame = RunFrame()
    frame.site = step
    frame.parent = frame.outer = outer
    frame.flow = flow = step.flow
    context: dict[str, Any] = {}
    frame.context = context
    frame.label = None
    if outer is None:
        frame.correlation_id = new_correlation_id() if listeners.starting else new_trace_id()
        frame.values = NO_VALUES
        frame.store = {RUNS: {flow: context}}
    else:
        frame.values = outer.values
        frame.correlation_id = outer.correlation_id
        frame.store = outer.store
        # A bare scope is no operation yet; one that only waits for work keeps no flows together.
        if frame.correlation_id is None or SEPARATE in frame.store:
            frame.correlation_id = new_correlation_id()
            frame.store = {RUNS: {flow: context}}
        else:
            remember_run(frame.store, flow, context)
    return frame


def _join_run(step: Step, frame: Frame) -> Frame | None:
    """Return the frame of a step inside `frame`, or None where it finds no run of its flow."""
    flow = step.flow
    around_it: Frame | None = frame
    while around_it is not None:
        if around_it.flow == flow:
            return frame.child(step)
        around_it = around_it.parent
    run = latest_run(frame.store, flow)
    if run is None:
        return None
    joined = LateFrame()
    joined.site = step
    joined.parent = joined.outer = frame
    joined.flow = flow
    joined.correlation_id = frame.correlation_id
    joined.values = frame.values
    joined.store = frame.store
    joined.label = None
    joined.is_ambiguous = is_ambiguous(frame.store, flow)
    joined.context = {} if joined.is_ambiguous else run
    return joined


# Each is told of a step that is called outside of any run of its flow.
_outside_listeners: list[Callable[[Step], None]] = []


def hear_of_calls_outside(listener: Callable[[Step], None]) -> Callable[[], None]:
    """Call `listener` for each step that is called outside of its flow; return what ends that."""
    _outside_listeners.append(listener)
    return lambda: _outside_listeners.remove(listener)


class Calls:
    """The flows that the calls of one function are recorded in; it grows as flows claim it.

    `wrapper` is what the user's name is bound to, of the same kind as the function.
    """

    __slots__ = ("_general", "_inner", "_kind", "_outermost", "_set_single", "_steps", "wrapper")

    def __init__(
        self, function: Function, kind: str, *, is_entrypoint: bool, step: Step | None = None
    ) -> None:
        self._inner = function  # with the frames of all flows but the outermost one around it
        self._kind = kind
        self._outermost: Step | None = None
        self._steps: tuple[Step, ...] = ()
        self._general: Function | None = None
        self._set_single: SetSingle | None = None
        if kind == "function":
            wrap = _around_entrypoint if is_entrypoint else _around_step
            wrapper, self._set_single = wrap(function, self._call)
        else:
            wrapper = self._around_all(like=function)
        self.wrapper: Function = wrapper
        _keep_signature(self.wrapper, function)
        if step is not None:
            self.record_as(step)

    def record_as(self, step: Step) -> None:
        """Record the calls as `step` too, in a frame around those of the flows so far."""
        inside = self._outermost
        if inside is not None:
            self._inner = around(self._inner, lambda: _open(inside), kind=self._kind)
        self._outermost = step
        self._steps = (*self._steps, step)
        if self._set_single is not None:
            self._set_single(step if inside is None else None)

    def _around_all(self, like: Function) -> Function:
        """Return a function with the name of `like` and the frames of all flows around it."""
        # It costs half of what `import penstock` would; who decorates anything has it anyway.
        from functools import wraps

        @wraps(like)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return self._inner(*args, **kwargs)

        return around(inner, self._open_outermost, kind=self._kind)

    def _call(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call a plain function that needs more than one inline frame, or none; few ever do."""
        if self._general is None:
            self._general = self._around_all(like=self._inner)
        return self._general(*args, **kwargs)

    def _open_outermost(self) -> Frame | None:
        if self._outermost is None:
            return None
        frame = _open(self._outermost)
        if frame is None and _outside_listeners:
            self._tell_outside()
        return frame

    def _tell_outside(self) -> None:
        """Tell that no flow of the function runs here; where one does, that is its flow."""
        if all(_open(step) is None for step in self._steps):
            for step in self._steps:
                for listener in _outside_listeners:
                    listener(step)


def _open(step: Step) -> Frame | None:
    """Return a frame for a call of `step` here and now, or None where its flow does not run."""
    frame = get_current()
    if step.kind == "entrypoint":
        return open_run(step, frame)
    return None if frame is None else _join_run(step, frame)


# The two below do inline what `enter` and `leave` do, for calls that one flow records; the others
# they pass on to `general`.


def _around_step(  # noqa: C901 - inline, see above
    function: Function, general: Function
) -> tuple[Function, SetSingle]:
    from functools import wraps

    step: Any = None
    own: Any = general  # the name of the flow; at first an object that is no name

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        outer = get_current()
        if outer is None:
            return (general if _outside_listeners else function)(*args, **kwargs)
        # An equal name that is another object, from another process, may as well go the long way.
        if outer.flow is not own:
            return general(*args, **kwargs)
        frame = BareFrame()
        frame.site = step
        frame.parent = frame.outer = outer
        frame.flow = own
        frame.correlation_id = outer.correlation_id
        frame.values = outer.values
        frame.store = outer.store
        frame.label = None
        token = _set_current(frame)
        try:
            if listeners.entered:
                notify_entered(frame)
            result = function(*args, **kwargs)
        except BaseException as exc:
            note_failure(frame, exc)
            if listeners.left:
                notify_left(frame, exc)
            raise
        else:
            if listeners.left:
                notify_left(frame, None)
            return result
        finally:
            # Otherwise a frame around this one was left in the meantime, by a generator.
            if frame.outer is outer:
                _reset_current(token)
            else:
                _set_current(frame.outer)

    def set_single(single: Step | None) -> None:
        nonlocal step, own
        own = general if single is None else single.flow
        step = single

    return wrapper, set_single


def _around_entrypoint(function: Function, general: Function) -> tuple[Function, SetSingle]:
    from functools import wraps

    step: Step | None = None

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if step is None:
            return general(*args, **kwargs)
        outer = get_current()
        frame = open_run(step, outer)
        token = _set_current(frame)
        try:
            if listeners.entered:
                notify_entered(frame)
            result = function(*args, **kwargs)
        except BaseException as exc:
            note_failure(frame, exc)
            if listeners.left:
                notify_left(frame, exc)
            raise
        else:
            if listeners.left:
                notify_left(frame, None)
            return result
        finally:
            if frame.outer is outer:
                _reset_current(token)
            else:
                _set_current(frame.outer)

    def set_single(single: Step | None) -> None:
        nonlocal step
        step = single

    return wrapper, set_single


def _keep_signature(wrapper: Any, function: Any) -> None:
    """Let every reader of signatures see that `wrapper` takes the arguments of `function`.

    `inspect.signature` follows ``__wrapped__``, but `inspect.getfullargspec`, by which Celery
    checks the arguments of a task, does not. Of a function that is a wrapper itself both see the
    same as before, since it may take other arguments than the function below it.
    """
    if hasattr(function, "__wrapped__") or hasattr(wrapper, "__signature__"):
        return
    from inspect import signature

    try:
        found = signature(function)
    except Exception:  # of a builtin; or of annotations that Python 3.14 cannot evaluate yet
        return
    attributes = _Attributes(vars(wrapper))
    attributes["__signature__"] = found
    wrapper.__dict__ = attributes


class _Attributes(dict):  # type: ignore[type-arg]  # Any is imported for type checkers only
    """The attributes of a wrapper: functools.wraps copies all of them but the signature.

    A decorator above may make a function that takes other arguments.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return iter([key for key in dict.__iter__(self) if key != "__signature__"])

    def keys(self) -> Any:
        """Return the keys that functools.wraps copies."""
        return list(self)
