"""Carry long arcs through the layers between their ends, as virtual vertices.

In graphs of a readable size each arc is ordered alone, and arcs that share an end and stand side by
side become one line afterwards. In larger graphs all long arcs of one end are one line at once, and
the longest of these run in lanes outside of all layers.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from penstock.formats._layout._layers import Layered, Segment, Thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.formats._layout._layers import Arc

# How many virtual vertices there may be for each item and arc, and how many anyhow, before the
# longest threads become lanes.
_VIRTUAL_EACH = 1
_VIRTUAL_FREE = 2_000
_ALONE = 1_500  # virtual vertices; with more, arcs do not have threads of their own


def slice_into_layers(arcs: Sequence[Arc], layer: Sequence[int], groups: Sequence[int]) -> Layered:
    """Return items, whose layers are given, and `arcs`, which all lead down, as segments.

    `groups` has the group of each item, from 0; it is empty where there are none.
    """
    count = len(layer)
    threads = _threads(arcs, layer)
    lengths = [layer[arc.target] - layer[arc.source] - 1 for arc in arcs]
    if sum(lengths) <= _ALONE:
        threads = [
            thread and _alone(thread, arc, layer) for thread, arc in zip(threads, arcs, strict=True)
        ]
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
    is_alone = len(distinct) == len(threads) - threads.count(None)
    done: set[int] = set()
    for arc, carried in zip(arcs, threads, strict=True):
        if carried and carried.lane < 0 and id(carried) not in done:
            done.add(id(carried))
            ends = (arc.source, arc.target) if is_alone else (-1, -1)
            _add_vertices(layered, carried, ends)
    for arc, carried in zip(arcs, threads, strict=True):
        _add_segments(layered, arc, carried)
    if groups:
        _place_threads(layered, arcs)
        _fill(layered)
    return layered


def _alone(thread: Thread, arc: Arc, layer: Sequence[int]) -> Thread:
    """Return a thread for one `arc` of `thread`."""
    return Thread(thread.shared, thread.splits, layer[arc.source] + 1, layer[arc.target] - 1)


def merge_threads(layered: Layered) -> Layered:
    """Return `layered`, whose layers are in order, with one vertex for those that are one line.

    These are virtual vertices side by side whose threads share an end, and run together from there.
    """
    together: dict[tuple[tuple[int, int], bool], list[Thread]] = {}
    for thread in _distinct(layered):
        if thread.lane < 0:
            together.setdefault((thread.shared, thread.splits), []).append(thread)
    place = {vertex: at for layer in layered.layers for at, vertex in enumerate(layer)}
    stands_for: dict[int, int] = {}
    for (_, splits), threads in together.items():
        if len(threads) > 1:
            _merge(threads, splits, place, stands_for)
    if all(one == other for one, other in stands_for.items()):
        return layered
    return _renumbered(layered, stands_for)


def _merge(
    threads: Sequence[Thread], splits: bool, place: dict[int, int], stands_for: dict[int, int]
) -> None:
    """Say which vertex stands for each of those of `threads`, from the end that they share on."""
    first = min(thread.first for thread in threads)
    last = max(thread.last for thread in threads)
    for at in range(first, last + 1) if splits else range(last, first - 1, -1):
        runs: dict[int, list[int]] = {}
        for thread in threads:
            if thread.first <= at <= thread.last:
                before = at - 1 if splits else at + 1
                inside = thread.first <= before <= thread.last
                parent = stands_for[thread.vertex(before)] if inside else -1
                runs.setdefault(parent, []).append(thread.vertex(at))
        for vertices in runs.values():
            vertices.sort(key=place.__getitem__)
            for index, vertex in enumerate(vertices):
                before = vertices[index - 1]
                beside = index > 0 and place[before] + 1 == place[vertex]
                stands_for[vertex] = stands_for[before] if beside else vertex


def _renumbered(layered: Layered, stands_for: dict[int, int]) -> Layered:
    """Return `layered` without the vertices that others stand for."""
    number = list(range(layered.items))
    kept = number.copy()
    for vertex in range(layered.items, len(layered.layer)):
        if stands_for.get(vertex, vertex) == vertex:
            number.append(len(kept))
            kept.append(vertex)
        else:
            number.append(-1)
    for vertex, other in stands_for.items():
        number[vertex] = number[other]
    merged = replace(
        layered,
        layers=[
            list(dict.fromkeys(number[vertex] for vertex in layer)) for layer in layered.layers
        ],
        layer=[layered.layer[vertex] for vertex in kept],
        up=[[] for _ in kept],
        down=[[] for _ in kept],
        group=[layered.group[vertex] for vertex in kept],
        ends={number[vertex]: ends for vertex, ends in layered.ends.items()},
    )
    for vertex, other in enumerate(number):  # one of a group is in the group
        merged.group[other] = max(merged.group[other], layered.group[vertex])
    seen: set[Segment] = set()
    for segments in layered.down:
        for each in segments:
            upper, lower = number[each.upper], number[each.lower]
            segment = Segment(upper, lower, each.out, each.into, each.aside)
            if segment not in seen:
                seen.add(segment)
                merged.down[segment.upper].append(segment)
                merged.up[segment.lower].append(segment)
    for thread in _distinct(layered):
        thread.vertices = [number[vertex] for vertex in thread.vertices]
    return merged


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
    for thread in _distinct(layered):
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


def _distinct(layered: Layered) -> Iterable[Thread]:
    return {id(each): each for each in layered.threads if each}.values()


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


def _add_vertices(layered: Layered, thread: Thread, ends: tuple[int, int]) -> None:
    for layer in range(thread.first, thread.last + 1):
        vertex = layered.add(layer, -1)
        if thread.vertices:
            _join(layered, thread.vertices[-1], vertex, ends=ends)
        thread.vertices.append(vertex)
    item, port = thread.shared
    if thread.splits:
        _join(layered, item, thread.vertices[0], out=port, ends=ends)
    else:
        _join(layered, thread.vertices[-1], item, into=port, ends=ends)


def _add_segments(layered: Layered, arc: Arc, thread: Thread | None) -> None:
    """Join the ends of an arc that its thread, if any, does not already join."""
    ends = (arc.source, arc.target)
    if thread is None:
        segment = Segment(arc.source, arc.target, arc.out, arc.into, arc.back, ends)
        layered.down[arc.source].append(segment)
        layered.up[arc.target].append(segment)
    elif thread.lane >= 0:
        pass  # a lane is outside of all layers
    elif thread.splits:
        vertex = thread.vertex(layered.layer[arc.target] - 1)
        _join(layered, vertex, arc.target, into=arc.into, ends=ends)
    else:
        vertex = thread.vertex(layered.layer[arc.source] + 1)
        _join(layered, arc.source, vertex, out=arc.out, ends=ends)


def _join(
    layered: Layered, upper: int, lower: int, out: int = 0, into: int = 0, *, ends: tuple[int, int]
) -> None:
    segment = Segment(upper, lower, out, into, False, ends)
    layered.down[upper].append(segment)
    layered.up[lower].append(segment)
