"""Give each layer its place along the direction of reading, and each arc its line.

Lines have only right angles: a vertical from a box to its track in the gap below, across on that
track, and a vertical to the next vertex. Boxes and virtual vertices keep apart across, tracks lie
in gaps between layers: so no line runs through a box.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penstock.formats._layout._layers import Segment
from penstock.formats._layout._tracks import (
    COMPARED,
    Net,
    assign_tracks,
    collisions,
    sidestep,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from penstock.formats._layout._layers import Arc, Layered, Strand

    Point = tuple[int, int]  # across, along
    Path = list[Point]

_BEFORE_TRACKS = 18  # pixels between a layer and the first track after it
_AFTER_TRACKS = 26  # room for a bend and an arrowhead
_AT_EDGE = 10  # where there is no box beyond the gap
_TRACK, _NARROW_TRACK = 10, 7
_MANY_TRACKS = 12  # more of them in one gap are narrow
_LANE = 10
_LANES_FROM = 24
_COMPARED_IN_GROUPS = 200  # nets whose crossings are counted in a map of several flows

_FORTH, _LEAVE, _ENTER = range(3)  # what a net at a port is for; the last two lead back


class _Bends(NamedTuple):
    """Hold the two corners of a bend and the next bend: a list whose ends strands can share."""

    first: Point
    second: Point
    rest: _Bends | None


class Router:
    """Route the arcs of one layered graph.

    `arcs` lead down, also those that are drawn back: `turns` has for these the ports where the
    line enters its target and leaves its source, in pixels from the items' near edges; else None.
    `shifts` moves ports (a vertex and a place on it) to the far side. The `stretched` items become
    as long as the longest of them in the same layer. `room_for_groups` has what the borders and
    headings of groups take before some layers and after some.
    """

    def __init__(
        self,
        layered: Layered,
        arcs: Sequence[Arc],
        turns: Sequence[Point | None],
        across: Sequence[int],
        extents: Sequence[Point],
        stretched: Collection[int],
        shifts: Mapping[Point, int],
        room_for_groups: tuple[Mapping[int, int], Mapping[int, int]],
    ) -> None:
        self._layered = layered
        self._arcs = arcs
        self._turns = turns
        self._across = across
        self._stretched = stretched
        self._shifts = shifts
        self._room_before, self._room_after = room_for_groups
        # Like shifts, of ports where lines only leave; those of several boxes stay where they are.
        self._asides: dict[Point, int] = {}
        self._movable = {
            (arc.source, arc.out)
            for arc, turn in zip(arcs, turns, strict=True)
            if turn is None and arc.source in stretched
        }
        self.lengths = [length for _, length in extents]
        widths = [width for width, _ in extents]
        widths += [0] * (len(across) - len(widths))
        ends = [place + width for place, width in zip(across, widths, strict=True)]
        self.far = max([0, *ends, *(self._at(*port) for port in shifts)])
        self._lane = self.far + _LANES_FROM
        if layered.lanes:
            self.far = self._lane + layered.lanes * _LANE
        self._nets: list[dict[tuple[int, int, int], Net]] = [
            {} for _ in range(len(layered.layers) + 1)
        ]
        self._collect()
        self._tracks: list[int] = []  # where the first track of each gap lies
        self._pitches: list[int] = []  # and how far the others are from each other
        self.along = [0] * layered.items  # where each item begins
        self.starts: list[int] = []  # where each layer begins, and where it ends
        self.ends: list[int] = []
        self.length = self._stack()
        # For each virtual vertex, the bends up to the end that its strand shares.
        self._bends: dict[int, _Bends | None] = {}
        self._link_strands()

    def _net(self, gap: int, vertex: int, port: int, role: int = _FORTH) -> Net:
        nets, key = self._nets[gap], (vertex, port, role)
        if key not in nets:
            nets[key] = Net()
        return nets[key]

    def _collect(self) -> None:
        """Collect the nets of all gaps."""
        across, layer = self._across, self._layered.layer
        for segments in self._layered.down:
            for segment in segments:
                net = self._net(layer[segment.lower], segment.upper, segment.out)
                net.tops = [self._leaving(segment.upper, segment.out)]
                net.bottoms.append(self._at(segment.lower, segment.into))
        for arc, turn, strand in zip(self._arcs, self._turns, self._layered.strands, strict=True):
            start, end = self._ends_of(arc)
            if strand and strand.lane >= 0:
                lane = self._lane + strand.lane * _LANE
                down = self._net(layer[arc.source] + 1, arc.source, arc.out)
                down.tops = [start]
                down.bottoms.append(lane)
                out = self._net(layer[arc.target], ~strand.lane, 0)
                out.tops = [lane]
                out.bottoms.append(end)
            if turn:
                into, leaves = turn
                enter = self._net(layer[arc.source], arc.source, into, _ENTER)
                enter.bottoms = [across[arc.source] + into, start]
                leave = self._net(layer[arc.target] + 1, arc.target, leaves, _LEAVE)
                leave.tops = [across[arc.target] + leaves, end]

        for nets in self._nets:
            _merge(nets)

    def _ends_of(self, arc: Arc) -> Point:
        return self._leaving(arc.source, arc.out), self._at(arc.target, arc.into)

    def _at(self, vertex: int, port: int) -> int:
        """Return where a port is, across."""
        return self._across[vertex] + port + self._shifts.get((vertex, port), 0)

    def _leaving(self, vertex: int, port: int) -> int:
        """Return where lines leave at a port, across."""
        return self._at(vertex, port) + self._asides.get((vertex, port), 0)

    def _step_aside(self, gap: int, nets: Sequence[Net]) -> bool:
        """Let lines leave their box beside its port where another line runs; say if any does."""
        stepped = False
        for net, top, aside in collisions(nets):
            for (vertex, port, _), each in self._nets[gap].items():
                movable = (vertex, port) in self._movable and (vertex, port) not in self._asides
                if each is net and movable and self._leaving(vertex, port) == top:
                    self._asides[vertex, port] = aside
                    net.tops[net.tops.index(top)] += aside
                    stepped = True
        return stepped

    def _stack(self) -> int:
        """Place the layers, with room for the tracks between them; return where all ends."""
        at = 0
        compared = _COMPARED_IN_GROUPS if self._room_before else COMPARED
        edge = True  # nothing is before the first gap; a layer of ports needs as little room
        for gap, nets in enumerate(self._nets):
            distinct = list({id(net): net for net in nets.values()}.values())
            tracks = assign_tracks(distinct, compared)
            if self._step_aside(gap, distinct):
                tracks = assign_tracks(distinct, compared)
            tracks += sidestep(distinct)
            aside = (place for net in distinct for place, _ in net.steps.values())
            self.far = max(self.far, *aside, 0)
            layer = self._layered.layers[gap] if gap < len(self._layered.layers) else []
            items = [vertex for vertex in layer if vertex < self._layered.items]
            thickness = max((self.lengths[item] for item in items), default=0)
            before = (_AT_EDGE if tracks else 0) if edge else _BEFORE_TRACKS
            after = _AFTER_TRACKS if thickness else (_AT_EDGE if tracks else 0)
            self._tracks.append(at + before)
            pitch = _NARROW_TRACK if tracks > _MANY_TRACKS else _TRACK
            self._pitches.append(pitch)
            if tracks or 0 < gap < len(self._layered.layers):
                at += before + max(0, tracks - 1) * pitch + after
            even = max((self.lengths[item] for item in items if item in self._stretched), default=0)
            at += self._room_before.get(gap, 0)
            self.starts.append(at)
            for item in items:
                self.along[item] = at
                if item in self._stretched:
                    self.lengths[item] = even
            at += thickness
            self.ends.append(at)
            at += self._room_after.get(gap, 0)
            edge = not thickness
        return at

    def crossing(self, near: int, far: int, *, at_start: bool) -> list[int]:
        """Return where lines cross one side of a group between two border vertices, across."""
        layer = self._layered.layers[self._layered.layer[near]]
        inside = layer[layer.index(near) + 1 : layer.index(far)]
        if at_start:
            segments = [each for vertex in inside for each in self._layered.up[vertex]]
            return [self._at(each.lower, each.into) for each in segments]
        segments = [each for vertex in inside for each in self._layered.down[vertex]]
        return [self._leaving(each.upper, each.out) for each in segments]

    def _track(self, gap: int, vertex: int, port: int, role: int = _FORTH) -> int:
        return self._place_of(gap, self._nets[gap][vertex, port, role].track)

    def _place_of(self, gap: int, track: int) -> int:
        return self._tracks[gap] + track * self._pitches[gap]

    def _link_strands(self) -> None:
        """Remember the bends between each virtual vertex and the end that its strand shares."""
        for strand in {id(each): each for each in self._layered.strands if each}.values():
            bends: _Bends | None = None
            for vertex in strand.vertices if strand.splits else reversed(strand.vertices):
                if vertex not in self._bends:
                    if strand.splits:
                        bends = self._bend(self._layered.up[vertex][0], bends, upwards=True)
                    else:
                        bends = self._bend(self._layered.down[vertex][0], bends)
                    self._bends[vertex] = bends
                bends = self._bends[vertex]

    def _bend(
        self, segment: Segment, bends: _Bends | None = None, *, upwards: bool = False
    ) -> _Bends | None:
        """Return `bends` with those of `segment`, if it is not straight, put before.

        They come from above to below, or `upwards`.
        """
        start = self._leaving(segment.upper, segment.out)
        end = self._at(segment.lower, segment.into)
        gap = self._layered.layer[segment.lower]
        net = self._nets[gap][segment.upper, segment.out, _FORTH]
        if start in net.steps:
            stepped = self._stepped(gap, net, start)
            track = self._place_of(gap, net.track)
            bend = ((stepped[1][0], track), (end, track))
            first, second = (bend, stepped) if upwards else (stepped, bend)
            return _Bends(*first, _Bends(*second, bends))
        if start == end:
            return bends
        track = self._place_of(gap, net.track)
        return _Bends((start, track), (end, track), bends)

    def _stepped(self, gap: int, net: Net, top: int) -> tuple[Point, Point]:
        """Return the corners where the vertical of `net` that comes from `top` steps aside."""
        place, step = net.steps[top]
        track = self._place_of(gap, step)
        return (top, track), (place, track)

    def _from_above(self, gap: int, vertex: int, port: int, role: int, top: int) -> Path:
        """Return the corners from `top` to the track of a net, without the one where it ends."""
        net = self._nets[gap][vertex, port, role]
        track = self._place_of(gap, net.track)
        if top not in net.steps:
            return [(top, track)]
        stepped = self._stepped(gap, net, top)
        return [*stepped, (stepped[1][0], track)]

    def paths(self) -> list[Path]:
        """Return the line of each arc, as its corners from its source to its target."""
        paths: list[Path] = []
        for arc, turn, strand in zip(self._arcs, self._turns, self._layered.strands, strict=True):
            start, end = self._ends_of(arc)
            path = [
                (start, self.along[arc.source] + self.lengths[arc.source]),
                *self._between(arc, strand),
                (end, self.along[arc.target]),
            ]
            paths.append(self._turned(arc, turn, path) if turn else path)
        return paths

    def _between(self, arc: Arc, strand: Strand | None) -> Path:
        """Return the corners of an arc that leads down."""
        layer = self._layered.layer
        if strand is None:
            return _unlinked(self._bend(Segment(arc.source, arc.target, arc.out, arc.into)))
        if strand.lane >= 0:
            start, end = self._ends_of(arc)
            lane = self._lane + strand.lane * _LANE
            down = self._from_above(layer[arc.source] + 1, arc.source, arc.out, _FORTH, start)
            out = self._from_above(layer[arc.target], ~strand.lane, 0, _FORTH, lane)
            return [*down, (lane, down[-1][1]), *out, (end, out[-1][1])]
        if strand.splits:
            vertex = strand.vertex(layer[arc.target] - 1)
            leading = _unlinked(self._bends[vertex], upwards=True)
            return leading + _unlinked(self._bend(Segment(vertex, arc.target, 0, arc.into)))
        vertex = strand.vertex(layer[arc.source] + 1)
        leading = _unlinked(self._bend(Segment(arc.source, vertex, arc.out, 0)))
        return leading + _unlinked(self._bends[vertex])

    def _turned(self, arc: Arc, turn: Point, path: Path) -> Path:
        """Return the line that leads back along `path` with a turn around both boxes."""
        into, leaves = turn
        layer = self._layered.layer
        start, end = self._ends_of(arc)
        into_at, leaves_at = self._across[arc.source] + into, self._across[arc.target] + leaves
        gap = layer[arc.target] + 1
        out = self._from_above(gap, arc.target, leaves, _LEAVE, leaves_at)
        beside = self._from_above(gap, arc.target, leaves, _LEAVE, end)
        above = self._track(layer[arc.source], arc.source, into, _ENTER)
        return [
            (leaves_at, self.along[arc.target] + self.lengths[arc.target]),
            *out,
            *reversed(beside),
            *reversed(path),
            *((start, above), (into_at, above)),
            (into_at, self.along[arc.source]),
        ]


def _merge(nets: dict[tuple[int, int, int], Net]) -> None:
    """Make one net of all those that lead to the same ends, so that they arrive on one line."""
    leading: dict[tuple[int, ...], Net] = {}
    for key, net in nets.items():
        if key[2] == _FORTH:
            shared = leading.setdefault(tuple(sorted(net.bottoms)), net)
            if shared is not net:
                shared.tops += net.tops
                nets[key] = shared


def _unlinked(bends: _Bends | None, *, upwards: bool = False) -> Path:
    """Return the corners in a linked list of bends; `upwards` if it began at the lower end."""
    path: Path = []
    while bends:
        path += (bends.second, bends.first) if upwards else (bends.first, bends.second)
        bends = bends.rest
    return path[::-1] if upwards else path
