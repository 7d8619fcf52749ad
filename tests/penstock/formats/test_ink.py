"""No line can be followed to a step that it does not lead to: a map shows declared edges only."""

from __future__ import annotations

import pytest

from penstock.formats._layout import DIRECTIONS, lay_out
from tests.penstock.declared import graph_of
from tests.penstock.formats.geometry import any_map, faults
from tests.penstock.formats.ink import misread

SEEDS = 500  # --attacks 40 tries 20,000
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_who_follows_the_ink_reaches_the_declared_successors_and_nothing_else(part, pytestconfig):
    seeds = SEEDS * pytestconfig.getoption("--attacks") // PARTS
    for seed in range(part * seeds, (part + 1) * seeds):
        graph, direction = any_map(seed), DIRECTIONS[seed % len(DIRECTIONS)]
        drawing = lay_out(graph, direction=direction)
        assert misread(graph, drawing) == [], seed
        assert faults(graph, drawing) == [], seed


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_two_lines_that_change_places_do_not_read_as_straight_ones(direction):
    # Each line begins where the other one ends, since all boxes are equally wide.
    flows = {
        "a": {"orders_1": (), "stores_2": ()},
        "b": {"stores_x": ("a:stores_2",), "verify_x": ("a:orders_1",)},
    }
    graph = graph_of(flows)
    assert misread(graph, lay_out(graph, direction=direction)) == []


def test_the_reader_is_misled_by_lines_that_share_a_column():
    graph = graph_of({"f": {"a": (), "b": (), "x": ("b",), "y": ("a",)}})
    drawing = lay_out(graph)
    corners = {"f:a": (100, 300, 110), "f:b": (300, 100, 140)}
    lines = []
    for line in drawing.lines:
        here, there, track = corners[line.edge.source]
        points = ((here, 50), (here, track), (there, track), (there, 250))
        lines.append(line._replace(points=points))
    # From b the line goes down to its own corner, and straight on along the line from a.
    assert misread(graph, drawing._replace(lines=tuple(lines))) == [
        ("f:a", "f:x", "not declared"),
        ("f:b", "f:y", "not declared"),
    ]


def test_the_reader_misses_an_edge_without_a_line():
    graph = graph_of({"f": {"a": (), "b": ("a",), "c": ("a",)}})
    drawing = lay_out(graph)
    bare = drawing._replace(lines=drawing.lines[:1])
    missing = drawing.lines[1].edge
    assert misread(graph, bare) == [(missing.source, missing.target, "not seen")]


@pytest.mark.parametrize("seed", [4567, 15840])
def test_a_line_that_steps_aside_at_the_edge_stays_in_the_drawing(seed):
    graph = any_map(seed)
    drawing = lay_out(graph, direction=DIRECTIONS[seed % len(DIRECTIONS)])
    assert faults(graph, drawing) == []
    assert misread(graph, drawing) == []
