"""The graph that drawings are made from: what is in it, and in which order."""

from __future__ import annotations

import random

import pytest

from penstock import _graph
from penstock._declare import Registry, Step
from penstock._graph import Edge, UnknownFlowError, build
from tests.penstock.declared import ORDERS, SEED, graph_of, registry_of, tangle
from tests.penstock.speed import seconds


def names(graph):
    return [node.name for node in graph.nodes]


def links(graph):
    by_id = {node.id: node.name for node in graph.nodes}
    return [(by_id[edge.source], by_id[edge.target]) for edge in graph.edges]


def test_a_flow_becomes_its_steps_in_the_order_in_which_they_run():
    graph = graph_of(SEED, "bom_sync")
    assert graph.title == "bom_sync"
    assert names(graph) == ["handle_kafka_message", "fetch_from_api", "sync_to_database"]
    assert graph.edges == (
        Edge("bom_sync:handle_kafka_message", "bom_sync:fetch_from_api"),
        Edge("bom_sync:fetch_from_api", "bom_sync:sync_to_database"),
    )
    assert [group.flow for group in graph.groups] == ["bom_sync"]
    assert graph.groups[0].nodes == tuple(node.id for node in graph.nodes)


def test_a_node_tells_what_is_known_of_its_step():
    doc = "\n    Receive an update.\n\n        An example.\n    The end.\n    "
    graph = graph_of({"f": {"a": ()}}, a={"doc": doc, "call_kind": "coroutine", "line": 31})
    node = graph.nodes[0]
    assert (node.id, node.name, node.flow) == ("f:a", "a", "f")
    assert (node.entrypoint, node.unknown, node.call_kind) == (True, False, "coroutine")
    assert node.summary == "Receive an update."
    # As Python 3.13 keeps it and earlier versions do not.
    assert node.doc == "Receive an update.\n\n    An example.\nThe end."
    assert (node.file, node.line) == ("shop/flows.py", 31)


def test_a_step_without_docstring_has_an_empty_summary():
    node = graph_of({"f": {"a": ()}}, a={"doc": None}).nodes[0]
    assert (node.summary, node.doc) == ("", None)


def test_a_flow_tells_its_description():
    registry = registry_of(SEED)
    registry.set_doc("bom_sync", "Keep the parts up to date.\n\nAt night.")
    group = build(registry).groups[0]
    assert (group.summary, group.doc) == (
        "Keep the parts up to date.",
        "Keep the parts up to date.\n\nAt night.",
    )


@pytest.mark.parametrize(
    ("module", "file", "shown"),
    [
        ("shop.flows", "/home/me/src/shop/flows.py", "shop/flows.py"),
        ("shop.flows", "C:\\work\\shop\\flows.py", "shop/flows.py"),
        ("shop.flows", "/home/me/shop/flows/__init__.py", "shop/flows/__init__.py"),
        ("__main__", "/home/me/run.py", "run.py"),
        ("flows", "flows.py", "flows.py"),
        ("lows", "/home/me/flows.py", "flows.py"),
        ("made.up", None, None),
    ],
)
def test_a_file_is_told_from_the_import_root_on_so_that_all_machines_agree(module, file, shown):
    graph = graph_of({"f": {"a": ()}}, a={"module": module, "file": file})
    assert graph.nodes[0].file == shown


def test_steps_of_one_layer_are_ordered_by_name_and_an_isolated_one_is_there():
    flow = {"start": (), "b": ("start",), "a": ("start",), "z": ("a", "start"), "alone": ()}
    assert names(graph_of({"f": flow})) == ["alone", "start", "a", "b", "z"]


def test_a_layer_is_the_longest_way_to_a_step():
    flow = {"a": (), "b": ("a",), "c": ("b",), "aa": ("c", "a")}
    assert names(graph_of({"f": flow})) == ["a", "b", "c", "aa"]


def test_a_predecessor_named_twice_is_one_edge():
    registry = Registry()
    registry.add(Step(kind="entrypoint", name="a", flow="f"))
    registry.add(Step(kind="step", name="b", flow="f", after=("a", "a", "f:a")))
    assert links(build(registry)) == [("a", "b")]


def test_without_a_name_all_flows_are_there_with_the_links_between_them():
    graph = graph_of(ORDERS)
    assert graph.title == "All flows"
    assert [group.flow for group in graph.groups] == ["orders", "billing"]
    assert links(graph) == [
        ("accept", "validate"),
        ("chrage", "charged"),
        ("validate", "charge"),
        ("validate", "pay"),
        ("charge", "charged"),
        ("charged", "pay"),
    ]


def test_one_flow_shows_its_predecessors_in_other_flows_and_no_more_of_these():
    graph = graph_of(ORDERS, "billing")
    assert [node.id for node in graph.nodes] == [
        "billing:chrage",
        "orders:validate",
        "billing:charge",
        "billing:charged",
    ]
    assert [(group.flow, len(group.nodes)) for group in graph.groups] == [
        ("billing", 3),
        ("orders", 1),
    ]


