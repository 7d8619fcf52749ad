"""Share out the tracks of a gap between two layers: lines across on which arcs change places.

A *net* is all lines that leave one port: verticals from its *tops* to its track, and from there to
its *bottoms*. So a horizontal line belongs to one source, a vertical line that arrives belongs to
one target, and a picture can be read without guessing which of two merged lines goes where.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Point = tuple[int, int]

_CLEARANCE = 10  # pixels between lines that do not belong together
_STEP_ROOM = 8  # between a line that has stepped aside and all others
_ON_EACH_OTHER = 4  # nearer than this, two lines look like one
COMPARED = 48  # nets; where there are more, nobody follows a line by eye
_ORDERED = 400  # nets; more are only kept from running into each other
_OVERLAP = 1_000  # a vertical line on top of another net's is as bad as so many crossings


class Net:
    """Hold the ends of one net in one gap: where verticals come from before and go after it.

    `steps` has for some tops where their vertical goes on, and on which track it steps aside.
    """

    __slots__ = ("bottoms", "far", "near", "steps", "tops", "track")

    def __init__(self) -> None:
        self.tops: list[int] = []
        self.bottoms: list[int] = []
        self.steps: dict[int, Point] = {}
        self.track = self.near = self.far = 0

    def bends(self) -> bool:
        """Sort the ends; say whether the net needs a track, that is, whether it is not straight."""
        self.tops.sort()
        self.bottoms.sort()
        self.near = min(self.tops[:1] + self.bottoms[:1])
        self.far = max(self.tops[-1:] + self.bottoms[-1:])
        return self.near < self.far

    def lines(self, place: int) -> int:
        """Return how many lines, each from a top to a bottom, are on the net's track at `place`."""
        tops, bottoms = self.tops, self.bottoms
        from_near, to_near = bisect_left(tops, place), bisect_left(bottoms, place)
        from_far, to_far = len(tops) - from_near, len(bottoms) - to_near
        return from_near * to_far + from_far * to_near or 1  # 1 is a turn: both ends on one side


def assign_tracks(nets: Sequence[Net], compared: int = COMPARED) -> int:
    """Give each of `nets` that bends its track, and return how many tracks there are.

    If there are more than `compared` nets, their crossings are not counted.
    """
    bent = sorted((net for net in nets if net.bends()), key=_by_direction)
    if len(bent) > _ORDERED:
        return _pack(bent)
    if len(bent) <= compared:
        bent = _uncrossed(bent)
    for index, net in enumerate(bent):
        track = 0
        before, behind = net.near - _CLEARANCE, net.far + _CLEARANCE
        for other in bent[:index]:
            # The tests before the last one are only there to ask it seldom.
            if (
                other.track >= track
                and other.near < behind
                and other.far > before
                and _touch(other, net)
            ):
                track = other.track + 1
        net.track = track
    return max((net.track + 1 for net in bent), default=0)


def collisions(nets: Sequence[Net], near: int = _CLEARANCE) -> Iterator[tuple[Net, int, int]]:
    """Yield each net whose line from above lies on one that another net sends down, and where.

    A reader who follows the other line could go on along this one. The last number is how far
    to the far side this one has to step to be beside it. Lines are on each other if they are less
    than `near` pixels apart.
    """
    bent = [net for net in nets if net.near < net.far]
    bottoms = sorted((bottom, at) for at, net in enumerate(bent) for bottom in net.bottoms)
    for lower in bent:
        for top in lower.tops:
            first = bisect_right(bottoms, (top - near, len(bent)))
            for bottom, at in bottoms[first:]:
                if bottom >= top + near:
                    break
                upper = bent[at]
                if upper.track < lower.track:
                    aside = -_CLEARANCE if top + _CLEARANCE <= upper.far else _CLEARANCE
                    yield lower, top, aside


