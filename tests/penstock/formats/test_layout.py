"""The layered layout: where boxes and lines go, at any shape and size."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from itertools import pairwise

import pytest

from penstock.formats import visible
from penstock.formats._font_widths import bold, clusters, fit, mono, sans, width, wrap
from penstock.formats._layout import DIRECTIONS, Line, lay_out
from penstock.formats._layout._drawing import measure
from penstock.formats._style import HEADING_SIZE, NAME_SIZE, PROSE_SIZE
from tests.penstock.declared import graph_of, tangle
from tests.penstock.formats.geometry import any_graph, faults
from tests.penstock.formats.hostile import names


def laid_out(flows, direction="TD", **attributes):
    """Return the drawing of a flow or several, and its boxes and lines by the steps' names."""
    graph = graph_of(flows, None if len(flows) > 1 else next(iter(flows)), **attributes)
    drawing = lay_out(graph, direction=direction)
    assert faults(graph, drawing) == []
    name = {node.id: node.name for node in graph.nodes}
    lines = {(name[line.edge.source], name[line.edge.target]): line for line in drawing.lines}
    return drawing, {box.node.name: box for box in drawing.boxes}, lines


def middle(box):
    return box.x + box.width // 2


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_boxes_keep_apart_and_lines_run_between_them(direction):
    for seed in range(60):
        graph = any_graph(seed)
        assert faults(graph, lay_out(graph, direction=direction)) == [], seed


def test_the_check_of_layouts_sees_every_fault():
    graph = graph_of({"a": {"one": (), "two": ("one",)}, "b": {"three": ("a:two",)}})
    good = lay_out(graph)
    one, two, three = good.boxes
    through = [(middle(one), one.y), (middle(one), one.y + one.height + 500)]
    bad = {
        "outside": good._replace(width=10),
        "over": good._replace(boxes=(one, two._replace(x=one.x, y=one.y), three)),
        "wrong frame": good._replace(boxes=(one, two, three._replace(x=one.x, y=one.y + 70))),
        "frames overlap": good._replace(groups=(good.groups[0], good.groups[0])),
        "too small": good._replace(boxes=(one._replace(height=10), two, three)),
        "not one line": good._replace(lines=good.lines[1:]),
        "through": good._replace(
            lines=(good.lines[0]._replace(points=tuple(through)), *good.lines[1:])
        ),
        "does not begin": good._replace(
            lines=(good.lines[0]._replace(points=((0, 0), (0, 5))), *good.lines[1:])
        ),
        "right angles": good._replace(
            lines=(good.lines[0]._replace(points=((0, 0), (9, 5))), *good.lines[1:])
        ),
    }
    assert faults(graph, good) == []
    for fault, drawing in bad.items():
        assert any(fault in found for found in faults(graph, drawing)), fault


def test_a_chain_is_one_straight_line():
    _, boxes, lines = laid_out({"f": {"a": (), "b_longer": ("a",), "c": ("b_longer",)}})
    assert len({middle(box) for box in boxes.values()}) == 1
    assert all(len(line.points) == 2 for line in lines.values())


