"""The trail of one operation: its own last crumbs; and the bound of all trails together.

The ring is shared by the process, so that a busy neighbour could push out the crumbs of the request
that fails. Every root frame therefore has a bounded trail in its store.

All trails together take at most `max_trails_bytes`. To count bytes at each crumb would cost more
than the crumb. So a trail has a *lease*: the number of crumbs until it is weighed again. Each crumb
takes one step of an iterator, which counts it too. The end of the iterator is the end of the lease;
it raises an exception, which costs the fast path nothing. The weight of a trail is the size of one
record times the number of its records and of those that its next lease allows. When all weights
come to too much, all trails are surveyed. First their leases become short. If they still take too
much, the longest trails are cut to one length: they lose their oldest crumbs, and each keeps its
last `KEPT`. Until there is room again, a trail longer than that is cut at the end of its lease.
"""

from __future__ import annotations

import sys
from _weakref import ref
from itertools import islice, repeat
from sys import getsizeof

from corectx.lowlevel import keep_with_failures
from statecrumbs._crumb import NOWHERE, place_of
from statecrumbs._options import options
from statecrumbs._ring import bounded
from statecrumbs._values import kept_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    from corectx import Frame
    from statecrumbs._crumb import Contexts, Crumb, Record, RecorderCache
    from statecrumbs._values import Scalar

    Ticks: TypeAlias = Iterator[Any]

KEPT = 5  # crumbs that each operation keeps, whatever the others take
_BARE = 1600  # bytes of a trail and its operation without crumbs
_INHERITED = 700  # bytes of a crumb that came with a message
_FIRST_LEASE = 32  # crumbs; most operations have no more, and are not weighed
_FEW = 8  # crumbs; a trail is weighed once in so many
_TURNS = 16  # times that a full trail may replace all its crumbs until it is weighed again
_SAMPLE = 50  # never weighed trails that a survey weighs

_CACHES = 64  # steps of one operation whose frames have the same cache each time
_STEPS = frozenset(("step", "entrypoint"))

_KEY = "statecrumbs.trail"
_SCALARS = frozenset((str, int, float, bool, type(None)))

# The trails of all operations that are there.
_trails: dict[ref[Trail], None] = {}


