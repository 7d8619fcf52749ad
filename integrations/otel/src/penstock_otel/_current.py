"""Our span as OpenTelemetry's current one, so that the spans of others nest in it.

The context is only ever set: OpenTelemetry's ``detach`` logs an error where a token comes from
another context, as it does when a generator is closed by another task. The context to put back is
found by comparing, as corectx does. Each context that we set knows its record, and so do the
contexts that are derived from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context, trace

if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from penstock_otel._records import Record

_RECORD = context.create_key("penstock_otel.record")


def owner(ctx: Context) -> Record | None:
    """Return the record whose span is, or is around, the current span of `ctx`."""
    found: Any = ctx.get(_RECORD)
    return found  # type: ignore[no-any-return]


def make_current(record: Record, span: Span, base: Context | None = None) -> None:
    """Make `span`, that of `record`, the current one.

    `base` is the context that it is put into: the one that arrived with a request, or the current.
    """
    outside = context.get_current()
    around = owner(outside)
    record.outside = outside
    record.is_inside_ended = around is not None and around.is_ended
    inside = trace.set_span_in_context(span, outside if base is None else base)
    record.inside = context.set_value(_RECORD, record, inside)
    context.attach(record.inside)


def suspend(record: Record) -> None:
    """Give the consumer of a generator its own current span back."""
    if record.outside is not None:
        record.inside = context.get_current()
        context.attach(record.outside)


def resume(record: Record) -> None:
    """Make current what was so when the body of a generator was suspended."""
    if record.inside is not None:
        record.outside = context.get_current()
        context.attach(record.inside)


def restore(record: Record) -> None:
    """Make the span before that of `record`, which has ended, current; only where it still is.

    Spans that ended in the meantime, out of order, are passed over.
    """
    if owner(context.get_current()) is not record:
        return
    while record.outside is not None:
        around = owner(record.outside)
        if around is None or not around.is_ended or record.is_inside_ended:
            context.attach(record.outside)
            return
        record = around


def foreign_span() -> Span | None:
    """Return the current span if it is active, and neither one of ours nor inside of one.

    One that has ended may still be current where a server goes on in the context of the request
    before.
    """
    ctx = context.get_current()
    span = trace.get_current_span(ctx)
    found = span.get_span_context()
    around = owner(ctx)
    if not found.is_valid or (around is not None and not around.is_ended):
        return None
    if around is not None and around.span is span:
        return None
    # Without the SDK's `end_time` (not sampled, or of another process) it can only be believed.
    return None if getattr(span, "end_time", None) is not None else span