def test_a_fork_and_a_join_stand_in_the_middle_of_what_they_join():
    _, boxes, _ = laid_out({"f": {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}})
    centre = (middle(boxes["b"]) + middle(boxes["c"])) // 2
    assert middle(boxes["a"]) == middle(boxes["d"]) == centre
    # Also over boxes of very different widths.
    leaves = ("b" * 25, "c", "d" * 25, "e" * 12)
    _, boxes, _ = laid_out({"f": {"a": (), **dict.fromkeys(leaves, ("a",))}})
    ends = [middle(box) for name, box in boxes.items() if name != "a"]
    assert abs(middle(boxes["a"]) - (min(ends) + max(ends)) // 2) <= 1


def test_lines_that_lead_to_the_same_steps_arrive_on_one_line():
    before, after = ("lint", "types", "tests"), ("build", "notify")
    _, _, lines = laid_out({"f": {**dict.fromkeys(before, ()), **dict.fromkeys(after, before)}})
    levels = {y for line in lines.values() for _, y in line.points[1:-1]}
    assert (len(lines), len(levels)) == (6, 1)


def test_a_line_that_skips_steps_leaves_the_chain_straight():
    _, boxes, lines = laid_out(
        {"f": {"a": (), "b": ("a",), "c": ("b",), "d": ("c", "a"), "e": ("d", "b")}}
    )
    assert len({middle(box) for box in boxes.values()}) == 1
    assert len(lines["a", "d"].points) == len(lines["b", "e"].points) == 6


A_DOZEN = tuple(f"some_step_{index:02}" for index in range(12))


@pytest.mark.parametrize(
    ("steps", "least"),
    [
        ({"a": (), "b": ("a",), "c": ("a", "b"), "d": ("c",), "e": ("b",)}, 24),
        # As far is a rail from its column.
        ({"hub": (), **dict.fromkeys(A_DOZEN, ("hub",))}, 22),
        ({"end": A_DOZEN, **dict.fromkeys(A_DOZEN, ())}, 16),
    ],
    ids=["beside a box", "to a grid", "from a grid"],
)
def test_a_line_that_is_nearly_straight_is_straight(steps, least):
    _, _, lines = laid_out({"f": steps})
    across = {
        abs(one[0] - other[0])
        for line in lines.values()
        for one, other in pairwise(line.points)
        if one[1] == other[1]
    }
    assert min(across) >= least


def test_straight_lines_do_not_make_a_picture_twice_as_wide_as_its_widest_layer():
    pick = random.Random(4)
    after = {0: ()}
    for step in range(1, 150):
        before = range(max(0, step - 25), step)
        after[step] = tuple({pick.choice(before) for _ in range(pick.choice((1, 1, 1, 2)))})
    flow = {f"s{step}": tuple(f"s{each}" for each in sorted(own)) for step, own in after.items()}
    drawing, _, _ = laid_out({"f": flow})
    layers = {}
    for box in drawing.boxes:
        layers[box.y] = layers.get(box.y, 0) + box.width + 32
    assert drawing.width < 1.5 * max(layers.values())
    straight = [line for line in drawing.lines if len(line.points) == 2]
    assert len(straight) > len(drawing.lines) / 5  # where it costs nothing they are straight


def test_layers_follow_after_in_every_direction():
    place = {
        "TD": lambda box: box.y,
        "BT": lambda box: -box.y - box.height,
        "LR": lambda box: box.x,
        "RL": lambda box: -box.x - box.width,
    }
    for direction, along in place.items():
        for seed in range(20):
            drawing = lay_out(graph := any_graph(seed), direction=direction)
            box = {each.node.id: each for each in drawing.boxes}
            for line in drawing.lines:
                if line.kind in ("next", "unknown"):
                    source, target = box[line.edge.source], box[line.edge.target]
                    assert along(source) < along(target), (seed, direction, graph.title)


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match=r"'down'.*TD, BT, LR, RL"):
        lay_out(graph_of({"f": {"a": ()}}), direction="down")


def test_steps_of_one_layer_are_equally_high():
    _, boxes, _ = laid_out(
        {"f": {"a": (), "b": ("a",), "c": ("a",)}}, b={"doc": None}, c={"doc": "Two lines. " * 9}
    )
    assert boxes["b"].height == boxes["c"].height > boxes["a"].height


def test_a_tree_has_no_crossing():
    tree = {"s0": ()} | {f"s{index}": (f"s{(index - 1) // 2}",) for index in range(1, 63)}
    drawing, _, _ = laid_out({"f": tree})
    assert crossings(drawing) == 0


def test_the_order_of_declaration_does_not_tangle_the_picture():
    # Ladders: as they are named, every rung would cross the others.
    steps = {"top": ()}
    for index in range(8):
        steps[f"a{index}"] = ("top",)
        steps[f"b{7 - index}"] = (f"a{index}",)
        steps[f"c{index}"] = (f"b{7 - index}",)
    drawing, _, _ = laid_out({"f": steps})
    assert crossings(drawing) == 0


def crossings(drawing):
    """Return how many pairs of lines that share no end cross."""
    parts = [
        (line, one, other)
        for line in drawing.lines
        for one, other in zip(line.points, line.points[1:], strict=False)
    ]
    return sum(
        _cross(level, a, b, upright, c, d)
        for level, a, b in parts
        if a[1] == b[1]
        for upright, c, d in parts
        if c[0] == d[0]
    )


def _cross(level: Line, a, b, upright: Line, c, d):
    if level.edge.source == upright.edge.source or level.edge.target == upright.edge.target:
        return False
    return min(a[0], b[0]) < c[0] < max(a[0], b[0]) and min(c[1], d[1]) < a[1] < max(c[1], d[1])


def test_what_closes_a_cycle_leads_back_beside_the_boxes():
    _, boxes, lines = laid_out({"f": {"a": (), "b": ("a", "c"), "c": ("b",)}})
    assert [line.kind for line in lines.values()] == ["next", "next", "back"]
    back = lines["c", "b"].points
    assert back[0] == (middle(boxes["c"]), boxes["c"].y + boxes["c"].height)
    assert back[-1] == (middle(boxes["b"]), boxes["b"].y)
    beside = max(x for x, _ in back)
    assert beside > max(box.x + box.width for box in boxes.values())
    assert len(back) == 6  # around both boxes, and straight between them
    _, _, lines = laid_out({"f": {"a": (), "b": ("a", "c"), "c": ("b",), "d": ("b",)}})
    assert len(lines["c", "b"].points) == 6  # also where one box is aside of the other


