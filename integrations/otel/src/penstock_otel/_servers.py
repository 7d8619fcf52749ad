"""The span of a request beside those of other instrumentations: one of kind SERVER, the outermost.

An instrumentation inside of our span must make a child of kind INTERNAL. Those of OpenTelemetry do
so where a span is current. FastAPI's own tracing does not look: it reads the headers, and makes a
span of kind SERVER. So the application gets headers that name our span, and a span processor gives
the inner span its kind.
"""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakSet

from opentelemetry import context, propagate, trace
from opentelemetry.trace import INVALID_SPAN, SpanKind

if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from penstock_otel._records import Record

# The key that `suppress_instrumentation()` of opentelemetry-instrumentation sets; the API has no
# function that asks for it.
_SUPPRESSED = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")


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
    known = site.describe()
    host = site.headers().get("host") or f"{known['server.address']}:{known['server.port']}"
    url = f"{known['url.scheme']}://{host}{known['url.path']}"
    return expressions.search(url) is not None


@lru_cache
def _expressions(own: tuple[str | None, ...], general: str | None) -> re.Pattern[str] | None:
    given = [each for each in own if each is not None] or [general or ""]
    parts = [part.strip() for each in given for part in each.split(",") if part.strip()]
    try:
        return re.compile("|".join(parts)) if parts else None
    except re.error:  # the instrumentations of OpenTelemetry raise for it, at their set-up
        return None


class Arrived:
    """The context of OpenTelemetry that arrives with a request or a message.

    It is asked for twice: for the ID of the operation, and right after that for its span.
    """

    def __init__(self) -> None:
        self._last: tuple[object, Context | None] | None = None

    def look(self, site: Any) -> Context | None:
        """Return the context that the propagator finds in the headers of `site`, or None."""
        headers = getattr(site, "headers", None)
        if headers is None:
            return None
        # The span of the request before may still be the current one.
        arrived = propagate.extract(headers(), trace.set_span_in_context(INVALID_SPAN))
        is_found = trace.get_current_span(arrived).get_span_context().is_valid
        found = arrived if is_found else None
        self._last = (site, found)
        return found

    def take(self, site: Any) -> Context | None:
        """Return the same, and let go of `site`."""
        last = self._last
        found = last[1] if last is not None and last[0] is site else self.look(site)
        self._last = None
        return found


# The IDs of our open spans of kind SERVER whose application was told of them.
_open_servers: set[int] = set()


def tell_application(record: Record) -> None:
    """Give the application of a request the headers that name its span."""
    pass_headers = getattr(record.frame.site, "pass_headers", None)
    span = record.span
    if pass_headers is None or span is None or getattr(span, "kind", None) is not SpanKind.SERVER:
        return
    headers: dict[str, str] = {}
    propagate.inject(headers, record.inside)
    if headers:
        _open_servers.add(span.get_span_context().span_id)
        pass_headers(headers)


def forget_server(span: Span) -> None:
    """Note that the span of a request has ended."""
    _open_servers.discard(span.get_span_context().span_id)


_watched: WeakSet[Any] = WeakSet()


def watch(provider: Any) -> None:
    """Give spans of kind SERVER inside of ours the kind INTERNAL, from now on."""
    add = getattr(provider, "add_span_processor", None)
    sdk: Any = sys.modules.get("opentelemetry.sdk.trace")
    if add is None or sdk is None or provider in _watched:
        return
    _watched.add(provider)

    class InnerServers(sdk.SpanProcessor):  # type: ignore[misc]
        """Change the kind of a span while it begins; every exporter sees the new one."""

        def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002
            parent = span.parent
            if (
                span.kind is SpanKind.SERVER
                and parent is not None
                and parent.span_id in _open_servers
                and hasattr(span, "_kind")
            ):
                span._kind = SpanKind.INTERNAL  # noqa: SLF001 - the SDK has no other way

    add(InnerServers())
