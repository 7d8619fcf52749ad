"""Celery's broker ``filesystem://`` in a folder of the service. It needs no server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kombu.transport import filesystem


class Channel(filesystem.Channel):
    """A channel that publishes a message only when its file is complete.

    kombu's own writes into the folder that the worker reads, so the worker may read half a message.
    """

    def _put(self, queue: str, payload: Any, **options: Any) -> None:
        super()._put(queue, payload, **options)
        for written in Path(self.data_folder_out).iterdir():
            written.rename(Path(self.data_folder_in) / written.name)


class Transport(filesystem.Transport):
    """The transport that uses this channel."""

    Channel = Channel


def folder_broker(folder: Path) -> dict[str, Any]:
    """Make `folder`, and return Celery's settings for a broker in it."""
    inbox, outbox = folder / "in", folder / f"out-{os.getpid()}"
    for each in (inbox, outbox):
        each.mkdir(parents=True, exist_ok=True)
    return {
        "broker_url": "filesystem://localhost",
        "broker_transport": f"{__name__}:Transport",
        "broker_transport_options": {
            "data_folder_in": str(inbox),
            "data_folder_out": str(outbox),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.05,  # seconds
        },
    }