def test_a_step_after_itself_has_a_loop_at_its_side():
    _, boxes, lines = laid_out({"f": {"a": (), "b": ("a", "b")}})
    loop = lines["b", "b"]
    side = boxes["b"].x + boxes["b"].width
    assert loop.kind == "back"
    assert (loop.points[0][0], loop.points[-1][0]) == (side, side)


def test_steps_that_nothing_joins_are_drawn_in_a_grid():
    drawing, boxes, _ = laid_out({"f": {f"s{index}": () for index in range(30)}})
    assert len(boxes) == 30
    assert len({box.y for box in boxes.values()}) > 3
    assert drawing.width < 3 * drawing.height


@pytest.mark.parametrize("joined", [False, True])
def test_a_wide_fan_is_folded_into_a_page(joined):
    leaves = {f"leaf_{index:02}": ("hub",) for index in range(40)}
    end = {"end": tuple(leaves)} if joined else {}
    drawing, boxes, lines = laid_out({"f": {"hub": (), **leaves, **end}})
    assert drawing.width < 1200
    assert len({box.y for box in boxes.values()}) > 5
    assert len(lines) == 80 if joined else 40


def test_flows_stand_in_frames_and_links_join_them():
    flows = {
        "orders": {"take": (), "pay": ("take",)},
        "billing": {"invoice": ("orders:pay",)},
        "nightly": {"clean": ()},
    }
    drawing, _, lines = laid_out(flows)
    assert [frame.group.flow for frame in drawing.groups] == ["nightly", "orders", "billing"]
    assert lines["pay", "invoice"].kind == "link"
    alone = lay_out(graph_of(flows, "orders"))
    assert alone.groups == ()


def test_a_frames_name_is_beside_the_links_that_come_from_above():
    flows = {"orders": {"take": ()}, "billing_of_everything": {"invoice": ("orders:take",)}}
    drawing, _, lines = laid_out(flows)
    frame = next(each for each in drawing.groups if each.group.flow == "billing_of_everything")
    assert frame.x + 20 + frame.room < lines["take", "invoice"].points[-1][0]
    assert frame.room >= width("billing_of_everything", HEADING_SIZE, bold)


def test_frames_that_link_in_a_circle_are_drawn():
    flows = {"a": {"s": ("c:s",)}, "b": {"s": ("a:s",)}, "c": {"s": ("b:s",)}}
    drawing, _, _ = laid_out(flows)
    assert len(drawing.lines) == 3


def test_a_hub_of_long_lines_does_not_explode():
    steps = {f"s{index}": (f"s{index - 1}",) if index else () for index in range(3000)}
    steps["hub"] = tuple(steps)
    drawing = lay_out(graph_of({"f": steps}, "f"))
    assert len(drawing.lines) == 2999 + 3000
    # One line beside the chain takes in all of them.
    assert sum(len(line.points) for line in drawing.lines) < 7 * len(drawing.lines)
    assert drawing.width < 300


def test_lines_too_many_and_too_long_run_in_lanes_beside_everything():
    chain = {f"s{index}": (f"s{index - 1}",) if index else () for index in range(300)}
    for index in range(150, 300):
        chain[f"s{index}"] += (f"s{index * 7 % 140}",)
    _, boxes, lines = laid_out({"f": chain})
    right = max(box.x + box.width for box in boxes.values())
    assert any(max(x for x, _ in line.points) > right for line in lines.values())


def dense_layers(seed):
    """Return the graph of some steps, and as many that each come after several of the first."""
    pick = random.Random(seed)
    first = [f"a{step}" for step in range(pick.randint(2, 6))]
    flow = dict.fromkeys(first, ())
    for step in range(len(first)):
        flow[f"b{step}"] = tuple(pick.sample(first, pick.randint(1, len(first))))
    return graph_of({"f": flow}, "f")


