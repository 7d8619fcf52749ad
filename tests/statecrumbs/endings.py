"""Programs that end in each way that there is, and the next start, which tells of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

# The first lines of every program. `operation()` is a request with a step in it.
PREAMBLE = """
import ctypes, os, signal, sys, threading, time
from contextlib import contextmanager
import statecrumbs
from corectx import Site, enter, leave, start
from statecrumbs import crumb, enable

if hasattr(signal, "SIGHUP"):  # ignored where the tests run under nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

@contextmanager
def operation():
    root = start(Site("request", "GET"), values={"path": "/slow"})
    tokens = [enter(root), enter(root.child(Site("step", "ask_the_bank", "bank")))]
    try:
        yield root
    except BaseException as exc:
        for token in reversed(tokens):
            leave(token, exc)
        raise
    for token in reversed(tokens):
        leave(token)

def ready():
    os.write(1, b"ready\\n")

def hang():
    ready()
    while True:
        time.sleep(60)
"""

NEXT_START = """
import json, logging, sys
import statecrumbs
class Lines(logging.Handler):
    def emit(self, record):
        print(json.dumps([record.levelname, record.getMessage(), record.death]), flush=True)
logging.getLogger().addHandler(Lines())
logging.getLogger().setLevel(logging.INFO)
statecrumbs.enable(black_box="boxes")
"""


def write(folder: Path, source: str, name: str = "program.py") -> Path:
    """Write the program `source` into `folder`."""
    path = folder / name
    path.write_text(PREAMBLE + textwrap.dedent(source), encoding="utf-8")
    return path


def run(
    folder: Path, source: str, *, send: int | None = None, name: str = "program.py"
) -> subprocess.CompletedProcess[str]:
    """Run `source` as a program to its end; `send` it a signal once it is ready."""
    program = subprocess.Popen(
        [sys.executable, "-W", "error", str(write(folder, source, name))],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if send is not None:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        os.kill(program.pid, send)
    out, err = program.communicate(timeout=50)
    return subprocess.CompletedProcess([], program.returncode, out, err)


def next_start(folder: Path, name: str = "program.py") -> list[tuple[str, str, dict[str, Any]]]:
    """Start the program `name` again; return the level, message and death of each log record."""
    path = folder / name
    path.write_text(NEXT_START, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]
