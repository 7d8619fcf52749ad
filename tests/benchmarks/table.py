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
class Pair:
    """Two measurements that one case takes in turn: `key` in the JSON that it prints.

    A third number there is the cost of the framework alone; then both are counted over it.
    """

    what: str
    case: str
    key: str
    against: str
    limit: float


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
FAILURE = "a failure with 50 MB and a list of 3,000,000 items, with variables"
REQUEST, DJANGO = "a Django request with its own ID", "request_floor:ours"
REQUEST_SPAN = "a Django request with its own ID and a span"
TASK, CELERY = "a Celery task with its sender's ID", "task_floor:ours"
TASK_SPAN = "a Celery task with its sender's ID and a span"
EVENT, STRUCTLOG = "a structlog event with the ID", "event_floor:ours"
LEAST = "ID, ContextVar and header"

COMPARISONS = [
    Comparison(CRUMB, "crumb_ours", "the floor: one deque append", "crumb_floor:ours", 2.2),
    Comparison(CRUMB, "crumb_ours", "statecrumbs 0.1.2", "crumb_statecrumbs:statecrumbs", 1 / 4),
    Comparison(CRUMB, "crumb_ours", "sentry-sdk add_breadcrumb", "crumb_sentry:sentry", 1 / 3),
    Comparison(CRUMB, "crumb_ours", "loguru debug() into a deque", "crumb_loguru:loguru"),
    Comparison(
        BLACK_BOX,
        "crumb_black_box",
        "statecrumbs 0.1.2 in memory",
        "crumb_statecrumbs:statecrumbs",
        0.6,
    ),
    Comparison(FAILURE, "failure_ours", "sentry-sdk", "failure_sentry:sentry", 1 / 100),
    Comparison(
        STEP, "step_ours", "the floor: set and restore a ContextVar", "step_floor:ours", 2.1
    ),
    Comparison(STEP, "step_ours", "penstock 0.1.0", "step_penstock:penstock", 1 / 3),
    Comparison(STEP, "step_ours", "an OpenTelemetry span", "step_otel:otel"),
    Comparison(ENTRYPOINT, "entrypoint_ours", "the floor of a step", "step_floor:ours", 3.0),
    Comparison(ENTRYPOINT, "entrypoint_ours", "penstock 0.1.0", "entrypoint_penstock:penstock"),
    Comparison(
        SCOPE, "scope_ours", "structlog bound_contextvars", "scope_structlog:structlog", 0.3
    ),
    Comparison(SCOPE, "scope_ours", "loguru contextualize", "scope_loguru:loguru"),
    # An integration is the cheapest that does its job.
    Comparison(REQUEST, "request_ours", "django-guid", "request_guid:django-guid", 0.4, DJANGO),
    Comparison(REQUEST, "request_ours", LEAST, "request_least:ours", 2.0, DJANGO),
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
    Comparison(TASK, "task_ours", LEAST, "task_least:ours", 2.0, CELERY),
    Comparison(TASK_SPAN, "task_ours_spans", "OpenTelemetry's", "task_otel:otel", 0.6, CELERY),
    Comparison(
        EVENT, "event_ours", "merge_contextvars", "event_contextvars:structlog", 1.0, STRUCTLOG
    ),
]

REPR = "its `repr`"
EIGHT = "a value of a crumb with 8"
RESTORE = "set and restore a ContextVar"
DOT = "Graphviz: dot -Tsvg"
NOTED = "step, ContextVar and deque alone"

PAIRS = [
    Pair("a crumb with a dataclass of 4 fields", "values", "dataclass", REPR, 3.0),
    Pair("a crumb with a nested dict", "values", "dict", REPR, 3.0),
    Pair("a crumb with a string of 500 characters", "values", "string", REPR, 4.0),
    Pair("... with 1,500 beside a number", "values", "long_string", REPR, 4.0),
    Pair("... of 500 with a black box", "values", "black_box_string", REPR, 8.0),
    Pair("... another one each time", "values", "black_box_new_string", REPR, 8.0),
    Pair("a crumb with an exception", "values", "exception", REPR, 3.0),
    Pair("a crumb with `os.environ`", "values", "environ", "the `repr` of its dict", 3.0),
    Pair("a crumb with a model instance of Django", "framework_values", "model", REPR, 3.0),
    Pair("a crumb with a pydantic model", "framework_values", "pydantic", REPR, 3.0),
    Pair("a crumb with `request.headers` of Django", "framework_values", "headers", REPR, 3.0),
    Pair("`snapshot()` of 50 crumbs", "looking", "snapshot", "`json.dumps` of as much", 2.0),
    Pair("a dump of 10,000 crumbs", "looking", "dump", "`json.dumps` of as much", 3.0),
    Pair("an async step", "calls", "await", RESTORE, 2.2),
    Pair("an item of a generator step", "calls", "item", RESTORE, 2.0),
    Pair("an item of an async generator step", "calls", "async_item", RESTORE, 2.0),
    Pair("a step after `enable()`", "in_flight", "enabled", "before", 1.3),
    Pair("a frame in the table of a black box", "in_flight", "frame", "one crumb of the box", 1.0),
    Pair("an ASGI request", "servers", "asgi", LEAST, 2.0),
    Pair("a WSGI request", "servers", "wsgi", LEAST, 2.0),
    Pair("a structlog event with its ID", "events", "structlog", "the event alone", 1.5),
    Pair("... as a crumb too", "events", "structlog_crumb", "the event alone", 1.5),
    Pair("a log record as a crumb", "events", "record", "the record alone", 1.5),
    Pair("the SVG of 100 random steps", "random_drawings", "steps_100", DOT, 1.0),
    Pair("the SVG of 300 random steps", "random_drawings", "steps_300", DOT, 1.5),
    Pair("the SVG of 1,000 random steps", "random_drawings", "steps_1000", DOT, 1.0),
    Pair("a step with one crumb", "calls", "crumb_0", NOTED, 3.0),
    Pair("... 10 scoped values, one a UUID", "calls", "crumb_10", NOTED, 3.0),
    Pair("... 30 scoped values, one a UUID", "calls", "crumb_30", NOTED, 3.0),
    Pair("a new event after 2,000 others", "cliffs", "events", "the first event", 1.1),
    Pair("a value of a crumb with 9", "cliffs", "values_9", EIGHT, 1.1),
    Pair("a value of a crumb with 16", "cliffs", "values_16", EIGHT, 1.1),
    Pair("a value of a crumb with 64", "cliffs", "values_64", EIGHT, 1.1),
    Pair("a black-box crumb, 10,000 open frames", "cliffs", "frames", "100 open frames", 1.1),
    Pair("declaring a step", "decorating", "decorating", "`functools.wraps` around it", 2.0),
]

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
    Bound("the memory for a PNG of 300 steps", "png", "MiB", "MiB", 150),
    # The allocator may take a page or two more; a crumb that is kept would be over 100 MiB.
    Bound("growth over a million crumbs", "memory", "KiB", "KiB", 1024),
]
