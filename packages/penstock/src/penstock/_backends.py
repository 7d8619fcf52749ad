"""`configure`: who hears of the steps that run."""

from __future__ import annotations

from corectx import subscribe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.backends import TracingBackend

_NAMES = ("auto", "logging", "otel")

# What ends each subscription that the last configure() made.
_subscriptions: list[Callable[[], None]] = []


def configure(*backends: str | TracingBackend) -> None:
    """Let `backends`, and nobody else, hear of the steps that run; with none of them, silence.

    A backend is "logging" (a record for each start and end: `penstock.backends.LoggingBackend`),
    "otel" (spans; needs ``penstock[otel]``), "auto" (silence: no backend is turned on because a
    package happens to be installed), or a `penstock.backends.TracingBackend` of your own.

    Raises ValueError for an unknown name, TypeError for an object that is no backend, ImportError
    where a backend is not installed; the backends that were there then stay.
    """
    chosen = [_backend(each) for each in backends if each != "auto"]
    for unsubscribe in _subscriptions:
        unsubscribe()
    _subscriptions[:] = [subscribe(each) for each in chosen]


def _backend(backend: str | TracingBackend) -> TracingBackend:
    if backend == "logging":
        from penstock.backends.logging import LoggingBackend

        return LoggingBackend()
    if backend == "otel":
        from penstock.backends.otel import OTelBackend

        return OTelBackend()
    if isinstance(backend, str):
        from penstock._suggest import did_you_mean

        raise ValueError(  # noqa: TRY004 - the type is right, the name is not
            f"Unknown backend {backend!r}.{did_you_mean(backend, _NAMES)} "
            f"Known: {', '.join(_NAMES)}, or an object with entered(frame) and left(frame, exc)."
        )
    if isinstance(backend, type):
        raise TypeError(
            f"A backend is an object, but {backend.__qualname__!r} is a class: call it."
        )
    if not (
        callable(getattr(backend, "entered", None)) and callable(getattr(backend, "left", None))
    ):
        raise TypeError(
            f"A backend has the methods entered(frame) and left(frame, exc), but {backend!r} "
            "has not; see penstock.backends.TracingBackend."
        )
    return backend
