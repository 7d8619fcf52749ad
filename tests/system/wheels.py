"""Build every distribution, and check each wheel alone in a bare environment.

An editable workspace hides a missing dependency, a module that is left out of the wheel, and a
sibling that is only importable because it lies next door. ``python -m tests.system.wheels`` finds
them. It needs the registry for the build backend, and for the dependencies of the integrations.
"""

from __future__ import annotations

import email
import email.message
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping

import uv

ROOT = pathlib.Path(__file__).resolve().parents[2]

# These say in their pyproject that they depend on nothing outside this repository.
WITHOUT_REGISTRY = {"corectx", "statecrumbs", "penstock"}

REQUIRED_METADATA = [
    "Name",
    "Version",
    "Summary",
    "Author",
    "License-Expression",
    "License-File",
    "Keywords",
    "Classifier",
    "Requires-Python",
    "Project-URL",
    "Description-Content-Type",
]


def run(*command: str | pathlib.Path, cwd: pathlib.Path = ROOT) -> str:
    """Run a command and give what it printed; CalledProcessError shows it when it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def metadata_of(wheel: pathlib.Path) -> email.message.Message:
    """Read the METADATA of a wheel; its payload is the long description."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def import_name(distribution: str) -> str:
    """Give the one package that a distribution installs."""
    return distribution.replace("-", "_")


def defects(wheel: pathlib.Path) -> Iterator[str]:
    """Say what is wrong with a wheel's contents and metadata."""
    metadata = metadata_of(wheel)
    for field in REQUIRED_METADATA:
        if not metadata.get(field):
            yield f"its metadata has no {field}"
    if len(str(metadata.get_payload()).strip()) < 200:
        yield "its long description says less than its package page needs"
    if "Typing :: Typed" not in metadata.get_all("Classifier", []):
        yield "it has no classifier Typing :: Typed"
    package = import_name(metadata["Name"])
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    if f"{package}/py.typed" not in names:
        yield "it has no py.typed"
    if not any(re.search(r"\.dist-info/licenses/LICENSE$", name) for name in names):
        yield "it has no LICENSE"
    for name in names:
        top = name.split("/")[0]
        if top != package and not top.endswith(".dist-info"):
            yield f"it installs {name} beside its package {package}"


def sdist_defects(sdist: pathlib.Path) -> Iterator[str]:
    """Say what a source distribution lacks."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("pyproject.toml", "README.md", "LICENSE", "PKG-INFO"):
        if name not in names:
            yield f"its sdist has no {name}"


def closure(distribution: str, wheels: Mapping[str, pathlib.Path]) -> set[str]:
    """Give those of the wheels that a distribution needs, itself included, extras left out."""
    needed, open_ = set(), [distribution]
    while open_:
        name = open_.pop()
        if name in wheels and name not in needed:
            needed.add(name)
            requires = metadata_of(wheels[name]).get_all("Requires-Dist", [])
            plain = [r for r in requires if "extra ==" not in r]
            open_ += [re.split(r"[^\w-]", r, maxsplit=1)[0] for r in plain]
    return needed


# Runs in the bare environment, with -I: every module by its full name, and what must not be there.
PROBE = """
import importlib, json, pkgutil, sys

package, absent = json.loads(sys.argv[1])
top = importlib.import_module(package)
# `python -m` runs the first kind, and only pytest loads the second.
names = [
    m.name
    for m in pkgutil.walk_packages(top.__path__, package + ".", onerror=lambda name: None)
    if not m.name.endswith(("__main__", "pytest_plugin"))
]
for name in names:
    try:
        importlib.import_module(name)
    except ImportError as error:
        # A module for an extra that is not installed says how to install it.
        if "pip install" not in str(error):
            raise
for name in absent:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} is importable beside {package}, which does not depend on it")
print(len(names) + 1)
"""


def check_alone(distribution: str, wheels: Mapping[str, pathlib.Path], folder: pathlib.Path) -> int:
    """Install one wheel in a bare environment; import all of it, run its commands; count modules.

    Raises AssertionError with what was printed.
    """
    environment = folder / distribution
    run(uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    registry = ["--no-index"] if distribution in WITHOUT_REGISTRY else []
    run(
        *(uv.find_uv_bin(), "pip", "install", "--quiet", "--python", python, *registry),
        *("--find-links", wheels[distribution].parent, wheels[distribution]),
    )
    needed = closure(distribution, wheels)
    absent = sorted(import_name(name) for name in wheels if name not in needed)
    probe = folder / "probe.py"
    probe.write_text(PROBE, encoding="utf-8")
    argument = json.dumps([import_name(distribution), absent])
    modules = int(run(python, "-I", probe, argument, cwd=folder))
    for script in _scripts(wheels[distribution]):
        run(environment / "bin" / script, "--help", cwd=folder)
    return modules


def _scripts(wheel: pathlib.Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".dist-info/entry_points.txt"):
                text = archive.read(name).decode().partition("[console_scripts]")[2]
                return re.findall(r"^([\w-]+) *=", text.partition("\n[")[0], re.MULTILINE)
    return []


def main() -> int:
    """Build and check everything; the exit status is the verdict."""
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        dist = folder / "dist"
        run(uv.find_uv_bin(), "build", "--quiet", "--all-packages", "--out-dir", dist)
        wheels = {metadata_of(wheel)["Name"]: wheel for wheel in sorted(dist.glob("*.whl"))}
        members = {path.parent.name for path in ROOT.glob("*/*/pyproject.toml")}
        if len(wheels) != len(members):
            raise AssertionError(f"{len(members)} members, but the wheels are {sorted(wheels)}")
        for distribution, wheel in wheels.items():
            problems = list(defects(wheel))
            sdist = next(dist.glob(f"{import_name(distribution)}-*.tar.gz"), None)
            problems += sdist_defects(sdist) if sdist else ["it has no sdist"]
            try:
                modules = check_alone(distribution, wheels, folder)
            except AssertionError as error:
                problems.append(str(error))
                modules = 0
            failed += bool(problems)
            print(f"{'FAILED' if problems else 'ok':8}{wheel.name}, {modules} modules alone")
            for problem in problems:
                print(f"        {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
