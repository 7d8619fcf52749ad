"""Who may hear of the steps that run: `penstock.configure` takes these, by name or as objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from penstock.backends.logging import LoggingBackend

if TYPE_CHECKING:
    from corectx import Frame

__all__ = ["LoggingBackend", "TracingBackend"]


class TracingBackend(Protocol):
    """What `penstock.configure` accepts as a backend of your own.

    A frame knows its `kind` ("entrypoint" and "step" are ours, "request" and others come too), its
    `name`, `flow`, `correlation_id`, `parent` and `values`; `frame.site` is what was declared. Both
    methods may be called from any thread, and what they raise is logged once and goes no further.
    A third method, ``crumb(frame, time_ns, event, data)``, is called where it exists; see
    `corectx.subscribe`.
    """

    def entered(self, frame: Frame, /) -> None:
        """Hear that the work of `frame` begins; it is the current frame."""

    def left(self, frame: Frame, exc: BaseException | None, /) -> None:
        """Hear that the work of `frame` ended, by `exc` if any; it still is the current frame."""
