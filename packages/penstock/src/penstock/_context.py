"""The run of a flow: its correlation ID, and the values that its steps share."""

from __future__ import annotations

from corectx.lowlevel import get_current, log_once
from penstock._calls import RunFrame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from corectx import Frame

# Where the values of an operation that runs no flow are: a request's, a task's.
_OPERATION = "penstock.context"


class FlowContext:
    """The values that the steps of one run of a flow share; get it from `get_flow_context`.

    Reading goes outward: to the run, the runs around it, the request or task around those. Writing
    stays in the run, so that flows that one program runs at the same time do not mix. All of it
    may be used from several threads.
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
            merged.update(values)
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
        """Remove what the run has as `key`; raises KeyError where it has nothing."""
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

    Inside a flow it is the flow's; a request or a task has one without any flow too.
    """
    frame = get_current()
    return None if frame is None else frame.correlation_id


def get_flow_context() -> FlowContext | None:
    """Return the values of the run that is current, or None where nothing is."""
    frame = get_current()
    return None if frame is None else FlowContext(frame)


def get_flow_context_value(key: str, default: Any = None) -> Any:
    """Return the value of `key` in the current run, or `default`; see `FlowContext`."""
    frame = get_current()
    return default if frame is None else FlowContext(frame).get_value(key, default)


def set_flow_context_value(key: str, value: Any) -> None:
    """Set the value of `key` for all steps of the current run.

    In a request or a task that runs no flow the value belongs to that. Where there is no operation
    at all the value is lost, since a step may be called outside of its flow; the first is logged.
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
    """Give the values of the run that `frame` is in, and then those around it."""
    # A step of an outer flow that an inner flow calls is in the outer flow's run.
    own = frame.flow
    each: Frame | None = frame
    while each is not None:
        if isinstance(each, RunFrame) and (own is None or each.flow == own):
            own = None  # from here on outward, all
            yield each.context
        each = each.parent
    operation: Any = frame.store.setdefault(_OPERATION, {})
    yield operation
