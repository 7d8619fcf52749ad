"""The trail of one operation: its own last crumbs; and the bound of all trails together.

The ring is shared by the process, so that a busy neighbour could push out the crumbs of the request
that fails. Every root frame therefore has a bounded trail in its store.

All trails together take at most `max_trails_bytes`. To count bytes at each crumb would cost more
than the crumb. So bytes are counted when a trail gets *room*, the number of crumbs that it can
keep: the room times the size of one record. A trail begins with little room, and gets twice as much
when it is full. When all rooms come to too much, the trails are surveyed: the largest get less
room, all of the same length, and lose their oldest crumbs; each keeps its last `KEPT`. Until there
are fewer trails, none gets more room than that.

A trail has a *lease*: its deque, and the number of crumbs until it must be looked at again, which
is when the deque is full. Each crumb takes one step of an iterator, which counts it too. The end of
the iterator is the end of the lease; it raises an exception, which costs the fast path nothing. The
next lease has another deque if the room is another one.
"""

from __future__ import annotations

import sys
from _weakref import ref
from itertools import islice, repeat
from sys import getsizeof

from corectx.lowlevel import keep_with_failures
from statecrumbs._crumb import NOWHERE, place_of
from statecrumbs._options import options
from statecrumbs._ring import bounded, copied
from statecrumbs._values import kept_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    from corectx import Frame
    from statecrumbs._crumb import Contexts, Crumb, Record, RecorderCache
    from statecrumbs._values import Scalar

    Ticks: TypeAlias = Iterator[Any]
    # The deque, the ticks, how many ticks there are; who pops the True makes the next lease.
    Lease: TypeAlias = tuple[deque[Record], Ticks, int, list[bool]]

KEPT = 5  # crumbs that each operation keeps, whatever the others take
_BARE = 1600  # bytes of a trail and its operation without crumbs
_FIRST = 32  # crumbs that a trail has room for at first; most operations have no more
_TURNS = 16  # times that a trail may replace all its crumbs until it is weighed again
_SAMPLE = 50  # never weighed trails that a survey weighs

_CACHES = 64  # steps of one operation whose frames have the same cache each time
_STEPS = frozenset(("step", "entrypoint"))

_KEY = "statecrumbs.trail"
_SCALARS = frozenset((str, int, float, bool, type(None)))

# The trails of all operations that are there, and the bytes that the room of each takes.
_trails: dict[ref[Trail], int] = {}


