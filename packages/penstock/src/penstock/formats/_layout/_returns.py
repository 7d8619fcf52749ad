"""Make the lines that lead back straight where there is room for it beside the boxes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from penstock.formats._layout._settle import THREAD_GAP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.formats._layout._layers import Arc, Layered

    Port = tuple[int, int]  # a vertex and a place on it


def straighten(layered: Layered, arcs: Sequence[Arc], across: Sequence[int]) -> dict[Port, int]:
    """Return by how much the ports beside boxes, and virtual vertices, are moved to the far side.

    Everything that one line passes is moved to where it is farthest, if nothing stands there.
    """
    line_of: dict[Port, list[Port]] = {}
    for arc, thread in zip(arcs, layered.threads, strict=True):
        if arc.back and not (thread and thread.lane >= 0):
            ends = [(arc.source, arc.out), (arc.target, arc.into)]
            if thread:
                ends.append((thread.vertices[0], 0))
                if ends[-1] not in line_of:
                    line = [(vertex, 0) for vertex in thread.vertices]
                    line_of.update((port, line) for port in line)
            _unite(line_of, ends)
    lines = {id(line): line for line in line_of.values()}
    if not lines:
        return {}
    room = _room(layered, across)
    shifts: dict[Port, int] = {}
    for line in lines.values():
        goal = max(across[vertex] + port for vertex, port in line)
        if all(goal <= room.get(vertex, goal) for vertex, _ in line):
            shifts.update({(vertex, port): goal - across[vertex] - port for vertex, port in line})
    return shifts


def _unite(line_of: dict[Port, list[Port]], ports: Sequence[Port]) -> None:
    """Let all of `ports` and what is on one line with them be on one line."""
    longest = max((line_of.setdefault(port, [port]) for port in ports), key=len)
    for port in ports:
        line = line_of[port]
        if line is not longest:
            longest += line
            line_of.update((other, longest) for other in line)


def _room(layered: Layered, across: Sequence[int]) -> Mapping[int, int]:
    """Return, for each vertex that has one to its far side, how far from there it may reach."""
    return {
        vertex: across[beyond] - THREAD_GAP
        for layer in layered.layers
        for vertex, beyond in pairwise(layer)
    }
