"""Draw the pictures of this folder again:  python docs/gallery/make.py [FOLDER]."""

# ruff: noqa: INP001 -- a folder of scripts
from __future__ import annotations

import sys
from pathlib import Path

import projects
import shapes

from penstock import generate_dag
from penstock.testing import isolated_registry

# The pictures, what declares them, and the directions that differ from top to bottom.
PICTURES = {
    "chain": shapes.chain,
    "branch": shapes.branch,
    "entrypoints": shapes.entrypoints,
    "fan": shapes.fan,
    "diamonds": shapes.diamonds,
    "long-edges": shapes.long_edges,
    "cycle": shapes.cycle,
    "labels": shapes.labels,
    "isolated": shapes.isolated,
    "system": shapes.system,
    "big": shapes.big,
    "any-name": shapes.any_name,
    "observed": shapes.observed,
    "boutique": projects.project("online_boutique"),
    "release": projects.project("uv_release"),
    "spaceflights": projects.project("kedro_spaceflights"),
    "catalog": projects.project("airflow_complex"),
    "overview": projects.project("dbt_hubspot"),
}
SIDEWAYS = {"boutique", "diamonds"}
# Pages that are narrower than others, for pictures of more than a page.
WIDTHS = {"catalog": 700}
DATA = {"observed": Path(__file__).parent / "observed.jsonl"}


def draw(name: str) -> str:
    """Return the SVG of one picture."""
    with isolated_registry() as registry:
        PICTURES[name]()
        flows = list(registry.flows)
        return generate_dag(
            flows[0] if len(flows) == 1 else None,
            format="svg",
            direction="LR" if name in SIDEWAYS else "TD",
            width=WIDTHS.get(name),
            data=DATA.get(name),
        )


def main(folder: Path) -> None:
    """Write all pictures into `folder`."""
    for name in PICTURES:
        (folder / f"{name}.svg").write_bytes(draw(name).encode())


if __name__ == "__main__":
    main(Path(*sys.argv[1:]) if sys.argv[1:] else Path(__file__).parent)
