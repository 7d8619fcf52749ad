"""The types of a drawing: boxes, groups and lines, each at its place in whole pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from penstock._graph import Edge, Group, Node

DIRECTIONS = ("TD", "BT", "LR", "RL")


class Label(NamedTuple):
    """Hold a box' lines of text and the size of the box.

    `counts` says how often it ran, where that was observed.
    """

    name: tuple[str, ...]
    prose: tuple[str, ...]
    counts: tuple[str, ...]
    width: int
    height: int


class NodeBox(NamedTuple):
    """Hold one node's box; x and y are its upper left corner, y counts downwards.

    It is at least as large as its label; what stands in one layer is equally long.
    """

    node: Node
    label: Label
    x: int
    y: int
    width: int
    height: int


class GroupBox(NamedTuple):
    """Hold the rectangle around one flow's boxes, with its name at the top, `room` pixels wide."""

    group: Group
    x: int
    y: int
    width: int
    height: int
    room: int


class Line(NamedTuple):
    """Hold one edge's corners from its source to its target; all its parts are at right angles.

    `kind` is "next", "back" (closes a cycle), "link" (to another flow) or "unknown" (from a step
    that does not exist); "unseen" or "undeclared" where the edge is that.
    """

    edge: Edge
    kind: str
    points: tuple[tuple[int, int], ...]


class Drawing(NamedTuple):
    """Hold everything that is drawn, within `width` and `height` from (0, 0).

    `boxes` and `lines` are in the order of the graph's nodes and edges, one for each. `crossings`
    says how much lines cross, for comparison with other drawings of the same graph.
    """

    width: int
    height: int
    crossings: int
    boxes: tuple[NodeBox, ...]
    groups: tuple[GroupBox, ...]
    lines: tuple[Line, ...]
