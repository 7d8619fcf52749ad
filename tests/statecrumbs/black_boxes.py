"""Programs that write a black box and die, and what is to be found in it afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import defaultdict
from typing import TYPE_CHECKING

from statecrumbs._black_box import DeathNotices

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

# The first lines of every program. `report` is a pipe to the test; a message in it was sent
# after write() had returned.
PREAMBLE = """
import faulthandler, os, signal, struct, sys, threading, time
from statecrumbs._black_box import BlackBox

directory, report = sys.argv[1], int(sys.argv[2])
problems = []
def open_box(**sizes):
    return BlackBox.open(
        directory,
        argv=["program"],
        render=lambda name, value: value,
        on_error=problems.append,
        **sizes,
    )
def tick(box, thread, number, **data):
    box.write("tick", thread, "", {"n": number, **data}, time.time_ns())
"""


def as_it_is(name, value):
    """The text of a value that is a text already, without control characters, as a `repr`."""
    return value


def start(directory: Path, source: str, *options: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the program `source` on `directory`; return it and the reading end of its pipe."""
    reading, writing = os.pipe()
    program = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "error",
            *options,
            "-c",
            PREAMBLE + textwrap.dedent(source),
            directory,
            str(writing),
        ],
        pass_fds=[writing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    return program, reading


def finish(program: subprocess.Popen[bytes], reading: int) -> tuple[int, bytes, str]:
    """Wait for the end of a program: its exit code, the rest of its report, and its stderr."""
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, stderr = program.communicate(timeout=50)
    return program.returncode, told, stderr.decode()


def run(directory: Path, source: str, *options: str) -> tuple[int, bytes, str]:
    """Start a program and wait for its end."""
    return finish(*start(directory, source, *options))


def tell(directory: Path, program: str = "", days: int = 30) -> list[dict[str, Any]]:
    """Log the deaths in a folder, as the next start of `program` does; return them."""
    notices = DeathNotices(directory, program, None, days)
    notices.log()
    return notices.logged


def numbers(crumbs: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The numbers that each thread gave its crumbs, in the order of `crumbs`."""
    found = defaultdict(list)
    for crumb in crumbs:
        found[crumb["thread"]].append(int(crumb["n"]))
    return dict(found)


def are_consecutive(found: list[int]) -> bool:
    """Whether each number is one more than the one before."""
    return found == list(range(found[0], found[0] + len(found)))
