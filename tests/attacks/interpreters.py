"""The interpreters of this machine that the packages support, and how a program runs in them."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [str(ROOT / "packages" / name / "src") for name in ("corectx", "statecrumbs", "penstock")]
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def found() -> dict[str, str]:
    """Return the path of an interpreter for each version: this one, one on PATH, or pyenv's."""
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")) / "versions"
    by_version = {}
    for version in VERSIONS:
        installed = sorted(pyenv.glob(f"{version}.*/bin/python"))
        path = str(installed[-1]) if installed else shutil.which(f"python{version}")
        if path is not None and _runs(path, version):
            by_version[version] = path
    by_version["{}.{}".format(*sys.version_info)] = sys.executable
    return by_version


def _runs(path: str, version: str) -> bool:
    """Tell whether `path` is a CPython of this version; pyenv has shims that are none."""
    program = "import sys; print('%s %d.%d' % (sys.implementation.name, *sys.version_info[:2]))"
    done = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip() == f"cpython {version}"


def run(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an interpreter that sees our sources, the tests, and nothing else.

    The timeout of the test kills it.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "PYTHONPATH": os.pathsep.join([*SOURCES, str(ROOT)]),
    }
    return subprocess.run(
        [python, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
