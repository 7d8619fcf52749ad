"""JSON: everything that the graph holds, in a shape that programs can rely on."""

from __future__ import annotations

import json
import re

from penstock._graph import Edge, Graph, Group, Node
from penstock.formats import json as json_format
from tests.penstock.declared import ORDERS, SEED, graph_of
from tests.penstock.formats.hostile import names


def test_the_shape_is_the_documented_one():
    graph = graph_of({"f": {"a": (), "b": ("a", "gone")}})
    assert json.loads(json_format.render(graph)) == {
        "version": 1,
        "title": "All flows",
        "groups": [{"flow": "f", "summary": "", "doc": None, "nodes": ["f:a", "f:gone", "f:b"]}],
        "nodes": [
            {
                "id": "f:a",
                "name": "a",
                "flow": "f",
                "entrypoint": True,
                "call_kind": "function",
                "summary": "Does a.",
                "doc": "Does a.",
                "file": "shop/flows.py",
                "line": 1,
                "unknown": False,
            },
            {
                "id": "f:gone",
                "name": "gone",
                "flow": "f",
                "entrypoint": False,
                "call_kind": "",
                "summary": "",
                "doc": None,
                "file": None,
                "line": None,
                "unknown": True,
            },
            {
                "id": "f:b",
                "name": "b",
                "flow": "f",
                "entrypoint": False,
                "call_kind": "function",
                "summary": "Does b.",
                "doc": "Does b.",
                "file": "shop/flows.py",
                "line": 2,
                "unknown": False,
            },
        ],
        "edges": [
            {"source": "f:a", "target": "f:b", "label": ""},
            {"source": "f:gone", "target": "f:b", "label": ""},
        ],
    }


def test_the_graph_can_be_made_from_it_again():
    # JSON has no way to tell two lone surrogates in a row from the character that they would make.
    hostile = [
        name for name in names(1000) if not re.search("[\ud800-\udbff][\udc00-\udfff]", name)
    ]
    graph = graph_of({**ORDERS, **SEED, "hostile": dict.fromkeys(hostile, ())})
    read = json.loads(json_format.render(graph).encode())
    groups = (Group(**{**each, "nodes": tuple(each["nodes"])}) for each in read["groups"])
    assert graph == Graph(
        title=read["title"],
        groups=tuple(groups),
        nodes=tuple(Node(**each) for each in read["nodes"]),
        edges=tuple(Edge(**each) for each in read["edges"]),
    )
    assert set(read) == {"version", *Graph._fields}


def test_it_is_readable_text_that_ends_with_a_newline():
    text = json_format.render(graph_of({"注文": {"受注": ()}}))
    assert '"name": "受注"' in text
    assert text.endswith("\n}\n")
