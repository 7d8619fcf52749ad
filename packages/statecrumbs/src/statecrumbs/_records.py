"""What is kept of a crumb, and the dict that people see.

A record is a tuple ``(time_ns, event, data, place, thread)``: Unix time in nanoseconds; the event;
its data, exact scalars or `Rendered` text; where it was recorded; the name of the thread.
"""

from __future__ import annotations

from statecrumbs._options import options
from statecrumbs._redact import REDACTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeAlias

    Scalar: TypeAlias = str | int | float | bool | None
    Crumb: TypeAlias = dict[str, Any]
    # The ambient values and the facts of the frame, both ready to be shown; either may be empty.
    Place: TypeAlias = tuple[dict[str, Scalar], dict[str, str]]
    Record: TypeAlias = tuple[int, str, dict[str, Scalar], Place, str]
    # What the recorder keeps in the `label` of a frame: append to the trail, its ticks, place.
    Label: TypeAlias = tuple[Callable[[Record], None], Iterator[None], Place]

else:
    # The module around it would be a quarter of what it takes to import this package.
    from _collections import deque

NOWHERE: Place = ({}, {})


class Rendered(str):
    """Text that stands for a value: rendered, redacted and bounded already."""

    __slots__ = ()


def ring_of(bound: int, records: Iterable[Record] = ()) -> deque[Record]:
    """Return a ring that keeps the last `bound` records; of `records` too."""
    return deque(records, bound)


def rendered_data(data: dict[str, Scalar]) -> dict[str, str]:
    """Return the data of a record as text: the `repr` of each value, secrets blanked."""
    redactor = options.redactor
    texts: dict[str, str] = {}
    for key, value in data.items():
        if type(value) is Rendered:
            texts[key] = str.__str__(value)
        elif type(value) is str and redactor is not None:
            # Kept raw until now. Whether its key is a secret's was asked when it was recorded, but
            # perhaps under other options.
            secret = redactor.is_sensitive(key)
            texts[key] = REDACTED if secret else _encodable(redactor.scrub(repr(value)))
        else:
            texts[key] = _encodable(repr(value))
    return texts


def to_crumb(record: Record) -> Crumb:
    """Return `record` as the dict that `snapshot` and the dumps consist of."""
    time_ns, event, data, (context, frame), thread = record
    crumb: Crumb = {"event": event}
    if options.include_timestamp:
        crumb["ts"] = timestamp(time_ns)
    if options.include_thread:
        crumb["thread"] = thread
    if context:
        crumb["context"] = dict(context)
    if frame:
        crumb["frame"] = dict(frame)
    crumb.update(rendered_data(data))
    return crumb


def to_crumbs(records: Iterable[Record]) -> list[Crumb]:
    """Return `records` as crumbs, in the same order."""
    return [to_crumb(record) for record in records]


def timestamp(time_ns: int) -> str:
    """Return Unix time in nanoseconds as ISO 8601 in UTC, with microseconds."""
    from datetime import datetime, timezone

    seconds, rest = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=rest // 1000)
    return moment.isoformat(timespec="microseconds")


def _encodable(text: str) -> str:
    """Escape lone surrogates, which no file takes; `repr` escapes them in strings only."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
