"""Fixtures: flows that are observed, and what is known of them afterwards."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import penstock
from penstock._graph import build
from penstock._verify import verify
from penstock._verify._evidence import read


@pytest.fixture
def observed(registry, tmp_path):
    """Observe until called; then say what the evidence says about the flows of the test."""
    observation = penstock.observe(tmp_path / "evidence")

    def judge():
        observation.stop()
        return verify(build(registry), read([tmp_path / "evidence"]))

    yield judge
    observation.stop()


@pytest.fixture
def program(tmp_path):
    """Return a function that runs a program as a process of its own; what it printed."""

    def run(source: str, *arguments: str) -> str:
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(source))
        done = subprocess.run(
            [sys.executable, "-W", "error", path, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    return run
