"""The posted documents: CycloneDX made by a real tool, and two bad ones."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from examples.bom_sync.bom import make_bom

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# The service's own requirements.
PINNED = [f"{name}=={version(name)}" for name in ("django", "celery", "structlog")]

# A requirement without a version gives a component without a version.
UNPINNED = [*PINNED, "in-house-tool"]


def make_documents(folder: Path) -> Iterator[Path]:
    """Write the documents to `folder`, and yield the path of each complete one."""
    folder.mkdir(exist_ok=True)
    yield from_requirements(folder / "service.json", PINNED)
    environment = folder / "environment.json"
    make_bom(environment)
    yield environment
    cut_off = folder / "cut-off.json"
    whole = environment.read_bytes()
    cut_off.write_bytes(whole[: len(whole) // 2])
    yield cut_off
    yield from_requirements(folder / "unpinned.json", UNPINNED)


def from_requirements(path: Path, lines: Iterable[str]) -> Path:
    """Write the CycloneDX document of the requirements `lines` with cyclonedx-bom."""
    command = ["cyclonedx_py", "requirements", "--no-validate", "-o", str(path), "-"]
    made = subprocess.run(
        [sys.executable, "-m", *command],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        sys.exit(f"cyclonedx-bom could not make {path}:\n{made.stderr.strip()}")
    return path
