"""Crumbs become log records with an event name, or span events: never neither, and never both."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import SpanKind, use_span

from corectx import Site, bind, enter, leave, start
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


class Ended:
    """The spans of a request whose span another instrumentation made, and has ended."""

    def __init__(self, sampler=ALWAYS_ON, **options):
        self.spans = traced(sampler=sampler)
        end = instrument(self.spans.provider, **options)
        with use_span(self.spans.tracer.start_span("theirs", kind=SpanKind.SERVER)) as theirs:
            self.token = enter(start(Site("request", "GET")))
            crumb("inside")
            theirs.end()
            crumb("in the background", number=1)
            crumb("and again")
            leave(self.token)
        end()

    def events(self):
        return {each.name: [event.name for event in each.events] for each in self.spans.finished}


def test_crumbs_after_the_end_of_the_span_of_another_are_events_of_one_span_inside_of_it():
    ended = Ended()
    assert ended.events() == {"theirs": ["inside"], "crumbs": ["in the background", "and again"]}
    crumbs, theirs = ended.spans["crumbs"], ended.spans["theirs"]
    assert crumbs.parent.span_id == theirs.context.span_id
    assert crumbs.start_time == crumbs.events[0].timestamp
    assert dict(crumbs.events[0].attributes) == {"number": "1"}


def test_crumbs_after_the_end_of_a_span_are_log_records_of_it_where_logs_are_set_up():
    logs = Logs()
    ended = Ended(logger_provider=logs.provider)
    assert ended.events() == {"theirs": []}
    assert {each.span_id for each in logs.records} == {ended.spans["theirs"].context.span_id}


def test_crumbs_after_the_end_of_a_span_that_is_not_sampled_make_no_span():
    assert Ended(sampler=ALWAYS_OFF).events() == {}


def test_crumbs_after_the_end_of_our_own_span_are_in_its_trace(registry):
    """Django logs a 404 after its middleware, and a thread may go on after its request."""
    spans = traced()
    end = instrument(spans.provider)

    @flow("orders").entrypoint
    def take():
        return bind(crumb)

    late = take()
    late("late")
    end()
    assert [event.name for event in spans["crumbs"].events] == ["late"]
    assert spans["crumbs"].parent.span_id == spans["take"].context.span_id


def test_an_exporter_that_records_crumbs_makes_no_spans_without_end():
    exported = []

    class Telling(InMemorySpanExporter):
        def export(self, spans):
            exported.extend(span.name for span in spans)
            crumb("exporting")
            return super().export(spans)

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Telling()))
    end = instrument(provider)
    with use_span(provider.get_tracer("user").start_span("theirs")) as theirs:
        theirs.end()
        crumb("late")
    end()
    assert exported == ["theirs", "crumbs"]


def test_a_provider_that_exports_no_logs_leaves_crumbs_to_spans(registry):
    """OTEL_LOGS_EXPORTER=none makes such a provider."""
    spans = traced()
    end = instrument(spans.provider, logger_provider=LoggerProvider())

    @flow("orders").entrypoint
    def take():
        crumb("taken")

    take()
    end()
    assert [event.name for event in spans["take"].events] == ["taken"]


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="crumbs= is one of 'auto', 'log_records', 'span_events'"):
        OTelBackend(crumbs="logs")


def test_an_object_that_is_no_provider_is_refused():
    """The backend of penstock 0.1.0 took the name of a tracer."""
    with pytest.raises(TypeError, match=r"with get_tracer\(\), but got 'shop'. Leave it out"):
        OTelBackend("shop")
    with pytest.raises(TypeError, match=r"with get_logger\(\), but got 7"):
        OTelBackend(logger_provider=7)


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
