"""Run small programs as processes of their own: what a program leaves behind when it dies."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.statecrumbs.dump_schema import check_dump


@dataclass(frozen=True)
class Result:
    """How a program ended: its exit code, what it printed, and the dumps on stderr, in order."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def dumps(self) -> list[list[dict[str, Any]]]:
        """Every dump that stands on stderr; each follows the schema."""
        found = []
        decoder = json.JSONDecoder()
        rest = self.stderr
        while (start := rest.find("[\n")) >= 0:
            dump, end = decoder.raw_decode(rest, start)
            check_dump(dump)
            found.append(dump)
            rest = rest[end:]
        return found

    @property
    def dump(self) -> list[dict[str, Any]]:
        """The only dump on stderr."""
        (dump,) = self.dumps
        return dump


def run(directory: Path, source: str, *arguments: str, timeout: float = 50) -> Result:
    """Run `source` as a file in `directory` and wait for its end."""
    path = directory / "program.py"
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path), *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def events(crumbs: list[dict[str, Any]]) -> list[str]:
    """The events of `crumbs`, in order."""
    return [crumb["event"] for crumb in crumbs]
