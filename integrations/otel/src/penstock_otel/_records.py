"""Records of spans, in the store of their operation, and our span as OpenTelemetry's current one.

The spans of others nest in the current one. We only set the context, and never call OpenTelemetry's
``detach``. It logs an error if a token is of another context, as when another task closes a
generator. We find the context to restore by comparing, as corectx does. Each context that we set
has its record, and so do contexts that are derived from it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from opentelemetry import context, trace

from corectx.lowlevel import forget_lost, search_for_lost

if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext

    from corectx import Frame

_KEY = "penstock_otel"
_RECORD = context.create_key("penstock_otel.record")

# Crumbs that are kept for one span; the default limit of the SDK for events.
MAX_CRUMBS = 128

# Steps of one operation whose last span is remembered; far more than flows have.
_MAX_STEPS = 1024


class Record:
    """The span of one frame.

    `span` is None as long as another instrumentation may make it. If it is not `is_own`, another
    instrumentation made it and ends it. `inside` is the context of OpenTelemetry in which the span
    is current, and `outside` the context before. Both are None if we did not make it current.
    `after` is a span for the crumbs after the end of a span that is another's. The record of a
    frame that nobody will leave `is_lost`.
    """

    __slots__ = (
        "after",
        "backend",
        "began",
        "crumbs",
        "frame",
        "inside",
        "is_ended",
        "is_inside_ended",
        "is_lost",
        "is_own",
        "outside",
        "span",
    )

    def __init__(self, backend: object, frame: Frame, began: int) -> None:
        self.backend = backend
        self.frame = frame
        self.began = began  # Unix time in ns
        self.span: Span | None = None
        self.after: Span | None = None
        self.is_own = False
        self.is_ended = False
        self.is_lost = False
        self.is_inside_ended = False
        self.inside: Context | None = None
        self.outside: Context | None = None
        # Kept until the span ends: an append takes no lock, so that a crumb may be recorded in a
        # signal handler that interrupts the SDK.
        self.crumbs: deque[tuple[str, dict[str, str], int]] = deque(maxlen=MAX_CRUMBS)


class Operation:
    """The spans of one operation: those that are open by frame, and the last one of each step.

    An operation that `is_excluded` has none of ours.
    """

    __slots__ = ("first", "is_excluded", "records", "remote", "steps")

    def __init__(self) -> None:
        self.records: dict[Frame, Record] = {}
        self.steps: dict[tuple[str | None, str | None], SpanContext] = {}
        self.first: SpanContext | None = None
        self.is_excluded = False
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


def owner(ctx: Context) -> Record | None:
    """Return the record whose span is the current span of `ctx`, or is around it."""
    found: Any = ctx.get(_RECORD)
    return found  # type: ignore[no-any-return]


class _Keeper:
    """Tells corectx of the references that records have to their frames.

    Without that, a frame that nobody will leave would look as if it were in use.
    """

    def frames(self) -> list[Frame]:
        """Return none: observers that list open frames have them, too."""
        return []

    def holds(self, frame: Frame) -> int:
        """Return how many references to `frame` there are: in its record, and as its key."""
        operation = known_operation_of(frame)
        return 2 if operation is not None and frame in operation.records else 0

    def lose(self, frame: Frame) -> None:
        """Drop the record of `frame`. Its span is not exported, since nobody knows its end."""
        operation = known_operation_of(frame)
        record = None if operation is None else operation.records.pop(frame, None)
        if record is not None:
            record.is_ended = record.is_lost = True
            record.inside = None


search_for_lost(_Keeper())


def make_current(record: Record, span: Span, base: Context | None = None) -> None:
    """Make `span`, the span of `record`, current.

    It is put into the context `base` that arrived with a request, by default into the current one.
    """
    outside = leave_lost() if record.frame.parent is None else context.get_current()
    around = owner(outside)
    record.outside = outside
    record.is_inside_ended = around is not None and around.is_ended
    inside = trace.set_span_in_context(span, outside if base is None else base)
    record.inside = context.set_value(_RECORD, record, inside)
    context.attach(record.inside)


def suspend(record: Record) -> None:
    """Restore the current span of the consumer of a generator."""
    if record.outside is not None:
        record.inside = context.get_current()
        context.attach(record.outside)


def resume(record: Record) -> None:
    """Restore the context that was current when the body of a generator was suspended."""
    if record.inside is not None:
        record.outside = context.get_current()
        context.attach(record.inside)


def restore(record: Record) -> None:
    """Restore the span before the span of `record`, which has ended, if that is still current.

    Spans that ended in the meantime, out of order, are skipped.
    """
    record.inside = None  # it holds the record: the cycle would keep the frame
    if owner(context.get_current()) is not record:
        return
    while record.outside is not None:
        around = owner(record.outside)
        if around is None or not around.is_ended or record.is_inside_ended:
            context.attach(record.outside)
            return
        record = around


def leave_lost() -> Context:
    """Return the current context, after the spans of frames that nobody will leave were left.

    Only the thread of such a span can do so, where it is the current one. A span inside of it that
    somebody else made current stays current.
    """
    ctx = context.get_current()
    record = owner(ctx)
    while record is not None and record.span is trace.get_current_span(ctx):
        if not record.is_ended:
            forget_lost([record.frame])
        if not record.is_lost:
            break
        restore(record)
        ctx = context.get_current()
        around = owner(ctx)
        if around is record:
            break
        # Nothing here holds the lost frame any more, which holds the frame around it.
        record = around
    return ctx


def foreign_span() -> Span | None:
    """Return the current span if it is active, and is neither ours nor inside one of ours.

    An ended span may still be current: a server may go on in the context of the request before.
    """
    ctx = context.get_current()
    span = trace.get_current_span(ctx)
    found = span.get_span_context()
    around = owner(ctx)
    if not found.is_valid or (around is not None and not around.is_ended):
        return None
    if around is not None and around.span is span:
        return None
    # A span without the SDK's `end_time` (not sampled, or of another process) counts as active.
    return None if getattr(span, "end_time", None) is not None else span
