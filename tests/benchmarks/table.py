"""The comparisons and their limits."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two cases that run in turn: files in cases/, each in the environment after the colon.

    With `over` both are counted over a third case: what they add to a framework alone.
    """

    what: str
    ours: str
    against: str
    theirs: str
    limit: float | None = None  # the largest ratio that is right; None is for information
    over: str | None = None


@dataclasses.dataclass(frozen=True)
class Bound:
    """A measurement of ours with a limit of its own: `key` in the JSON that a case prints."""

    what: str
    case: str
    key: str
    unit: str
    limit: float


CRUMB = 'crumb("query_finished", rows=10, table="users") in two scopes'
STEP = "a step inside a flow, no backend"
ENTRYPOINT = "an entrypoint, no backend"
SCOPE = 'with scope(step="db")'
BLACK_BOX = "the same crumb, mirrored into a black box"
SVG = "the SVG of a flow of 300 steps"
REQUEST, DJANGO = "a Django request with its own ID", "request_floor:ours"
REQUEST_SPAN = "a Django request with its own ID and a span"
TASK, CELERY = "a Celery task with its sender's ID", "task_floor:ours"
TASK_SPAN = "a Celery task with its sender's ID and a span"
EVENT, STRUCTLOG = "a structlog event with the ID", "event_floor:ours"

COMPARISONS = [
    Comparison(CRUMB, "crumb_ours", "the floor: one deque append", "crumb_floor:ours", 2.5),
    Comparison(CRUMB, "crumb_ours", "statecrumbs 0.1.2", "crumb_statecrumbs:statecrumbs", 1 / 4),
    Comparison(CRUMB, "crumb_ours", "sentry-sdk add_breadcrumb", "crumb_sentry:sentry", 1 / 3),
    Comparison(CRUMB, "crumb_ours", "loguru debug() into a deque", "crumb_loguru:loguru"),
    Comparison(
        BLACK_BOX,
        "crumb_black_box",
        "statecrumbs 0.1.2 in memory",
        "crumb_statecrumbs:statecrumbs",
        1.0,
    ),
    Comparison(
        STEP, "step_ours", "the floor: set and restore a ContextVar", "step_floor:ours", 2.2
    ),
    Comparison(STEP, "step_ours", "penstock 0.1.0", "step_penstock:penstock", 1 / 3),
    Comparison(STEP, "step_ours", "an OpenTelemetry span", "step_otel:otel"),
    Comparison(ENTRYPOINT, "entrypoint_ours", "the floor of a step", "step_floor:ours", 4.0),
    Comparison(ENTRYPOINT, "entrypoint_ours", "penstock 0.1.0", "entrypoint_penstock:penstock"),
    Comparison(
        SCOPE, "scope_ours", "structlog bound_contextvars", "scope_structlog:structlog", 0.4
    ),
    Comparison(SCOPE, "scope_ours", "loguru contextualize", "scope_loguru:loguru"),
    Comparison(SVG, "svg_ours", "Graphviz: dot -Tsvg", "svg_graphviz:ours"),
    # An integration is the cheapest that does its job.
    Comparison(REQUEST, "request_ours", "django-guid", "request_guid:django-guid", 1.0, DJANGO),
    Comparison(
        REQUEST,
        "request_ours",
        "django-structlog",
        "request_structlog:django-structlog",
        1.0,
        DJANGO,
    ),
    Comparison(REQUEST, "request_ours", "sentry-sdk", "request_sentry:sentry", 1.0, DJANGO),
    Comparison(
        REQUEST_SPAN, "request_ours_spans", "OpenTelemetry's", "request_otel:otel", 1.0, DJANGO
    ),
    Comparison(TASK, "task_ours", "sentry-sdk", "task_sentry:sentry", 1.0, CELERY),
    Comparison(TASK_SPAN, "task_ours_spans", "OpenTelemetry's", "task_otel:otel", 1.0, CELERY),
    Comparison(
        EVENT, "event_ours", "merge_contextvars", "event_contextvars:structlog", 1.0, STRUCTLOG
    ),
]

# Cases that take a tenth of a second or more each time: they run three times a round.
SLOW = ("svg_ours", "svg_graphviz")

# Milliseconds that an import adds to a bare interpreter.
IMPORTS = {"statecrumbs": 8.0, "penstock": 10.0}

BOUNDS = [
    Bound("a list of 5,000,000 as a value", "hostile_values", "list.ns", "ns", 1e6),
    Bound("a string of 50 MB as a value", "hostile_values", "string.ns", "ns", 1e6),
    Bound("a list nested 10,000 deep as a value", "hostile_values", "nesting.ns", "ns", 1e6),
    Bound("... its crumb: the list", "hostile_values", "list.bytes", "bytes", 4096),
    Bound("... its crumb: the string", "hostile_values", "string.bytes", "bytes", 4096),
    Bound("... its crumb: the nested list", "hostile_values", "nesting.bytes", "bytes", 4096),
    Bound("what observing adds to a step", "observing", "ns", "ns", 1500),
    Bound("SVG of 10,000 steps, 12,800 edges", "drawings", "branching-svg", "s", 3),
    Bound("SVG of a chain of 10,000", "drawings", "chain-svg", "s", 3),
    Bound("SVG of a fan of 10,000", "drawings", "fan-svg", "s", 3),
    Bound("SVG of a hub of 10,000", "drawings", "hub-svg", "s", 10),
    Bound("Mermaid of 10,000 steps", "drawings", "branching-mermaid", "s", 0.3),
    Bound("the memory for all of these", "drawings", "MiB", "MiB", 300),
    # The allocator may take a page or two more; a crumb that is kept would be over 100 MiB.
    Bound("growth over a million crumbs", "memory", "KiB", "KiB", 1024),
]
