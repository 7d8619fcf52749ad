"""Crumbs become log records with an event name, or span events: never neither, and never both."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from penstock import flow
from penstock_otel import OTelBackend, instrument
from statecrumbs import crumb

from .conftest import traced


class Logs:
    """The log records that a provider exported."""

    def __init__(self):
        self.exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider()
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    @property
    def records(self):
        return [each.log_record for each in self.exporter.get_finished_logs()]


@pytest.fixture
def run(registry):
    """Record two crumbs in a step; return the spans and the log records."""

    def record(number=2, sampler=None, **options):
        logs, spans = Logs(), traced(**({"sampler": sampler} if sampler else {}))
        if options.pop("logs", True):
            options["logger_provider"] = logs.provider
        end = instrument(spans.provider, **options)

        @flow("orders").entrypoint
        def take():
            for each in range(number):
                crumb(f"event {each}", number=each)

        take()
        end()
        return spans, logs.records

    return record


@pytest.mark.parametrize("crumbs", ["auto", "log_records"])
def test_a_crumb_is_a_log_record_of_its_span_where_logs_are_set_up(run, crumbs):
    spans, records = run(crumbs=crumbs)
    assert [record.event_name for record in records] == ["event 0", "event 1"]
    first = records[0]
    assert dict(first.attributes) == {"number": "0"}
    assert first.span_id == spans["take"].context.span_id
    assert first.trace_id == spans["take"].context.trace_id
    assert spans["take"].start_time <= first.timestamp <= spans["take"].end_time
    assert spans["take"].events == ()


def test_a_crumb_is_a_span_event_where_no_logs_are_set_up(run):
    spans, records = run(logs=False)
    assert [event.name for event in spans["take"].events] == ["event 0", "event 1"]
    assert records == []


def test_a_crumb_is_a_span_event_where_the_program_says_so(run):
    spans, records = run(crumbs="span_events")
    assert [event.name for event in spans["take"].events] == ["event 0", "event 1"]
    assert records == []


def test_no_log_record_is_lost_in_a_long_span(run):
    _, records = run(number=1000)
    assert [record.event_name for record in records] == [f"event {n}" for n in range(1000)]


def test_a_log_record_needs_no_sampled_span(run):
    spans, records = run(sampler=ALWAYS_OFF)
    assert spans.finished == ()
    assert len(records) == 2


def test_a_crumb_outside_of_any_span_is_a_log_record_too():
    logs = Logs()
    end = instrument(traced().provider, logger_provider=logs.provider)
    crumb("alone")
    end()
    assert [record.event_name for record in logs.records] == ["alone"]
    assert logs.records[0].span_id == 0


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="crumbs= is one of 'auto', 'log_records', 'span_events'"):
        OTelBackend(crumbs="logs")


def test_a_logger_provider_that_is_set_up_later_is_found():
    program = """
import penstock
from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from statecrumbs import crumb

trace.set_tracer_provider(TracerProvider())
penstock.configure("otel")

@penstock.flow("orders").entrypoint
def take():
    crumb("taken")

take()
provider, exporter = LoggerProvider(), InMemoryLogRecordExporter()
provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
_logs.set_logger_provider(provider)
take()
print([each.log_record.event_name for each in exporter.get_finished_logs()])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.stdout, done.stderr) == ("['taken']\n", "")
