"""The terminal drawing, as a person reads it."""

from __future__ import annotations

import textwrap

import pytest

from penstock._graph import Ran, build
from penstock.formats import text, visible
from penstock.formats._wording import columns, shortened
from tests.penstock.declared import ORDERS, SEED, graph_of, registry_of, tangle
from tests.penstock.formats.hostile import names
from tests.penstock.speed import seconds


def drawing(flows, **attributes):
    """Return the drawing without summaries, headings and the legend."""
    bare = {name: {"doc": None} for steps in flows.values() for name in steps}
    for name, given in attributes.items():
        bare[name] = {**bare[name], **given}
    lines = text.render(graph_of(flows, **bare)).split("\n")
    return "\n".join(lines[3:-3]) + "\n"


def block(drawn):
    return textwrap.dedent(drawn).removeprefix("\n")


def test_a_flow_is_read_from_top_to_bottom():
    registry = registry_of(SEED)
    registry.set_doc("bom_sync", "Keep the parts up to date.")
    assert text.render(graph_of(SEED, "bom_sync")) == block("""
        bom_sync
        ────────

        ◆ handle_kafka_message  Does handle_kafka_message.
        │
        ● fetch_from_api        Does fetch_from_api.
        │
        ● sync_to_database      Does sync_to_database.

        ◆ entrypoint   ● step
        """)


SHAPES = {
    "a diamond": (
        {"v": (), "charge": ("v",), "reserve": ("v",), "send": ("charge", "reserve")},
        """
        ◆ v
        ├─● charge
        ● │ reserve
        ├─╯
        ● send
        """,
    ),
    "two entrypoints": (
        {"api": (), "admin": (), "update": ("api", "admin")},
        """
        ◆ admin
        │ ◆ api
        ├─╯
        ● update
        """,
    ),
    "a fan": (
        {"event": (), "mail": ("event",), "push": ("event",), "sms": ("event",)},
        """
        ◆ event
        ├─● mail
        ├─● push
        ╰─● sms
        """,
    ),
    "a fan that joins again": (
        {"go": (), "a": ("go",), "b": ("go",), "c": ("go",), "end": ("a", "b", "c")},
        """
        ◆ go
        ├─● a
        ├─│─● b
        ● │ │ c
        ├─┴─╯
        ● end
        """,
    ),
    "a tree, whose longest branch runs straight down": (
        {"root": (), "a": ("root",), "a1": ("a",), "a2": ("a1",), "b": ("root",), "b1": ("b",)},
        """
        ◆ root
        ├─● b
        │ │
        │ ● b1
        ● a
        │
        ● a1
        │
        ● a2
        """,
    ),
    "everybody after everybody": (
        {"a": (), "b": (), "c": ("a", "b"), "d": ("a", "b")},
        """
        ◆ a
        │ ◆ b
        ├─┼─● c
        ├─╯
        ● d
        """,
    ),
    "a shortcut": (
        {"a": (), "b": ("a",), "c": ("b", "a")},
        """
        ◆ a
        ├─● b
        ├─╯
        ● c
        """,
    ),
    "steps that nothing joins": (
        {"one": (), "two": (), "x": (), "y": ("x",), "z": ()},
        """
        ◆ one
        ◆ two

        ◆ x
        │
        ● y

        ◆ z
        """,
    ),
    "a cycle": (
        {"submit": ("wait",), "check": ("submit",), "wait": ("check",)},
        """
        ● check
        │
        ● wait
        │
        ● submit
           ↺ check
        """,
    ),
    "a step after itself": ({"retry": ("retry",)}, "● retry\n   ↺ retry\n"),
    "a step that does not exist": ({"b": ("a",)}, "○ a\n│\n● b\n"),
}


@pytest.mark.parametrize(("flow", "drawn"), SHAPES.values(), ids=SHAPES)
def test_a_shape_is_drawn(flow, drawn):
    assert drawing({"f": flow}) == block(drawn)


def test_flows_stand_one_below_the_other_and_name_the_links_between_them():
    bare = {name: {"doc": None} for steps in ORDERS.values() for name in steps}
    assert text.render(graph_of(ORDERS, **bare)) == block("""
        orders
        ──────

        ◆ accept
        │
        ● validate
        │   → billing:charge
        ● pay
           ← billing:charged

        ◆ unused

        billing
        ───────

        ○ chrage
        │ ● charge
        │ │   ← orders:validate
        ├─╯
        ● charged
           → orders:pay

        ◆ entrypoint   ● step   ○ unknown step   → to another flow   ← from another flow
        """)


