"""The hooks for https://pre-commit.com do what they say: a user's, and those of this repository."""

from __future__ import annotations

import os
import re
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


def lint_commands(script: str) -> list[str]:
    """List the commands of the section `lint` of a script such as .ci/run."""
    body = re.search(r"^lint\(\) \{\n(.*?)^\}", script, re.MULTILINE | re.DOTALL)
    assert body, "no section lint"
    commands = [each.strip() for each in re.split(r"&&|\n", body[1])]
    return [each for each in commands if each and each != "environment"]


def hook_commands(config: str) -> list[str]:
    """List the commands of the local hooks in a pre-commit configuration."""
    hooks = [hook for repo in yaml.safe_load(config)["repos"] for hook in repo["hooks"]]
    return [hook["entry"] for hook in hooks]


def test_this_repositorys_hooks_run_the_checks_of_ci():
    config = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert hook_commands(config) == lint_commands(script)
    assert {repo["repo"] for repo in yaml.safe_load(config)["repos"]} == {"local"}


def test_a_check_that_only_ci_runs_would_be_noticed():
    script = "lint() {\n  environment && .venv/bin/ruff check &&\n    .venv/bin/other --all\n}\n"
    assert lint_commands(script) == [".venv/bin/ruff check", ".venv/bin/other --all"]
