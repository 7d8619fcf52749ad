"""The benchmark would fail where we got slow, and its parts fit together.

The measurements take minutes, so ``.ci/run benchmarks`` runs them.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.benchmarks import __main__ as program
from tests.benchmarks import environments, growth, table

FAST = {"one:ours": 100.0, "two:peer": 400.0}
SLOW = {"one:ours": 100.0, "two:peer": 399.0}
QUARTER = table.Comparison("what", "one", "the peer", "two:peer", 0.25)


def test_a_ratio_at_its_limit_is_ok():
    assert program.comparison_row(QUARTER, [FAST])[-3:] == ["0.25", "0.25", "ok"]


def test_a_ratio_over_its_limit_is_not_ok():
    assert program.comparison_row(QUARTER, [SLOW])[-1] == "**over**"


def test_one_disturbed_round_does_not_decide():
    disturbed = {"one:ours": 9_000.0, "two:peer": 400.0}
    assert program.comparison_row(QUARTER, [FAST, disturbed, FAST])[-1] == "ok"


ADDING = table.Comparison("what", "one", "the peer", "two:peer", 1.0, "bare:ours")


def test_what_is_added_to_a_framework_counts_over_the_framework_alone():
    row = program.comparison_row(ADDING, [{"bare:ours": 80.0, **FAST}])
    assert row == ["what", "+20 ns", "the peer", "+320 ns", "0.06", "1.00", "ok"]
    row = program.comparison_row(ADDING, [{"bare:ours": 80.0, "one:ours": 91, "two:peer": 90}])
    assert row[-1] == "**over**"


def test_what_is_added_is_the_difference_of_the_best_rounds():
    disturbed = {"bare:ours": 900.0, "one:ours": 100.0, "two:peer": 9_000.0}
    row = program.comparison_row(ADDING, [disturbed, {"bare:ours": 80.0, **SLOW}])
    assert (row[1], row[3]) == ("+20 ns", "+319 ns")


PAIR = table.Pair("what", "case", "it", "the floor", 2.0)


def test_a_pair_is_measured_by_one_case():
    row = program.pair_row(PAIR, [{"case.it.0": 10.0, "case.it.1": 4.0}])
    assert row == ["what", "10 ns", "the floor", "4 ns", "2.50", "2.00", "**over**"]


def test_a_pair_with_a_third_number_counts_over_it():
    row = program.pair_row(PAIR, [{"case.it.0": 10.0, "case.it.1": 7.0, "case.it.2": 4.0}])
    assert row == ["what", "+6 ns", "the floor", "+3 ns", "2.00", "2.00", "ok"]


def test_an_import_counts_over_a_bare_interpreter():
    results = [{"pass": 10.0, "import statecrumbs": 17.5}]
    assert program.import_row("statecrumbs", 8.0, results)[1] == "+7.5 ms"
    assert program.import_row("statecrumbs", 8.0, results)[-1] == "ok"
    assert program.import_row("statecrumbs", 7.0, results)[-1] == "**over**"


def test_a_bound_is_found_by_its_key():
    bound = table.Bound("a list", "case", "list.bytes", "bytes", 4096)
    assert program.bound_row(bound, {"list": {"bytes": 4096}})[-1] == "ok"
    assert program.bound_row(bound, {"list": {"bytes": 4097}})[-1] == "**over**"


@pytest.mark.parametrize("comparison", table.COMPARISONS, ids=lambda c: c.theirs)
def test_every_case_and_environment_of_the_table_exists(comparison):
    names = [f"{comparison.ours}:ours", comparison.theirs]
    names += [comparison.over] if comparison.over else []
    for name in names:
        case, _, place = name.partition(":")
        assert place in {"ours", *environments.PEERS}
        assert (program.HERE / "cases" / f"{case}.py").is_file()


def test_no_case_is_left_out_of_the_table():
    used = {c.ours for c in table.COMPARISONS} | {b.case for b in table.BOUNDS}
    used |= {pair.case for pair in table.PAIRS}
    used |= {c.theirs.partition(":")[0] for c in table.COMPARISONS}
    used |= {c.over.partition(":")[0] for c in table.COMPARISONS if c.over}
    assert {path.stem for path in (program.HERE / "cases").glob("*.py")} == used


def test_a_new_table_replaces_the_old_one_and_nothing_else(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- table -->\nold\n<!-- end of table -->\nafter\n")
    program.write("new", readme)
    assert readme.read_text() == "before\n<!-- table -->\nnew\n<!-- end of table -->\nafter\n"


def test_a_readme_without_a_place_for_the_table_is_left_alone(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n")
    with pytest.raises(ValueError, match="no place"):
        program.write("new", readme)
    assert readme.read_text() == "before\n"


def test_the_plot_of_growth_has_a_panel_for_each_measurement():
    drawn = growth.draw([("frames", [(1, 10.0), (10, 12.0)]), ("threads", [(1, 5.0), (8, 5.0)])])
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"frames", "threads", "12 ns", "1", "10", "8"} <= set(texts)
    lines = [each.get("points") for each in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(points.split()) for points in lines] == [2, 2]


def test_the_plot_of_growth_is_that_of_its_panels():
    drawn = (program.HERE / "growth.svg").read_text(encoding="utf-8")
    assert [title for title, _, _ in growth.PANELS if f">{title}<" not in drawn] == []
