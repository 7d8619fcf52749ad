"""Draw the pictures of docs/architecture.md again:  python docs/architecture/make.py [FOLDER].

It reads the imports between the rooms, declares each room as a step after those that import it, and
draws that with penstock. A room is a module or a folder directly below a package. An arrow that
follows from others is left out: A to C, where A leads to B and B to C.
"""

# ruff: noqa: INP001 -- a folder of scripts
from __future__ import annotations

import ast
import sys
from pathlib import Path

from penstock import flow, generate_dag
from penstock.testing import isolated_registry

ROOT = Path(__file__).resolve().parents[2]
CORE = ("corectx", "statecrumbs", "penstock")
INTEGRATIONS = ("penstock_celery", "penstock_django", "penstock_otel", "penstock_structlog")
PICTURES = ("distributions", *CORE)

Edges = dict[str, set[str]]


def source_of(package: str) -> Path:
    """Return the folder of the package's modules."""
    (found,) = ROOT.glob(f"*/*/src/{package}")
    return found


def imports_of(path: Path) -> set[str]:
    """Return the full names that a module imports anywhere, annotations included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_of(package: str) -> dict[str, list[Path]]:
    """Return the modules of each room of a package, without its `__init__` and `__main__`."""
    rooms: dict[str, list[Path]] = {}
    source = source_of(package)
    for path in sorted(source.rglob("*.py")):
        room = path.relative_to(source).parts[0].removesuffix(".py")
        if not room.startswith("__"):
            rooms.setdefault(room, []).append(path)
    return rooms


def arrows_in(package: str) -> Edges:
    """Return, for each room of a package, the rooms that it imports."""
    rooms = rooms_of(package)
    arrows: Edges = {}
    for room, paths in rooms.items():
        parts = [name.split(".") for path in paths for name in imports_of(path)]
        found = {part[1] for part in parts if part[0] == package and len(part) > 1}
        arrows[room] = (found & rooms.keys()) - {room}
    return arrows


def arrows_between() -> Edges:
    """Return, for each distribution, the distributions that it imports, but for those on demand."""
    packages = {*CORE, *INTEGRATIONS}
    arrows: Edges = {}
    for package in packages:
        names = {
            name.partition(".")[0]
            for path in source_of(package).rglob("*.py")
            # These modules forward to an integration where it is installed.
            if "contrib" not in path.parts and "backends" not in path.parts
            for name in imports_of(path)
        }
        arrows[package] = (names & packages) - {package}
    return arrows


def reduced(arrows: Edges) -> Edges:
    """Leave out the arrows that follow from others; there is no cycle."""

    def reached(room: str) -> set[str]:
        return arrows[room].union(*(reached(each) for each in arrows[room]))

    return {
        room: {
            each
            for each in targets
            if not any(each in reached(other) for other in targets if other != each)
        }
        for room, targets in arrows.items()
    }


def purpose_of(path: Path) -> str:
    """Return the first line of a module's docstring."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return doc.partition("\n")[0]


def draw(picture: str) -> str:
    """Return the SVG of one picture."""
    if picture == "distributions":
        arrows = arrows_between()
        fronts = {each: source_of(each) / "__init__.py" for each in arrows}
    else:
        arrows = arrows_in(picture)
        source = source_of(picture)
        fronts = {
            room: source / room / "__init__.py"
            if (source / room).is_dir()
            else source / f"{room}.py"
            for room in arrows
        }
    importers: Edges = {room: set() for room in arrows}
    for room, targets in reduced(arrows).items():
        for each in targets:
            importers[each].add(room)
    with isolated_registry():
        drawn = flow(picture)
        for room in sorted(arrows):
            # Each a function of its own: its name is the room's, its docstring its purpose.
            namespace: dict[str, object] = {}
            exec(f"def {room}(): ...", namespace)  # noqa: S102 - a name that is a module's
            function: object = namespace[room]
            function.__doc__ = purpose_of(fronts[room])
            function.__module__ = f"{picture}.{room}"
            after = sorted(importers[room])
            (drawn.step(after=after) if after else drawn.entrypoint)(function)
        return generate_dag(picture, format="svg")


def main(folder: Path) -> None:
    """Write all pictures into `folder`."""
    for picture in PICTURES:
        (folder / f"{picture}.svg").write_bytes(draw(picture).encode())


if __name__ == "__main__":
    main(Path(*sys.argv[1:]) if sys.argv[1:] else Path(__file__).parent)
