"""Importing corectx costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import corectx

ALLOWED = {"__future__", "_contextvars", "contextvars", "gc", "types"}

PROGRAM = """
import sys
sys.path.insert(0, {source!r})
import os
before = set(sys.modules)
import corectx
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("corectx")))
"""


def test_an_import_loads_only_small_modules_of_the_standard_library():
    # Without `site`, since .pth files of other packages load modules of their own at start-up.
    source = str(Path(corectx.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM.format(source=source)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert set(done.stdout.split()) <= ALLOWED
