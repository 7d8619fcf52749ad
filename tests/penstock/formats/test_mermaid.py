"""Mermaid: the published shape, and what the real Mermaid makes of any name and any size."""

from __future__ import annotations

import pathlib

import pytest

from penstock.formats import mermaid, visible
from tests.penstock.declared import ORDERS, SEED, graph_of, tangle
from tests.penstock.formats.hostile import KNOWN, names
from tests.penstock.speed import seconds

HERE = pathlib.Path(__file__).parent


def seen(text):
    """Return `text` without what Mermaid needs and nobody sees."""
    return text.replace("\u200c", "")


def assert_drawn(graph, diagram, answer):
    """Compare what Mermaid read with the graph: labels, edges, and flows if there are several."""
    assert "error" not in answer, answer["error"]
    labels, edges = answer["labels"], answer["edges"]
    shown = {node.id: seen(visible(node.name)) for node in diagram.nodes}
    assert sorted(map(seen, labels.values())) == sorted(shown.values())
    wanted = sorted((shown[edge.source], shown[edge.target]) for edge in diagram.edges)
    assert sorted((seen(labels[one]), seen(labels[other])) for one, other in edges) == wanted
    if len(graph.groups) > 1:
        flows = {}
        for node in diagram.nodes:
            flows.setdefault(node.flow, []).append(shown[node.id])
        wanted = [(seen(visible(flow)), sorted(members)) for flow, members in flows.items()]
        read = [
            (seen(title), sorted(seen(labels[each]) for each in ids))
            for title, ids in answer["groups"]
        ]
        assert sorted(read) == sorted(wanted)


def test_plain_names_give_the_published_shape():
    assert mermaid.render(graph_of(SEED, "bom_sync")) == (
        "graph TD\n"
        "    handle_kafka_message --> fetch_from_api\n"
        "    fetch_from_api --> sync_to_database\n"
    )


def test_a_direction_is_in_the_first_line():
    assert mermaid.render(graph_of(SEED), direction="LR").startswith("graph LR\n")


def test_only_steps_that_need_it_are_declared():
    flow = {"start": (), "alone": (), "end": ("start", "gone")}
    assert mermaid.render(graph_of({"f": flow})) == (
        "graph TD\n"
        "    alone\n"
        '    n0["end"]\n'
        "    gone --> n0\n"
        "    start --> n0\n"
        "    classDef missing stroke-dasharray: 5 5\n"
        "    class gone missing\n"
    )


def test_flows_are_subgraphs_where_there_are_several():
    assert mermaid.render(graph_of(ORDERS)) == (
        "graph TD\n"
        "    subgraph orders\n"
        "        unused\n"
        "        accept --> validate\n"
        "        validate --> pay\n"
        "    end\n"
        "    subgraph billing\n"
        "        chrage --> charged\n"
        "        charge --> charged\n"
        "    end\n"
        "    validate --> charge\n"
        "    charged --> pay\n"
        "    classDef missing stroke-dasharray: 5 5\n"
        "    class chrage missing\n"
    )


def test_one_name_in_two_flows_is_two_nodes():
    assert mermaid.render(
        graph_of({"a": {"run": ()}, "b": {"run": ("a:run",), "n0": ("run",)}})
    ) == (
        "graph TD\n"
        "    subgraph a\n"
        '        n1["run"]\n'
        "    end\n"
        "    subgraph b\n"
        '        n2["run"]\n'
        "        n2 --> n0\n"
        "    end\n"
        "    n1 --> n2\n"
    )