def test_lines_of_steps_that_share_nothing_do_not_lie_on_each_other():
    overlaps = 0
    for graph in [*map(any_graph, range(60)), *map(dense_layers, range(60))]:
        after = {}
        for edge in graph.edges:
            after.setdefault(edge.source, set()).add(edge.target)
        parts = {}
        for line in lay_out(graph).lines:
            for one, other in zip(line.points, line.points[1:], strict=False):
                axis = one[0] == other[0]
                where = (axis, one[0] if axis else one[1])
                ends = sorted((one[axis], other[axis]))
                parts.setdefault(where, []).append((ends, line.edge))
        for collinear in parts.values():
            for index, ((start, end), one) in enumerate(collinear):
                for (other_start, other_end), other in collinear[:index]:
                    apart = end <= other_start or other_end <= start
                    # If both sources lead to both targets, one line tells as much as two.
                    both = {one.target, other.target} <= after[one.source] & after[other.source]
                    shared = one.source == other.source or one.target == other.target or both
                    overlaps += not apart and not shared
    assert overlaps == 0  # of some 10,000 parts


def test_the_layout_is_the_same_whatever_the_hash_seed():
    program = (
        "import json; from tests.penstock.formats.geometry import any_graph;"
        "from penstock.formats._layout import lay_out;"
        "print(json.dumps([[l.points for l in lay_out(any_graph(s)).lines] for s in range(12)]))"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(drawn) == 1
    assert len(json.loads(drawn.pop())) == 12


def test_the_order_of_declaration_does_not_matter():
    flows = tangle(60, 90)
    backwards = {"tangle": dict(reversed(flows["tangle"].items()))}
    one, other = (lay_out(graph_of(each, "tangle")) for each in (flows, backwards))
    assert [line.points for line in one.lines] == [line.points for line in other.lines]


def test_every_label_fits_into_its_box():
    for name in names(400):
        node = graph_of({"f": {name: ()}}, **{name: {"doc": f"Does {name} twice."}}).nodes[0]
        label = measure(node, 236)
        assert len(label.name) <= 2
        assert len(label.prose) <= 2
        assert all(width(line, NAME_SIZE, mono) <= label.width - 20 for line in label.name)
        assert all(width(line, PROSE_SIZE, sans) <= label.width - 20 for line in label.prose)
        whole = visible(name).replace(" ", "")
        start, _, end = "".join(label.name).replace(" ", "").rpartition("\N{HORIZONTAL ELLIPSIS}")
        assert whole.startswith(start)
        assert whole.endswith(end)
        assert start or whole == end


def test_of_names_that_are_too_long_the_ends_can_be_told_apart():
    module = "com.example.warehouse.WarehouseSynchronisationService."
    methods = ("receive_purchase_order", "_send_confirmation", "x" * 900)
    nodes = [graph_of({"f": {module + each: ()}}).nodes[0] for each in methods]
    shown = [measure(node, 236).name for node in nodes]
    assert shown[:2] == [
        ("com.example.warehouse.", "\N{HORIZONTAL ELLIPSIS}receive_purchase_order"),
        ("com.example.warehouse.", "\N{HORIZONTAL ELLIPSIS}Service._send_confirmation"),
    ]
    assert shown[2][1] == "\N{HORIZONTAL ELLIPSIS}" + "x" * 26


def test_names_break_where_people_would_break_them():
    assert wrap("synchronise_purchase_orders", 10, 130, mono, lines=2, code=True) == [
        "synchronise_purchase_",
        "orders",
    ]
    assert wrap("synchronisePurchaseOrders", 10, 130, mono, lines=2, code=True) == [
        "synchronisePurchase",
        "Orders",
    ]
    assert wrap("Takes the parts off the shelf.", 10, 80, sans, lines=2) == [
        "Takes the parts",
        "off the shelf.",
    ]
    assert wrap("お客様からの注文を読み取る", 10, 70, sans, lines=2) == [
        "お客様からの注",
        "文を読み取る",
    ]


def test_what_does_not_fit_ends_with_an_ellipsis():
    assert fit("a" * 50, 10, 61, mono) == "a" * 9 + "\N{HORIZONTAL ELLIPSIS}"
    assert wrap("word " * 50, 10, 100, sans, lines=2)[1].endswith("\N{HORIZONTAL ELLIPSIS}")


def test_signs_of_several_characters_are_not_torn_apart():
    family, flag, accent, thumb = "👨\u200d👩\u200d👧", "🇯🇵", "e\u0301\u0301", "👍🏽"
    assert clusters(f"{family}{flag}{flag}{accent}x{thumb}") == [
        family, flag, flag, accent, "x", thumb
    ]  # fmt: skip
    for line in wrap(flag * 40, 10, 100, sans, lines=2):
        assert line.rstrip("\N{HORIZONTAL ELLIPSIS}") == flag * (len(line) // 2)


def test_wide_characters_count_as_wide():
    assert width("漢字", 10, sans) == width("漢字", 10, mono) == 20
    assert width("e\u0301", 10, mono) == width("e", 10, mono)
    assert width("🚀", 10, mono) > 10
