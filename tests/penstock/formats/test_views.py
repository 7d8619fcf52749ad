"""Large maps: flows as boxes, opened and closed; implied edges; a status at a glance."""

from __future__ import annotations

import re

import pytest

from penstock import flow, generate_dag
from penstock._graph import Ran
from penstock.formats import html, png, svg
from penstock.formats._picture import paint
from penstock.testing import isolated_registry
from tests.penstock.declared import graph_of, registry_of

SHOP = {
    "checkout": {"place": (), "charge": ("place",), "confirm": ("charge", "place")},
    "billing": {"write": ("checkout:charge",), "send": ("write",)},
}
LARGE = {
    f"flow{number}": {
        f"s{number}_{step}": (f"s{number}_{step - 1}",) if step else () for step in range(21)
    }
    for number in range(5)
}


def boxes(drawn):
    return drawn.count('<g class="node ')


@pytest.mark.parametrize(
    ("flows", "options", "count"),
    [
        (SHOP, {}, 5),
        (SHOP, {"collapse": True}, 2),
        (LARGE, {}, 5),
        (LARGE, {"collapse": False}, 105),
        ({"f": {f"s{step}": () for step in range(101)}}, {}, 101),
    ],
    ids=["small", "on demand", "large", "not wanted", "one flow"],
)
def test_each_flow_is_a_box_above_a_hundred_steps_and_on_demand(flows, options, count):
    drawn = generate_dag(format="svg", registry=registry_of(flows), **options)
    assert boxes(drawn) == count


def test_a_flow_that_is_named_is_drawn_with_its_steps():
    assert boxes(generate_dag("flow1", format="svg", registry=registry_of(LARGE))) == 21


def test_a_collapsed_flow_is_a_box_of_its_own_form():
    drawn = generate_dag(format="svg", collapse=True, registry=registry_of(SHOP))
    assert drawn.count('<rect class="box inner"') == 3  # and in the legend
    assert "3 steps, 1 entrypoint" in drawn
    assert ">2 flows, 1 connection. checkout leads to billing.</desc>" in drawn
    assert "shape=folder" in generate_dag(format="dot", collapse=True, registry=registry_of(SHOP))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("text", {"collapse": True}),
        ("json", {"collapse": True}),
        ("mermaid", {"implied": "faint"}),
        ("svg", {"implied": "hidden"}),
    ],
)
def test_a_view_that_a_format_does_not_have_is_refused(kind, options):
    (option,) = options
    with pytest.raises(ValueError, match=option):
        generate_dag(format=kind, registry=registry_of(SHOP), **options)


def test_a_crash_cannot_be_marked_on_flows_without_their_steps():
    with pytest.raises(ValueError, match="crash= marks steps"):
        generate_dag(format="svg", collapse=True, crash="dump.json", registry=registry_of(SHOP))


def test_implied_edges_are_faint_or_left_out():
    def drawn(kind, implied):
        return generate_dag(format=kind, implied=implied, registry=registry_of(SHOP))

    assert 'class="line implied"' not in drawn("svg", "drawn")
    assert drawn("svg", "faint").count('class="line implied" data-from') == 1
    assert (
        drawn("svg", "omitted").count(" data-from") == drawn("svg", "drawn").count(" data-from") - 1
    )
    assert drawn("dot", "faint").count("color=grey80") == 1
    assert "place --> confirm" in drawn("mermaid", "drawn")
    assert "place --> confirm" not in drawn("mermaid", "omitted")


def test_a_notebook_shows_a_flow():
    with isolated_registry():
        orders = flow("orders")
        orders.entrypoint(name="receive")(lambda: None)
        assert orders._repr_svg_().startswith("<svg")
        assert "receive" in orders._repr_svg_()


COUNTS = {
    "place": Ran(100, 7, 0, 10, 20, passed=5),
    "charge": Ran(100, 5, 0, 10, 20, passed=5),
    "confirm": Ran(0, 0, 0, None, None),
    "write": Ran(0, 0, 0, None, None, outside=3),
    "send": Ran(100, 0, 0, 10, 20),
}


