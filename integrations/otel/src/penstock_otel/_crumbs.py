"""Crumbs as log records with an event name, or where no logs are exported as span events.

OpenTelemetry retires span events for log records with an event name (OTEP 4430). A program that
exports no logs would lose them, so there crumbs stay span events. A span that has ended takes no
events: crumbs after its end become events of a span "crumbs" inside of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import _logs, trace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.trace import Span, Tracer

    from penstock_otel._records import Record

CHOICES = ("auto", "log_records", "span_events")

# Providers of the API that pass nothing on, by name, since the first one is not public.
_WITHOUT_LOGS = ("ProxyLoggerProvider", "NoOpLoggerProvider")

_AFTER = "crumbs"  # the name of a span for the crumbs after the end of another


class CrumbWriter:
    """Write crumbs as log records or span events; `choice` is one of `CHOICES`."""

    def __init__(self, choice: str, provider: LoggerProvider | None) -> None:
        if choice not in CHOICES:
            raise ValueError(f"crumbs= is one of {', '.join(map(repr, CHOICES))}, not {choice!r}.")
        self._choice = choice
        self._provider = provider
        self._last: tuple[LoggerProvider, Logger] | None = None

    def writes_logs(self, event: str) -> bool:
        """Tell whether a crumb becomes a log record now: the provider may be set up later."""
        if self._choice == "auto":
            return _exports(self._current(), self._logger(), event)
        return self._choice == "log_records"

    def write(self, span: Span | None, time_ns: int, event: str, data: Mapping[str, str]) -> bool:
        """Write one crumb that was recorded inside of `span`, or with None outside of any span.

        Return False if only a new span could take it, because `span` has ended.
        """
        if self.writes_logs(event):
            logger: Any = self._logger()
            context = None if span is None else trace.set_span_in_context(span)
            logger.emit(
                timestamp=time_ns,
                context=context,
                severity_number=_logs.SeverityNumber.INFO,
                severity_text="INFO",
                attributes=dict(data),
                event_name=event,
            )
        elif span is not None and span.is_recording():
            span.add_event(event, dict(data), time_ns)
        elif span is not None:
            return not span.get_span_context().trace_flags.sampled
        return True

    def _current(self) -> LoggerProvider:
        return self._provider or _logs.get_logger_provider()

    def _logger(self) -> Logger:
        provider = self._current()
        if self._last is None or self._last[0] is not provider:
            self._last = (provider, provider.get_logger("penstock"))
        return self._last[1]


def _exports(provider: Any, logger: Any, event: str) -> bool:
    """Tell whether `logger` passes a log record on.

    With ``OTEL_LOGS_EXPORTER=none`` the provider of the SDK has no processor.
    """
    enabled = getattr(logger, "enabled", None)
    if enabled is not None:
        return bool(enabled(severity_number=_logs.SeverityNumber.INFO, event_name=event))
    # Older versions of the API have no method that tells it.
    processors = getattr(provider, "_multi_log_record_processor", None)
    return (
        type(provider).__name__ not in _WITHOUT_LOGS
        and getattr(processors, "_log_record_processors", None) != ()
    )


def write_after(
    tracer: Tracer,
    record: Record | None,
    span: Span,
    time_ns: int,
    event: str,
    data: Mapping[str, str],
) -> None:
    """Write a crumb after the end of `span` as an event of a span "crumbs" inside of it.

    That span is open until the work of `record` ends. Without a record each crumb has its own.
    """
    after = None if record is None else record.after
    if after is None:
        around = trace.set_span_in_context(span)
        after = tracer.start_span(_AFTER, around, start_time=time_ns)
    after.add_event(event, dict(data), time_ns)
    if record is None:
        after.end(time_ns)
    else:
        record.after = after
