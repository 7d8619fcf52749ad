"""What travels with a task beside its correlation ID and its place: nothing, unless told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statecrumbs.lowlevel import MAX_OUTGOING_CRUMBS

if TYPE_CHECKING:
    from collections.abc import Iterable


class Options:
    """What `configure` was given, checked; each attribute is an option of that name."""

    __slots__ = ("crumbs", "values")

    def __init__(self) -> None:
        self.crumbs = 0
        self.values: frozenset[str] = frozenset()


options = Options()


def configure(*, crumbs: int | None = None, values: Iterable[str] | None = None) -> None:
    """Let more travel with each task; what is not given stays as it was.

    Call it in the module of the Celery app: what it says holds for sending and for receiving.

    crumbs (0)
        How many of the sender's last crumbs travel, at most 100 and some 16 KiB of them. A crash
        dump of the task shows them first.
    values (none)
        The keys of scoped values that travel, as in ``corectx.inject(..., allow=...)``.

    Raises `TypeError` for a wrong type, `ValueError` for a number out of range.
    """
    if crumbs is not None:
        _check_number(crumbs)
    chosen = None if values is None else _checked_keys(values)
    if crumbs is not None:
        options.crumbs = crumbs
    if chosen is not None:
        options.values = chosen


def _check_number(crumbs: object) -> None:
    if not isinstance(crumbs, int) or isinstance(crumbs, bool):
        raise TypeError(f"crumbs= is a number of crumbs, not {crumbs!r}.")
    if not 0 <= crumbs <= MAX_OUTGOING_CRUMBS:
        raise ValueError(f"crumbs={crumbs} is out of range: 0 to {MAX_OUTGOING_CRUMBS}.")


def _checked_keys(values: Iterable[str]) -> frozenset[str]:
    if isinstance(values, (str, bytes)):
        raise TypeError(f"values= takes a collection of keys. Did you mean [{values!r}]?")
    keys: list[object] = list(values)
    for key in keys:
        if not isinstance(key, str):
            raise TypeError(f"values= takes the keys of scoped values, not {key!r}.")
    return frozenset(map(str, keys))
