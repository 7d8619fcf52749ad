"""Copies of an example in which mistakes are planted, and what `penstock verify` says of a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def copy_examples(folder: Path, file: str, mistakes: dict[str, str]) -> Path:
    """Copy the examples into `folder`, with `mistakes` (old text: new text) in one file of them."""
    shutil.copytree(
        ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__")
    )
    path = folder / "examples" / file
    text = path.read_text("utf-8")
    for old, new in mistakes.items():
        assert text.count(old) == 1, f"{old!r} is not once in {file}"
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return folder


def run(folder: Path, *arguments: object, timeout: float = 100, **environment: str) -> str:
    """Run a module of `folder` with its own examples; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def differences(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return all that one flow's verdict reports: unseen edges, undeclared starts, idle steps."""
    return {
        "unseen": sorted(
            f"{edge['from']} -> {edge['to']}"
            for edge in verdict["edges"]
            if edge["status"] == "unseen"
        ),
        "undeclared": sorted(
            (start["to"], *start["expected"], start["path"][-1]) for start in verdict["undeclared"]
        ),
        "never_run": verdict["never_run"],
    }


def verdict_of(folder: Path, app: str, evidence: Path, **environment: str) -> dict[str, Any]:
    """Return what the command says about the only flow of `app`."""
    output = run(folder, "penstock", "--app", app, "verify", evidence, "--json", **environment)
    (verdict,) = json.loads(output).values()
    return verdict
