"""Real graphs, drawn as well as dot, ELK, dagre and Mermaid draw them at the same sizes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock._graph import without_implied
from tests.peers.graphs import NAMES, graph
from tests.peers.measure import crossings, through
from tests.peers.ours import draw
from tests.penstock.formats.ink import misread

# The numbers that `python -m tests.peers --write` has measured.
NUMBERS = json.loads(Path(__file__).with_name("numbers.json").read_text("utf-8"))
READABLE = 9  # pixels
TOO_LARGE = {"dbt_shopify", "dbt_shopify_graphql"}  # to be read when they are fitted to a page


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_a_real_graph_has_as_few_crossings_as_the_best_of_the_peers(name):
    drawn = graph(name)
    drawing, ours = draw(drawn)
    best = min(peer["crossings"] for peer in NUMBERS[name].values())
    assert ours.crossings <= best
    assert ours.through == 0
    assert misread(drawn, drawing) == []
    assert (ours.name >= READABLE) == (name not in TOO_LARGE)


def test_a_real_graph_without_implied_edges_has_no_crossing():
    bare = without_implied(graph("airflow_complex"))
    assert draw(bare)[1].crossings == 0


def test_a_line_past_a_flow_does_not_change_sides_on_its_way():
    drawing, _ = draw(graph("kedro_spaceflights"), "TD")
    ends = ("catalog:companies", "reporting:create_confusion_matrix")
    (line,) = (each for each in drawing.lines if each.edge[:2] == ends)
    assert len(line.points) == 4  # down, aside, and down past two flows


def test_crossings_and_lines_through_boxes_are_seen():
    lines = [("a", "b", [(0, 0), (10, 10)]), ("c", "d", [(0, 10), (10, 0)])]
    assert crossings(lines) == 1
    assert crossings([lines[0], ("a", "d", lines[1][2])]) == 0  # they share an end
    boxes = {"x": (3, 3, 4, 4), "a": (0, 0, 2, 2)}
    assert through(boxes, lines) == 2
    assert through(boxes, [("a", "b", [(0, 0), (0, 20)])]) == 0
