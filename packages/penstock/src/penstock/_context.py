"""The run of a flow: its frames, its correlation ID, and the values that its steps share.

An entrypoint begins a run. A step joins the first of these that exists:

1. a run among the ancestors of its frame, also an ended one;
2. the only run of its flow in the operation;
3. the latest of several runs; then the run is unsure, and has the values of none of them.

In an operation that only waits for work, and in a bare scope, which is no operation, each run is an
operation of its own. A step that joins the
only run of its flow joins that operation. If there were several runs, the step may belong to any of
them, so it is an operation of its own, too.
"""

from __future__ import annotations

from corectx import Frame, new_correlation_id
from corectx.lowlevel import (
    NO_VALUES,
    SEPARATE,
    RunFrame,
    get_current,
    is_ambiguous,
    latest_operation,
    latest_run,
    listeners,
    log_once,
    new_trace_id,
    remember_operation,
    remember_run,
    run_at,
    run_key,
    unsure_run,
    values_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn, Protocol

    class Site(Protocol):
        """The entrypoint or step that a frame is opened for."""

        @property
        def kind(self) -> str: ...
        @property
        def name(self) -> str: ...
        @property
        def flow(self) -> str: ...


# The key in the store of an operation that runs no flow, such as a request: its values.
_OPERATION = "penstock.context"


class OwnRunFrame(RunFrame):
    """The frame of an entrypoint or of a step that joined a run late; made as a `BareFrame` is."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__


def open_run(step: Site, outer: Frame | None, key: str) -> OwnRunFrame:
    """Return the frame of a run inside `outer`: it joins the active correlation, or starts one.

    `key` is the `run_key` of the flow.
    """
    frame = OwnRunFrame()
    frame.site = step
    frame.parent = frame.outer = outer
    frame.flow = flow = step.flow
    run: dict[Any, Any] = {}
    frame.run = run
    frame.recorder_cache = None
    if outer is None:
        frame.correlation_id = new_correlation_id() if listeners.starting else new_trace_id()
        frame.values = NO_VALUES
        frame.store = {key: run}
    else:
        frame.values = outer.values
        frame.correlation_id = outer.correlation_id
        frame.store = outer.store
        # A bare scope is no operation yet; one that only waits for work keeps no flows together.
        if frame.correlation_id is None or SEPARATE in frame.store:
            frame.correlation_id = new_correlation_id()
            frame.store = {key: run}
            remember_operation(outer, flow, frame.correlation_id, frame.store)
        else:
            remember_run(frame.store, flow, run, key=key)
    return frame


def join_run(step: Site, frame: Frame) -> Frame | None:
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
    joined = OwnRunFrame()
    joined.site = step
    joined.parent = joined.outer = frame
    joined.flow = flow
    joined.correlation_id = frame.correlation_id
    joined.values = frame.values
    joined.store = frame.store
    joined.recorder_cache = None
    is_unsure = is_ambiguous(frame.store, flow)
    joined.run = unsure_run(run) if is_unsure else run
    operation = latest_operation(frame.store, flow)
    if operation is not None:
        joined.correlation_id, joined.store = operation
        if is_unsure:
            joined.correlation_id = new_correlation_id()
            joined.store = {run_key(flow): joined.run}
    return joined


class FlowContext:
    """The values that the steps of one run of a flow share; get it from `get_flow_context`.

    Reading goes outward: the run, the runs around it, then the request or task around all of them.
    Writing stays in the run, so flows that run at the same time do not mix. Several threads may use
    it.
    """

    __slots__ = ("_frame",)

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    @property
    def correlation_id(self) -> str | None:
        """The ID of the operation; None in a bare scope."""
        return self._frame.correlation_id

    @property
    def metadata(self) -> dict[str, Any]:
        """A copy of all values."""
        merged: dict[str, Any] = {}
        for values in reversed(list(_layers(self._frame))):
            merged.update(values_of(values))
        return merged

    def get_value(self, key: str, default: Any = None) -> Any:
        """Return the value of `key`, or `default`."""
        for values in _layers(self._frame):
            try:
                return values[key]
            except KeyError:
                continue
        return default

    def set_value(self, key: str, value: Any) -> None:
        """Set the value of `key` for the run."""
        next(_layers(self._frame))[key] = value

    def delete_value(self, key: str) -> None:
        """Remove the value of `key` from the run; raises KeyError if the run has none."""
        del next(_layers(self._frame))[key]

    def __getattr__(self, name: str) -> NoReturn:
        # Known from penstock 0.1.0.
        hint = " The context reaches other processes by itself." if name == "fork" else ""
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}.{hint}")

    def __repr__(self) -> str:
        # The keys only: values may be personal data.
        return f"<FlowContext {self.correlation_id} {sorted(self.metadata)}>"


def current_flow_id() -> str | None:
    """Return the correlation ID that is active now, or None outside of any operation.

    Inside a flow it is the flow's. A request or a task has one without a flow, too.
    """
    frame = get_current()
    return None if frame is None else frame.correlation_id


def get_flow_context() -> FlowContext | None:
    """Return the values of the current run, or None without a current frame."""
    frame = get_current()
    return None if frame is None else FlowContext(frame)


def get_flow_context_value(key: str, default: Any = None) -> Any:
    """Return the value of `key` in the current run, or `default`; see `FlowContext`."""
    frame = get_current()
    return default if frame is None else FlowContext(frame).get_value(key, default)


def set_flow_context_value(key: str, value: Any) -> None:
    """Set the value of `key` for all steps of the current run.

    In a request or a task that runs no flow, the value belongs to the request or the task. Without
    any operation the value is lost, since a step may be called outside of its flow; the first loss
    is logged.
    """
    frame = get_current()
    if frame is not None:
        FlowContext(frame).set_value(key, value)
    else:
        # The key only: a value may be personal data.
        log_once(
            "penstock.context",
            f"set_flow_context_value({key!r}, ...) was called outside of any flow, request or "
            "task: the value is lost. Call it in an @entrypoint, or in a corectx.scope().",
        )


def _layers(frame: Frame) -> Iterator[dict[str, Any]]:
    """Yield the values of the run that `frame` is in, then those of the runs around it.

    After the body of a task that begins a flow, that is its run, unless there were several.
    """
    # A step of an outer flow that an inner flow calls is in the outer flow's run.
    own = frame.flow
    each: Frame | None = frame
    while each is not None:
        run = run_at(each) if own is None or each.flow == own else None
        is_any = each.kind == "task" and is_ambiguous(each.store, each.flow or "")
        if run is not None and not is_any:
            own = None  # from here on outward, all
            yield run
        each = each.parent
    operation: Any = frame.store.setdefault(_OPERATION, {})
    yield operation
