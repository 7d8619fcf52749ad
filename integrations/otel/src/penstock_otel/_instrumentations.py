"""Our spans beside those of other instrumentations.

Another instrumentation may make the span of the same request or task. Then we use that span.

Each request has one span of kind SERVER, the outermost. An instrumentation inside of that span must
make a child of kind INTERNAL. OpenTelemetry's own do so if a span is current. FastAPI's tracing
does not look for one: it reads the headers, and makes a span of kind SERVER. So the application
gets headers that name the current span, and a span processor changes the kind of the inner span. If
our middleware is inside of both, nobody has changed the headers, and the processor also moves the
inner span into the outer one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakSet, ref

from opentelemetry import context, propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import INVALID_SPAN, SpanContext, SpanKind

from penstock_otel._records import owner

if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from penstock_otel._records import Record

KINDS = {"request": SpanKind.SERVER, "task": SpanKind.CONSUMER}

# The key that `suppress_instrumentation()` of opentelemetry-instrumentation sets; the API has no
# function that asks for it.
_SUPPRESSED = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")

# If this instrumentation is turned on late, its spans begin after our frames.
_CELERY = "opentelemetry.instrumentation.celery"


def celery_is_instrumented() -> bool:
    """Tell whether another instrumentation makes a span for each task, maybe after we hear of it.

    The receivers of Celery's signal show it. The instrumentation itself cannot be asked: that would
    make a new one.
    """
    if _CELERY not in sys.modules:
        return False
    signals: Any = sys.modules["celery.signals"]
    return any(
        getattr(receiver, "__module__", None) == _CELERY
        for _, receiver in signals.task_prerun.receivers
    )


def adoptable(record: Record) -> Span | None:
    """Return the current span if another instrumentation made it for the same thing."""
    span = trace.get_current_span()
    around = owner(context.get_current())
    is_taken = around is not None and around.span is span
    is_of_kind = getattr(span, "kind", None) is KINDS.get(record.frame.kind)
    return span if is_of_kind and span.is_recording() and not is_taken else None


def is_suppressed() -> bool:
    """Tell whether the program runs inside of `suppress_instrumentation()`."""
    return bool(context.get_value(_SUPPRESSED))


def is_excluded(site: Any) -> bool:
    """Tell whether ``OTEL_PYTHON_*_EXCLUDED_URLS`` excludes the request of `site`.

    These are regular expressions, separated by commas, that are searched for in the whole URL.
    """
    frameworks = getattr(site, "frameworks", ())
    if not frameworks:
        return False
    expressions = _expressions(
        tuple(os.environ.get(f"OTEL_PYTHON_{each}_EXCLUDED_URLS") for each in frameworks),
        os.environ.get("OTEL_PYTHON_EXCLUDED_URLS"),
    )
    if expressions is None:
        return False
    known: dict[str, Any] = getattr(site, "describe", dict)()
    path = known.get("url.path")
    if path is None:  # the site of another middleware, without these attributes
        return False
    headers: dict[str, Any] = getattr(site, "headers", dict)()
    host = headers.get("host") or f"{known.get('server.address')}:{known.get('server.port')}"
    return expressions.search(f"{known.get('url.scheme')}://{host}{path}") is not None


@lru_cache
def _expressions(own: tuple[str | None, ...], general: str | None) -> re.Pattern[str] | None:
    given = [each for each in own if each is not None] or [general or ""]
    parts = [part.strip() for each in given for part in each.split(",") if part.strip()]
    try:
        return re.compile("|".join(parts)) if parts else None
    except re.error:  # the instrumentations of OpenTelemetry raise for it, at their set-up
        return None


class _InAnyCase(Getter[Mapping[str, str]]):
    """Read headers, whose names are in lower case, by a name in any case."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        found = carrier.get(key.lower())
        return None if found is None else [found]

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return list(carrier)


_IN_ANY_CASE = _InAnyCase()


# The headers of W3C that name a span and nothing else.
_OF_SPAN = frozenset(("traceparent", "tracestate"))


