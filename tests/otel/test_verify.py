"""Spans that were really exported as evidence: they prove what observing would have proved."""

from __future__ import annotations

import json

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import penstock
from penstock import flow
from penstock._graph import build
from penstock._verify import verify
from penstock._verify._evidence import read
from penstock._verify._otlp import read_spans
from penstock.testing import isolated_registry
from penstock_otel import OTelBackend


class JsonLines(SpanExporter):
    """Writes each batch as the collector's file exporter does: a line of OTLP's JSON."""

    def __init__(self, path):
        self._path = path

    def export(self, spans):
        document = MessageToDict(encode_spans(spans))
        for resource in document["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    # protobuf writes bytes in base64, OTLP wants IDs in hex.
                    _spell_in_hex(span)
        with self._path.open("a") as file:
            file.write(json.dumps(document) + "\n")
        return SpanExportResult.SUCCESS


def _spell_in_hex(span):
    import base64

    for key in ("traceId", "spanId", "parentSpanId"):
        if key in span:
            span[key] = base64.b64decode(span[key]).hex()
    for link in span.get("links", ()):
        _spell_in_hex(link)


@pytest.fixture
def registry():
    with isolated_registry() as own:
        yield own


def test_spans_and_counts_agree(registry, tmp_path):
    orders = flow("orders")

    @orders.entrypoint
    def receive(number):
        check()
        try:
            charge(number)
        except ValueError:
            return
        rogue()

    @orders.step(after=receive)
    def check():
        pass

    @orders.step(after=[check, "by_phone"])
    def charge(number):
        if number % 5 == 0:
            raise ValueError(number)

    @orders.step(after="ship")
    def rogue():
        pass

    @orders.step(after=charge)
    def ship():
        pass

    spans = tmp_path / "spans.json"
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(JsonLines(spans)))
    penstock.configure(OTelBackend(provider))
    try:
        with penstock.observe(tmp_path / "evidence"):
            for number in range(20):
                receive(number)
    finally:
        penstock.configure()
        provider.shutdown()

    graph = build(registry)
    counted = verify(graph, read([tmp_path / "evidence"]))
    exported = verify(graph, read_spans([spans], graph))
    assert exported.edges == counted.edges
    assert {(edge.source, edge.target): edge.count for edge in exported.edges} == {
        ("orders:receive", "orders:check"): 20,
        ("orders:check", "orders:charge"): 20,
        ("orders:by_phone", "orders:charge"): 0,
        ("orders:charge", "orders:ship"): 0,
        ("orders:ship", "orders:rogue"): 0,
    }
    assert [start.count for start in exported.undeclared] == [16]
    assert list(map(told, exported.undeclared)) == list(map(told, counted.undeclared))
    assert often(exported) == often(counted)


def told(start):
    """Return what is known of an undeclared start, but for whose ID the example is."""
    return start.step, start.caller, start.expected, start.path, start.before, start.count


def often(verdict):
    """Return how often each step ran and failed."""
    return {step: (ran.began, ran.errors) for step, ran in verdict.flows["orders"].ran.items()}
