"""Records of spans, kept in the store of their operation, so that both go together."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext

    from corectx import Frame

_KEY = "penstock_otel"

# Crumbs that are kept for one span: what the SDK keeps of events, unless it is told otherwise.
MAX_CRUMBS = 128

# Steps of one operation whose last span is known; far more than flows have.
_MAX_STEPS = 1024


class Record:
    """The span of one frame.

    `span` is None while it is not known who makes one. One that is not `is_own` is that of another
    instrumentation, which also ends it. `inside` is the context of OpenTelemetry in which the span
    is current, `outside` the one before; both are None where we did not make it current.
    """

    __slots__ = (
        "backend",
        "began",
        "crumbs",
        "frame",
        "inside",
        "is_ended",
        "is_inside_ended",
        "is_own",
        "outside",
        "span",
    )

    def __init__(self, backend: object, frame: Frame, began: int) -> None:
        self.backend = backend
        self.frame = frame
        self.began = began  # Unix time in ns
        self.span: Span | None = None
        self.is_own = False
        self.is_ended = False
        self.is_inside_ended = False
        self.inside: Context | None = None
        self.outside: Context | None = None
        # Kept until the span ends: an append takes no lock, so that a crumb may be recorded in a
        # signal handler that interrupts the SDK.
        self.crumbs: deque[tuple[str, dict[str, str], int]] = deque(maxlen=MAX_CRUMBS)


class Operation:
    """The spans of one operation: those that are open by frame, and the last one of each step."""

    __slots__ = ("first", "records", "remote", "steps")

    def __init__(self) -> None:
        self.records: dict[Frame, Record] = {}
        self.steps: dict[tuple[str | None, str | None], SpanContext] = {}
        self.first: SpanContext | None = None
        self.remote: SpanContext | None = None  # the parent in another process

    def remember(self, flow: str | None, name: str | None, span: SpanContext) -> None:
        """Remember the last span of a step, for those that come after it."""
        if len(self.steps) < _MAX_STEPS or (flow, name) in self.steps:
            self.steps[flow, name] = span


def operation_of(frame: Frame) -> Operation:
    """Return the operation that `frame` is part of."""
    found: Any = frame.store.get(_KEY)
    if found is None:
        found = frame.store.setdefault(_KEY, Operation())
    operation: Operation = found
    return operation


def known_operation_of(frame: Frame) -> Operation | None:
    """Return the operation that `frame` is part of, if it has spans."""
    found: Any = frame.store.get(_KEY)
    return found  # type: ignore[no-any-return]


def record_of(frame: Frame | None) -> Record | None:
    """Return the record of the innermost frame that has a span, from `frame` outwards."""
    while frame is not None:
        operation = known_operation_of(frame)
        record = None if operation is None else operation.records.get(frame)
        if record is not None:
            return record
        frame = frame.parent
    return None
