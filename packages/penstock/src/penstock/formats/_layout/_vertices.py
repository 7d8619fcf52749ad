"""Add the virtual vertices: those that carry long arcs, and those at the sides of groups.

A long arc goes through the layers between its ends. In graphs of a readable size each arc is
ordered alone, and arcs that share an end and stand side by side become one line afterwards. In
larger graphs all long arcs of one end are one line at once, and the longest of these run in lanes
outside of all layers.

A group stands together in each layer of its span. A virtual vertex before and one after it in each
of these layers are its borders; each side is one rigid block, so that the group is a rectangle.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from penstock.formats._layout._layers import Layered, Segment, Strand

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.formats._layout._layers import Arc

# How many virtual vertices there may be for each item and arc, and how many anyhow, before the
# longest strands become lanes.
_VIRTUAL_EACH = 1
_VIRTUAL_FREE = 2_000
_ALONE = 1_500  # virtual vertices; with more, arcs do not have strands of their own


def slice_into_layers(arcs: Sequence[Arc], layer: Sequence[int], groups: Sequence[int]) -> Layered:
    """Return items, whose layers are given, and `arcs`, which all lead down, as segments.

    `groups` has the group of each item, from 0; it is empty where there are none.
    """
    count = len(layer)
    strands = _strands(arcs, layer)
    lengths = [layer[arc.target] - layer[arc.source] - 1 for arc in arcs]
    if sum(lengths) <= _ALONE:
        strands = [
            strand and _alone(strand, arc, layer) for strand, arc in zip(strands, arcs, strict=True)
        ]
    distinct = list({id(strand): strand for strand in strands if strand}.values())
    lanes = _lanes(distinct, budget=_VIRTUAL_FREE + _VIRTUAL_EACH * (count + len(arcs)))
    layered = Layered(
        layers=[[] for _ in range(max(layer, default=-1) + 1)],
        layer=list(layer),
        items=count,
        up=[[] for _ in range(count)],
        down=[[] for _ in range(count)],
        strands=strands,
        lanes=lanes,
        group=list(groups) or [-1] * count,
        ends={},
        spans=_spans(layer, groups),
    )
    for item in range(count):
        layered.layers[layer[item]].append(item)
    is_alone = len(distinct) == len(strands) - strands.count(None)
    done: set[int] = set()
    for arc, carried in zip(arcs, strands, strict=True):
        if carried and carried.lane < 0 and id(carried) not in done:
            done.add(id(carried))
            ends = (arc.source, arc.target) if is_alone else (-1, -1)
            _add_vertices(layered, carried, ends)
    for arc, carried in zip(arcs, strands, strict=True):
        _add_segments(layered, arc, carried)
    if groups:
        _place_strands(layered, arcs)
        _fill(layered)
    return layered


def _alone(strand: Strand, arc: Arc, layer: Sequence[int]) -> Strand:
    """Return a strand for one `arc` of `strand`."""
    return Strand(strand.shared, strand.splits, layer[arc.source] + 1, layer[arc.target] - 1)


def merge_strands(layered: Layered) -> Layered:
    """Return `layered`, whose layers are in order, with one vertex for those that are one line.

    These are virtual vertices side by side whose strands share an end, and run together from there.
    """
    together: dict[tuple[tuple[int, int], bool], list[Strand]] = {}
    for strand in _distinct(layered):
        if strand.lane < 0:
            together.setdefault((strand.shared, strand.splits), []).append(strand)
    place = {vertex: at for layer in layered.layers for at, vertex in enumerate(layer)}
    stands_for: dict[int, int] = {}
    for (_, splits), strands in together.items():
        if len(strands) > 1:
            _merge(strands, splits, place, stands_for)
    if all(one == other for one, other in stands_for.items()):
        return layered
    return _renumbered(layered, stands_for)


def _merge(
    strands: Sequence[Strand], splits: bool, place: dict[int, int], stands_for: dict[int, int]
) -> None:
    """Say which vertex stands for each of those of `strands`, from the end that they share on."""
    first = min(strand.first for strand in strands)
    last = max(strand.last for strand in strands)
    for at in range(first, last + 1) if splits else range(last, first - 1, -1):
        runs: dict[int, list[int]] = {}
        for strand in strands:
            if strand.first <= at <= strand.last:
                before = at - 1 if splits else at + 1
                inside = strand.first <= before <= strand.last
                parent = stands_for[strand.vertex(before)] if inside else -1
                runs.setdefault(parent, []).append(strand.vertex(at))
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
    merged = layered._replace(
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
    for strand in _distinct(layered):
        strand.vertices = [number[vertex] for vertex in strand.vertices]
    return merged


def _spans(layer: Sequence[int], groups: Sequence[int]) -> list[tuple[int, int]]:
    spans: dict[int, tuple[int, int]] = {}
    for group, at in zip(groups, layer, strict=False):
        first, last = spans.get(group, (at, at))
        spans[group] = (min(first, at), max(last, at))
    return [spans[group] for group in range(len(spans))]


def _place_strands(layered: Layered, arcs: Sequence[Arc]) -> None:
    """Say which groups the virtual vertices of each strand may stand in."""
    touched: dict[int, set[int]] = {}
    for arc, strand in zip(arcs, layered.strands, strict=True):
        if strand and strand.lane < 0:
            groups = touched.setdefault(id(strand), set())
            groups.update((layered.group[arc.source], layered.group[arc.target]))
    for strand in _distinct(layered):
        if strand.lane < 0:
            groups = touched[id(strand)]
            for vertex in strand.vertices:
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


def _distinct(layered: Layered) -> Iterable[Strand]:
    return {id(each): each for each in layered.strands if each}.values()


def _fill(layered: Layered) -> None:
    """Give each group a vertex in each layer of its span."""
    present = [{layered.group[vertex] for vertex in layer} for layer in layered.layers]
    for group, (first, last) in enumerate(layered.spans):
        for at in range(first, last + 1):
            if group not in present[at]:
                layered.add(at, group)


def _strands(arcs: Sequence[Arc], layer: Sequence[int]) -> list[Strand | None]:
    """Return the strand of each arc: a long arc shares the one of its busier end."""
    ends = [((arc.source, arc.out), (arc.target, arc.into)) for arc in arcs]
    long = [layer[arc.target] - layer[arc.source] > 1 for arc in arcs]
    leaving: dict[tuple[int, int], int] = {}
    arriving: dict[tuple[int, int], int] = {}
    for (source, target), is_long in zip(ends, long, strict=True):
        if is_long:
            leaving[source] = leaving.get(source, 0) + 1
            arriving[target] = arriving.get(target, 0) + 1
    shared: dict[tuple[tuple[int, int], bool], Strand] = {}
    result: list[Strand | None] = []
    for (source, target), is_long in zip(ends, long, strict=True):
        if not is_long:
            result.append(None)
            continue
        splits = leaving[source] > arriving[target]
        end = source if splits else target
        first, last = layer[source[0]] + 1, layer[target[0]] - 1
        strand = shared.setdefault((end, splits), Strand(end, splits, first, last))
        strand.first = min(strand.first, first)
        strand.last = max(strand.last, last)
        result.append(strand)
    return result


def _lanes(strands: list[Strand], budget: int) -> int:
    """Turn the longest strands into lanes, so that the others need at most `budget` vertices.

    Returns the number of lanes. Without this, 10,000 steps in a row and a few thousand arcs
    between them would need millions of virtual vertices.
    """
    needed = sum(strand.last - strand.first + 1 for strand in strands)
    outside: list[Strand] = []
    for strand in sorted(strands, key=lambda each: each.first - each.last):
        if needed <= budget:
            break
        needed -= strand.last - strand.first + 1
        outside.append(strand)
    free: list[tuple[int, int]] = []  # a heap of (first gap where it is free, lane)
    for strand in sorted(outside, key=lambda each: (each.first, each.last)):
        if free and free[0][0] <= strand.first:
            strand.lane = heappop(free)[1]
        else:
            strand.lane = len(free)
        heappush(free, (strand.last + 2, strand.lane))
    return len(free)


def _add_vertices(layered: Layered, strand: Strand, ends: tuple[int, int]) -> None:
    for layer in range(strand.first, strand.last + 1):
        vertex = layered.add(layer, -1)
        if strand.vertices:
            _join(layered, strand.vertices[-1], vertex, ends=ends)
        strand.vertices.append(vertex)
    item, port = strand.shared
    if strand.splits:
        _join(layered, item, strand.vertices[0], out=port, ends=ends)
    else:
        _join(layered, strand.vertices[-1], item, into=port, ends=ends)


def _add_segments(layered: Layered, arc: Arc, strand: Strand | None) -> None:
    """Join the ends of an arc that its strand, if any, does not already join."""
    ends = (arc.source, arc.target)
    if strand is None:
        segment = Segment(arc.source, arc.target, arc.out, arc.into, arc.back, ends)
        layered.down[arc.source].append(segment)
        layered.up[arc.target].append(segment)
    elif strand.lane >= 0:
        pass  # a lane is outside of all layers
    elif strand.splits:
        vertex = strand.vertex(layered.layer[arc.target] - 1)
        _join(layered, vertex, arc.target, into=arc.into, ends=ends)
    else:
        vertex = strand.vertex(layered.layer[arc.source] + 1)
        _join(layered, arc.source, vertex, out=arc.out, ends=ends)


def _join(
    layered: Layered, upper: int, lower: int, out: int = 0, into: int = 0, *, ends: tuple[int, int]
) -> None:
    segment = Segment(upper, lower, out, into, False, ends)
    layered.down[upper].append(segment)
    layered.up[lower].append(segment)


class Borders(NamedTuple):
    """Hold the borders of a group, one vertex in each layer of its span."""

    near: list[int]
    far: list[int]


def with_borders(layered: Layered) -> tuple[Layered, list[Borders]]:
    """Return `layered` with the borders of its groups as further vertices, in their places."""
    borders = [Borders([], []) for _ in layered.spans]
    if not borders:
        return layered, borders
    bordered = layered._replace(
        layers=[[] for _ in layered.layers],
        layer=list(layered.layer),
        group=list(layered.group),
        up=list(layered.up),
        down=list(layered.down),
    )
    for at, layer in enumerate(layered.layers):
        last = {layered.group[vertex]: vertex for vertex in layer}
        begun: set[int] = set()
        for vertex in layer:
            group = layered.group[vertex]
            if group >= 0 and group not in begun:
                begun.add(group)
                borders[group].near.append(bordered.add(at, group))
            bordered.layers[at].append(vertex)
            if group >= 0 and last[group] == vertex:
                borders[group].far.append(bordered.add(at, group))
    return bordered, borders
