"""The pytest plugin, in test runs of its own: as a user's `pytest` would run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from statecrumbs._black_box import read

# Each test starts pytest, some of them several times or with workers.
pytestmark = pytest.mark.timeout(240)

# Hypothesis' plugin takes three times as long to load as all the rest of pytest.
QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")

SUITE = """
    import threading
    from statecrumbs import crumb

    recorded = threading.Event()
    go_on = threading.Event()

    def neighbour():
        while go_on.wait(50):
            go_on.clear()
            crumb("of a neighbour")
            recorded.set()

    def test_that_passes_and_leaves_a_thread_behind():
        crumb("of the passing test")
        threading.Thread(target=neighbour, daemon=True).start()
        go_on.set()
        assert recorded.wait(50)

    def test_that_fails():
        recorded.clear()
        go_on.set()
        assert recorded.wait(50)
        crumb("of the failing test", rows=3, password="hunter2")
        worker = threading.Thread(target=crumb, args=("of its thread",))
        worker.start()
        worker.join()
        assert False
"""

KILLED = """
    import os
    import signal
    import statecrumbs
    from statecrumbs import crumb

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def test_that_passes():
        crumb("of the passing test")

    def test_whose_worker_is_killed():
        crumb("before the end", rows=7)
        die()

    def test_whose_worker_is_killed_after_many_crumbs():
        for number in range(2000):
            crumb("step", number=number)
        die()

    def test_that_has_a_black_box_of_its_own():
        statecrumbs.enable(black_box="own")
        crumb("of the passing test")
        statecrumbs.disable()

    def test_whose_worker_is_killed_with_a_black_box_of_its_own():
        statecrumbs.enable(black_box="own")
        crumb("in both")
        die()
"""

ERROR = """
    import pytest
    from statecrumbs import crumb

    @pytest.fixture
    def broken():
        crumb("in set-up")
        raise OSError("no database")

    def test_with_it(broken):
        pass
"""


def run(directory: Path, source: str, *arguments: str) -> str:
    import textwrap

    (directory / "test_suite.py").write_text(textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *QUICK, "-q", *arguments],
        cwd=directory,
        env={key: os.environ[key] for key in os.environ if not key.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout + done.stderr


def sections(output: str) -> list[str]:
    """The text below each heading "Captured crumbs"."""
    return re.findall(
        r"^-+ Captured crumbs -+\n(.*?)^(?=[-=_]{5})", output, re.DOTALL | re.MULTILINE
    )


def test_a_failing_test_shows_its_own_crumbs_and_no_one_elses(tmp_path):
    output = run(tmp_path, SUITE)
    (section,) = sections(output)
    assert "1 failed, 1 passed" in output
    assert "of the failing test" in section
    assert "rows=3" in section
    assert "hunter2" not in section
    assert "of its thread" in section
    assert "neighbour" not in section
    assert "passing" not in section


def test_a_passing_test_shows_none_also_where_its_output_is_asked_for(tmp_path):
    output = run(tmp_path, SUITE.replace("assert False", "print('printed')"), "-rP")
    assert "2 passed" in output
    assert "Captured stdout" in output
    assert sections(output) == []
    assert "of the passing test" not in output


def test_the_crumbs_of_a_fixture_that_fails_are_shown(tmp_path):
    (section,) = sections(run(tmp_path, ERROR))
    assert "in set-up" in section


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder where tests were killed with their workers, and what was shown of them."""
    directory = tmp_path_factory.mktemp("killed")
    output = run(directory, KILLED, "-n", "1")
    assert "3 failed, 2 passed" in output
    return directory, sections(output)


def test_a_test_whose_worker_was_killed_has_its_crumbs_too(killed):
    _, shown = killed
    (section,) = [section for section in shown if "before the end" in section]
    assert "rows=7" in section
    assert section.count("\n") == 1


def test_a_killed_test_that_recorded_more_than_a_black_box_holds_has_the_last_ones(killed):
    _, shown = killed
    (section,) = [section for section in shown if "step" in section]
    assert "number=1999" in section
    assert section.count("\n") == 50


def test_a_killed_test_that_has_a_black_box_of_its_own_has_its_crumbs_in_both(killed):
    directory, shown = killed
    (section,) = [section for section in shown if "in both" in section]
    assert section.count("\n") == 1
    (own,) = (directory / "own").iterdir()
    assert [crumb["event"] for crumb in read(own).crumbs] == ["in both"]


def test_a_worker_that_was_killed_shows_nothing_of_tests_that_passed(killed):
    _, shown = killed
    assert len(shown) == 3
    assert not any("passing" in section for section in shown)


def test_four_workers_show_each_failing_test_its_own_crumbs(tmp_path):
    source = """
    import pytest
    from statecrumbs import crumb

    @pytest.mark.parametrize("number", range(12))
    def test_one_of_many(number):
        crumb(f"event-{number}-")
        assert number % 2
    """
    output = run(tmp_path, source, "-n", "4")
    assert "6 failed, 6 passed" in output
    assert sorted(re.findall(r"event-\d+-", "".join(sections(output)))) == sorted(
        f"event-{number}-" for number in range(0, 12, 2)
    )


def test_without_crumbs_and_with_the_plugin_off_the_output_is_the_same(tmp_path):
    source = "def test_one():\n    assert True\n\ndef test_two():\n    assert False\n"

    def untimed(output: str) -> str:
        return re.sub(r"in \d+\.\d+s", "in 0s", output)

    with_it = untimed(run(tmp_path, source))
    without = untimed(run(tmp_path, source, "-p", "no:statecrumbs"))
    assert with_it == without
    assert sections(run(tmp_path, SUITE, "-p", "no:statecrumbs")) == []


def test_a_failure_of_the_plugin_fails_no_test(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "import statecrumbs.pytest_plugin as plugin\n"
        "def broken(crumbs):\n"
        "    raise RuntimeError('broken plugin')\n"
        "plugin.format_text = broken\n"
    )
    output = run(tmp_path, SUITE, "-o", "log_cli=true")
    assert "1 failed, 1 passed" in output
    assert "INTERNALERROR" not in output
    assert "could not be shown" in output
