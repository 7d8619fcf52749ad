"""Tracing backends hear of the steps that run; `configure` chooses them.

logging  the backend "logging"
otel     the backend "otel", where penstock-otel is installed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from corectx import subscribe
from penstock.backends.logging import LoggingBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from corectx import Frame

__all__ = ["LoggingBackend", "TracingBackend", "configure"]


class TracingBackend(Protocol):
    """A tracing backend of your own, for `configure`.

    A frame has a `kind` ("entrypoint" and "step" are ours, "request" and others come too), a
    `name`, `flow`, `correlation_id`, `parent` and `values`; `frame.site` is the declaration. Any
    thread may call both methods. Their exceptions are logged once and go no further. A third
    method, ``crumb(frame, time_ns, event, data)``, is called if it exists; see `corectx.subscribe`.
    """

    def entered(self, frame: Frame, /) -> None:
        """Hear that the work of `frame` begins; it is the current frame."""

    def left(self, frame: Frame, exc: BaseException | None, /) -> None:
        """Hear that the work of `frame` ended, by `exc` if any; it still is the current frame."""


def __getattr__(name: str) -> object:
    # As in penstock 0.1.0, but imported at the first use, since it needs penstock-otel.
    if name == "OTelBackend":
        from penstock.backends.otel import OTelBackend

        return OTelBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_NAMES = ("auto", "logging", "otel")

# The functions that end the subscriptions of the last configure().
_subscriptions: list[Callable[[], None]] = []


def configure(*backends: str | TracingBackend, backend: str | TracingBackend | None = None) -> None:
    """Tell exactly these tracing backends of the steps that run; without arguments, tell none.

    A tracing backend is "logging" (a record for each start and end: `LoggingBackend`),
    "otel" (spans; needs ``penstock[otel]``), "auto" (silence: no backend is turned on because a
    package happens to be installed), or a `TracingBackend` of your own. ``backend=`` adds one; in
    penstock 0.1.0 it was the only one.

    Raises ValueError for an unknown name, TypeError for an object that is no backend, ImportError
    if a backend is not installed. Then the earlier backends stay.
    """
    given = backends if backend is None else (*backends, backend)
    chosen = [_backend(each) for each in given if each != "auto"]
    for unsubscribe in _subscriptions:
        unsubscribe()
    _subscriptions[:] = [subscribe(each) for each in chosen]


def _backend(backend: str | TracingBackend) -> TracingBackend:
    if backend == "logging":
        return LoggingBackend()
    if backend == "otel":
        from penstock.backends.otel import OTelBackend

        return OTelBackend()
    if isinstance(backend, str):
        from penstock._arguments import did_you_mean

        raise ValueError(  # noqa: TRY004 - the type is right, the name is not
            f"Unknown tracing backend {backend!r}.{did_you_mean(backend, _NAMES)} "
            f"Known: {', '.join(_NAMES)}, or an object with entered(frame) and left(frame, exc)."
        )
    if isinstance(backend, type):
        raise TypeError(
            f"A tracing backend is an object, but {backend.__qualname__!r} is a class: call it."
        )
    inherited = getattr(type(backend), "entered", TracingBackend.entered) is TracingBackend.entered
    if inherited and callable(getattr(backend, "span", None)):
        raise TypeError(
            f"A tracing backend of penstock 0.1.0 has span(), but {type(backend).__qualname__!r} "
            "now needs entered(frame) and left(frame, exc): begin the span in the one and end it "
            "in the other."
        )
    if not (
        callable(getattr(backend, "entered", None)) and callable(getattr(backend, "left", None))
    ):
        raise TypeError(
            "A tracing backend has the methods entered(frame) and left(frame, exc), but "
            f"{backend!r} has not; see penstock.backends.TracingBackend."
        )
    return backend
