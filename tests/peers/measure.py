"""Measure a drawing, whoever made it: crossings, lines through boxes, and how large it is."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import NamedTuple

PAGE = 1_400  # pixels: the width that a drawing is fitted to
NAME = 14  # pixels: the size of names before that


class Measured(NamedTuple):
    """Say how good a drawing is; `name` is how large names are in a page, in pixels."""

    crossings: int
    through: int
    width: int
    height: int
    name: float


def measured(width, height, boxes, lines):
    """Measure a drawing of `boxes`, by id, and `lines`: source, target and points of each."""
    return Measured(
        crossings=crossings(lines),
        through=through(boxes, lines),
        width=round(width),
        height=round(height),
        name=round(NAME * min(1, PAGE / width), 1),
    )


def crossings(lines):
    """Return how many pairs of lines cross that share no end.

    Each line is a source, a target and the points of a polyline.
    """
    pieces = []
    for at, (_, _, points) in enumerate(lines):
        for one, other in pairwise(points):
            if one != other:
                low, high = sorted((one, other))
                pieces.append(
                    (low[0], high[0], min(one[1], other[1]), max(one[1], other[1]), at, one, other)
                )
    pieces.sort()
    starts = [piece[0] for piece in pieces]
    ends = [{source, target} for source, target, _ in lines]
    pairs = set()
    for index, (_, right, top, bottom, at, one, other) in enumerate(pieces):
        for piece in pieces[index + 1 : bisect_left(starts, right + 1e-9)]:
            if piece[2] > bottom or piece[3] < top or piece[4] == at:
                continue
            pair = (min(at, piece[4]), max(at, piece[4]))
            if pair in pairs or not ends[at].isdisjoint(ends[piece[4]]):
                continue
            if _cross(one, other, piece[5], piece[6]):
                pairs.add(pair)
    return len(pairs)


def _cross(a, b, c, d):
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def through(boxes, lines):
    """Return how many times a line runs through a box that is not at one of its ends."""
    count = 0
    for source, target, points in lines:
        for node, (x, y, width, height) in boxes.items():
            if node not in {source, target}:
                count += any(
                    _enters(one, other, (x + 1, y + 1, x + width - 1, y + height - 1))
                    for one, other in pairwise(points)
                )
    return count


def _enters(one, other, box):
    """Say whether the piece from `one` to `other` has a part inside of `box`."""
    start, end = 0.0, 1.0
    for axis in (0, 1):
        low, high, delta = box[axis], box[axis + 2], other[axis] - one[axis]
        if not delta:
            if not low < one[axis] < high:
                return False
            continue
        first, last = sorted(((low - one[axis]) / delta, (high - one[axis]) / delta))
        start, end = max(start, first), min(end, last)
    return start < end
