"""Flows of many shapes, and what must be true of every layout of them."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

from tests.penstock.declared import graph_of

_DOCS = (None, "Short.", "A longer first line of a docstring, which needs two lines of its box.")
_KINDS = ("function", "coroutine", "task", "async_generator")


def any_graph(seed):
    """Return a graph of one flow or several: with forks, joins, cycles, gaps, hubs and links."""
    pick = random.Random(seed)
    several = pick.random() < 0.4
    flows = {}
    attributes = {}
    for flow in range(pick.randint(2, 5) if several else 1):
        steps = {}
        for index in range(
            pick.choice((1, 2, 3, 5, 8, 13)) * (1 if several else pick.choice((1, 4)))
        ):
            name = f"s{index}" + "_x" * pick.choice((0, 0, 3, 10, 40))
            known = list(steps)
            after = [
                pick.choice(known[-pick.choice((1, 3, 60)) :])
                for _ in range(pick.randint(0, 3))
                if known
            ]
            if pick.random() < 0.1:
                after.append(pick.choice((f"s{index + 1}", name, "nobody")))
            if several and pick.random() < 0.3:
                after.append(f"f{pick.randrange(5)}:s{pick.randrange(5)}")
            steps[name] = tuple(dict.fromkeys(after))
            attributes[name] = {"doc": pick.choice(_DOCS), "call_kind": pick.choice(_KINDS)}
        if pick.random() < 0.3:
            hub = next(iter(steps))
            leaves = [f"leaf{leaf}" for leaf in range(pick.choice((4, 9, 30)))]
            steps.update((leaf, (hub,)) for leaf in leaves)
            if pick.random() < 0.5:
                steps["join"] = tuple(leaves)
        flows[f"f{flow}"] = steps
    return graph_of(flows, None if several else "f0", **attributes)


def faults(graph, drawing):
    """Return what is wrong with a drawing, in words."""
    boxes = {box.node.id: _edges(box) for box in drawing.boxes}
    frames = [_edges(frame) for frame in drawing.groups]
    inside = (0, 0, drawing.width, drawing.height)
    found = [f"{node} outside" for node, box in boxes.items() if not _contains(inside, box)]
    found += [f"frame outside {frame}" for frame in frames if not _contains(inside, frame)]
    found += [f"{a} over {b}" for a, b in combinations(boxes, 2) if _overlap(boxes[a], boxes[b])]
    found += [f"frames overlap {a} {b}" for a, b in combinations(frames, 2) if _overlap(a, b)]
    for frame, edges in zip(drawing.groups, frames, strict=True):
        for node, box in boxes.items():
            if (node in frame.group.nodes) != _overlap(edges, box):
                found.append(f"{node} in the wrong frame")
    found += [
        f"{box.node.id} too small"
        for box in drawing.boxes
        if box.width < box.label.width or box.height < box.label.height
    ]
    if [line.edge for line in drawing.lines] != list(graph.edges):
        found.append("not one line an edge")
    for line in drawing.lines:
        found += _faults_of(line, boxes, inside)
    return found


def _faults_of(line, boxes, inside):
    name = f"{line.edge.source} to {line.edge.target}"
    found = []
    if not _on_border(line.points[0], boxes[line.edge.source]):
        found.append(f"{name} does not begin at its box")
    if not _on_border(line.points[-1], boxes[line.edge.target]):
        found.append(f"{name} does not end at its box")
    for one, other in pairwise(line.points):
        part = (*map(min, one, other), *map(max, one, other))
        if (one[0] == other[0]) == (one[1] == other[1]):
            found.append(f"{name} is not at right angles, or stands still")
        if not _contains(inside, part):
            found.append(f"{name} outside")
        found += [f"{name} through {node}" for node, box in boxes.items() if _overlap(part, box)]
    return found


def _edges(box):
    return box.x, box.y, box.x + box.width, box.y + box.height


def _contains(outer, inner):
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )


def _overlap(one, other):
    """Say whether the two share more than their borders."""
    across = one[0] < other[2] and other[0] < one[2]
    down = one[1] < other[3] and other[1] < one[3]
    return across and down


def _on_border(point, box):
    x, y = point
    return (x in (box[0], box[2]) and box[1] <= y <= box[3]) or (
        y in (box[1], box[3]) and box[0] <= x <= box[2]
    )


def any_map(seed):
    """Return a graph of one flow or several with links in both directions, by a random seed.

    In most of them all boxes are equally wide, so that many of them stand exactly above each other.
    """
    pick = random.Random(seed)
    flows = {f"f{flow}": {} for flow in range(pick.choice((1, 1, 2, 3, 5)))}
    count = pick.choice((4, 8, 12, 16, 24))
    places = [(pick.choice(list(flows)), f"s{index:02}") for index in range(count)]
    wide = pick.random() < 0.3
    if wide:
        places = [(flow, name + "_x" * pick.choice((0, 3, 9))) for flow, name in places]
    density = pick.choice((1, 1, 2, 3))
    for index, (flow, name) in enumerate(places):
        before = places[max(0, index - pick.choice((3, 6, 30))) : index]
        after = pick.sample(before, min(len(before), pick.randint(0, density)))
        if pick.random() < 0.05:
            after.append(pick.choice(places))
        flows[flow][name] = tuple(
            dict.fromkeys(step if owner == flow else f"{owner}:{step}" for owner, step in after)
        )
    return graph_of(
        {flow: steps for flow, steps in flows.items() if steps},
        None,
        **{name: {"doc": None} for _, name in places},
    )