def test_a_predecessor_that_does_not_exist_is_a_node_that_says_so():
    graph = graph_of({"f": {"a": (), "b": ("aa", "g:x", "h:y")}, "g": {"c": ()}}, "f")
    unknown = {node.id: node for node in graph.nodes if node.unknown}
    # "h" is no flow, so "h:y" stands as it was written, in the flow of whoever wrote it.
    assert sorted(unknown) == ["f:aa", "f:h:y", "g:x"]
    node = unknown["f:aa"]
    assert (node.call_kind, node.summary, node.doc, node.file) == ("", "", None, None)
    assert not node.entrypoint


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        ("a", ("f", "a")),
        ("a:b", ("f", "a:b")),
        ("g:b", ("g", "b")),
        ("g:h:b", ("g:h", "b")),
        ("g:c:d", ("g", "c:d")),
        ("g:nothing", ("g", "nothing")),
        ("nowhere:b", ("f", "nowhere:b")),
        (":", ("f", ":")),
    ],
)
def test_a_colon_may_be_part_of_any_name(reference, meant):
    flows = registry_of(
        {"f": {"a": (), "a:b": ()}, "g": {"b": (), "c:d": ()}, "g:h": {"b": ()}}
    ).flows
    assert _graph.resolve(flows, "f", reference) == meant


def test_ids_of_different_steps_differ_whatever_their_names():
    pairs = [("a", "b:c"), ("a:b", "c"), ("a\\", ":c"), ("a\\:", "c"), ("", "a:b:c"), ("a", "")]
    assert len({_graph.node_id(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("flow", "order", "back"),
    [
        ({"a": ("a",)}, ["a"], [("a", "a")]),
        ({"b": ("a",), "a": ("b",)}, ["a", "b"], [("b", "a")]),
        # Cut where it leads back to the entrypoint, although "again" comes first by name.
        ({"submit": ("again",), "again": ("check",), "check": ("submit",)}, None, None),
        (
            {"start": (), "x": ("start", "z"), "y": ("x",), "z": ("y",)},
            ["start", "x", "y", "z"],
            [("z", "x")],
        ),
    ],
)
def test_a_cycle_is_kept_and_cut_at_one_place_for_the_order(flow, order, back):
    entry = {"submit": {"kind": "entrypoint"}}
    graph = graph_of({"f": flow}, **entry)
    assert names(graph) == (order or ["submit", "check", "again"])
    place = {name: index for index, name in enumerate(names(graph))}
    upward = [(one, other) for one, other in links(graph) if place[one] >= place[other]]
    assert upward == (back or [("again", "submit")])
    assert len(graph.edges) == sum(map(len, flow.values()))


def test_the_order_of_declaration_makes_no_difference():
    flows = {**ORDERS, "loop": {"b": ("a",), "a": ("c",), "c": ("b",)}}
    pick = random.Random(1)
    graphs = set()
    for _ in range(20):
        shuffled = {
            flow: dict(pick.sample(sorted(flows[flow].items()), len(flows[flow])))
            for flow in pick.sample(sorted(flows), len(flows))
        }
        same_line = {name: {"line": 1} for steps in flows.values() for name in steps}
        graphs.add(graph_of(shuffled, **same_line))
    assert len(graphs) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("bom_snyc", "Unknown flow 'bom_snyc'. Did you mean 'bom_sync'?"),
        ("BOM_SYNC", "Unknown flow 'BOM_SYNC'. Did you mean 'bom_sync'?"),
        ("zzz", "Unknown flow 'zzz'. Known: bom_sync."),
    ],
)
def test_an_unknown_flow_is_one_error_that_names_the_nearest(asked, said):
    with pytest.raises(UnknownFlowError) as caught:
        graph_of(SEED, asked)
    assert str(caught.value) == said
    assert isinstance(caught.value, KeyError)


def test_where_nothing_is_declared_the_error_says_so():
    with pytest.raises(UnknownFlowError, match="no flow is declared"):
        build(Registry(), "orders")


def test_the_map_of_no_flows_is_empty():
    graph = build(Registry())
    assert (graph.groups, graph.nodes, graph.edges) == ((), (), ())


@pytest.mark.parametrize(
    "flow",
    [
        tangle(10_000, 12_800)["tangle"],
        {f"s{index}": (f"s{index - 1}",) if index else () for index in range(10_000)},
        {f"s{index}": ("s0",) if index else () for index in range(10_000)},
    ],
    ids=["tangle", "chain", "fan"],
)
def test_ten_thousand_steps_take_a_third_of_a_second(flow):
    registry = registry_of({"large": flow})
    assert len(build(registry).nodes) == 10_000
    assert seconds(lambda: build(registry)) < 0.3
