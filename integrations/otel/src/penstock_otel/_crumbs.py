"""Crumbs as log records with an event name; as events of their span where there are no logs.

OpenTelemetry retires span events for log records with an event name (OTEP 4430). A program without
a logger provider would lose them, so there crumbs stay span events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import _logs, trace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.trace import Span

CHOICES = ("auto", "log_records", "span_events")

# Providers of the API that pass nothing on. The first one is not public, so it goes by its name.
_WITHOUT_LOGS = ("ProxyLoggerProvider", "NoOpLoggerProvider")


class CrumbWriter:
    """Write crumbs to where `choice`, one of `CHOICES`, says."""

    def __init__(self, choice: str, provider: LoggerProvider | None) -> None:
        if choice not in CHOICES:
            raise ValueError(f"crumbs= is one of {', '.join(map(repr, CHOICES))}, not {choice!r}.")
        self._choice = choice
        self._provider = provider
        self._last: tuple[LoggerProvider, Logger] | None = None

    def writes_logs(self) -> bool:
        """Tell whether crumbs become log records now: the provider may be set later."""
        if self._choice == "auto":
            return type(self._current()).__name__ not in _WITHOUT_LOGS
        return self._choice == "log_records"

    def write(self, span: Span | None, time_ns: int, event: str, data: Mapping[str, str]) -> None:
        """Write one crumb that was recorded inside of `span`; None for outside of any."""
        if self.writes_logs():
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

    def _current(self) -> LoggerProvider:
        return self._provider or _logs.get_logger_provider()

    def _logger(self) -> Logger:
        provider = self._current()
        if self._last is None or self._last[0] is not provider:
            self._last = (provider, provider.get_logger("penstock"))
        return self._last[1]
