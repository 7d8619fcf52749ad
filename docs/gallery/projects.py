"""Declare the graphs of real projects, which tests/peers/graphs has with their sources."""

# ruff: noqa: INP001 -- a script
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shapes import declare_step

from penstock import flow

if TYPE_CHECKING:
    from collections.abc import Callable

GRAPHS = Path(__file__).parents[2] / "tests" / "peers" / "graphs"


def project(name: str) -> Callable[[], None]:
    """Return a function that declares the flows of one project."""

    def declare_all() -> None:
        owner = flow(name)
        for line in (GRAPHS / f"{name}.txt").read_text("utf-8").splitlines():
            if line.startswith("["):
                owner = flow(line.strip("[]"))
            elif not line.startswith("#"):
                step, _, after = line.partition(" < ")
                before = after.split(", ") if after else []
                declare_step(owner, step, before, kind="step" if before else "entrypoint")

    return declare_all
