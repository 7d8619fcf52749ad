"""Make trace IDs and correlation IDs the same, and write them as a traceparent.

If a trace is active when an operation starts, its ID becomes the correlation ID. Otherwise the
trace that we start gets its ID from the correlation ID. The SDK asks the ID generator of the tracer
for it: our tracer, which nobody else uses, has a generator of ours. A made-up parent would bring
the ID too, but every trace would lack a root, and the sampler would not decide.
"""

from __future__ import annotations

import os
import re
from contextvars import ContextVar
from hashlib import sha256
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import SpanContext, TraceFlags

from penstock_otel._instrumentations import watch

if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.trace import Tracer, TracerProvider

_SCOPE = "penstock"

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}\Z")
# https://www.w3.org/TR/trace-context/#traceparent-header: no ID is all zero, no version is ff.
# Later versions may have more fields than 00.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    r"(?:\Z|-)"
)
_LENGTH = 55  # characters of version 00

# The IDs for the trace and the span that are being started right here.
wanted_trace_id: ContextVar[int | None] = ContextVar("penstock_otel.trace_id", default=None)
wanted_span_id: ContextVar[int | None] = ContextVar("penstock_otel.span_id", default=None)


def trace_id_for(correlation_id: str) -> int:
    """Return the trace ID for a correlation ID: the same 32 hex digits, or a hash of other text."""
    if _TRACE_ID.match(correlation_id):
        return int(correlation_id, 16)
    return int.from_bytes(sha256(correlation_id.encode()).digest()[:16], "big") or 1


def span_id_for(part: tuple[str, int]) -> int:
    """Return the span ID of one part of a group: it is made of the group's ID and a number.

    So the work after the group can name the span of each part, in any process.
    """
    group, number = part
    return int.from_bytes(sha256(f"{group}/{number}".encode()).digest()[:8], "big") or 1


def to_traceparent(span: SpanContext) -> str:
    """Return `span` as a W3C traceparent, 55 characters."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def from_traceparent(text: object) -> SpanContext | None:
    """Return the remote span that `text` names, or None if it is no traceparent."""
    found = _TRACEPARENT.match(text) if isinstance(text, str) else None
    if found is None or (found[0][:2] == "00" and len(str(text)) != _LENGTH):
        return None
    trace_id, span_id, flags = found.groups()
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )


class TraceIds:
    """An ID generator for the SDK: it gives the wanted IDs, or those of the provider's generator.

    It has the methods of ``opentelemetry.sdk.trace.id_generator.IdGenerator``, but we depend on the
    API only.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def generate_trace_id(self) -> int:
        """Return the ID for a new trace."""
        return wanted_trace_id.get() or int(self._inner.generate_trace_id())

    def generate_span_id(self) -> int:
        """Return the ID for a new span."""
        return wanted_span_id.get() or int(self._inner.generate_span_id())

    def is_trace_id_random(self) -> bool:
        """Tell whether the last 56 bits are random; for an ID from outside this is unknown."""
        if wanted_trace_id.get() is not None:
            return False
        is_random = getattr(self._inner, "is_trace_id_random", None)
        return bool(is_random is not None and is_random())


def has_our_ids(tracer: Tracer) -> bool:
    """Tell whether the spans of `tracer` get the wanted IDs; with another SDK they do not."""
    return isinstance(getattr(tracer, "id_generator", None), TraceIds)


class Tracers:
    """Give the tracer of a provider, or without one of the API's current provider."""

    def __init__(self, provider: TracerProvider | None) -> None:
        self._provider = provider
        self._last: tuple[TracerProvider, Tracer] | None = None
        # The API would make a provider that this variable names, and then take no other.
        if provider is not None or "OTEL_PYTHON_TRACER_PROVIDER" not in os.environ:
            watch(provider or trace.get_tracer_provider())

    def current(self) -> Tracer:
        """Return the tracer for the next span."""
        provider = self._provider or trace.get_tracer_provider()
        last = self._last
        if last is not None and last[0] is provider:
            return last[1]
        watch(provider)
        tracer: Any = provider.get_tracer(_SCOPE, _version())
        generator = getattr(tracer, "id_generator", None)
        if generator is not None and not isinstance(generator, TraceIds):
            tracer.id_generator = TraceIds(generator)
        self._last = (provider, tracer)
        return tracer  # type: ignore[no-any-return]


def _version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("penstock-otel")
    except PackageNotFoundError:  # bundled without its metadata
        return None
