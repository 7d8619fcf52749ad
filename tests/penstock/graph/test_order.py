"""Cycles, longest paths and connected parts, compared with their definitions."""

from __future__ import annotations

import random
from itertools import pairwise

from penstock._graph import connected, cycles, longest_paths


def any_successors(seed):
    pick = random.Random(seed)
    count = pick.randint(1, 12)
    return [
        sorted({pick.randrange(count) for _ in range(pick.choice((0, 1, 3)))}) for _ in range(count)
    ]


def test_each_cycle_is_a_path_that_one_edge_closes():
    for seed in range(200):
        successors = any_successors(seed)
        for cycle in cycles(successors, range(len(successors))):
            edges = [*pairwise(cycle), (cycle[-1], cycle[0])]
            assert all(target in successors[source] for source, target in edges)
            assert len(set(cycle)) == len(cycle)


def test_without_the_edges_that_close_cycles_every_node_has_a_place_in_the_order():
    for seed in range(200):
        successors = any_successors(seed)
        closing = {(each[-1], each[0]) for each in cycles(successors, range(len(successors)))}
        length, order = longest_paths(successors, without=closing)
        assert sorted(order) == list(range(len(successors)))
        for source, targets in enumerate(successors):
            for target in targets:
                if (source, target) not in closing:
                    assert length[source] < length[target]
        for node, steps in enumerate(length):
            before = [
                length[source]
                for source, targets in enumerate(successors)
                if node in targets and (source, node) not in closing
            ]
            assert steps == max(before, default=-1) + 1


def test_the_search_for_cycles_begins_at_the_roots_that_are_given():
    ring = [[1], [2], [0]]
    assert list(cycles(ring, [0])) == [[0, 1, 2]]
    assert list(cycles(ring, [2, 1, 0])) == [[2, 0, 1]]
    assert list(cycles([[0]], [0])) == [[0]]
    assert list(cycles(ring, [])) == []


def test_a_node_in_a_cycle_or_after_one_is_not_in_the_order():
    assert longest_paths([[1], [2, 3], [1], []])[1] == [0]


def test_a_node_may_start_with_a_length_of_its_own():
    assert longest_paths([[1], [], [1]], [0, 0, 5]) == ([0, 6, 5], [0, 2, 1])


def test_connected_parts_keep_the_order_of_the_nodes():
    assert connected("edcba", [("a", "d"), ("b", "e")]) == [["e", "b"], ["d", "a"], ["c"]]
    assert connected([], []) == []


def test_a_chain_of_ten_thousand_is_no_recursion():
    ring = [[at + 1] for at in range(10_000)]
    ring[-1] = [0]
    assert [len(cycle) for cycle in cycles(ring, [0])] == [10_000]
    assert len(connected(range(10_000), ((at, at + 1) for at in range(9_999)))) == 1
