"""Start a real worker, and read what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

# Seconds for an answer, the first of which waits for the worker to start: on a busy machine, long.
PATIENCE = 100


class Worker:
    """A worker process; what it says on stderr is read as it comes."""

    def __init__(self, pool: str, config: dict[str, Any], *options: str) -> None:
        self.config = json.dumps(config)
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-W", "ignore", "-m", "celery", "-A", "tests.celery.app"),
                *("worker", "-P", pool, "-c", "2", "-l", "warning"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
                *options,
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "TEST_CELERY": self.config,
                "TEST_DUMPS": self._folder.name,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.lines: list[str] = []
        self._said: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for("ready")

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                if line.startswith("SAID "):
                    self._said.append(json.loads(line.removeprefix("SAID ")))
                self._news.notify_all()

    def said(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """Return what was said so far of `event` with these `facts`."""
        wanted = {"event": event, **facts}.items()
        return [each for each in self._said if wanted <= each.items()]

    def wait_for_all(
        self, number: int, event: str, timeout: float = PATIENCE, **facts: Any
    ) -> list[dict[str, Any]]:
        """Return what was said of `event` with these `facts`, once it was said `number` times."""
        with self._news:
            self._news.wait_for(lambda: len(self.said(event, **facts)) >= number, timeout)
            found = self.said(event, **facts)
        assert len(found) >= number, f"{len(found)} {event} {facts} in:\n" + "\n".join(self.lines)
        return found

    def wait_for(self, event: str, timeout: float = PATIENCE, **facts: Any) -> dict[str, Any]:
        """Return the first `event` with these `facts`, once there is one."""
        return self.wait_for_all(1, event, timeout, **facts)[0]

    def dumps(self, correlation_id: str) -> list[list[dict[str, Any]]]:
        """Return the dumps of an operation so far."""
        return [
            json.loads(Path(each["path"]).read_text())
            for each in self.said("dump", id=correlation_id)
        ]

    def stop(self) -> None:
        """End the worker and wait for it."""
        self._process.terminate()
        self._process.wait(60)
        self._reader.join(60)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._folder.cleanup()