class Trail:
    """The last crumbs of one operation, and how many there were."""

    __slots__ = (
        "__weakref__",
        "_bound",
        "_cleared",
        "_counted",
        "_late",
        "_strays",
        "caches",
        "contexts",
        "entry",
        "inherited",
        "lease",
        "room",
        "weighed",
    )

    def __init__(self, bound: int) -> None:
        self._bound = bound
        # Crumbs that came with the message that started the operation, from another process.
        self.inherited: list[Crumb] = []
        self._counted = 0  # crumbs of earlier leases
        self._late: list[None] = []  # crumbs that came after the end of their lease
        self._strays: list[Record] = []  # may be in the deque of an earlier lease only
        self._cleared = 0
        self.weighed = 0  # bytes of one record, as last weighed; 0 = never
        self.contexts: Contexts = {}
        # For the next frame of the same step, by the address of its site: see `cache_of`.
        self.caches: dict[int, tuple[object, object, object, RecorderCache]] = {}
        self.entry = ref(self, _forget)
        self.room = room = min(bound, _Survey.first_room())  # for crumbs of this process
        self.lease = _lease(bounded(bound), room - 1)
        _Survey.note(self)

    @property
    def records(self) -> deque[Record]:
        """The crumbs of this process, oldest first."""
        return self.lease[0]

    def recorded(self) -> int:
        """Return how many crumbs were recorded, since the beginning or the last `clear`."""
        _, ticks, length, _ = self.lease
        left: int = ticks.__length_hint__()  # type: ignore[attr-defined]  # a `repeat` has one
        return self._counted + length - left + len(self._late) - self._cleared

    def clear(self) -> None:
        """Forget the crumbs, and that there were any."""
        self._cleared += self.recorded()
        self.records.clear()
        self.inherited.clear()

    def renew(self, spent: Ticks, record: Record) -> None:
        """Begin another lease: the one of the ticks `spent` has ended with `record`."""
        records, ticks, _, claims = lease = self.lease
        self._late.append(None)
        if ticks is spent:
            self.weigh()
            room = self.room
            if len(records) >= room:
                room = max(room, min(2 * room, _Survey.most_room(), self._bound))
            if _is_first(claims):
                self._begin(lease, room)
                return
        # The lease was renewed for another frame of the operation, or another thread does it now,
        # which perhaps has copied the deque already.
        self._strays.append(record)
        if self.lease[1] is not spent:
            self._take_strays()

    def _begin(self, before: Lease, room: int) -> None:
        """Begin a lease with so much room after the one `before`, which was claimed."""
        records, ticks, length, claims = before
        try:
            # In this order: who takes no tick any more may have come too late for the copy.
            unused = sum(ticks)
            taken = len(records)
            bound = room if taken >= room else self._bound
            if records.maxlen != bound:
                records = bounded(bound, copied(records))
            # Until it is full, and one crumb more comes, which ends the lease.
            lease = _lease(records, _TURNS * room if taken >= room else room - taken - 1)
        except BaseException:  # of a signal handler; or no memory
            claims.append(True)
            raise
        self._counted += length - unused
        self.lease, self.room = lease, room
        self.caches.clear()  # they have the old lease
        if self._strays:
            self._take_strays()
        late = len(self._late)
        del self._late[:late]
        self._counted += late
        _Survey.note(self)

    def _take_strays(self) -> None:
        """Keep those strays that are not in the deque of this lease. Each goes to one thread."""
        try:
            while True:
                stray = self._strays.pop(0)
                records = self.records
                if not any(each is stray for each in copied(records)):
                    records.append(stray)
        except IndexError:
            pass

    def weigh_large(self) -> None:
        """Weigh the trail by its last crumb, which is large: it may have been light before."""
        before = self.weight
        self.weigh()
        if self.weighed > before:
            self.cut(len(self) + KEPT)
            _Survey.note(self)

    def weigh(self) -> None:
        """Weigh the trail by its last crumb."""
        try:
            weight = _size_of(self.records[-1])
        except IndexError:  # cleared just now
            return
        self.weighed = (3 * self.weighed + weight) // 4 if self.weighed else weight
        _Survey.guess += (weight - _Survey.guess) // 8

    @property
    def weight(self) -> int:
        """The bytes of one record of this trail, roughly."""
        return self.weighed or _Survey.guess

    def __len__(self) -> int:
        return len(self.records) + len(self.inherited)

    def allowed(self) -> int:
        """Return how many crumbs there may be at the end of the lease."""
        return self.room + len(self.inherited)

    def cut(self, room: int) -> None:
        """Leave room for at most so many crumbs, the last ones."""
        del self.inherited[: max(0, len(self) - room)]
        own = max(KEPT, room - len(self.inherited))
        lease = self.lease
        if own < self.room:
            if not self.weighed:
                self.weigh()
            if _is_first(lease[3]):
                self._begin(lease, own)


def _lease(records: deque[Record], length: int) -> Lease:
    """Return a lease for so many crumbs.

    Each append of a record takes a tick. The length hint of `repeat` counts down. That is cheaper
    than `itertools.count`, which makes a number each time. (Without a GIL two ticks at the very
    same moment may count as one.)
    """
    return records, repeat(True, length), length, [True]


def _is_first(claims: list[bool]) -> bool:
    """Tell the first caller that it makes the next lease. No lock is taken."""
    try:
        return claims.pop()
    except IndexError:
        return False