class Trail:
    """The last crumbs of one operation, and how many there were."""

    __slots__ = (
        "__weakref__",
        "_cleared",
        "_counted",
        "_late",
        "_leases",
        "_weight",
        "caches",
        "contexts",
        "inherited",
        "records",
        "ticks",
    )

    def __init__(self, bound: int, lease: int = _FIRST_LEASE) -> None:
        self.records = bounded(bound)
        # Crumbs that came with the message that started the operation, from another process.
        self.inherited: list[Crumb] = []
        # Each append of a record takes a tick. The length hint of `repeat` counts down. That is
        # cheaper than `itertools.count`, which makes a number each time. (Without a GIL two ticks
        # at the very same moment may count as one.)
        self.ticks: Ticks = repeat(True, lease)
        self._leases: dict[Ticks, int] = {self.ticks: lease}
        self._counted = 0  # crumbs of earlier leases
        self._late: list[None] = []  # crumbs at the end of a lease that another thread renewed
        self._cleared = 0
        self._weight = 0  # bytes of one record, as last weighed
        self.contexts: Contexts = {}
        # For the next frame of the same step, by the address of its site: see `cache_of`.
        self.caches: dict[int, tuple[object, object, object, RecorderCache]] = {}

    def recorded(self) -> int:
        """Return how many crumbs were recorded, since the beginning or the last `clear`."""
        ticks = self.ticks
        taken = self._leases.get(ticks, 0) - _left(ticks)
        return self._counted + taken + len(self._late) - self._cleared

    def clear(self) -> None:
        """Forget the crumbs, and that there were any."""
        self._cleared += self.recorded()
        self.records.clear()
        self.inherited.clear()

    def renew(self, spent: Ticks) -> None:
        """Replace the lease `spent`, which has ended, and count the crumb that came at its end."""
        lease = self._leases.pop(spent, None)
        if lease is None:  # another thread does, or a signal handler did
            self._late.append(None)
            return
        # If leases are short, not every renewal weighs the trail.
        if (self._counted + lease) // _FEW != self._counted // _FEW or not self._weight:
            self.weigh()
        length = len(self.records)
        cap = _Survey.cap
        is_cut = length > cap
        is_full = length == self.records.maxlen
        if is_cut:
            self.cut(cap)
        next_lease = max(_FIRST_LEASE, _TURNS * length if is_full else length)
        next_lease = min(next_lease, _Survey.lease)
        late = len(self._late)
        del self._late[:late]
        self._counted += lease + late
        self._take(next_lease)
        self.take_tick()
        _Survey.note(0 if is_cut or is_full else next_lease * self._weight)

    def take_tick(self) -> None:
        """Count a crumb that came at the end of its lease."""
        if next(self.ticks, None) is None:
            self._late.append(None)

    def _take(self, lease: int) -> None:
        ticks: Ticks = repeat(True, lease)
        self._leases[ticks] = lease
        self.ticks = ticks
        self.caches.clear()  # they have the old ticks

    def weigh_large(self) -> None:
        """Weigh the trail by its last crumb, which is large; it may have been light before."""
        before = self._weight or _Survey.guess
        self.weigh()
        if self._weight > before:
            self.shorten_lease(KEPT)
            _Survey.note(len(self.records) * (self._weight - before))

    def weigh(self) -> None:
        """Weigh the trail by its last crumb."""
        try:
            weight = _size_of(self.records[-1])
        except IndexError:  # cleared just now
            return
        self._weight = (3 * self._weight + weight) // 4 if self._weight else weight
        _Survey.guess += (weight - _Survey.guess) // 8

    @property
    def weight(self) -> int:
        """The bytes of one record of this trail, roughly."""
        return self._weight or _Survey.guess

    @property
    def is_weighed(self) -> bool:
        """Whether a crumb of this trail was ever weighed."""
        return bool(self._weight)

    def __len__(self) -> int:
        return len(self.records) + len(self.inherited)

    def cut(self, length: int) -> None:
        """Drop the oldest crumbs until only `length` are left."""
        del self.inherited[: max(0, len(self) - length)]
        records = self.records
        try:
            while len(records) > length:
                records.popleft()
        except IndexError:  # cleared just now
            pass

    def allowed(self) -> int:
        """Return how many crumbs the trail may have by the end of its lease."""
        left: int = _left(self.ticks)
        return min(self.records.maxlen or 0, len(self.records) + left) + len(self.inherited)

    def shorten_lease(self, lease: int) -> None:
        """Leave at most `lease` crumbs of the lease."""
        ticks = self.ticks
        if _left(ticks) <= lease:
            return
        before = self._leases.pop(ticks, None)
        if before is not None:  # otherwise another thread renews it right now
            left = sum(ticks)  # then nobody can take these any more
            self._counted += before - left
            self._take(lease)


def _left(ticks: Any) -> int:
    left: int = ticks.__length_hint__()  # a repeat has one
    return left


