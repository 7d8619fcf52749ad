"""The bill of materials (BOM) of the running environment, made by a real tool."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

# The code does not expect it: since CycloneDX 1.4 a component need not have a version.
UNFORESEEN = {"bom-ref": "in-house-tool", "name": "in-house-tool", "type": "library"}


def prepare_bom(path: Path, source: Path | None, *, has_unforeseen: bool) -> dict[str, Any]:
    """Write the CycloneDX document `source`, or a new one, to `path`; return it."""
    if source is None:
        make_bom(path)
    bom: dict[str, Any] = json.loads((source or path).read_text("utf-8"))
    components = bom["components"]
    if has_unforeseen:
        components.insert(len(components) // 2, UNFORESEEN)
    path.write_text(json.dumps(bom, indent=2), "utf-8")
    return bom


def make_bom(path: Path) -> None:
    """Write the BOM of the running environment to `path`, with cyclonedx-bom."""
    # Validation takes cyclonedx-bom twenty times as long as making the document.
    command = ["cyclonedx_py", "environment", "--no-validate", "-o", str(path), sys.executable]
    made = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        sys.exit(f"cyclonedx-bom could not make {path}:\n{made.stderr.strip()}")
