"""Dump the crumbs of a running process when it gets a signal."""

from __future__ import annotations

import os

from statecrumbs._dump import dump_live

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

_number: int | None = None
_previous: Any = None


def listen(number: int | None) -> None:
    """Dump at signal `number` from now on instead of at the one before; None: at none.

    Only the main thread may say so; elsewhere, and for a signal that the platform cannot catch,
    `ValueError` names it. The handler that was there before is called after each dump.
    """
    global _number, _previous
    if number == _number:
        return
    import signal

    replaced: Any = None
    if number is not None:
        try:
            replaced = signal.signal(number, _handle)
        except (ValueError, OSError) as error:
            raise ValueError(
                f"dump_signal={number!r} cannot be used here: {error}. Call enable() in the main "
                "thread, with a signal that this platform lets a program catch"
                f"{'; on Windows that is SIGBREAK' if os.name == 'nt' else ''}."
            ) from error
    if _number is not None:
        signal.signal(_number, _previous)
    _number, _previous = number, replaced


def _handle(number: int, frame: FrameType | None) -> None:
    dump_live(number)
    if callable(_previous):
        _previous(number, frame)
