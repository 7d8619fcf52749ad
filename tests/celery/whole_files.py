"""The broker ``filesystem://`` and the results ``file://``, without files that are half written.

kombu and Celery write a message or a result under its final name, so that somebody who waits for it
may find the file before all is in it: one in some hundred messages, and a result more rarely.
"""

from __future__ import annotations

import os
import uuid
from time import monotonic_ns

from celery.app.backends import BACKEND_ALIASES
from celery.backends.filesystem import FilesystemBackend
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.encoding import ensure_bytes
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


class Results(FilesystemBackend):
    """Results that are written under another name and then renamed."""

    def set(self, key, value):
        written = self._filename(key) + f".{uuid.uuid4()}.new".encode()
        with open(written, "wb") as file:
            file.write(ensure_bytes(value))
        os.replace(written, self._filename(key))


def install() -> None:
    """Have ``filesystem://`` and ``file://`` mean these classes, in this process."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
    BACKEND_ALIASES["file"] = f"{__name__}:Results"
