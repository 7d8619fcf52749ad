"""The process that sent a message, and when: a field in the header of the frame.

A dump of the operation that the message began has both, so that a page can join it to the crumbs
of the sender. The field is ``TOKEN MICROSECONDS``. The token stands for the process, and does not
tell the name of its host: the CRC-32 of ``PID@HOST`` in hex. The time is Unix time by the clock of
the sender. Fields that arrive are untrusted.
"""

from __future__ import annotations

import os
from binascii import crc32
from time import time_ns

from corectx import subscribe
from corectx.lowlevel import keep_with_failures
from statecrumbs._crumb import timestamp
from statecrumbs._options import options
from statecrumbs._process import host_name
from statecrumbs._trail import context_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from corectx import Frame

_FIELD = "sent"
_KEY = "statecrumbs.received"  # in the store of the operation that the message began
_HEX = frozenset("0123456789abcdef")
_TOKEN = 8  # characters
_MAX_DIGITS = 16  # of the time


def token_of(identity: str) -> str:
    """Return the token of the process with the `identity` ``PID@HOST``."""
    return f"{crc32(identity.encode('utf-8', 'replace')):08x}"


class Senders:
    """Let the token and the time travel with each message, and remember those that arrive."""

    def __init__(self) -> None:
        self._unsubscribe: Callable[[], None] | None = None
        self._here = 0, ""  # the PID and the token of this process; a forked child has another one

    def watch(self) -> None:
        """Listen to the messages from now on."""
        if self._unsubscribe is None:
            self._unsubscribe = subscribe(self)

    def unwatch(self) -> None:
        """Listen no more."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def sent(self, _frame: Frame, fields: dict[str, str], /) -> None:
        """Add the field of this process."""
        pid, token = self._here
        if pid != os.getpid():
            pid = os.getpid()
            token = token_of(f"{pid}@{host_name()}")
            self._here = pid, token
        fields[_FIELD] = f"{token} {time_ns() // 1000}"

    def received(self, frame: Frame, fields: Mapping[str, Any], /) -> None:
        """Remember the field that arrived with the remote `frame`, if it is valid."""
        given = fields.get(_FIELD)
        token, _, digits = given.partition(" ") if isinstance(given, str) else ("", "", "")
        is_valid = len(token) == _TOKEN and _HEX.issuperset(token)
        if is_valid and digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS:
            frame.store[_KEY] = time_ns(), token, int(digits) * 1000


senders = Senders()


def received_by(frame: Frame | None) -> dict[str, str] | None:
    """Return when the message arrived that began the operation of `frame`, its sender, its time."""
    received: Any = None  # what `Senders.received` has put there
    while frame is not None and received is None:
        received = frame.store.get(_KEY)
        frame = frame.parent
    if received is None or not options.include_timestamp:
        return None
    arrived, token, sent = received
    return {"ts": timestamp(arrived), "sender": token, "sent": timestamp(sent)}


# The failed frame that an exception keeps has a store of its own.
keep_with_failures(_KEY, context_of)
