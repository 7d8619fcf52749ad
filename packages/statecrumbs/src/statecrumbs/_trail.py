"""The trail of one operation: its own last crumbs.

The ring is shared by the process, so that a busy neighbour could push out the crumbs of the request
that fails. Every root frame therefore has a bounded trail in its store.
"""

from __future__ import annotations

from corectx.lowlevel import keep_with_failures
from statecrumbs._crumb import place_of
from statecrumbs._options import options
from statecrumbs._ring import bounded, taken, ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from corectx import Frame
    from statecrumbs._crumb import Crumb
    from statecrumbs._values import Scalar

_KEY = "statecrumbs.trail"


class Trail:
    """The last crumbs of one operation, and how many there were."""

    __slots__ = ("_cleared", "inherited", "records", "ticks")

    def __init__(self, bound: int) -> None:
        self.records = bounded(bound)
        # Each append of a record takes a step.
        self.ticks = ticks()
        # Crumbs that came with the message that started the operation, from another process.
        self.inherited: list[Crumb] = []
        self._cleared = 0

    def recorded(self) -> int:
        """Return how many crumbs were recorded, since the beginning or the last `clear`."""
        return taken(self.ticks) - self._cleared

    def clear(self) -> None:
        """Forget the crumbs, and that there were any."""
        self._cleared += self.recorded()
        self.records.clear()
        self.inherited.clear()


def trail_of(frame: Frame) -> Trail:
    """Return the trail of the operation that `frame` belongs to; made when first asked for."""
    trail = frame.store.get(_KEY)
    if trail is None:
        # setdefault: of two threads that come first, one wins and both use its trail.
        trail = frame.store.setdefault(_KEY, Trail(options.max_trail))
    return trail  # type: ignore[return-value]


def trails_around(frame: Frame | None) -> Iterator[Trail]:
    """Yield the trails of `frame` and of the operations around it, innermost first."""
    # Not by their stores: a failed frame that an exception keeps has a store of its own, in which
    # the trail is that of its operation.
    seen: list[Trail] = []
    while frame is not None:
        trail = frame.store.get(_KEY)
        if isinstance(trail, Trail) and not any(trail is each for each in seen):
            seen.append(trail)
            yield trail
        frame = frame.parent


def _context_of(frame: Frame) -> dict[str, Scalar]:
    (context, _), _ = place_of(frame)
    return context


# A dump of an exception shows the trail and the context of the frame that it left first. The frame
# itself is gone by then.
keep_with_failures(_KEY, _context_of)
