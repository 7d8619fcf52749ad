"""Each bound is reached, and holds."""

from __future__ import annotations

import json
import sys

import pytest

import penstock
from penstock._verify import _counter
from penstock.testing import isolated_registry
from tests.attacks import interpreters

MIB = 1024 * 1024


def of_many_trails(operations, crumbs, size, bound):
    """Run many operations at once; return what tests/attacks/many_trails.py measures."""
    arguments = map(str, (operations, crumbs, size, bound))
    module = ("-m", "tests.attacks.many_trails")
    done = interpreters.run(sys.executable, *module, *arguments, timeout=500)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", [8, 120, 1000, 4000], ids=lambda size: f"{size} characters")
def test_all_trails_together_stay_within_their_bytes(size, attacks):
    operations = 300 * attacks
    # Each operation keeps five crumbs, whatever that is in bytes, and has some of its own.
    least = operations * (5 * (size + 600) + 2500)
    bound = max(2 * MIB, least)
    seen = of_many_trails(operations, 100, size, bound)
    unbounded = operations * 100 * (size + 300)
    assert unbounded > 2 * bound
    assert seen["peak"] < 1.1 * bound
    # The longest lose their oldest crumbs; each keeps its last five.
    assert seen["kept"][0] >= 5
    assert seen["are_last"]
    assert seen["short"] == [0, 1, 2, 3]
    # A dump says how many are missing.
    assert seen["dropped"] == 100 - seen["of_the_first"]


def test_trails_are_whole_where_there_is_room():
    seen = of_many_trails(100, 90, 8, 64 * MIB)
    assert seen["kept"] == [90]
    assert seen["dropped"] == 0


def test_observing_flows_without_end_counts_a_bounded_number_of_steps(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(_counter, "MOST_STEPS", 50)
    with isolated_registry(), penstock.observe(tmp_path / "evidence") as observation:
        for number in range(200):
            penstock.flow(f"flow_{number}").entrypoint(lambda: None)()
        assert len(observation._observer._tallies) == 50
    assert caplog.text.count("observe() does not count the others") == 1
