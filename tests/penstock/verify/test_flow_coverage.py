"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

# Each test starts pytest, some of them twice and with workers.
pytestmark = pytest.mark.timeout(240)

SHOP = """
    from penstock import flow

    orders = flow("orders")

    @orders.entrypoint
    def receive():
        check()

    @orders.step(after=receive)
    def check():
        return None

    @orders.step(after=check)
    def ship():
        return None
"""
TESTS = """
    import pytest
    import shop

    @pytest.mark.parametrize("n", range(8))
    def test_an_order(n):
        shop.receive()
"""


@pytest.fixture
def run_tests(tmp_path):
    """Run the tests of a small shop; return what pytest said, and its exit code."""
    (tmp_path / "shop.py").write_text(textwrap.dedent(SHOP))

    def run(*options: str, tests: str = TESTS):
        (tmp_path / "test_shop.py").write_text(textwrap.dedent(tests))
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("PYTEST")
        }
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
        return done.returncode, lines, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_the_table_stands_after_the_tests(run_tests, tmp_path, workers):
    code, lines, said = run_tests("--flow-coverage", *workers)
    assert code == 0, said
    assert "orders: 1 of 2 edges seen" in lines, said
    assert "receive -> check 8" in lines
    assert "check -> ship UNSEEN" in lines
    assert "ship NEVER RAN" in lines
    assert list((tmp_path / ".penstock").glob("*.jsonl"))


def test_each_run_begins_anew(run_tests):
    run_tests("--flow-coverage")
    _, lines, _ = run_tests("--flow-coverage")
    assert "receive -> check 8" in lines


def test_what_is_not_ours_in_the_folder_is_left_alone(run_tests, tmp_path):
    corpus = tmp_path / "data" / "train.jsonl"
    corpus.parent.mkdir()
    corpus.write_text('{"text": "a year of work"}\n')
    for _ in range(2):
        code, lines, said = run_tests("--flow-coverage", "--flow-coverage-data=data")
        assert code == 0
        assert "receive -> check 8" in lines, said
    assert corpus.read_text() == '{"text": "a year of work"}\n'


def test_evidence_that_cannot_be_replaced_is_a_clear_error(run_tests, tmp_path):
    (tmp_path / ".penstock" / "20260101T000000Z-1-0123456789abcdef.jsonl").mkdir(parents=True)
    code, _, said = run_tests("--flow-coverage")
    assert code == 4
    assert "ERROR: --flow-coverage replaces the evidence of an earlier run, but cannot: " in said


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_to_collect_only_is_to_run_nothing_and_to_replace_nothing(run_tests, tmp_path, workers):
    evidence = tmp_path / ".penstock" / "20260101T000000Z-1-0123456789abcdef.jsonl"
    evidence.parent.mkdir()
    evidence.touch()
    code, _, said = run_tests("--flow-coverage=90", "--collect-only", *workers)
    assert code == 0, said
    assert "flow coverage" not in said
    assert evidence.exists()


def test_the_evidence_can_be_kept_elsewhere_and_verified_afterwards(run_tests, tmp_path):
    run_tests("--flow-coverage", "--flow-coverage-data", "there")
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "--app", "shop", "verify", "there"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert "1 of 2 edges seen (50 %)" in done.stdout


@pytest.mark.parametrize(("least", "expected"), [("50", 0), ("50.1", 1)])
def test_under_the_given_percentage_the_run_fails(run_tests, least, expected):
    code, _, said = run_tests(f"--flow-coverage={least}")
    assert code == expected
    assert ("FAIL Required flow coverage of 50.1 % not reached" in said) == bool(expected)


def test_a_failing_test_still_is_what_the_exit_code_says(run_tests):
    failing = TESTS + "\n    def test_fails():\n        shop.receive()\n        assert False\n"
    code, lines, _ = run_tests("--flow-coverage", tests=failing)
    assert code == 1
    assert "receive -> check 9" in lines


def test_child_processes_of_the_tests_count(run_tests):
    tests = """
        import subprocess, sys

        def test_in_a_child():
            subprocess.run([sys.executable, "-c", "import shop; shop.receive()"], check=True)

        def test_here():
            import shop
    """
    _, lines, said = run_tests("--flow-coverage", tests=tests)
    assert "receive -> check 1" in lines, said


def test_without_flows_or_without_runs_it_says_so(run_tests):
    nothing = "\n    def test_nothing():\n        pass\n"
    code, lines, _ = run_tests("--flow-coverage", tests=nothing)
    assert code == 0
    assert "No flow coverage: the tests imported no module that declares a flow" in lines
    _, lines, said = run_tests(
        "--flow-coverage=1", tests="import shop\n" + textwrap.dedent(nothing)
    )
    assert "No flow coverage: no step ran that could be observed" in said
    assert "1 passed" in said


def test_without_the_option_nothing_is_changed(run_tests, tmp_path):
    code, _, said = run_tests()
    assert code == 0
    assert "flow coverage" not in said
    assert not (tmp_path / ".penstock").exists()


def test_a_file_where_the_percentage_should_be_is_a_clear_error(run_tests):
    code, _, said = run_tests("--flow-coverage", "test_shop.py")
    assert code == 4
    assert "'test_shop.py' is no percentage. Write --flow-coverage=90" in said
