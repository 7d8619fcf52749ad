"""One log format for both processes, with the flow ID first: one `grep` finds every line."""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from penstock.logging import FlowFilter

if TYPE_CHECKING:
    from pathlib import Path


class Formatter(logging.Formatter):
    """Writes microseconds, so that the lines of two files can be sorted."""

    def formatTime(self, record: logging.LogRecord, _: str | None = None) -> str:  # noqa: N802 - overrides
        """Return the time of `record` in UTC."""
        return f"{datetime.fromtimestamp(record.created, timezone.utc):%H:%M:%S.%f}"


def log_to(path: Path, process: str) -> None:
    """Write the log records of this process to a new file `path`, with the name `process`."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.addFilter(FlowFilter(default=""))  # adds flow_id and step to every record
    handler.setFormatter(
        Formatter(f"%(flow_id)32s  %(asctime)s  {process:4}  %(step)-20s  %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def show_warnings() -> None:
    """Print warnings."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("  sync  %(message)s"))
    logging.getLogger().addHandler(handler)
