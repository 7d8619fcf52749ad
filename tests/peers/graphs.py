"""Read the graphs of real projects: who comes after whom, in their own words.

A file has one line about its source, then ``[flow]`` and below it one line a step:
``step < predecessor, flow:predecessor``.
"""

from __future__ import annotations

from pathlib import Path

from tests.penstock.declared import graph_of

FOLDER = Path(__file__).parent / "graphs"
NAMES = sorted(file.stem for file in FOLDER.glob("*.txt"))


def flows_of(name):
    """Return the flows of the graph `name`: for each, the predecessors of its steps."""
    flows, steps = {}, {}
    for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            steps = flows.setdefault(line.strip("[]"), {})
        elif not line.startswith("#"):
            step, _, after = line.partition(" < ")
            steps[step] = tuple(after.split(", ")) if after else ()
    return flows


def graph(name):
    """Return the graph `name` as penstock has it, without docstrings."""
    flows = flows_of(name)
    steps = {step for each in flows.values() for step in each}
    return graph_of(
        flows,
        None if len(flows) > 1 else next(iter(flows)),
        **{step: {"doc": None} for step in steps},
    )
