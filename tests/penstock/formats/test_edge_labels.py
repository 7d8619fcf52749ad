"""Labels on edges: a word of the author's, declared in `after=`, in every format."""

from __future__ import annotations

import json
import random
from itertools import combinations, pairwise

import pytest

from penstock import flow, generate_dag
from penstock._declare import registry_in_use
from penstock._docs import document
from penstock.formats import dot, svg, text
from penstock.formats._layout import DIRECTIONS, lay_out
from penstock.testing import isolated_registry
from tests.penstock.declared import graph_of
from tests.penstock.formats.geometry import any_map, faults
from tests.penstock.formats.ink import misread

HOSTILE = 'on "error" <b> --> & \\ #1 \u202e'


@pytest.fixture
def shop():
    """Declare a flow whose edges have labels, given by name, by function, and for another flow."""
    with isolated_registry():
        orders = flow("orders")

        @orders.entrypoint
        def choose(): ...

        @orders.step(after={choose: "in stock"})
        def ship(): ...

        @orders.step(after={"choose": HOSTILE, "ship": None})
        def refund(): ...

        @flow("billing").entrypoint(after={"orders:ship": "via kafka"})
        def invoice(): ...

        yield


def test_the_label_is_in_the_graph(shop):
    edges = json.loads(generate_dag(format="json"))["edges"]
    assert {(each["source"], each["target"]): each["label"] for each in edges} == {
        ("orders:choose", "orders:ship"): "in stock",
        ("orders:choose", "orders:refund"): HOSTILE,
        ("orders:ship", "orders:refund"): "",
        ("orders:ship", "billing:invoice"): "via kafka",
    }


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("mermaid", '    choose -- "in stock" --> ship\n'),
        ("mermaid", '    ship -- "via kafka" --> invoice\n'),
        ("mermaid", "    ship --> refund\n"),
        ("dot", '    "choose" -> "ship" [label="in stock"]\n'),
        ("text", "  ◇ in stock (from choose)\n"),
        ("text", "  ◇ via kafka (from orders:ship)\n"),
        ("text", "◇ label of a line"),
    ],
)
def test_the_label_is_in_every_drawing(shop, kind, line):
    assert line in generate_dag(format=kind)


def test_a_page_has_the_label_beside_the_predecessor(shop, tmp_path):
    document(registry_in_use(), tmp_path, write=True)
    assert "| `choose` (in stock) |" in (tmp_path / "orders.md").read_text("utf-8")


def test_a_long_label_stays_within_a_terminal():
    drawn = text.render(labelled({("a", "b"): "so long " * 30}, {"f": {"a": (), "b": ("a",)}}))
    assert max(map(len, drawn.splitlines())) <= 80
    assert "so long… (from a)" in drawn


@pytest.mark.parametrize("label", ["", " ", 7, ("a",)])
def test_a_label_is_text(label):
    with isolated_registry(), pytest.raises(TypeError, match=r"A label in after= of @step is text"):
        flow("orders").step(after={"choose": label})


def test_the_label_belongs_to_the_declaration():
    with isolated_registry() as registry:
        for label in ("in stock", "sold out"):

            def ship(): ...

            ship.__code__ = test_a_label_is_text.__code__  # the same code, declared again
            flow("orders").step(after={"choose": label})(ship)
        assert len(registry.conflicts) == 1


def words_of(drawing):
    return {" ".join(words.lines): words for words in drawing.words}


