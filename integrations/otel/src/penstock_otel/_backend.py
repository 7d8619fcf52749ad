"""The observer: a span begins with a frame and ends with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanKind

from penstock_otel._attributes import (
    attributes_of,
    complete_response,
    links_of,
    links_to_parts,
    name_of,
    note_failure,
    note_other_correlation,
    note_response,
    watch_response,
)
from penstock_otel._crumbs import CrumbWriter, write_after
from penstock_otel._instrumentations import (
    KINDS,
    Arrived,
    adoptable,
    celery_is_instrumented,
    forget_server,
    is_excluded,
    is_suppressed,
    tell_application,
)
from penstock_otel._records import (
    MAX_CRUMBS,
    Record,
    foreign_span,
    known_operation_of,
    leave_lost,
    make_current,
    operation_of,
    owner,
    record_of,
    restore,
    resume,
    suspend,
)
from penstock_otel._tracing import (
    Tracers,
    from_traceparent,
    has_our_ids,
    span_id_for,
    to_traceparent,
    trace_id_for,
    wanted_span_id,
    wanted_trace_id,
)
from statecrumbs.lowlevel import note_trace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext, TracerProvider

    from corectx import Frame
    from penstock_otel._records import Operation

# Our field among those that travel with a frame.
_FIELD = "traceparent"


class OTelBackend:
    """Turn entrypoints, steps, requests and tasks into spans; see `penstock.configure`.

    If another instrumentation makes the span of a request or a task, we use that span. Spans are
    made with `tracer_provider`, by default with the current provider of OpenTelemetry's API.

    Crumbs become "log_records" with an event name or "span_events". The default of `crumbs`,
    "auto", makes log records if a logger provider exports them, else span events. The default of
    `logger_provider` is the provider of the API. A wrong `crumbs` raises `ValueError`, an object
    that is no provider raises `TypeError`.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        *,
        logger_provider: LoggerProvider | None = None,
        crumbs: str = "auto",
    ) -> None:
        _check_provider("tracer_provider", tracer_provider, "get_tracer")
        _check_provider("logger_provider", logger_provider, "get_logger")
        self._tracers = Tracers(tracer_provider)
        self._crumbs = CrumbWriter(crumbs, logger_provider)
        self._arrived = Arrived()

    def entered(self, frame: Frame, /) -> None:
        """Begin the span of `frame`; a bare scope has none."""
        if frame.kind in ("scope", "remote"):
            return
        operation = operation_of(frame)
        if frame in operation.records:  # by another backend of this kind
            return
        if is_suppressed() or operation.is_excluded:
            return
        if is_excluded(frame.site):
            if not operation.records:
                self._exclude(frame, operation)
            return
        record = Record(self, frame, time.time_ns())
        operation.records[frame] = record
        adopted = adoptable(record) if frame.kind in KINDS else None
        if adopted is None:
            arrived = self._arrived_with(frame)
            if (
                frame.kind == "task"
                and celery_is_instrumented()
                and self._is_traced(frame, arrived)
            ):
                return  # its span begins right after this, in the same trace; see `_span`
            self._begin(record, arrived)
        else:
            arrived = None
            _adopt(record, adopted)
        if record.span is not None:
            make_current(record, record.span, arrived)
            if frame.kind == "request":
                self._tracers.current()  # it watches the provider, also if the span is another's
                tell_application(record)

    def left(self, frame: Frame, exc: BaseException | None, /) -> None:
        """End the span of `frame`, which `exc` left, if any."""
        operation = known_operation_of(frame)
        record = None if operation is None else operation.records.get(frame)
        if operation is None or record is None:
            return
        try:
            span = self._span(record)
            if span is not None and frame.kind == "request":
                forget_server(span)
            if span is not None and record.is_own:
                self._write_crumbs(record)
                _finish(record, span, exc)
            elif span is not None and frame.kind == "request":
                complete_response(span, frame.site)
            if record.after is not None:
                record.after.end()
        finally:
            operation.records.pop(frame, None)
            record.is_ended = True
            restore(record)

    def suspended(self, frame: Frame, /) -> None:
        """Restore the span of the consumer while the body of a generator is suspended."""
        record = self._record(frame)
        if record is not None:
            suspend(record)

    def resumed(self, frame: Frame, /) -> None:
        """Make the span of a generator current again while its body runs."""
        record = self._record(frame)
        if record is not None:
            resume(record)

    def crumb(
        self, frame: Frame | None, time_ns: int, event: str, data: Mapping[str, str], /
    ) -> None:
        """Write a crumb as a log record, or as an event of the span around it."""
        record = record_of(frame)
        if record is not None and record.is_own:
            if record.backend is self:
                record.crumbs.append((event, dict(data), time_ns))
                if len(record.crumbs) == MAX_CRUMBS and self._crumbs.writes_logs(event):
                    self._write_crumbs(record)
            return
        span = self._span_around(frame) if record is None else self._span(record)
        if span is None:
            span = trace.get_current_span(leave_lost())
        if self._crumbs.write(span, time_ns, event, data) or is_suppressed():
            return
        operation = None if frame is None else known_operation_of(frame)
        if operation is None or not operation.is_excluded:
            write_after(self._tracers.current(), record, span, time_ns, event, data)

    def starting(self) -> str | None:
        """Return the ID of the active trace for a new operation, or None without a trace."""
        span = foreign_span()
        return None if span is None else f"{span.get_span_context().trace_id:032x}"

    def arriving(self, site: Any) -> str | None:
        """Return the ID of the trace of a request or a message: the active one or the sender's."""
        active = self.starting()
        if active is not None:
            return active
        arrived = self._arrived.look(site)
        span = _span_of(arrived)
        return None if span is None else f"{span.trace_id:032x}"

    def sent(self, frame: Frame, fields: dict[str, str], /) -> None:
        """Let the current span travel with `frame`, as the parent of the work there."""
        span = trace.get_current_span(self._context_inside(frame)).get_span_context()
        if span.is_valid:
            fields[_FIELD] = to_traceparent(span)

    def received(self, frame: Frame, fields: Mapping[str, Any], /) -> None:
        """Remember the span in another process that is the parent of the work in `frame`."""
        span = from_traceparent(fields.get(_FIELD))
        if span is not None:
            operation = operation_of(frame)
            operation.remote = span
            operation.remember(frame.flow, frame.name, span)

    def _record(self, frame: Frame) -> Record | None:
        operation = known_operation_of(frame)
        return None if operation is None else operation.records.get(frame)

    def _span(self, record: Record) -> Span | None:
        """Return the span of `record`, or None while another instrumentation may still make it."""
        if record.span is None:
            span = adoptable(record)
            if span is not None:
                _adopt(record, span)
            elif foreign_span() is None:
                self._begin(record)
        return record.span

    def _span_around(self, frame: Frame | None) -> Span | None:
        """Return the span, maybe an ended one, that `frame` without an open span is inside of."""
        span = foreign_span()
        if span is not None or frame is None:
            return span
        span = trace.get_current_span(self._context_inside(frame))
        return span if span.get_span_context().is_valid else None

    def _begin(self, record: Record, arrived: Context | None = None) -> None:
        """Start a span of our own for `record`, in the context `arrived` of a request."""
        frame = record.frame
        operation = operation_of(frame)
        correlation_id = frame.correlation_id
        tracer = self._tracers.current()
        part: tuple[str, int] | None = getattr(frame.site, "part", None)
        around = self._context_inside(frame.parent) if arrived is None else arrived
        links = links_of(frame, operation)
        parent = trace.get_current_span(around).get_span_context()
        if has_our_ids(tracer):
            links += links_to_parts(frame, parent)
        is_root = correlation_id is not None and not parent.is_valid
        token = wanted_trace_id.set(trace_id_for(str(correlation_id)) if is_root else None)
        span_token = wanted_span_id.set(None if part is None else span_id_for(part))
        try:
            span = tracer.start_span(
                name_of(frame),
                around,
                kind=self._kind(frame),
                attributes=attributes_of(frame),
                links=links,
                start_time=record.began,
            )
        finally:
            wanted_trace_id.reset(token)
            wanted_span_id.reset(span_token)
        record.is_own = True
        _describe(record, span)

    def _arrived_with(self, frame: Frame) -> Context | None:
        """Return the context that arrived with the request or message that `frame` begins."""
        parent = frame.parent
        is_first = parent is None or parent.kind == "remote"
        if not is_first or frame.kind not in KINDS or foreign_span() is not None:
            return None
        # The header of a message that is ours names its sender better than that of others.
        inside = self._context_inside(parent)
        ours = trace.get_current_span(inside)
        is_better = frame.kind == "task" and ours.get_span_context().is_valid
        arrived = self._arrived.take(frame.site, has_span=is_better)
        if arrived is None:
            return inside  # in which it would begin anyway
        if is_better or _span_of(arrived) is None:
            return trace.set_span_in_context(ours, arrived)
        return arrived

    def _exclude(self, frame: Frame, operation: Operation) -> None:
        """Make no span in `operation`; work that it sends elsewhere is in the caller's trace."""
        operation.is_excluded = True
        operation.first = _span_of(self._arrived.take(frame.site))

    def _is_traced(self, frame: Frame, arrived: Context | None) -> bool:
        """Tell whether `frame` is in a trace before it has a span."""
        around = self._context_inside(frame.parent) if arrived is None else arrived
        return trace.get_current_span(around).get_span_context().is_valid

    def _write_crumbs(self, record: Record) -> None:
        """Write the crumbs that waited: the SDK takes a lock, but the append of a crumb none."""
        try:
            while record.crumbs:
                event, data, when = record.crumbs.popleft()
                self._crumbs.write(record.span, when, event, data)
        except IndexError:  # another thread has written the last one
            pass

    def _kind(self, frame: Frame) -> SpanKind:
        """Return SERVER for the outermost span of a request only."""
        if frame.kind == "request" and (
            foreign_span() is not None or record_of(frame.parent) is not None
        ):
            return SpanKind.INTERNAL
        return KINDS.get(frame.kind, SpanKind.INTERNAL)

    def _context_inside(self, frame: Frame | None) -> Context:
        """Return the context of OpenTelemetry for the spans that begin inside of `frame`.

        If the span of `frame`, or a span inside of it, is current, that is the current context. It
        is another one in a thread or a callback that has only the frame.
        """
        ctx = context.get_current()
        around = owner(ctx)
        parent: SpanContext | None = None
        each = frame
        while each is not None:
            if around is not None and around.frame is each:
                return ctx
            operation = known_operation_of(each)
            if operation is not None:
                record = operation.records.get(each)
                if record is not None:
                    span = self._span(record)
                    is_inside = record.inside is None and foreign_span() is not None
                    return (
                        ctx if span is None or is_inside else trace.set_span_in_context(span, ctx)
                    )
                # Its span has ended, or is in another process.
                parent = parent or (operation.remote if each.kind == "remote" else None)
            each = each.parent
        if frame is not None and parent is None:
            operation = known_operation_of(frame)
            if operation is not None and not (operation.is_excluded and foreign_span() is not None):
                parent = operation.first
        if parent is not None:
            return trace.set_span_in_context(NonRecordingSpan(parent), ctx)
        return ctx if foreign_span() is not None else trace.set_span_in_context(INVALID_SPAN, ctx)


