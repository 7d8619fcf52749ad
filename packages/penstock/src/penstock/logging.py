"""A filter for `logging` that puts the flow of a record on it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from corectx import current
from corectx.lowlevel import FrameText

if TYPE_CHECKING:
    from corectx import Frame

__all__ = ["FlowFilter"]


class FlowFilter(logging.Filter):
    """Put `flow_id`, `flow` and `step` on every record; no record is dropped.

    Add it to handlers, so that it sees the records of all loggers. A filter on a logger sees only
    the records of that one logger. With a queue add it to the `logging.handlers.QueueHandler`: the
    handlers of the `QueueListener` run in another thread, which has no current frame. There
    `flow_id` still knows the frame of the caller, for `statecrumbs.logging.CrumbHandler` and for
    the processors of `penstock_structlog`; in another process it is a plain text.

    Without an ID, flow or step the attribute is `default`, so a format with ``%(flow_id)s`` always
    works. An attribute that the caller set with ``extra=`` stays.
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
                text = self._default if value is None else value
                if name == "flow_id" and text is not None:
                    text = FrameText(text, frame)
                setattr(record, name, text)
        return True


def _step(frame: Frame | None) -> str | None:
    """Return the name of the step or entrypoint that `frame` is in."""
    while frame is not None:
        if frame.site.flow and frame.kind != "remote":
            return frame.name
        frame = frame.parent
    return None
