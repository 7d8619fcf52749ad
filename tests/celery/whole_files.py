"""The broker ``filesystem://``, without a gap of kombu's through which a message is lost.

It writes a message under its final name, so that a worker may find the file before there is
anything in it: one in some hundred messages, when they are sent while a worker waits for them.
"""

from __future__ import annotations

import os
import uuid
from time import monotonic_ns

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """A channel that writes each file under another name and then renames it."""

    def _put(self, queue, payload, **_):
        name = f"{monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
        written = os.path.join(self.data_folder_out, f"{name}.new")
        with open(written, "w") as file:
            file.write(dumps(payload))
        os.replace(written, os.path.join(self.data_folder_out, name))


class Transport(filesystem.Transport):
    """The transport with this channel."""

    Channel = Channel


def install() -> None:
    """Have ``filesystem://`` mean this transport, in this process."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
