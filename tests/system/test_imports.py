"""The core packages import the standard library and nothing else, and importing them is cheap."""

from __future__ import annotations

import ast
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A package may import itself and what it depends on.
DEPENDS_ON = {"corectx": set(), "statecrumbs": {"corectx"}, "penstock": {"corectx"}}

# Modules that are only useful with another program, which the user has then: its plugin for pytest,
# an extra, or a distribution of ours that the module forwards to.
OPTIONAL = {
    "statecrumbs/pytest_plugin.py": {"pytest"},
    "penstock/pytest_plugin.py": {"pytest"},
    "penstock/formats/_raster.py": {"PIL"},
    "penstock/formats/dot.py": {"graphviz"},
    "penstock/backends/otel.py": {"penstock_otel"},
    "penstock/contrib/django.py": {"penstock_django"},
    "penstock/contrib/celery.py": {"penstock_celery"},
    "penstock/contrib/structlog.py": {"penstock_structlog"},
    "penstock/contrib/sphinx.py": {"docutils", "sphinx"},
}

# Modules that an `import statecrumbs` or `import penstock` may not load: each costs
# more than we do.
HEAVY = {
    "argparse",
    "asyncio",
    "collections.abc",
    "concurrent.futures",
    "dataclasses",
    "datetime",
    "enum",
    "inspect",
    "json",
    "logging",
    "multiprocessing",
    "pathlib",
    "pickle",
    "random",
    "re",
    "secrets",
    "shutil",
    "socket",
    "string",
    "subprocess",
    "tempfile",
    "threading",
    "traceback",
    "typing",
    "uuid",
    "weakref",
}


def source_of(package: str) -> pathlib.Path:
    return ROOT / "packages" / package / "src" / package


def imported_by(source: str) -> Iterator[tuple[str, int]]:
    """Give the top-level names that a source text imports at run time, anywhere in it."""
    tree = ast.parse(source)
    for_checkers = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in for_checkers:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0], node.lineno
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith(("__import__", "import_module"))
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value).partition(".")[0], node.lineno


def strangers(package: str, path: str, source: str) -> list[str]:
    """List the imports, as ``path:line: module``, that a file of a package may not have."""
    allowed = {package} | DEPENDS_ON[package] | OPTIONAL.get(path, set()) | sys.stdlib_module_names
    return [f"{path}:{line}: {name}" for name, line in imported_by(source) if name not in allowed]


@pytest.mark.parametrize("package", DEPENDS_ON)
def test_a_core_package_imports_only_the_standard_library_and_what_it_depends_on(package):
    source = source_of(package)
    found = [
        stranger
        for path in source.rglob("*.py")
        for stranger in strangers(
            package,
            path.relative_to(source.parent).as_posix(),
            path.read_text(encoding="utf-8"),
        )
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import penstock",
        "import penstock.contrib as x",
        "from penstock import flow",
        "def f():\n    import penstock",
        "try:\n    import penstock\nexcept ImportError:\n    pass",
        "import importlib\nimportlib.import_module('penstock.contrib')",
        "__import__('penstock')",
        "import os, requests",
        "if TYPE_CHECKING:\n    import os\nelse:\n    import requests",
    ],
)
def test_an_import_across_or_from_outside_is_noticed(source):
    assert len(strangers("statecrumbs", "statecrumbs/x.py", source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import os, json.decoder\nfrom collections.abc import Mapping",
        "import corectx\nfrom corectx import scope",
        "from . import _recorder\nfrom ._recorder import crumb\nimport statecrumbs.context",
        "if TYPE_CHECKING:\n    import requests",
    ],
)
def test_an_allowed_import_is_let_through(source):
    assert strangers("statecrumbs", "statecrumbs/x.py", source) == []


def test_an_optional_import_is_allowed_in_its_own_file_only():
    assert strangers("penstock", "penstock/formats/_raster.py", "import PIL") == []
    assert strangers("penstock", "penstock/formats/svg.py", "import PIL") != []


def loaded_by(statement: str) -> set[str]:
    """Run a statement in an interpreter that has only our sources, and list what it loaded.

    Without `site`, since .pth files of other packages load modules of their own at start-up.
    """
    folders = [str(source_of(package).parent) for package in DEPENDS_ON]
    program = (
        "import sys\n"
        f"sys.path[:0] = {folders!r}\n"
        "before = set(sys.modules)\n"
        f"{statement}\n"
        "new = sorted(set(sys.modules) - before)\n"
        "import json\n"
        "print(json.dumps(new))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("package", DEPENDS_ON)
def test_importing_a_package_loads_nothing_heavy(package):
    assert loaded_by(f"import {package}") & HEAVY == set()


@pytest.mark.parametrize("package", DEPENDS_ON)
def test_importing_a_package_loads_no_sibling_that_it_does_not_depend_on(package):
    siblings = DEPENDS_ON.keys() - DEPENDS_ON[package] - {package}
    assert loaded_by(f"import {package}") & siblings == set()


@pytest.mark.parametrize("module", ["context", "export", "formatter"])
def test_the_topics_of_statecrumbs_are_there_without_an_import_of_their_own(module):
    loaded = loaded_by(f"import statecrumbs\nstatecrumbs.{module}.__all__")
    assert f"statecrumbs.{module}" in loaded - loaded_by("import statecrumbs")


def test_a_heavy_import_would_be_noticed():
    assert "json" in loaded_by("import json.decoder") & HEAVY
    assert "statecrumbs" in loaded_by("import penstock, statecrumbs")


@pytest.mark.parametrize("package", ["penstock", "statecrumbs"])
@pytest.mark.parametrize(
    ("extra", "brings"),
    [
        ("otel", ["opentelemetry-api", "opentelemetry-sdk"]),
        ("structlog", ["structlog"]),
        ("django", ["Django"]),
        ("celery", ["celery"]),
    ],
)
def test_an_extra_brings_the_framework_and_all_that_its_integration_needs(package, extra, brings):
    found, open_ = set(), [Requirement(f"{package}[{extra}]")]
    while open_:
        wanted = open_.pop()
        if str(wanted) not in found:
            found.add(str(wanted))
            found.add(canonicalize_name(wanted.name))
            for line in requires(wanted.name) or []:
                needed = Requirement(line)
                chosen = [{"extra": name} for name in wanted.extras or [""]]
                if needed.marker is None or any(map(needed.marker.evaluate, chosen)):
                    open_.append(needed)
    assert found >= {canonicalize_name(name) for name in brings}
