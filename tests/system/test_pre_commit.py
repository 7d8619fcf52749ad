"""The hook for https://pre-commit.com does for a user's program what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SHOP = """
from penstock import entrypoint, flow, step

@flow("orders")
@entrypoint
def receive(order): ...

@flow("orders")
@step(after="receive")
def ship(order): ...
"""


@pytest.fixture
def hook(tmp_path):
    """Run the hook with `args`, as pre-commit runs one of the language "system"."""
    (told,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (told["id"], told["language"]) == ("penstock", "system")
    assert told["pass_filenames"] is False  # the command's own arguments name the program
    (tmp_path / "shop.py").write_text(SHOP)

    def run(*args):
        return subprocess.run(
            [*told["entry"].split(), *args],
            cwd=tmp_path,
            # A file that changes within a second, and not in size, has a stale compiled one.
            env={
                **os.environ,
                "PATH": str(Path(sys.executable).parent),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run


def test_the_hook_fails_on_a_problem_only(hook, tmp_path):
    assert hook("--app", "shop", "check").returncode == 0
    (tmp_path / "shop.py").write_text(SHOP.replace('after="receive"', 'after="recieve"'))
    done = hook("--app", "shop", "check")
    assert done.returncode == 1
    assert "shop.py:8: Unknown step 'recieve'" in done.stdout


def test_the_hook_fails_on_stale_pages_only(hook):
    pages = ("--app", "shop", "docs", "-o", "docs/flows")
    assert hook(*pages, "--check").returncode == 1
    assert hook(*pages).returncode == 0
    assert hook(*pages, "--check").returncode == 0