def test_a_task_has_a_mark_of_its_own():
    assert drawing({"f": {"a": (), "b": ("a",)}}, b={"call_kind": "task"}) == "◆ a\n│\n■ b\n"


def test_an_entrypoint_that_is_a_task_is_seen_to_be_both():
    graph = graph_of({"f": {"a": (), "b": ("a",)}, "g": {"c": ()}}, a={"call_kind": "task"})
    lines = text.render(graph).split("\n")
    assert lines[3].startswith("◈ a ")
    assert "◆ entrypoint   ◈ entrypoint and task, through a queue   ● step" in lines


def test_wide_characters_take_two_columns_and_marks_none():
    flow = {"受け取る": (), "e\u0301te\u0301": ("受け取る",), "🚀 go": ("e\u0301te\u0301",)}
    lines = text.render(graph_of({"注文": flow})).split("\n")
    assert lines[:2] == ["注文", "────"]
    assert lines[3:8:2] == [
        "◆ 受け取る  Does 受け取る.",
        "● e\u0301te\u0301       Does e\u0301te\u0301.",
        "● 🚀 go     Does 🚀 go.",
    ]


@pytest.mark.parametrize(
    ("shown", "width"),
    {
        "plain": 5,
        "naïve": 5,
        "漢字": 4,
        "ﾃｽﾄ": 3,
        "\uff26": 2,
        "e\u0301": 1,
        "✅⭐": 4,
        "👩\u200d🚀": 2,
        "שלום": 4,
        "\u3000": 2,
        "𠀋": 2,
        "●◆│─": 4,
        "": 0,
    }.items(),
)
def test_columns_are_counted_as_a_terminal_does(shown, width):
    assert columns(shown) == width


@pytest.mark.parametrize(
    ("given", "room", "left"),
    [
        ("short", 5, "short"),
        ("too long", 5, "too…"),
        ("漢字漢字", 5, "漢字…"),
        ("漢字漢字", 4, "漢…"),
    ],
)
def test_a_summary_is_cut_to_its_room(given, room, left):
    assert shortened(given, room) == left


def test_nothing_but_a_long_name_reaches_past_the_eightieth_column():
    flows = {
        "f": {"a": (), "b": ("a", "c"), "c": ("b", "missing", "g:s")},
        "g": {"s": ("f:a",), "t": ("s",)},
    }
    registry = registry_of(flows, a={"doc": "word " * 40}, t={"call_kind": "task"})
    registry.set_doc("f", "Does this and that. " * 9)
    lines = text.render(build(registry)).split("\n")
    assert lines[0].startswith("f: Does this")
    assert lines[3].startswith("◆ a  word word")
    assert lines[3].endswith("word…")
    assert max(map(columns, lines)) <= 80
    legend = "   ".join(lines[lines.index("") :]).split("   ")
    assert {
        "◆ entrypoint",
        "■ task, through a queue",
        "○ unknown step",
        "← from another flow",
    } <= set(legend)


def test_words_below_a_step_stay_within_eighty_columns_beside_other_lines():
    chains = {f"a{index}": () for index in range(9)}
    wide = {f"注文を確認する係の仕事{index}": ("f:hub",) for index in range(9)}
    flow = {**chains, "hub": ("a0",), **{f"b{index}": (f"a{index}",) for index in range(9)}}
    graph = graph_of({"f": flow, "g": wide})
    many = Ran(1_234_567, 9_999, 0, 99_000, 99_000, passed=5_000)
    label = "when the goods are in stock and paid for, or else tomorrow"
    graph = graph._replace(
        nodes=tuple(node._replace(ran=many) for node in graph.nodes),
        edges=tuple(edge._replace(label=label) for edge in graph.edges),
    )
    lines = text.render(graph).splitlines()
    assert max(map(columns, lines)) <= 80
    assert sum(line.endswith("(from f:hub)") for line in lines) == 9


def test_a_link_through_a_queue_to_another_flow_has_signs_of_its_own():
    flows = {"f": {"a": ()}, "g": {"b": ("f:a",), "c": ("f:a",)}}
    lines = text.render(graph_of(flows, b={"call_kind": "task"})).splitlines()
    assert {"   ⇢ g:b", "   → g:c", "   ⇠ f:a", "   ← f:a"} <= set(lines)
    assert "⇢ through a queue to another flow" in " ".join(lines)