class Arrived:
    """The context of OpenTelemetry that arrives with a request or a message.

    It is used twice: for the ID of the operation, and right after that for its span.
    """

    def __init__(self) -> None:
        self._last: tuple[object, Context | None] | None = None
        self._others: tuple[object, frozenset[str]] | None = None

    def look(self, site: Any) -> Context | None:
        """Return the context that the propagator finds in the headers of `site`, or None.

        It may have baggage only, and no span.
        """
        headers = getattr(site, "headers", None)
        if headers is None:
            return None
        # The span of the request before may still be the current one.
        before = trace.set_span_in_context(INVALID_SPAN)
        arrived = propagate.extract(headers(), before, _IN_ANY_CASE)
        found = None if arrived == before else arrived
        self._last = (site, found)
        return found

    def take(self, site: Any, *, has_span: bool = False) -> Context | None:
        """Return the same as `look`, and forget `site`.

        If the caller `has_span`, a better one, it may be None where only a span arrived.
        """
        last = self._last
        if last is None and has_span and not self._may_say_more(site):
            return None
        found = last[1] if last is not None and last[0] is site else self.look(site)
        self._last = None
        return found

    def _may_say_more(self, site: Any) -> bool:
        """Tell whether `site` has a header for the propagator that is not only about a span."""
        names = self._other_names()
        may_have = getattr(site, "may_have", None)
        if may_have is not None:
            return bool(may_have(names))
        return not names.isdisjoint(getattr(site, "headers", dict)())

    def _other_names(self) -> frozenset[str]:
        """Return the headers that the propagator reads, but those of a span only."""
        propagator = propagate.get_global_textmap()
        if self._others is None or self._others[0] is not propagator:
            names = frozenset(name.lower() for name in propagator.fields)
            self._others = (propagator, names - _OF_SPAN)
        return self._others[1]


# The IDs of the open spans around requests whose application was told of them.
_open_servers: set[int] = set()


def tell_application(record: Record) -> None:
    """Give the application of a request the headers that name the span around it.

    An application must hear of a span that is not sampled too, or it begins another trace.
    """
    pass_headers = getattr(record.frame.site, "pass_headers", None)
    span = record.span
    if pass_headers is None or span is None:
        return
    headers: dict[str, str] = {}
    propagate.inject(headers, record.inside)
    if headers:
        if span.is_recording():
            _open_servers.add(span.get_span_context().span_id)
        pass_headers(headers)


def forget_server(span: Span) -> None:
    """Note that the span of a request has ended."""
    _open_servers.discard(span.get_span_context().span_id)


_watched: WeakSet[Any] = WeakSet()


# The last span of a request that was begun in this context, but by FastAPI, and its asyncio task.
# The task itself would be in a reference cycle with its context.
_outer_server: ContextVar[tuple[Any, ref[Any]] | None] = ContextVar(
    "penstock_otel.outer_server", default=None
)


def _current_task() -> Any:
    asyncio = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None


def _begin_server(span: Any) -> None:
    """Note `span`, or if FastAPI makes it inside of another span of its request, move it there.

    Both have then read the same headers, in one task. Nobody has seen the IDs of `span` yet.
    """
    task = _current_task()
    if task is None:
        return
    if span.instrumentation_scope.name != "fastapi":
        _outer_server.set((span, ref(task)))
        return
    noted = _outer_server.get()
    if noted is None or noted[1]() is not task:
        return
    around = noted[0]
    if not around.is_recording() or around.parent != span.parent:
        return
    outer, inner = around.get_span_context(), span.get_span_context()
    span._kind = SpanKind.INTERNAL  # noqa: SLF001 - the SDK has no other way
    span._parent = outer  # noqa: SLF001
    span._context = SpanContext(  # noqa: SLF001
        outer.trace_id, inner.span_id, False, inner.trace_flags, outer.trace_state
    )


def watch(provider: Any) -> None:
    """Give spans of kind SERVER inside of another one the kind INTERNAL, from now on."""
    add = getattr(provider, "add_span_processor", None)
    sdk: Any = sys.modules.get("opentelemetry.sdk.trace")
    if add is None or sdk is None or provider in _watched:
        return
    _watched.add(provider)

    class InnerServers(sdk.SpanProcessor):  # type: ignore[misc]
        """Change the kind of a span while it begins; every exporter sees the new one."""

        def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002
            if span.kind is not SpanKind.SERVER or not hasattr(span, "_kind"):
                return
            parent = span.parent
            if parent is not None and parent.span_id in _open_servers:
                span._kind = SpanKind.INTERNAL  # noqa: SLF001 - the SDK has no other way
            else:
                _begin_server(span)

    add(InnerServers())