def _span_of(ctx: Context | None) -> SpanContext | None:
    """Return the valid span in `ctx`, or None."""
    found = None if ctx is None else trace.get_current_span(ctx).get_span_context()
    return found if found is not None and found.is_valid else None


def _check_provider(name: str, provider: object, method: str) -> None:
    if provider is not None and not callable(getattr(provider, method, None)):
        raise TypeError(
            f"{name}= is an object with {method}(), but got {provider!r}. Leave it out to use the "
            "one that OpenTelemetry's API knows."
        )


def _adopt(record: Record, span: Span) -> None:
    span.set_attributes(attributes_of(record.frame))
    watch_response(span, record.frame.site)
    _describe(record, span)


def _describe(record: Record, span: Span) -> None:
    frame = record.frame
    record.span = span
    note_other_correlation(span, frame)
    operation = operation_of(frame)
    found = span.get_span_context()
    operation.first = operation.first or found
    operation.remember(frame.flow, frame.name, found)
    if found.is_valid:
        parent: SpanContext | None = getattr(span, "parent", None)
        note_trace(  # for the black box
            frame,
            found.trace_id.to_bytes(16, "big"),
            found.span_id.to_bytes(8, "big"),
            None if parent is None else parent.span_id.to_bytes(8, "big"),
            int(found.trace_flags),
        )


def _finish(record: Record, span: Span, exc: BaseException | None) -> None:
    """Add the outcome of the work, and end the span."""
    try:
        if span.is_recording():
            if record.frame.kind == "request":  # its name is known when it has been routed
                span.update_name(name_of(record.frame))
                note_response(span, record.frame.site)
            if exc is not None:
                note_failure(span, record.frame, exc)
    finally:
        span.end()