def test_a_long_name_is_never_cut_and_pushes_no_other_summary_aside():
    flow = {"short": (), "x" * 300: ("short",)}
    lines = text.render(graph_of({"f": flow}, **{"x" * 300: {"doc": "Does it all."}})).split("\n")
    assert lines[3] == "◆ short  Does short."
    assert lines[5] == f"● {'x' * 300}"


def test_more_lines_than_fit_are_joined_where_they_lead_to_the_same():
    flow = {**{f"s{index:02}": () for index in range(30)}, "end": ("s00",)}
    flow["end"] = tuple(flow)[:-1]
    drawn = drawing({"f": flow})
    assert "├─┴─┴─┴─┴─┴─┴─┴─┴─╯\n" in drawn
    assert max(map(len, drawn.split("\n"))) < 30
    assert "↓" not in drawn


def test_what_has_no_room_is_told_in_words_at_both_ends():
    # Each of twelve chains waits for its own last step, so that no two lines can be joined.
    flow = {f"a{index:02}": () for index in range(12)}
    flow["hub"] = tuple(flow)
    flow.update({f"z{index:02}": ("hub", f"a{index:02}") for index in range(12)})
    assert text.render(graph_of({"f": flow})).endswith("   ↓ further down   ↑ from further up\n")
    drawn = drawing({"f": flow})
    assert "◆ a10\n" in drawn
    assert "↓ hub, z10\n" in drawn
    assert "↑ a10, a11\n" in drawn
    assert "↑ a10, hub\n" in drawn


def links_drawn(lines):
    """Read the links of a drawing back, as a person follows its lines."""
    links = set()
    running = {}  # the steps that the line in a column comes from
    arriving = set()  # the steps that a horizontal line brings to the next one
    above = {}  # the step of the line above, by its column
    for line in lines:
        drawn = line.split("  Does")[0]
        cells = dict(enumerate(drawn))
        running |= {at: {step} for at, step in above.items() if cells.get(at, " ") in "│├┤┼╯╰┴"}
        for at, char in cells.items():
            arriving |= running[at] if char in "├┤┼╯╰┴" else set()
        mark = next((at for at, char in cells.items() if char in "◆●"), None)
        above = {}
        if mark is not None:
            step = drawn.split()[-1]
            links |= {(source, step) for source in arriving | running.get(mark, set())}
            arriving = set()
            above = {mark: step}
        running = {at: running[at] for at, char in cells.items() if char in "│├┤┼"}
    return links


@pytest.mark.parametrize("steps", [5, 9, 14, 20, 30])
def test_the_lines_say_what_the_graph_says(steps):
    for extra in range(4):
        graph = graph_of(tangle(steps, steps - 1 + extra))
        name = {node.id: node.name for node in graph.nodes}
        links = {(name[edge.source], name[edge.target]) for edge in graph.edges}
        assert links_drawn(text.render(graph).split("\n")[3:-3]) == links


def test_any_name_is_drawn_on_one_line_and_harmless():
    hostile = names(1000)
    graph = graph_of({"f": dict.fromkeys(hostile, (hostile[0],))})
    lines = text.render(graph).split("\n")
    for name in hostile:
        assert any(visible(name) in line for line in lines)
    assert all(visible(line) == line for line in lines if line)
    assert len(lines) < 1100
    lines = text.render(graph_of({name: {"step": ()} for name in hostile[:300]})).split("\n")
    assert {visible(name).rstrip(" ") for name in hostile[:300]} <= set(lines)
    assert len(lines) == 5 * 300 + 2


@pytest.mark.parametrize(
    "flow",
    [
        tangle(10_000, 12_800)["tangle"],
        {f"s{index}": (f"s{index - 1}",) if index else () for index in range(10_000)},
        {f"s{index}": ("s0",) if index else () for index in range(10_000)},
        {**{f"s{n}": () for n in range(10_000)}, "hub": tuple(f"s{n}" for n in range(10_000))},
    ],
    ids=["tangle", "chain", "fan", "hub"],
)
def test_ten_thousand_steps_are_drawn_in_seconds(flow):
    graph = graph_of({"large": flow})
    drawn = text.render(graph)
    assert drawn.count("●") + drawn.count("◆") >= 10_000
    assert len(drawn) < 3_000_000
    assert seconds(lambda: text.render(graph), times=2) < 1.5


def test_flows_come_after_those_that_lead_to_them():
    flows = {"a_last": {"x": ("b_first:y",)}, "b_first": {"y": (), "z": ("y",)}}
    drawn = text.render(graph_of(flows))
    assert drawn.index("b_first\n") < drawn.index("a_last\n")
