"""Print the spans of a program that a test starts."""

from __future__ import annotations

import json

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

_exporter = InMemorySpanExporter()


def set_provider(**options):
    provider = TracerProvider(**options)
    provider.add_span_processor(SimpleSpanProcessor(_exporter))
    trace.set_tracer_provider(provider)


def print_spans(*facts):
    spans = _exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    described = [
        {
            "name": span.name,
            "kind": span.kind.name,
            "trace": f"{span.context.trace_id:032x}",
            "parent": None if span.parent is None else names.get(span.parent.span_id, "elsewhere"),
            "events": [event.name for event in span.events],
            "attributes": {
                key: value
                for key, value in span.attributes.items()
                if key.startswith(("penstock.", "http."))
            },
            "status": span.status.status_code.name,
        }
        for span in spans
    ]
    print(json.dumps({"spans": described, "facts": facts}))