def sidestep(nets: Sequence[Net]) -> int:
    """Let lines from above step aside where they would lie on a line that another net sends down.

    Returns how many tracks this takes; they are before all others, whose numbers grow by as many.
    No order of the tracks helps where two lines each begin where the other one ends.
    """
    found: dict[tuple[int, int], Net] = {}
    for net, top, _ in collisions(nets, _ON_EACH_OTHER):
        found[top, id(net)] = net
    if not found:
        return 0
    taken = sorted({end for net in nets for end in (*net.tops, *net.bottoms)})
    tracks: list[list[tuple[int, int]]] = []
    for (top, _), net in sorted(found.items(), key=lambda item: item[0][0]):
        place = _free_place(top, taken)
        insort(taken, place)
        low, high = min(top, place) - _CLEARANCE, max(top, place) + _CLEARANCE
        fits = (
            at
            for at, spans in enumerate(tracks)
            if all(high <= start or end <= low for start, end in spans)
        )
        track = next(fits, len(tracks))
        if track == len(tracks):
            tracks.append([])
        tracks[track].append((low + _CLEARANCE, high - _CLEARANCE))
        net.steps[top] = (place, track)
    for net in nets:
        net.track += len(tracks)
    return len(tracks)


def _free_place(place: int, taken: Sequence[int]) -> int:
    """Return the nearest place beside `place` where no vertical line is."""
    for step in range(1, 2 * len(taken) + 2):
        for other in (place + step * _CLEARANCE, place - step * _CLEARANCE):
            if other < 0:
                continue  # where the drawing ends
            at = bisect_right(taken, other - _STEP_ROOM)
            if at == len(taken) or taken[at] >= other + _STEP_ROOM:
                return other
    return place


def _by_direction(net: Net) -> tuple[bool, int, int, int]:
    """Sort the nets to the far side from far to near, then those to the near side."""
    start = net.tops[0] if net.tops else net.bottoms[0]
    if start - net.near < net.far - start:
        return (False, -start, -net.far, -net.near)
    return (True, start, net.near, net.far)


def _touch(one: Net, other: Net) -> bool:
    """Say whether the two may not have one track. They may if they only meet to go down there."""
    for left, right in ((one, other), (other, one)):
        if left.far == right.near:
            meet = left.far
            both = meet in left.bottoms and meet in right.bottoms
            return not both or meet in left.tops or meet in right.tops
    return one.near < other.far + _CLEARANCE and other.near < one.far + _CLEARANCE


def _uncrossed(nets: Sequence[Net]) -> list[Net]:
    """Return `nets` in an order with few crossings: each is inserted where it costs least."""
    order: list[Net] = []
    for net in nets:
        cost = sum(_crossings(net, other) for other in order if _touch(net, other))
        best, where = cost, 0
        for index, other in enumerate(order):
            if _touch(net, other):
                cost += _crossings(other, net) - _crossings(net, other)
            if cost < best:
                best, where = cost, index + 1
        order.insert(where, net)
    return order


def _crossings(upper: Net, lower: Net) -> int:
    """Return how many pairs of lines cross when `upper`'s track is before `lower`'s."""
    down = _crossed(upper.bottoms, lower) * (len(upper.tops) or 1)
    up = _crossed(lower.tops, upper) * (len(lower.bottoms) or 1)
    return down + up + _OVERLAP * any(_is_near(top, upper.bottoms) for top in lower.tops)


def _crossed(ends: Sequence[int], net: Net) -> int:
    """Return how many lines on the track of `net` the verticals at `ends` cross."""
    inside = ends[bisect_right(ends, net.near) : bisect_left(ends, net.far)]
    return sum(map(net.lines, inside))


def _is_near(place: int, ends: Sequence[int]) -> bool:
    return bisect_left(ends, place + _CLEARANCE) > bisect_right(ends, place - _CLEARANCE)


def _pack(nets: Sequence[Net]) -> int:
    """Give each net the first track that is free from its near end on."""
    free: list[tuple[int, int]] = []  # a heap of (where it is free, track)
    for net in sorted(nets, key=lambda each: (each.near, each.far)):
        if free and free[0][0] <= net.near:
            net.track = heappop(free)[1]
        else:
            net.track = len(free)
        heappush(free, (net.far + _CLEARANCE, net.track))
    return len(free)
