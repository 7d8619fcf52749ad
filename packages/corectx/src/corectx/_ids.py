"""Make and check IDs: 32 hex digits for a correlation, 16 for a frame, as in W3C Trace Context."""

from __future__ import annotations

import os

from corectx._observers import ask_starting, listeners

# One system call fills the pool with this many IDs: an entrypoint then pays for a pop, which is
# atomic, so that no lock is needed in a signal handler or on a free-threaded build.
_BATCH = 128
_pool: list[str] = []

_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_MAX_LENGTH = 128
_ZERO = "0" * 16


def new_correlation_id() -> str:
    """Return 32 random lowercase hex digits, a valid W3C trace ID (never all zero).

    An observer may say which one it is to be: that of the trace that is active.
    """
    if listeners.starting:
        chosen = ask_starting()
        if is_valid_id(chosen):
            return str(chosen)
    try:
        return _pool.pop()
    except IndexError:
        return _refill()


def new_frame_id() -> str:
    """Return 16 random lowercase hex digits, a valid W3C span ID (never all zero)."""
    try:
        return _pool.pop()[:16]
    except IndexError:
        return _refill()[:16]


def is_valid_id(text: object) -> bool:
    """Tell whether `text` may be used as a correlation ID: ``[A-Za-z0-9._-]{1,128}``.

    Narrow enough to be safe in a log line, a file name, a header and a page.
    """
    return isinstance(text, str) and 0 < len(text) <= _MAX_LENGTH and _ALLOWED.issuperset(text)


def _refill() -> str:
    digits = os.urandom(16 * _BATCH).hex()
    fresh = [digits[at : at + 32] for at in range(0, len(digits), 32)]
    # The first half also serves as a frame ID, so it alone must not be zero.
    fresh = [each for each in fresh if each[:16] != _ZERO]
    first = fresh.pop()
    _pool.extend(fresh)
    return first


if hasattr(os, "register_at_fork"):  # absent on Windows
    # A child must not hand out the IDs that its parent will hand out too.
    os.register_at_fork(after_in_child=_pool.clear)