def labelled(labels, flows, **attributes):
    """Return the graph of `flows` with `labels` by the names of the steps."""
    graph = graph_of(flows, None, **attributes)
    name = {node.id: node.name for node in graph.nodes}
    edges = (
        edge._replace(label=labels.get((name[edge.source], name[edge.target]), ""))
        for edge in graph.edges
    )
    return graph._replace(edges=tuple(edges))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_picture_has_room_for_labels(direction):
    pick = random.Random(direction)
    for seed in range(40):
        graph = any_map(seed)
        edges = tuple(
            edge._replace(label=pick.choice(("", "yes", "in stock, or nearly so")))
            for edge in graph.edges
        )
        graph = graph._replace(edges=edges)
        drawing = lay_out(graph, direction=direction)
        assert faults(graph, drawing) == [], seed
        assert misread(graph, drawing) == [], seed
        place = {node.id: at for at, node in enumerate(graph.nodes)}
        ahead = [edge for edge in edges if edge.label and place[edge.source] < place[edge.target]]
        areas = [words[2:] for words in drawing.words[: len(ahead)]]
        areas += [(box.x, box.y, box.width, box.height) for box in drawing.boxes]
        assert len(drawing.words) == sum(bool(edge.label) for edge in edges)
        for (x, y, width, height), (left, top, across, down) in combinations(areas, 2):
            apart = x >= left + across or left >= x + width or y >= top + down or top >= y + height
            assert apart, seed


def test_a_label_stands_on_its_line():
    graph = labelled({("a", "b"): "yes"}, {"f": {"a": (), "b": ("a",), "c": ("a",)}})
    drawing = lay_out(graph)
    words = words_of(drawing)["yes"]
    middle = words.x + words.width // 2
    (line,) = (each for each in drawing.lines if each.edge.label)
    upright = [one for one, other in pairwise(line.points) if one[0] == other[0] == middle]
    assert upright
    drawn = svg.render(graph)
    assert ">yes</text>" in drawn
    assert "<title>yes</title></path>" in drawn
    assert "a leads to b (yes). a leads to c.</desc>" in drawn


def test_what_leads_back_and_to_itself_has_its_label_too():
    flows = {"f": {"a": (), "b": ("a", "c", "b"), "c": ("b",)}}
    graph = labelled({("c", "b"): "on error", ("b", "b"): "three times"}, flows)
    for direction in DIRECTIONS:
        drawing = lay_out(graph, direction=direction)
        words = words_of(drawing)
        assert words.keys() == {"on error", "three times"}
        loop = words["three times"]
        for box in drawing.boxes:
            across = loop.x < box.x + box.width and box.x < loop.x + loop.width
            down = loop.y < box.y + box.height and box.y < loop.y + loop.height
            assert not (across and down)


def test_counts_stand_on_lines_where_no_other_line_runs():
    graph = graph_of({"f": {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}})
    edges = (e._replace(status="seen", seen=1000 + at) for at, e in enumerate(graph.edges))
    drawing = lay_out(graph._replace(edges=tuple(edges)))
    assert set(words_of(drawing)) == {"1,000", "1,001", "1,002", "1,003"}
    for words in drawing.words:
        (line,) = (each for each in drawing.lines if f"{each.edge.seen:,}" == words.lines[0])
        inside = [
            each.edge
            for each in drawing.lines
            for one, other in pairwise(each.points)
            if (min(one[0], other[0]) < words.x + words.width and words.x < max(one[0], other[0]))
            or (one[0] == other[0] and words.x < one[0] < words.x + words.width)
            if min(one[1], other[1]) < words.y + words.height and words.y < max(one[1], other[1])
        ]
        assert set(inside) == {line.edge}


def test_an_edge_to_a_task_goes_through_a_queue():
    tasks = {"b": {"call_kind": "task"}}
    graph = graph_of({"f": {"a": (), "b": ("a",), "c": ("b",)}}, **tasks)
    drawn = svg.render(graph)
    assert drawn.count('<g class="queue next" data-from="0" data-to="1">') == 1
    assert "To a task, through a queue" in drawn
    assert "queue" not in svg.render(graph_of({"f": {"a": (), "b": ("a",)}}))
    assert '"a" -> "b" [arrowhead=normalnormal]' in dot.render(graph)
    assert '"b" -> "c"\n' in dot.render(graph)
