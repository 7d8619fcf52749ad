"""Dump the crumbs of a running process when it gets a signal."""

from __future__ import annotations

import os

from statecrumbs._crash._dump import dump_at_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

_handler: _Handler | None = None


def listen(number: int | None) -> None:
    """Dump at signal `number` from now on instead of at the one before; None: at none.

    Raises `ValueError` outside of the main thread, and for a signal that the platform cannot catch;
    then nothing has changed.
    """
    global _handler
    before = _handler
    if number == (None if before is None else before.number):
        return
    try:
        after = None if number is None else _Handler(number)
        if before is not None:
            before.remove()
    except (ValueError, OSError) as error:
        named = number if before is None or number is not None else before.number
        raise ValueError(
            f"dump_signal={named!r} cannot be used here: {error}. Call enable() and disable() in "
            "the main thread, with a signal that this platform lets a program catch"
            f"{'; on Windows that is SIGBREAK' if os.name == 'nt' else ''}."
        ) from error
    _handler = after


class _Handler:
    """Dumps at a signal, and then calls the handler that it replaced.

    Each handler is an object of its own: one that was removed, but is called by another handler,
    only hands on.
    """

    def __init__(self, number: int) -> None:
        import signal

        self.number = number
        self._is_on = True
        self._previous: Any = None
        self._previous = signal.signal(number, self)

    def remove(self) -> None:
        """Put the replaced handler back, unless another one was put over this."""
        import signal

        handler: object = signal.getsignal(self.number)
        if handler is self:
            signal.signal(self.number, self._previous)
        self._is_on = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Dump, then call the handler that was there before."""
        if self._is_on:
            dump_at_signal(number)
        if callable(self._previous):
            self._previous(number, frame)
