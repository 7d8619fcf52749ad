"""Read a drawing as a person does who follows the ink, without knowing where each line leads.

Lines of a drawing share ink where they run on top of each other. A pen that follows a line goes
straight on as long as there is ink, also where a line crosses, and takes any round corner that
begins where the pen is and leads away in the direction in which it moves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from penstock.formats._style import BEND

TOUCH = 2  # pixels; ink that is no further apart looks like one line


class Pen(NamedTuple):
    """Say where the pen is: on a vertical line or a level one, at which place, moving which way."""

    upright: bool
    level: int
    place: int
    way: int


def misread(graph, drawing):
    """Return the edges that a reader sees and nobody declared, and those that a reader misses."""
    ink = Ink()
    declared, starts = defaultdict(set), defaultdict(set)
    for edge in graph.edges:
        declared[edge.source].add(edge.target)
    for line in drawing.lines:
        start, end = ink.add(line.points)
        starts[line.edge.source].add(start)
        ink.arrows[end.upright, end.level, end.way].add((end.place, line.edge.target))
    found = []
    for source in declared:
        seen = ink.reached(starts[source])
        found += [(source, target, "not declared") for target in seen - declared[source]]
        found += [(source, target, "not seen") for target in declared[source] - seen]
    return sorted(found)


class Ink:
    """Hold straight strokes, the round corners between them, and the arrowheads."""

    def __init__(self):
        self.arrows = defaultdict(set)
        self._strokes = defaultdict(list)
        self._corners = defaultdict(set)
        self._merged = None

    def add(self, points):
        """Draw one line, and return where the pen begins and ends."""
        lengths = [abs(b[0] - a[0]) + abs(b[1] - a[1]) for a, b in pairwise(points)]
        last = len(lengths) - 1
        sides = []
        for at, (one, other) in enumerate(pairwise(points)):
            upright = one[0] == other[0]
            level, begin, end = (
                (one[0], one[1], other[1]) if upright else (one[1], one[0], other[0])
            )
            way = 1 if end > begin else -1
            begin += way * (min(BEND, lengths[at] // 2, lengths[at - 1] // 2) if at else 0)
            end -= way * (min(BEND, lengths[at] // 2, lengths[at + 1] // 2) if at < last else 0)
            self._strokes[upright, level].append((min(begin, end), max(begin, end)))
            sides.append((Pen(upright, level, begin, way), Pen(upright, level, end, way)))
        for (_, end), (begins, _) in pairwise(sides):
            self._corner(end, begins)
            self._corner(begins._replace(way=-begins.way), end._replace(way=-end.way))
        return sides[0][0], sides[-1][1]

    def _corner(self, before, after):
        self._corners[before.upright, before.level, before.way].add((before.place, after))

    def _merge(self):
        self._merged = {}
        for upright in (False, True):
            bundle = []
            for level in sorted(level for other, level in self._strokes if other == upright):
                if bundle and level - bundle[-1] > TOUCH:
                    self._take(upright, bundle)
                    bundle = []
                bundle.append(level)
            if bundle:
                self._take(upright, bundle)

    def _take(self, upright, bundle):
        joined = []
        for start, end in sorted(span for each in bundle for span in self._strokes[upright, each]):
            if joined and start <= joined[-1][1] + TOUCH:
                joined[-1][1] = max(joined[-1][1], end)
            else:
                joined.append([start, end])
        self._merged.update({(upright, level): (tuple(bundle), joined) for level in bundle})

    def reached(self, begins):
        """Return what the arrowheads point to that a pen reaches from one of `begins`."""
        if self._merged is None:
            self._merge()
        furthest, found = {}, set()
        waiting = list(begins)
        while waiting:
            upright, level, place, way = waiting.pop()
            bundle, spans = self._merged[upright, level]
            start, end = spans[bisect_right(spans, [place + TOUCH, 1 << 60]) - 1]
            stroke = (upright, way, bundle[0], start)
            known = furthest.get(stroke)
            if known is not None and way * known <= way * place:
                continue
            furthest[stroke] = place
            low, high = (place - TOUCH, end + TOUCH) if way > 0 else (start - TOUCH, place + TOUCH)
            for each in bundle:
                waiting += [
                    after for at, after in self._corners[upright, each, way] if low <= at <= high
                ]
                found |= {
                    target for at, target in self.arrows[upright, each, way] if low <= at <= high
                }
        return found