@pytest.mark.timeout(300)
def test_a_thousand_names_come_back_from_mermaid(read_by_mermaid):
    hostile = names(1000)
    graphs = []
    for start in range(0, len(hostile), 50):
        some = hostile[start : start + 50]
        tree = {name: (some[index // 2],) if index else () for index, name in enumerate(some)}
        graphs += [graph_of({"f": tree}), graph_of({n: {n: (), "same": (n,)} for n in some})]
    diagrams = [mermaid.diagrams(graph)[0] for graph in graphs]
    answers = read_by_mermaid([diagram.text for diagram in diagrams])
    for graph, diagram, answer in zip(graphs, diagrams, answers, strict=True):
        assert_drawn(graph, diagram, answer)


@pytest.mark.timeout(300)
def test_what_is_not_encoded_would_not_come_back(read_by_mermaid):
    name = {"end --> b": "end", 'n0["a "b" c"]': 'a "b" c', "n0[<lambda>(x)]": "<lambda>(x)"}
    name |= {"a---order": "a---order", 'n0["#35;"]': "#35;", 'n0["&lt;"]': "&lt;"}
    answers = read_by_mermaid([f"graph TD\n    {line}\n" for line in name])
    for hostile, answer in zip(name.values(), answers, strict=True):
        graph = graph_of({"f": {hostile: ()}})
        with pytest.raises(AssertionError):
            assert_drawn(graph, mermaid.diagrams(graph)[0], answer)


@pytest.mark.timeout(300)
def test_mermaid_draws_the_labels_that_it_read(read_by_mermaid):
    some = [KNOWN[start : start + 20] for start in range(0, len(KNOWN), 20)]  # small ones are fast
    graphs = [graph_of({"f": dict.fromkeys(each, ())}) for each in some]
    graphs.append(graph_of({name: {"a": ()} for name in KNOWN[::8]}))
    for answer in read_by_mermaid([mermaid.render(graph) for graph in graphs], draw=True):
        assert "error" not in answer, answer["error"]
        assert answer["drawn"] == answer["labels"]
        assert sorted(answer["titles"]) == sorted(title for title, _ in answer["groups"])


@pytest.mark.parametrize("limit", [1_000, 5_000, 50_000])
@pytest.mark.parametrize(
    "flows",
    [
        tangle(600, 1_200),
        {"fan": {f"s{index}": ("s0",) if index else () for index in range(700)}},
        {"long": {f"{'x' * 300}{index}": (f"gone{'y' * 300}",) for index in range(9)}},
        {f"{'漢' * 200}{n}": {"a" * 200: (), '"' * 99: ("a" * 200, "b" * 200)} for n in range(20)},
        {"loose": {f"s{index}": () for index in range(5_000)}},
        {f"f{n}": {"a": (f"f{n + 1}:b",), "b": ("a",), "c": ("b", "no")} for n in range(300)},
        {"loop": {"a": ("a",), "b": ("a", "b")}},
    ],
    ids=["tangle", "fan", "long names", "wide names", "loose", "flows", "loop"],
)
def test_diagrams_are_within_the_limits_and_together_complete(flows, limit):
    graph = graph_of(flows)
    diagrams = mermaid.diagrams(graph, max_chars=limit)
    for diagram in diagrams:
        assert len(diagram.text.encode("utf-16-le")) // 2 <= limit
        assert len(diagram.edges) <= 500
    edges = [edge for diagram in diagrams for edge in diagram.edges]
    assert len(edges) == len(graph.edges)
    assert set(edges) == set(graph.edges)
    assert {node for diagram in diagrams for node in diagram.nodes} == set(graph.nodes)


def test_unless_told_otherwise_a_diagram_has_at_most_as_many_characters_as_mermaid_takes():
    steps = [f"{'x' * 487}{number:03}" for number in range(100)]

    def drawn(last: str) -> list[int]:
        graph = graph_of({"f": dict.fromkeys([*steps, last], ())})
        return [len(diagram.text) for diagram in mermaid.diagrams(graph)]

    assert drawn("y" * 486) == [50_000]
    assert len(drawn("y" * 487)) > 1


@pytest.mark.timeout(300)
def test_each_of_several_diagrams_is_valid_alone(read_by_mermaid):
    hostile = names(400)
    flows = {
        f"flow {part}": {
            name: tuple(some[max(0, index - 3) : index]) for index, name in enumerate(some)
        }
        for part in range(4)
        if (some := hostile[part * 100 : part * 100 + 100])
    }
    graph = graph_of(flows)
    diagrams = mermaid.diagrams(graph, max_chars=4_000)
    assert len(diagrams) > 5
    answers = read_by_mermaid([diagram.text for diagram in diagrams])
    for diagram, answer in zip(diagrams, answers, strict=True):
        assert_drawn(graph, diagram, answer)


def test_what_hangs_together_stays_together_where_it_fits():
    chains = {
        f"{chain}{index}": (f"{chain}{index - 1}",) if index else ()
        for chain in "abcdefgh"
        for index in range(100)
    }
    diagrams = mermaid.diagrams(graph_of({"f": chains}))
    parts = [{node.name[0] for node in diagram.nodes} for diagram in diagrams]
    assert parts == [{"a", "b", "c", "d", "e"}, {"f", "g", "h"}]


def test_several_diagrams_are_markdown_with_an_index():
    page = mermaid.render(graph_of({"big": {"hub": (), **{f"s{n}": ("hub",) for n in range(900)}}}))
    assert page.startswith(
        "# `All flows`\n"
        "\n"
        "901 steps and 900 links, in 2 diagrams.\n"
        "\n"
        "| Diagram | Steps | Links | From | To |\n"
        "| --- | ---: | ---: | --- | --- |\n"
        "| [Diagram 1](#diagram-1) | 501 | 500 | `hub` | `s548` |\n"
        "| [Diagram 2](#diagram-2) | 401 | 400 | `hub` | `s99` |\n"
        "\n"
        "## Diagram 1\n"
        "\n"
        "```mermaid\n"
        "graph TD\n"
        "    hub --> s0\n"
    )
    assert page.count("```mermaid\ngraph TD\n") == page.count("\n```\n") == 2
    assert page.endswith(
        "\n## Steps in several diagrams\n\n| Step | Diagrams |\n| --- | --- |\n| `hub` | 1-2 |\n"
    )


def test_names_stay_whole_in_the_index():
    hub = "a|b `c` <d>\\"
    page = mermaid.render(graph_of({"big": {hub: (), **{f"s{n}": (hub,) for n in range(900)}}}))
    cell = "<code>a&#124;b &#96;c&#96; &#60;d&#62;&#92;</code>"
    assert page.endswith(f"| {cell} | 1-2 |\n")


def test_too_small_a_limit_is_refused():
    with pytest.raises(ValueError, match="max_chars=999 is too small: a diagram needs 1,000"):
        mermaid.render(graph_of(SEED), max_chars=999)


def test_ten_thousand_steps_take_less_than_a_third_of_a_second():
    graph = graph_of(tangle(10_000, 12_800))
    assert mermaid.render(graph).count(" --> ") == 12_800
    assert seconds(lambda: mermaid.render(graph)) < 0.3


def test_an_edge_to_a_task_ends_with_a_circle_whatever_is_seen_of_it(read_by_mermaid):
    flow = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",), "e": ("d",)}
    tasks = {name: {"call_kind": "task"} for name in "bcde"}
    graph = graph_of({"f": {**flow, "o": ("e",)}}, **tasks)
    statuses = ("", "seen", "unseen", "undeclared", "")
    edges = (e._replace(status=each) for e, each in zip(graph.edges, statuses, strict=True))
    drawn = mermaid.render(graph._replace(edges=tuple(edges)))
    arrows = ["--o", '-- "0" --o', '-. "never seen" .-o', '== "not declared#58; 0" ==o', "-->"]
    ends = zip(arrows, "abcde", "bcdeo", strict=True)
    assert drawn.splitlines()[1:] == [f"    {one} {arrow} {other}" for arrow, one, other in ends]
    (answer,) = read_by_mermaid([drawn])
    assert [tuple(each) for each in answer["edges"]] == list(zip("abcde", "bcdeo", strict=True))
    assert answer["heads"] == ["arrow_circle"] * 4 + ["arrow_point"]
