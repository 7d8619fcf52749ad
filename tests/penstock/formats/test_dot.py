"""DOT: what it looks like, and what the real `dot` makes of any name."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from penstock.formats import dot, visible
from tests.penstock.declared import ORDERS, SEED, graph_of
from tests.penstock.formats.hostile import names

needs_dot = pytest.mark.skipif(not shutil.which("dot"), reason="needs the program dot of Graphviz")


def read_by_dot(text, kind):
    done = subprocess.run(
        ["dot", f"-T{kind}"], input=text.encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def test_a_plain_flow_is_easy_to_read():
    assert dot.render(graph_of(SEED, "bom_sync")) == (
        'digraph "bom_sync" {\n'
        '    graph [rankdir=TB, fontname="Helvetica,Arial,sans-serif"]\n'
        '    node [shape=box, style=rounded, fontname="Helvetica,Arial,sans-serif"]\n'
        '    "handle_kafka_message" [peripheries=2, tooltip="Does handle_kafka_message."]\n'
        '    "fetch_from_api" [tooltip="Does fetch_from_api."]\n'
        '    "sync_to_database" [tooltip="Does sync_to_database."]\n'
        '    "handle_kafka_message" -> "fetch_from_api"\n'
        '    "fetch_from_api" -> "sync_to_database"\n'
        "}\n"
    )


def test_flows_are_clusters_and_what_is_missing_is_dashed():
    drawn = dot.render(graph_of(ORDERS, charge={"call_kind": "task"}), direction="LR")
    assert "graph [rankdir=LR," in drawn
    assert (
        "    subgraph cluster_1 {\n"
        '        label="billing"\n'
        '        "chrage" [style="rounded,dashed"]\n'
        '        "charge" [shape=tab, style=solid, tooltip="Does charge."]\n'
        '        "charged" [tooltip="Does charged."]\n'
        "    }\n"
    ) in drawn


def test_one_name_in_two_flows_is_two_nodes():
    drawn = dot.render(graph_of({"a": {"run": ()}, "b": {"run": ("a:run",), "n0": ("run",)}}))
    assert '"n1" [label="run"' in drawn
    assert drawn.endswith('    "n1" -> "n2"\n    "n2" -> "n0"\n}\n')


@needs_dot
def test_a_thousand_names_come_back_from_dot():
    hostile = names(1000)
    for start in range(0, len(hostile), 100):
        some = hostile[start : start + 100]
        tree = {name: (some[index // 2],) if index else () for index, name in enumerate(some)}
        for graph in (graph_of({"f": tree}), graph_of({n: {n: (), "same": (n,)} for n in some})):
            # A label comes back as it was written: with its escapes, and with references.
            read = json.loads(read_by_dot(dot.render(graph), "json0"), strict=False)
            label = {
                each["_gvid"]: each["name"]
                if each["label"] == "\\N"
                else html.unescape(each["label"])
                for each in read["objects"]
                if "nodes" not in each
            }
            shown = {node.id: visible(node.name).replace("\\", "\\\\") for node in graph.nodes}
            assert sorted(label.values()) == sorted(shown.values())
            edges = sorted((label[edge["tail"]], label[edge["head"]]) for edge in read["edges"])
            assert edges == sorted((shown[edge.source], shown[edge.target]) for edge in graph.edges)


@needs_dot
def test_what_dot_draws_says_what_the_names_say():
    graph = graph_of({name: {name: ()} for name in names(300)})
    drawn = ET.fromstring(read_by_dot(dot.render(graph), "svg"))  # noqa: S314  (drawn here)
    texts = ["".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    wanted = 2 * [visible(node.name).replace("\xa0", " ") for node in graph.nodes]
    assert sorted(text.replace("\xa0", " ") for text in texts) == sorted(wanted)