def observed():
    graph = graph_of(SHOP)
    nodes = (node._replace(ran=COUNTS[node.name]) for node in graph.nodes)
    return graph._replace(nodes=tuple(nodes))


def test_the_status_of_a_step_is_a_word_and_a_form():
    drawn = svg.render(observed())
    status = {
        re.search(r"<title>(\w+)", part)[1]: re.match(r"node \w+ ?(\w*)", part)[1]
        for part in drawn.split('<g class="')
        if part.startswith("node ")
    }
    assert status == {
        "place": "failed", "charge": "passed", "confirm": "idle", "write": "", "send": "",
    }  # fmt: skip
    words = re.findall(r'class="tag word middle"[^>]*>([^<]*)<', drawn)
    assert sorted(words) == ["failed", "never ran", "passed through"]
    assert ".idle .box:not(.chip){stroke-dasharray" in drawn
    assert "100 runs, 2 % failed, 5 % passed through" in drawn


def test_the_status_of_a_step_is_painted():
    pytest.importorskip("PIL.Image", reason="PNG needs Pillow")
    assert png.render(observed(), scale=1) != png.render(graph_of(SHOP), scale=1)


def test_a_word_on_the_border_is_beside_the_lines_that_leave_there():
    for part in paint(observed(), direction="TD").body:
        if getattr(part, "node", None) and len(part.look.split()) > 2:
            box, word = part.shapes[0], next(each for each in part.shapes if each.look == "status")
            assert word.x > box.x + box.width // 2 + 4
            assert word.x + word.width < box.x + box.width


def shown(page):
    return page.locator(".view:not([hidden])").get_attribute("aria-label")


def test_a_flow_is_opened_and_closed_in_html(visit):
    page = visit(graph_of(LARGE), collapse=True)
    assert shown(page) == "Overview: each flow as a box"
    page.locator(".view:not([hidden]) .node").nth(2).dblclick()
    assert shown(page) == "flow2"
    page.get_by_role("button", name="Close the flow").click()
    assert shown(page) == "Overview: each flow as a box"
    assert page.locator("#details h2").inner_text() == "flow2"
    page.get_by_role("button", name="Open the flow").click()
    assert shown(page) == "flow2"
    page.keyboard.press("Escape")
    assert shown(page) == "Overview: each flow as a box"
    page.keyboard.press("Enter")
    assert shown(page) == "flow2"


def test_a_large_system_opens_as_a_whole_in_a_readable_size(visit):
    page = visit(graph_of(LARGE), collapse=True)
    view = page.locator(".view:not([hidden])").bounding_box()
    for box in page.locator(".view:not([hidden]) .node").all():
        around = box.bounding_box()
        assert view["x"] <= around["x"]
        assert around["x"] + around["width"] <= view["x"] + view["width"]
    name = page.locator(".view:not([hidden]) .node .name").first
    assert name.bounding_box()["height"] >= 9


def test_a_minimap_shows_and_moves_the_part_that_is_in_the_window(visit):
    page = visit(graph_of(LARGE), collapse=True)
    assert not page.locator("#minimap").is_visible()  # all is in the window
    page.locator("#flows").select_option(label="All flows")
    minimap = page.locator("#minimap")
    assert minimap.is_visible()
    assert minimap.locator(".place").count() == 105
    frame = minimap.locator(".window")
    before = float(frame.get_attribute("y"))
    area = minimap.locator("svg").bounding_box()
    page.mouse.click(area["x"] + area["width"] / 2, area["y"] + area["height"] - 4)
    assert float(frame.get_attribute("y")) > before


def test_html_says_the_label_of_a_connection(visit):
    graph = graph_of(SHOP)
    edges = (edge._replace(label="in stock") for edge in graph.edges)
    page = visit(graph._replace(edges=tuple(edges)))
    page.locator(".view:not([hidden]) .node").first.click()
    assert "in stock" in page.locator("#details").inner_text()
    words = page.locator(".view:not([hidden]) .words")
    related = page.locator(".view:not([hidden]) .words.related")
    assert words.count() > related.count() > 0
    assert html.render(graph).count("data-is-overview") == 1
