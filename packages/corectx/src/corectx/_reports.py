"""Report our own failures: one log record of each kind, and never an exception."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

_reported: set[Hashable] = set()


def report_once(kind: Hashable, message: str, error: BaseException | None = None) -> None:
    """Log `message` on the logger ``corectx``, unless one of the same `kind` was logged before.

    Once only, so that a flood of bad headers is not a flood of records, and a log handler that
    brings us into the same failure does not go round for ever.
    """
    if kind in _reported:
        return
    _reported.add(kind)
    try:
        import logging

        logging.getLogger("corectx").warning("%s", message, exc_info=error)
    except Exception:  # noqa: S110 - a broken log handler; there is nobody left to tell
        pass


def forget(kind: Hashable) -> None:
    """Let the next failure of this `kind` be logged again."""
    _reported.discard(kind)
