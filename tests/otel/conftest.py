"""Spans of the SDK, kept in memory."""

from __future__ import annotations

import logging

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import corectx
from penstock.testing import isolated_registry
from penstock_otel import instrument


class Spans:
    """The spans that a provider exported, for the assertions of a test."""

    def __init__(self, provider, exporter):
        self.provider = provider
        self._exporter = exporter
        self.tracer = provider.get_tracer("user")

    @property
    def finished(self):
        return self._exporter.get_finished_spans()

    def __getitem__(self, name):
        (span,) = [span for span in self.finished if span.name == name]
        return span

    def names(self):
        return sorted(span.name for span in self.finished)

    def parents(self):
        """The name of each span's parent, by name."""
        names = {span.context.span_id: span.name for span in self.finished}
        return {
            span.name: None if span.parent is None else names.get(span.parent.span_id, "elsewhere")
            for span in self.finished
        }


def traced(**options):
    exporter = InMemorySpanExporter()
    provider = TracerProvider(**options)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Spans(provider, exporter)


@pytest.fixture
def traces():
    """Spans by our backend and by others."""
    made = traced()
    end = instrument(made.provider)
    yield made
    end()


@pytest.fixture
def registry():
    with isolated_registry() as registry:
        yield registry


@pytest.fixture
def spans(registry, caplog):
    """Spans by our backend; nothing is current afterwards, open, or logged as a failure."""
    traces = traced()
    end = instrument(traces.provider)
    with caplog.at_level(logging.WARNING):
        yield traces
    end()
    assert corectx.current() is None
    assert not context.get_current()
    assert not trace.get_current_span().get_span_context().is_valid
    assert [record.getMessage() for record in caplog.records] == []
