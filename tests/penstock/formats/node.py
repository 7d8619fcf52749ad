"""The npm packages that tests let Node run: what other people's programs make of our drawings."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import tempfile

import pytest

HERE = pathlib.Path(__file__).parent
TOOLS = HERE.parents[2] / ".tools"


def packages():
    """Return a folder in which the packages of package.json are installed, once a checkout."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs node and npm")
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    versions = json.loads(wanted)["dependencies"]
    folder = TOOLS / "-".join(f"{name}-{version}" for name, version in versions.items())
    if not folder.exists():
        TOOLS.mkdir(exist_ok=True)
        unfinished = pathlib.Path(tempfile.mkdtemp(dir=TOOLS))
        (unfinished / "package.json").write_text(wanted, encoding="utf-8")
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=unfinished, capture_output=True, encoding="utf-8", check=False
        )
        if done.returncode:
            shutil.rmtree(unfinished)
            pytest.skip(f"needs mermaid and jsdom, and npm said: {done.stderr[-300:]}")
        try:
            unfinished.rename(folder)
        except OSError:  # another worker was faster
            shutil.rmtree(unfinished)
    return folder