class _Survey:
    """Hold the bounds that all trails have together at this moment."""

    guess = 400  # bytes of one record of a trail that was not weighed
    # Where there is room, both are sys.maxsize. First leases become short, then trails are cut.
    lease = sys.maxsize  # the longest lease
    cap = sys.maxsize  # the length that trails are cut to
    _added = 0  # bytes that leases have allowed since the last survey
    _renewed = 0  # leases since the last survey

    @classmethod
    def note(cls, allowed: int) -> None:
        """Note that a new lease allows so many bytes; survey all trails if it is time."""
        cls._added += allowed
        cls._renewed += 1
        is_over = cls._added > options.max_trails_bytes // 8
        # While leases are short, see now and then whether there is room again.
        is_due = cls.lease != sys.maxsize and cls._renewed > 4 * len(_trails) + 1000
        if is_over or is_due:
            cls.survey()

    @classmethod
    def survey(cls) -> None:
        """Weigh all trails; if they take too much, shorten leases and cut the longest trails."""
        cls._added = cls._renewed = 0
        there = [trail for trail in (each() for each in list(_trails)) if trail is not None]
        for trail in islice((each for each in there if not each.is_weighed), _SAMPLE):
            trail.weigh()
        bound = options.max_trails_bytes
        room = bound * 3 // 4 - _BARE * len(there)  # for crumbs; an eighth is for new leases
        if sum(trail.allowed() * trail.weight for trail in there) <= room:
            cls.lease = cls.cap = sys.maxsize
            return
        lengths = sorted((len(trail), trail.weight) for trail in there)
        taken = sum(length * weight for length, weight in lengths)
        one_of_each = sum(weight for _, weight in lengths) or 1
        if taken <= room * 3 // 4 or not there:
            cls.cap = sys.maxsize
            cls.lease = max(1, (room - taken) // one_of_each)
        else:
            # Leases let trails grow by a quarter before they are cut again.
            cls.cap = max(KEPT, _cap_for(lengths, room * 4 // 5))
            cls.lease = max(1, cls.cap // 4)
        for trail in there:
            if len(trail) > cls.cap:
                trail.cut(cls.cap)
            trail.shorten_lease(cls.lease)


def _cap_for(lengths: list[tuple[int, int]], room: int) -> int:
    """Return the length to cut trails to, so that all together take at most `room` bytes.

    `lengths` are the lengths of the trails and the bytes of a record of each, the shortest first.
    """
    rest = sum(weight for _, weight in lengths)  # bytes of one record of each that is not shorter
    for length, weight in lengths:
        if length * rest > room:
            return max(0, room) // rest
        room -= length * weight
        rest -= weight
    return lengths[-1][0] if lengths else KEPT  # there is room, but not for more


def _size_of(record: Record) -> int:
    """Return about how many bytes `record` takes that no other record shares with it."""
    _, event, data, place, _ = record
    size = 200 + getsizeof(data)  # the tuple, the time, its place in a block of the deque
    for value in data.values():
        size += getsizeof(value) if type(value) in _SCALARS else kept_size(value)
    if len(event) > 128:  # noqa: PLR2004 - shorter ones are shared
        size += getsizeof(event)
    if place is not NOWHERE and place[0]:
        # A place is shared by the crumbs of a frame, unless its values may change.
        size += sum(getsizeof(value) for value in place[0].values()) // 4
    return size


def trail_of(frame: Frame) -> Trail:
    """Return the trail of the operation that `frame` belongs to; made when first asked for."""
    trail = frame.store.get(_KEY)
    if trail is None:
        # setdefault: of two threads that come first, one wins and both use its trail.
        trail = frame.store.setdefault(_KEY, _new_trail())
    return trail  # type: ignore[return-value]


def cache_of(frame: Frame) -> RecorderCache:
    """Return the cache of `frame` at its first crumb: its trail, and the place of its crumbs.

    The next frame of the same step has the same one, while its ambient values are the same.
    """
    trail = trail_of(frame)
    site = frame.site
    values = frame.values
    correlation_id = frame.correlation_id
    try:
        of_site, of_values, of_id, cache = trail.caches[id(site)]
        if of_site is site and of_values is values and of_id is correlation_id:
            frame.recorder_cache = cache
            return cache
    except KeyError:
        pass
    place, lasting = place_of(frame, trail.contexts)
    cache = (trail.records.append, trail.ticks, place)
    if lasting:
        frame.recorder_cache = cache
        if site.kind in _STEPS:  # each other site has one frame
            if len(trail.caches) >= _CACHES:
                trail.caches.clear()
            trail.caches[id(site)] = site, values, correlation_id, cache
    return cache


def renew_lease(frame: Frame, spent: Ticks) -> None:
    """Renew the lease of the trail of `frame`, which ended with the ticks `spent`."""
    trail = trail_of(frame)
    if trail.ticks is spent:
        trail.renew(spent)
    else:  # it was renewed for another frame of the operation
        trail.take_tick()
    cache = frame.recorder_cache
    if cache is not None:
        frame.recorder_cache = (cache[0], trail.ticks, cache[2])


def _new_trail() -> Trail:
    cap = _Survey.cap
    lease = min(_FIRST_LEASE, cap)
    trail = Trail(options.max_trail, lease)
    _trails[ref(trail, _forget)] = None
    _Survey.note(_BARE + lease * _Survey.guess)
    return trail


def _forget(dead: ref[Trail]) -> None:
    _trails.pop(dead, None)


def trails_around(frame: Frame | None) -> Iterator[Trail]:
    """Yield the trails of `frame` and of the operations around it, innermost first."""
    # The trails are compared, not the stores: a failed frame that an exception keeps has a store of
    # its own with the trail of its operation.
    seen: list[Trail] = []
    while frame is not None:
        trail = frame.store.get(_KEY)
        if isinstance(trail, Trail) and not any(trail is each for each in seen):
            seen.append(trail)
            yield trail
        frame = frame.parent


def context_of(frame: Frame) -> dict[str, Scalar]:
    """Return the values of `frame` as text, to be kept with an exception."""
    place, _ = place_of(frame)
    context: dict[str, Scalar] = place[0]
    return context


# A dump of an exception shows the trail and the context of the frame that it left first. The frame
# itself is gone by then.
keep_with_failures(_KEY, context_of)
