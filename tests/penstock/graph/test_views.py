"""Each flow as one node, and the edges that others imply."""

from __future__ import annotations

from penstock._graph import FLOW, Ran, collapsed, with_implied, without_implied
from tests.penstock.declared import graph_of

SYSTEM = {
    "orders": {"take": (), "pay": ("take",), "send": ("pay", "stock:reserve")},
    "stock": {"reserve": ("orders:take", "orders:pay"), "count": ("reserve",)},
    "nightly": {"clean": ()},
}


def pairs(graph):
    return [edge[:2] for edge in graph.edges]


def test_a_collapsed_flow_counts_its_steps_and_edges():
    graph = collapsed(graph_of(SYSTEM))
    nodes = {node.id: node for node in graph.nodes}
    assert nodes["orders:"].summary == "3 steps, 1 entrypoint"
    assert {node.call_kind for node in graph.nodes} == {FLOW}
    assert {edge[:2]: edge.label for edge in graph.edges} == {
        ("orders:", "stock:"): "2 edges",
        ("stock:", "orders:"): "",
    }
    (group,) = graph.groups
    assert group.nodes == tuple(nodes)
    assert group.summary == "3 flows, 6 steps. Each box is a flow."


def test_a_collapsed_flow_has_the_evidence_of_its_entrypoints():
    graph = graph_of(SYSTEM)
    counts = {"take": Ran(9, 2, 0, 10, 20), "pay": Ran(8, 0, 0, 5, 6)}
    graph = graph._replace(
        nodes=tuple(
            node._replace(ran=counts.get(node.name, Ran(0, 0, 0, None, None)))
            for node in graph.nodes
        ),
        edges=tuple(
            edge._replace(status="seen", seen=4)
            if edge.source == "orders:take"
            else edge._replace(status="unseen")
            for edge in graph.edges
        ),
    )
    flows = collapsed(graph)
    node = next(each for each in flows.nodes if each.name == "orders")
    assert node.ran == Ran(9, 2, 0, 10, 20)
    assert node.summary == "3 steps, 1 entrypoint, 1 never ran"
    assert {edge[:2]: edge[2:4] for edge in flows.edges} == {
        ("orders:", "stock:"): ("seen", 4),
        ("stock:", "orders:"): ("unseen", 0),
    }


def test_an_edge_is_implied_where_a_path_leads_there_too():
    graph = graph_of({"f": {"a": (), "b": ("a",), "c": ("b", "a"), "d": ("c", "a", "b", "d")}})
    marked = with_implied(graph)
    assert pairs(marked) == pairs(graph)
    implied = {("f:a", "f:c"), ("f:a", "f:d"), ("f:b", "f:d")}
    assert {edge[:2] for edge in marked.edges if edge.implied} == implied
    assert set(pairs(graph)) - set(pairs(without_implied(graph))) == implied


def test_a_label_keeps_its_edge_and_an_undeclared_call_implies_nothing():
    graph = graph_of({"f": {"a": (), "b": ("a",), "c": ("b", "a")}})
    labelled = graph._replace(edges=tuple(e._replace(label="maybe") for e in graph.edges))
    assert without_implied(labelled) == labelled
    odd = graph._replace(
        edges=tuple(
            edge._replace(status="undeclared" if edge.source == "f:b" else "seen")
            for edge in graph.edges
        )
    )
    assert without_implied(odd) == odd
