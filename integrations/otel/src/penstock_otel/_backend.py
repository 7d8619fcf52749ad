"""The observer: a span begins with a frame and ends with it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanKind

from penstock_otel._attributes import (
    attributes_of,
    links_of,
    links_to_parts,
    name_of,
    note_failure,
    note_other_correlation,
    note_response,
)
from penstock_otel._crumbs import CrumbWriter
from penstock_otel._current import foreign_span, make_current, owner, restore, resume, suspend
from penstock_otel._records import MAX_CRUMBS, Record, known_operation_of, operation_of, record_of
from penstock_otel._servers import (
    Arrived,
    forget_server,
    is_excluded,
    is_suppressed,
    tell_application,
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

# Of what travels with a frame, our part.
_FIELD = "traceparent"

# The instrumentation whose spans may begin after our frames do: where it was turned on later.
_CELERY = "opentelemetry.instrumentation.celery"

_KINDS = {"request": SpanKind.SERVER, "task": SpanKind.CONSUMER}


class OTelBackend:
    """Turn entrypoints, steps, requests and tasks into spans; see `penstock.configure`.

    A request or a task that another instrumentation makes a span for has that one. Spans are made
    with `tracer_provider`, or with the one that OpenTelemetry's API knows at the time.

    `crumbs` says what crumbs become: "log_records" with an event name, "span_events", or by default
    "auto", which is log records where a logger provider is set up and span events elsewhere.
    `logger_provider` is the one of the API unless told. A wrong `crumbs` raises `ValueError`.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        *,
        logger_provider: LoggerProvider | None = None,
        crumbs: str = "auto",
    ) -> None:
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
        if is_suppressed() or is_excluded(frame.site):
            return
        record = Record(self, frame, time.time_ns())
        operation.records[frame] = record
        others = _adoptable(record) if frame.kind in _KINDS else None
        if others is None:
            if frame.kind == "task" and _celery_is_instrumented():
                return  # its span begins right after this; see `_span`
            arrived = self._arrived_with(frame)
            self._begin(record, arrived)
        else:
            arrived = None
            _adopt(record, others)
        if record.span is not None:
            make_current(record, record.span, arrived)
            if record.is_own:
                tell_application(record)

    def left(self, frame: Frame, exc: BaseException | None, /) -> None:
        """End the span of `frame`, which `exc` left, if any."""
        operation = known_operation_of(frame)
        record = None if operation is None else operation.records.get(frame)
        if operation is None or record is None:
            return
        try:
            span = self._span(record)
            if span is not None and record.is_own:
                self._write_crumbs(record)
                _finish(record, span, exc)
        finally:
            operation.records.pop(frame, None)
            record.is_ended = True
            restore(record)

    def suspended(self, frame: Frame, /) -> None:
        """Take the span of a generator down while its body is suspended."""
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
        """Make a crumb a log record, or an event of the span around it."""
        record = record_of(frame)
        if record is not None and record.is_own:
            if record.backend is self:
                record.crumbs.append((event, dict(data), time_ns))
                if len(record.crumbs) == MAX_CRUMBS and self._crumbs.writes_logs():
                    self._write_crumbs(record)
            return
        span = trace.get_current_span() if record is None else self._span(record)
        if span is None:
            span = trace.get_current_span()
        self._crumbs.write(span, time_ns, event, data)

    def starting(self) -> str | None:
        """Give a new operation the ID of the trace that is active, if one is."""
        span = foreign_span()
        return None if span is None else f"{span.get_span_context().trace_id:032x}"

    def arriving(self, site: Any) -> str | None:
        """Give a request or a message the ID of its trace: the active one, or the sender's."""
        active = self.starting()
        if active is not None:
            return active
        arrived = self._arrived.look(site)
        if arrived is None:
            return None
        return f"{trace.get_current_span(arrived).get_span_context().trace_id:032x}"

    def sent(self, frame: Frame, fields: dict[str, str], /) -> None:
        """Let the current span travel with `frame`, to be the parent of what is done there."""
        span = trace.get_current_span(self._context_inside(frame)).get_span_context()
        if span.is_valid:
            fields[_FIELD] = to_traceparent(span)

    def received(self, frame: Frame, fields: Mapping[str, Any], /) -> None:
        """Remember the span in another process that is the parent of what is done in `frame`."""
        span = from_traceparent(fields.get(_FIELD))
        if span is not None:
            operation = operation_of(frame)
            operation.remote = span
            operation.remember(frame.flow, frame.name, span)

    def _record(self, frame: Frame) -> Record | None:
        operation = known_operation_of(frame)
        return None if operation is None else operation.records.get(frame)

    def _span(self, record: Record) -> Span | None:
        """Return the span of `record`; None while that of somebody else is not in sight."""
        if record.span is None:
            span = _adoptable(record)
            if span is not None:
                _adopt(record, span)
            elif foreign_span() is None:
                self._begin(record)
        return record.span

    def _begin(self, record: Record, arrived: Context | None = None) -> None:
        """Start a span of our own for `record`, in the context that `arrived` with a request."""
        frame = record.frame
        operation = operation_of(frame)
        correlation_id = frame.correlation_id
        tracer = self._tracers.current()
        part: tuple[str, int] | None = getattr(frame.site, "part", None)
        around = self._context_inside(frame.parent) if arrived is None else arrived
        links = links_of(frame, operation)
        if has_our_ids(tracer):
            links += links_to_parts(frame, trace.get_current_span(around).get_span_context())
        token = wanted_trace_id.set(
            None if correlation_id is None else trace_id_for(correlation_id)
        )
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
        is_first = parent is None or (parent.kind == "remote" and frame.kind == "request")
        return self._arrived.take(frame.site) if is_first and foreign_span() is None else None

    def _write_crumbs(self, record: Record) -> None:
        """Write the crumbs that waited: an append takes no lock, but the SDK does."""
        try:
            while record.crumbs:
                event, data, when = record.crumbs.popleft()
                self._crumbs.write(record.span, when, event, data)
        except IndexError:  # another thread has written the last one
            pass

    def _kind(self, frame: Frame) -> SpanKind:
        """Return SERVER for the outermost span of a request only."""
        if frame.kind == "request" and foreign_span() is not None:
            return SpanKind.INTERNAL
        return _KINDS.get(frame.kind, SpanKind.INTERNAL)

    def _context_inside(self, frame: Frame | None) -> Context:
        """Return the context of OpenTelemetry for the spans that begin inside of `frame`.

        Where its span is current, or one that somebody opened inside of it, that is the context
        here. It is not in a thread or a callback that only the frame was carried to.
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
            parent = None if operation is None else operation.first
        if parent is not None:
            return trace.set_span_in_context(NonRecordingSpan(parent), ctx)
        return ctx if foreign_span() is not None else trace.set_span_in_context(INVALID_SPAN, ctx)


def _celery_is_instrumented() -> bool:
    """Tell whether another instrumentation makes a span for each task, maybe after we hear of it.

    Only Celery knows: to ask the instrumentation itself is to make it anew.
    """
    if _CELERY not in sys.modules:
        return False
    signals: Any = sys.modules["celery.signals"]
    return any(
        getattr(receiver, "__module__", None) == _CELERY
        for _, receiver in signals.task_prerun.receivers
    )


def _adoptable(record: Record) -> Span | None:
    """Return the current span if another instrumentation made it for the same thing."""
    span = trace.get_current_span()
    around = owner(context.get_current())
    is_taken = around is not None and around.span is span
    is_of_kind = getattr(span, "kind", None) is _KINDS.get(record.frame.kind)
    return span if is_of_kind and span.is_recording() and not is_taken else None


def _adopt(record: Record, span: Span) -> None:
    span.set_attributes(attributes_of(record.frame))
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
    """Say how the work ended, and end the span."""
    try:
        if span.is_recording():
            if record.frame.kind == "request":  # its name is known when it has been routed
                span.update_name(name_of(record.frame))
                note_response(span, record.frame.site)
            if exc is not None:
                note_failure(span, record.frame, exc)
    finally:
        forget_server(span)
        span.end()
