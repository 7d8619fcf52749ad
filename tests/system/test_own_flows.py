"""This project's own flows are right, and the pages about them are what would be written now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPS = ["--app", "examples.bom_sync.flow", "--app", "examples.bom_service.flows:declare"]
PAGES = ["docs", "-o", "docs/flows", "--source", "../../{file}#L{line}"]


def penstock(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock", *APPS, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_check_finds_no_problem():
    done = penstock("check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_in_docs_flows_are_up_to_date():
    done = penstock(*PAGES, "--check")
    again = f"python -m penstock {' '.join(map(repr, [*APPS, *PAGES]))}"
    assert done.returncode == 0, f"run this: {again}\n{done.stdout}{done.stderr}"


def test_the_drawing_in_the_readme_is_up_to_date():
    done = penstock("docs", "README.md", "--check")
    assert done.returncode == 0, f"run this: penstock docs README.md\n{done.stdout}{done.stderr}"


def test_a_page_that_is_not_would_be_found(tmp_path):
    done = penstock("docs", "-o", str(tmp_path), "--check")
    assert done.returncode == 1


@pytest.mark.parametrize("ending", ["mmd", "dot", "json", "txt", "svg", "html"])
def test_they_are_drawn_without_any_other_program(tmp_path, ending):
    done = penstock("render", "bom_sync", "-o", str(tmp_path / f"map.{ending}"))
    assert done.returncode == 0, done.stderr
    assert "sync_to_database" in (tmp_path / f"map.{ending}").read_text()