class _Survey:
    """Hold what all trails take together, and the bounds that follow from it."""

    guess = 400  # bytes of one record of a trail that was not weighed
    taken = 0  # bytes
    _cap = sys.maxsize  # the most room of a trail; sys.maxsize where there is enough
    # Bytes, at which new trails begin with the least room, and at which there is a survey: at once.
    _much = _due = 0

    @classmethod
    def first_room(cls) -> int:
        """Return the room of a new trail."""
        return _FIRST if cls.taken < cls._much else min(KEPT, cls.most_room())

    @classmethod
    def most_room(cls) -> int:
        """Return the most room that a trail may have now."""
        if cls.taken < 2 * cls._much:
            cls._cap = sys.maxsize
        return cls._cap

    @classmethod
    def note(cls, trail: Trail) -> None:
        """Note how much `trail` takes now; survey all trails if that is too much."""
        size = _BARE + trail.allowed() * trail.weight
        cls.taken += size - _trails.get(trail.entry, 0)
        _trails[trail.entry] = size
        if cls.taken > cls._due:
            cls.survey()

    @classmethod
    def survey(cls) -> None:
        """Weigh the trails that were not yet; if all take too much, leave the largest less room."""
        there = [trail for trail in (each() for each in list(_trails)) if trail is not None]
        for trail in islice((each for each in there if not each.weighed), _SAMPLE):
            trail.weigh()
        cls.taken = 0
        for trail in there:
            _trails[trail.entry] = size = _BARE + trail.allowed() * trail.weight
            cls.taken += size
        bound = options.max_trails_bytes * 3 // 4  # the rest is for crumbs larger than the last one
        cls._much = bound // 4
        cls._due = sys.maxsize  # each cut is noted
        try:
            if cls.taken > bound:
                rooms = sorted((trail.allowed(), trail.weight) for trail in there)
                # They may take more by a quarter before they are cut again.
                cls._cap = max(KEPT, _cap_for(rooms, (bound - _BARE * len(there)) * 4 // 5))
                for trail in there:
                    trail.cut(cls._cap)
        finally:
            # If they take too much at their least, not each new one begins a survey.
            cls._due = max(bound, cls.taken + options.max_trails_bytes // 8)


def bound_trails() -> None:
    """Take over the bytes that all trails may take, from the options in force."""
    _Survey.survey()


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
    if place is not NOWHERE and place.context:
        # A place is shared by the crumbs of a frame, unless its values may change.
        size += sum(getsizeof(value) for value in place.context.values()) // 4
    return size


def trail_of(frame: Frame) -> Trail:
    """Return the trail of the operation that `frame` belongs to; made when first asked for."""
    trail = frame.store.get(_KEY)
    if trail is None:
        # setdefault: of two threads that come first, one wins and both use its trail.
        trail = frame.store.setdefault(_KEY, Trail(options.max_trail))
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
    lease = trail.lease  # which another thread may replace
    cache = (lease[0], lease[1], place)
    if lasting:
        frame.recorder_cache = cache
        if site.kind in _STEPS:  # each other site has one frame
            if len(trail.caches) >= _CACHES:
                trail.caches.clear()
            trail.caches[id(site)] = site, values, correlation_id, cache
    return cache


def renew_lease(frame: Frame, spent: Ticks, record: Record) -> None:
    """Renew the lease of the trail of `frame`, which ended with the ticks `spent` and `record`."""
    trail = trail_of(frame)
    trail.renew(spent, record)
    cache = frame.recorder_cache
    if cache is not None:
        lease = trail.lease
        frame.recorder_cache = (lease[0], lease[1], cache[2])


def _forget(dead: ref[Any]) -> None:
    try:
        _Survey.taken -= _trails.pop(dead, 0)
    except TypeError:
        # A signal handler raised before the trail was noted, so its reference never had a hash.
        pass


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
    return place.context


# A dump of an exception shows the trail and the context of the frame that it left first. The frame
# itself is gone by then.
keep_with_failures(_KEY, context_of)
