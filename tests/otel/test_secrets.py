"""Every row of the corpus of secrets, as an event of a span and as a log record."""

from __future__ import annotations

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from penstock_otel import instrument
from statecrumbs import crumb
from tests.statecrumbs.secrets import ROWS, key_of, problems

from .conftest import traced


def test_no_secret_is_in_an_event_of_a_span(spans):
    for number, row in enumerate(ROWS):
        with spans.tracer.start_as_current_span(f"row {number}"):
            crumb("row", **{key_of(row): row["in"]})
    shown = []
    for number, row in enumerate(ROWS):
        (event,) = spans[f"row {number}"].events
        shown.append(event.attributes[key_of(row)])
    assert problems(shown) == []


def test_no_secret_is_in_a_log_record_of_a_crumb():
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    end = instrument(traced().provider, logger_provider=provider)
    for row in ROWS:
        crumb("row", **{key_of(row): row["in"]})
    end()
    records = [each.log_record for each in exporter.get_finished_logs()]
    shown = [record.attributes[key_of(row)] for row, record in zip(ROWS, records, strict=True)]
    assert problems(shown) == []
