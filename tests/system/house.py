"""Read the sources of all distributions: their modules, what imports what, and the maps.

A map is the part of a package's docstring that names each module and folder in a line of its own,
or several with commas between them, with two spaces or more before the purpose. The name of a
folder ends with a slash.
"""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Python itself gives these their purpose.
_UNNAMED = {"__init__", "__main__"}
_MAP_LINE = re.compile(r" *((?:[A-Za-z_]\w*/?, )*[A-Za-z_]\w*/?) {2,}\S")


def sources(root: pathlib.Path = ROOT) -> list[pathlib.Path]:
    """Return the folders of the import packages, one for each distribution."""
    found = [
        *root.glob("packages/*/src/*/__init__.py"),
        *root.glob("integrations/*/src/*/__init__.py"),
    ]
    return sorted(path.parent for path in found)


def modules(folders: list[pathlib.Path]) -> dict[str, pathlib.Path]:
    """Return the files of all modules by their full names."""
    named = {}
    for folder in folders:
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            named[".".join(parts).removesuffix(".__init__")] = path
    return named


def imports(
    name: str, path: pathlib.Path, known: dict[str, pathlib.Path]
) -> Iterator[tuple[str, int]]:
    """Yield the modules that a module imports, for its annotations too, with their lines."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                around = package.split(".")
                around = around[: len(around) - node.level + 1]
                base = ".".join([*around, *([node.module] if node.module else [])])
            for alias in node.names:
                inside = f"{base}.{alias.name}"
                # A private name of a package is as private as a private module.
                is_inside = inside in known or alias.name.startswith("_")
                yield (inside if is_inside else base), node.lineno


def private_imports(folders: list[pathlib.Path]) -> list[str]:
    """List the imports of another distribution's names with an underscore."""
    known = modules(folders)
    roots = {folder.name for folder in folders}
    found = []
    for name, path in known.items():
        for target, line in imports(name, path, known):
            root, *inner = target.split(".")
            is_private = any(part.startswith("_") and part != "__main__" for part in inner)
            if root in roots - {name.partition(".")[0]} and is_private:
                found.append(f"{name}:{line} imports {target}")
    return found


def cycles(folders: list[pathlib.Path]) -> list[list[str]]:
    """List the groups of modules that import each other, each group sorted."""
    known = modules(folders)
    edges = {
        name: {target for target, _ in imports(name, path, known) if target in known} - {name}
        for name, path in known.items()
    }
    reached = {name: _reachable(name, edges) for name in edges}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in edges
        if name in reached[name]
    }
    return [list(group) for group in sorted(groups)]


def _reachable(name: str, edges: dict[str, set[str]]) -> set[str]:
    """Return the modules that `name` imports, and those that they import."""
    seen: set[str] = set()
    open_ = list(edges[name])
    while open_:
        each = open_.pop()
        if each not in seen:
            seen.add(each)
            open_ += edges[each]
    return seen


def doors_imported_from_inside(folders: list[pathlib.Path]) -> list[str]:
    """List the modules in a private folder that import the folder's own door, its ``__init__``."""
    known = modules(folders)
    found = []
    for name, path in known.items():
        package = name.rpartition(".")[0]
        if package.rpartition(".")[2].startswith("_") and path.name != "__init__.py":
            found += [
                f"{name}:{line} imports {target}"
                for target, line in imports(name, path, known)
                if target == package
            ]
    return found


def rooms_entered_past_the_door(folders: list[pathlib.Path]) -> list[str]:
    """List the imports of a module in a private folder, from outside of that folder."""
    known = modules(folders)
    found = []
    for name, path in known.items():
        for target, line in imports(name, path, known):
            parts = target.split(".")
            rooms = [
                ".".join(parts[:end])
                for end in range(2, len(parts))
                if parts[end - 1].startswith("_") and parts[end].startswith("_")
            ]
            for room in rooms:
                is_room = room in known and known[room].name == "__init__.py"
                if is_room and not f"{name}.".startswith(f"{room}."):
                    found.append(f"{name}:{line} imports {target}")
    return found


def wrong_maps(folders: list[pathlib.Path]) -> list[str]:
    """List the modules and folders that a map does not name, and the names that are no module."""
    found = []
    for top in folders:
        for door in sorted(top.rglob("__init__.py")):
            folder = door.parent
            there = {path.stem for path in folder.glob("*.py")} - _UNNAMED
            there |= {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
            docstring = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8"))) or ""
            matches = map(_MAP_LINE.match, docstring.splitlines())
            lines = [match.group(1) for match in matches if match is not None]
            named = [name for line in lines for name in line.split(", ")]
            where = folder.relative_to(top.parent).as_posix()
            found += [f"{where} does not name {name}" for name in sorted(there - set(named))]
            found += [
                f"{where} names {name}, which is not there" for name in named if name not in there
            ]
            found += [f"{where} names {name} twice" for name in set(named) if named.count(name) > 1]
    return found
