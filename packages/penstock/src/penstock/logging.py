"""A filter for the standard library's `logging` that says to which flow a record belongs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from corectx import current

if TYPE_CHECKING:
    from corectx import Frame

__all__ = ["FlowFilter"]


class FlowFilter(logging.Filter):
    """Put `flow_id`, `flow` and `step` on every record that it sees; it drops none.

    Add it to handlers, so that it sees the records of all loggers; a filter on a logger sees only
    the records of that very logger. With a queue add it to the `logging.handlers.QueueHandler`: the
    handlers of the `QueueListener` run in another thread, which knows nothing of the flow.

    Without an ID, flow or step the attribute is `default`, so that a format with ``%(flow_id)s``
    always works. An attribute that the caller set with ``extra=`` stays.
    """

    def __init__(self, *, default: str | None = "-") -> None:
        super().__init__()
        self._default = default

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attributes to `record`, and let it pass."""
        frame = current()
        attributes = {
            "flow_id": None if frame is None else frame.correlation_id,
            "flow": None if frame is None else frame.flow,
            "step": _step(frame),
        }
        for name, value in attributes.items():
            if not hasattr(record, name):
                setattr(record, name, self._default if value is None else value)
        return True


def _step(frame: Frame | None) -> str | None:
    """Return the name of the step or entrypoint that `frame` is in."""
    while frame is not None:
        if frame.site.flow and frame.kind != "remote":
            return frame.name
        frame = frame.parent
    return None
