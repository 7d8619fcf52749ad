"""Put items into layers, and cut long arcs into segments that join neighbouring layers.

The engine's words: an *item* is a box (a step or a grid of steps), known by its index.
An *arc* joins two items. Layers are stacked *along* the direction of reading and items stand
*across* it, so that one engine serves all four directions; lengths are whole pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from penstock._graph import longest_paths

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# How many virtual vertices there may be for each item and arc, and how many anyhow, before the
# longest threads become lanes.
_VIRTUAL_EACH = 1
_VIRTUAL_FREE = 2_000


@dataclass(frozen=True, slots=True)
class Arc:
    """Join item `source` to item `target`.

    `out` and `into` are where it leaves and enters, counted from the items' near edges. A `back`
    arc closes a cycle: it is drawn against the direction of reading, beside the boxes. (For the
    steps that put things in order its ends change places, so that all arcs lead down.)
    """

    source: int
    target: int
    out: int
    into: int
    back: bool = False


class Segment(NamedTuple):
    """Join vertex `upper` to vertex `lower` in the next layer, at the ports `out` and `into`.

    What passes `aside` is part of a line that leads back: nothing is to be lined up with it.
    """

    upper: int
    lower: int
    out: int
    into: int
    aside: bool = False


@dataclass(slots=True)
class Thread:
    """Carry the long arcs that share one end through the layers between, as virtual vertices.

    `shared` is that end, as item and port; `splits` says that the arcs leave it together, else
    they arrive there together. A thread with a `lane` has no vertices: it runs outside of all
    layers, past the far end of each.
    """

    shared: tuple[int, int]
    splits: bool
    first: int  # layer of the first virtual vertex
    last: int
    vertices: list[int] = field(default_factory=list[int])
    lane: int = -1

    def vertex(self, layer: int) -> int:
        """Return the virtual vertex of this thread in `layer`."""
        return self.vertices[layer - self.first]


@dataclass(slots=True)
class Layered:
    """Hold vertices in layers: first the items, then the virtual vertices, which have no width.

    Gap g lies before layer g, so there is one more gap than layers. `threads` has, for each arc,
    the thread that carries it or None.

    `group` has for each vertex the group that it must stand in, or -1: the virtual vertices between
    two groups may stand in either of them, and `ends` has both. `spans` has the first and the last
    layer of each group; the group has a vertex in each layer between.
    """

    layers: list[list[int]]
    layer: list[int]
    items: int
    up: list[list[Segment]]
    down: list[list[Segment]]
    threads: list[Thread | None]
    lanes: int
    group: list[int]
    ends: dict[int, tuple[int, ...]]
    spans: list[tuple[int, int]]

    def add(self, layer: int, group: int) -> int:
        """Add a virtual vertex, and return it."""
        vertex = len(self.layer)
        self.layer.append(layer)
        self.layers[layer].append(vertex)
        self.group.append(group)
        self.up.append([])
        self.down.append([])
        return vertex


def assign(
    widths: Sequence[int],
    arcs: Sequence[Arc],
    *,
    fixed: Collection[int] = (),
    room: int = 0,
) -> list[int]:
    """Return the layer of each item: the length of the longest path that leads to it.

    The arcs are free of cycles. Items with more successors than predecessors go as near to their
    successors as they can, which makes the arcs shorter; except those in `fixed`. With `room`, a
    layer whose `widths` add up to more is continued in the next one.
    """
    count = len(widths)
    after: list[list[int]] = [[] for _ in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    for arc in arcs:
        after[arc.source].append(arc.target)
        before[arc.target].append(arc.source)
    layer, order = longest_paths(after)
    for item in reversed(order):
        if len(after[item]) > len(before[item]) and item not in fixed:
            layer[item] = min(layer[target] for target in after[item]) - 1
    if room:
        _wrap(widths, before, after, layer, room)
    return layer


def _wrap(
    widths: Sequence[int],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    layer: list[int],
    room: int,
) -> None:
    """Move items down until no layer is wider than `room`, those with the least below them first.

    This is the way of Coffman and Graham, with widths instead of numbers.
    """
    below = [0] * len(widths)
    for item in sorted(range(len(widths)), key=lambda item: -layer[item]):
        below[item] = max((below[target] + 1 for target in after[item]), default=0)
    used: dict[int, int] = {}
    for item in sorted(range(len(widths)), key=lambda item: (layer[item], -below[item], item)):
        at = max([layer[item], *(layer[source] + 1 for source in before[item])])
        while used.get(at) and used[at] + widths[item] > room:
            at += 1
        layer[item] = at
        used[at] = used.get(at, 0) + widths[item]


def slice_into_layers(arcs: Sequence[Arc], layer: Sequence[int], groups: Sequence[int]) -> Layered:
    """Return items, whose layers are given, and `arcs`, which all lead down, as segments.

    `groups` has the group of each item, from 0; it is empty where there are none.
    """
    count = len(layer)
    threads = _threads(arcs, layer)
    distinct = list({id(thread): thread for thread in threads if thread}.values())
    lanes = _lanes(distinct, budget=_VIRTUAL_FREE + _VIRTUAL_EACH * (count + len(arcs)))
    layered = Layered(
        layers=[[] for _ in range(max(layer, default=-1) + 1)],
        layer=list(layer),
        items=count,
        up=[[] for _ in range(count)],
        down=[[] for _ in range(count)],
        threads=threads,
        lanes=lanes,
        group=list(groups) or [-1] * count,
        ends={},
        spans=_spans(layer, groups),
    )
    for item in range(count):
        layered.layers[layer[item]].append(item)
    for thread in distinct:
        if thread.lane < 0:
            _add_vertices(layered, thread)
    for arc, carried in zip(arcs, threads, strict=True):
        _add_segments(layered, arc, carried)
    if groups:
        _place_threads(layered, arcs)
        _fill(layered)
    return layered


def _spans(layer: Sequence[int], groups: Sequence[int]) -> list[tuple[int, int]]:
    spans: dict[int, tuple[int, int]] = {}
    for group, at in zip(groups, layer, strict=False):
        first, last = spans.get(group, (at, at))
        spans[group] = (min(first, at), max(last, at))
    return [spans[group] for group in range(len(spans))]


def _place_threads(layered: Layered, arcs: Sequence[Arc]) -> None:
    """Say which groups the virtual vertices of each thread may stand in."""
    touched: dict[int, set[int]] = {}
    for arc, thread in zip(arcs, layered.threads, strict=True):
        if thread and thread.lane < 0:
            groups = touched.setdefault(id(thread), set())
            groups.update((layered.group[arc.source], layered.group[arc.target]))
    for thread in {id(each): each for each in layered.threads if each}.values():
        if thread.lane < 0:
            groups = touched[id(thread)]
            for vertex in thread.vertices:
                at = layered.layer[vertex]
                here = tuple(
                    group
                    for group in sorted(groups)
                    if layered.spans[group][0] <= at <= layered.spans[group][1]
                )
                if len(groups) == 1 and here:
                    layered.group[vertex] = here[0]
                else:
                    layered.ends[vertex] = here


def _fill(layered: Layered) -> None:
    """Give each group a vertex in each layer of its span."""
    present = [{layered.group[vertex] for vertex in layer} for layer in layered.layers]
    for group, (first, last) in enumerate(layered.spans):
        for at in range(first, last + 1):
            if group not in present[at]:
                layered.add(at, group)


def _threads(arcs: Sequence[Arc], layer: Sequence[int]) -> list[Thread | None]:
    """Return the thread of each arc: a long arc shares the one of its busier end."""
    ends = [((arc.source, arc.out), (arc.target, arc.into)) for arc in arcs]
    long = [layer[arc.target] - layer[arc.source] > 1 for arc in arcs]
    leaving: dict[tuple[int, int], int] = {}
    arriving: dict[tuple[int, int], int] = {}
    for (source, target), is_long in zip(ends, long, strict=True):
        if is_long:
            leaving[source] = leaving.get(source, 0) + 1
            arriving[target] = arriving.get(target, 0) + 1
    shared: dict[tuple[tuple[int, int], bool], Thread] = {}
    result: list[Thread | None] = []
    for (source, target), is_long in zip(ends, long, strict=True):
        if not is_long:
            result.append(None)
            continue
        splits = leaving[source] > arriving[target]
        end = source if splits else target
        first, last = layer[source[0]] + 1, layer[target[0]] - 1
        thread = shared.setdefault((end, splits), Thread(end, splits, first, last))
        thread.first = min(thread.first, first)
        thread.last = max(thread.last, last)
        result.append(thread)
    return result


def _lanes(threads: list[Thread], budget: int) -> int:
    """Turn the longest threads into lanes, so that the others need at most `budget` vertices.

    Returns the number of lanes. Without this, 10,000 steps in a row and a few thousand arcs
    between them would need millions of virtual vertices.
    """
    needed = sum(thread.last - thread.first + 1 for thread in threads)
    outside: list[Thread] = []
    for thread in sorted(threads, key=lambda each: each.first - each.last):
        if needed <= budget:
            break
        needed -= thread.last - thread.first + 1
        outside.append(thread)
    free: list[tuple[int, int]] = []  # a heap of (first gap where it is free, lane)
    for thread in sorted(outside, key=lambda each: (each.first, each.last)):
        if free and free[0][0] <= thread.first:
            thread.lane = heappop(free)[1]
        else:
            thread.lane = len(free)
        heappush(free, (thread.last + 2, thread.lane))
    return len(free)


def _add_vertices(layered: Layered, thread: Thread) -> None:
    for layer in range(thread.first, thread.last + 1):
        vertex = layered.add(layer, -1)
        if thread.vertices:
            _join(layered, thread.vertices[-1], vertex)
        thread.vertices.append(vertex)
    item, port = thread.shared
    if thread.splits:
        _join(layered, item, thread.vertices[0], out=port)
    else:
        _join(layered, thread.vertices[-1], item, into=port)


def _add_segments(layered: Layered, arc: Arc, thread: Thread | None) -> None:
    """Join the ends of an arc that its thread, if any, does not already join."""
    if thread is None:
        _join(layered, arc.source, arc.target, arc.out, arc.into, aside=arc.back)
    elif thread.lane >= 0:
        pass  # a lane is outside of all layers
    elif thread.splits:
        _join(layered, thread.vertex(layered.layer[arc.target] - 1), arc.target, into=arc.into)
    else:
        _join(layered, arc.source, thread.vertex(layered.layer[arc.source] + 1), out=arc.out)


def _join(
    layered: Layered, upper: int, lower: int, out: int = 0, into: int = 0, *, aside: bool = False
) -> None:
    segment = Segment(upper, lower, out, into, aside)
    layered.down[upper].append(segment)
    layered.up[lower].append(segment)
