"""Starts the processes of the service, and always stops them."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

PATIENCE = 45  # seconds that a process may take to start, or to end


class Process:
    """A module of the service in a separate process; it ends with the `with` block."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._errors = folder / f"{name}.stderr"
        with self._errors.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"examples.bom_service.{name}"],
                stdin=subprocess.PIPE,  # closed by `__exit__`, or when this process is killed
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,  # Ctrl-C reaches only the parent; this process ends with it
            )

    def wait_until_ready(self) -> str:
        """Return the line that the process prints when it is ready."""
        patience = threading.Timer(PATIENCE, self._process.kill)
        patience.start()
        try:
            line = self._process.stdout.readline() if self._process.stdout else ""
        finally:
            patience.cancel()
        if not line:
            code = self._process.wait()
            last = self._errors.read_text("utf-8").strip().splitlines()[-1:]
            sys.exit("\n".join([f"The {self.name} ended with exit code {code}.", *last]))
        return line.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the process finish its work, and wait for its end."""
        try:
            self._process.communicate(timeout=PATIENCE)  # closes its standard input
        finally:
            self._process.kill()  # does nothing if it has ended
            self._process.wait()
