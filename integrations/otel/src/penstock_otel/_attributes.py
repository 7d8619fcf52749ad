"""The attributes and links of a span: its code, its request, its exception, its predecessors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from corectx import failed_frame
from penstock_otel._tracing import span_id_for
from statecrumbs.lowlevel import describe_exception, summarize_exception

if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    from opentelemetry.trace import Span

    from corectx import Frame
    from penstock_otel._records import Operation


# Links that the SDK keeps of one span, unless it is told otherwise.
_MAX_LINKS = 128

_MAX_TEXT = 1024  # characters of an attribute that a client sent
_SERVER_ERROR = 500


def name_of(frame: Frame) -> str:
    """Return the name for the span of `frame`."""
    return frame.name or frame.kind


def attributes_of(frame: Frame) -> dict[str, Any]:
    """Return the attributes of the work of `frame` that are known when it begins.

    The names that begin with ``code.`` are the stable ones of OpenTelemetry's conventions:
    https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/
    """
    site: Any = frame.site
    attributes: dict[str, Any] = {}
    if frame.flow:
        attributes["penstock.flow"] = frame.flow
    if frame.kind in ("entrypoint", "step") and frame.name:
        attributes["penstock.step"] = frame.name
    qualname = getattr(site, "qualname", None)
    if qualname:
        module = getattr(site, "module", None)
        attributes["code.function.name"] = f"{module}.{qualname}" if module else qualname
    if getattr(site, "file", None):
        attributes["code.file.path"] = site.file
    if getattr(site, "line", None):
        attributes["code.line.number"] = site.line
    if getattr(site, "method", None):
        # https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
        is_websocket = site.method == "WEBSOCKET"
        attributes["http.request.method"] = "GET" if is_websocket else site.method
        if site.method == "_OTHER":
            attributes["http.request.method_original"] = site.original_method[:_MAX_TEXT]
    describe = getattr(site, "describe", None)
    if describe is not None:
        _add_described(attributes, describe())
    return attributes


def _add_described(attributes: dict[str, Any], described: dict[str, Any]) -> None:
    for key, value in described.items():
        if value not in (None, ""):
            attributes[key] = value[:_MAX_TEXT] if isinstance(value, str) else value


def note_response(span: Span, site: Any, known: Container[str] = ()) -> None:
    """Add the route and the status of a request; 5xx is an error, also without an exception.

    The attributes in `known` stay as they are.
    """
    route = getattr(site, "route", None)
    if route is not None and "http.route" not in known:
        span.set_attribute("http.route", route)
    status: int | None = getattr(site, "status", None)
    if status is None or "http.response.status_code" in known:
        return
    span.set_attribute("http.response.status_code", status)
    if status >= _SERVER_ERROR:
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))


def watch_response(span: Span, site: Any) -> None:
    """Complete `span` when the response of `site` begins: it may end with the last chunk."""
    if hasattr(site, "on_response"):
        site.on_response = lambda: complete_response(span, site)


def complete_response(span: Span, site: Any) -> None:
    """Add the route and the status of a request, unless the other instrumentation has done so."""
    if span.is_recording():
        note_response(span, site, known=getattr(span, "attributes", None) or ())


def note_other_correlation(span: Span, frame: Frame) -> None:
    """Add the correlation ID of `frame` if the trace ID is another one."""
    correlation_id = frame.correlation_id
    if correlation_id is None:
        return
    found = span.get_span_context()
    if f"{found.trace_id:032x}" != correlation_id:
        span.set_attribute("penstock.correlation_id", correlation_id)


def links_of(frame: Frame, operation: Operation) -> list[Link]:
    """Return links to the last spans of the predecessors, for a step with several of them."""
    after: tuple[str, ...] = getattr(frame.site, "after", ())
    if len(after) < 2:  # noqa: PLR2004 - several
        return []
    links: list[Link] = []
    for predecessor in after:
        flow, colon, name = predecessor.rpartition(":")
        span = operation.steps.get((flow if colon else frame.site.flow, name))
        if span is not None:
            links.append(Link(span))
    return links


def links_to_parts(frame: Frame, around: SpanContext) -> list[Link]:
    """Return a link to each task of a chord's header, for the body that comes after them.

    They are in the trace of the body's parent, `around`.
    """
    parts: tuple[str, int] | None = getattr(frame.site, "after_parts", None)
    if parts is None or not around.is_valid:
        return []
    group, size = parts
    return [
        Link(
            SpanContext(
                around.trace_id,
                span_id_for((group, number)),
                is_remote=True,
                trace_flags=around.trace_flags,
            )
        )
        for number in range(min(size, _MAX_LINKS))
    ]


def note_failure(span: Span, frame: Frame, exc: BaseException) -> None:
    """Give the span of `frame` the status of an error; the innermost frame also gets the exception.

    An exception that only ends the work early (a cancelled task, a program that exits) is no error.
    """
    if not isinstance(exc, Exception):
        return
    kind = type(exc)
    named = kind.__qualname__ if kind.__module__ == "builtins" else _full_name(kind)
    span.set_attribute("error.type", named)
    span.set_status(Status(StatusCode.ERROR, summarize_exception(exc)))
    if _failed_first(exc) in (frame, None):
        described = describe_exception(exc)
        span.add_event(
            "exception",
            {
                "exception.type": described["type"],
                "exception.message": described["message"],
                "exception.stacktrace": _stacktrace(described),
            },
        )


def _full_name(kind: type[BaseException]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _failed_first(exc: BaseException) -> Frame | None:
    """Return the innermost frame with a span that `exc` left, or None if it is unknown."""
    frame = failed_frame(exc)
    while frame is not None and frame.kind == "scope":
        frame = frame.parent
    return frame


def _stacktrace(described: dict[str, Any]) -> str:
    """Return the traceback as Python writes it, the cause first, without lines of source."""
    lines = ["Traceback (most recent call last):"]
    lines += [
        f'  File "{entry["file"]}", line {entry["line"]}, in {entry["function"]}'
        if "file" in entry
        else f"  {entry}"
        for entry in described["traceback"]
    ]
    lines.append(f"{described['type']}: {described['message']}")
    text = "\n".join(lines)
    cause = described.get("cause")
    return text if cause is None else f"{_stacktrace(cause)}\n\n{text}"
