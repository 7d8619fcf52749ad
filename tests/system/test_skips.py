"""A test that CI skips is a test that nobody runs, so the suite's conftest refuses most skips."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

CONFTEST = pathlib.Path(__file__).resolve().parents[1] / "conftest.py"


def run_pytest(folder: pathlib.Path, test: str, **environment: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_it.py").write_text(f"import pytest\n{test}\n", encoding="utf-8")
    inherited = {key: value for key, value in os.environ.items() if key != "CI"}
    inherited["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a third of the time, and nothing lost
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-rA",
            "--rootdir",
            folder,
            folder,
        ],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout


SKIPS = {
    "a mark": "@pytest.mark.skip(reason='{}')\ndef test_it(): pass",
    "a call": "def test_it(): pytest.skip('{}')",
    "a fixture": "@pytest.fixture\ndef f(): pytest.skip('{}')\ndef test_it(f): pass",
    "a whole module": "pytest.skip('{}', allow_module_level=True)",
}


@pytest.mark.parametrize("skip", SKIPS.values(), ids=SKIPS)
def test_a_skip_for_want_of_a_program_fails_on_ci(skip, tmp_path):
    output = run_pytest(tmp_path, skip.format("needs a redis server"), CI="true")
    assert "is no reason to skip" in output
    assert "skipped" not in output.splitlines()[-1]


@pytest.mark.parametrize("skip", SKIPS.values(), ids=SKIPS)
def test_a_skip_for_the_interpreter_stays_a_skip(skip, tmp_path):
    output = run_pytest(
        tmp_path, skip.format("Python 3.14 or newer: needs Thread(context=)"), CI="true"
    )
    assert "1 skipped" in output


def test_a_missing_module_fails_on_ci(tmp_path):
    test = "pytest.importorskip('no_such_module')"
    assert "is no reason to skip" in run_pytest(tmp_path, test, CI="true")


def test_an_expected_failure_is_not_a_skip(tmp_path):
    test = "@pytest.mark.xfail(reason='known')\ndef test_it(): assert False"
    assert "1 xfailed" in run_pytest(tmp_path, test, CI="true")


def test_at_home_a_skip_is_a_skip(tmp_path):
    assert "1 skipped" in run_pytest(tmp_path, SKIPS["a call"].format("needs a redis server"))
