"""The check of the built wheels would notice a bad one.

The wheels here are made by hand, since building the real ones needs the registry;
``python -m tests.system.wheels`` does that.
"""

from __future__ import annotations

import pathlib
import zipfile

import pytest

from tests.system import wheels

METADATA = """\
Metadata-Version: 2.4
Name: {name}
Version: 1.0
Summary: A summary
Author: Somebody
License-Expression: MIT
License-File: LICENSE
Keywords: one,two
Classifier: Typing :: Typed
Requires-Python: >=3.10
Project-URL: Homepage, https://example.com
Description-Content-Type: text/markdown
"""

WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def make_wheel(
    folder, name, files=(), *, metadata=METADATA, requires=(), without=(), description=""
):
    path = folder / f"{name}-1.0-py3-none-any.whl"
    head = metadata.format(name=name) + "".join(f"Requires-Dist: {r}\n" for r in requires)
    contents = {
        f"{name}/__init__.py": "",
        f"{name}/py.typed": "",
        f"{name}-1.0.dist-info/METADATA": head + "\n" + (description or "word " * 100),
        f"{name}-1.0.dist-info/WHEEL": WHEEL,
        f"{name}-1.0.dist-info/licenses/LICENSE": "MIT",
        **dict(files),
    }
    contents = {key: value for key, value in contents.items() if key not in without}
    record = f"{name}-1.0.dist-info/RECORD"
    contents[record] = "".join(f"{key},,\n" for key in [*contents, record])
    with zipfile.ZipFile(path, "w") as archive:
        for key, value in contents.items():
            archive.writestr(key, value)
    return path


def test_a_good_wheel_has_no_defect(tmp_path):
    assert list(wheels.defects(make_wheel(tmp_path, "one"))) == []


@pytest.mark.parametrize("field", wheels.REQUIRED_METADATA[2:])
def test_a_missing_metadata_field_is_a_defect(field, tmp_path):
    lines = [
        line for line in METADATA.splitlines(keepends=True) if not line.startswith(field + ":")
    ]
    wheel = make_wheel(tmp_path, "one", metadata="".join(lines))
    assert f"its metadata has no {field}" in list(wheels.defects(wheel))


@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        ({"without": ["one/py.typed"]}, "py.typed"),
        ({"without": ["one-1.0.dist-info/licenses/LICENSE"]}, "LICENSE"),
        ({"files": {"tests/test_it.py": ""}}, "beside its package"),
        ({"description": "# one"}, "package page"),
    ],
)
def test_a_wheel_that_lacks_or_adds_something_has_a_defect(changes, defect, tmp_path):
    (found,) = wheels.defects(make_wheel(tmp_path, "one", **changes))
    assert defect in found


@pytest.fixture
def in_a_bare_environment(tmp_path, monkeypatch):
    """Make wheels, then check the first one alone."""
    monkeypatch.setenv("UV_NO_CACHE", "1")  # it would be in the home folder, which may be read-only
    monkeypatch.setattr(wheels, "WITHOUT_REGISTRY", {"one", "two"})

    def check(**files_and_requires):
        made = {
            name: make_wheel(tmp_path, name, files, requires=requires)
            for name, (files, requires) in files_and_requires.items()
        }
        return wheels.check_alone("one", made, pathlib.Path(tmp_path))

    return check


def test_a_wheel_that_imports_what_it_needs_passes(in_a_bare_environment):
    code = {"one/__init__.py": "import two", "one/part.py": "import two"}
    assert in_a_bare_environment(one=(code, ["two"]), two=({}, [])) == 2


def test_an_undeclared_dependency_fails(in_a_bare_environment):
    code = {"one/part.py": "def f(): pass\nimport two"}
    with pytest.raises(AssertionError, match="No module named 'two'"):
        in_a_bare_environment(one=(code, []), two=({}, []))


def test_a_module_for_an_extra_may_say_how_to_install_it(in_a_bare_environment):
    code = {"one/part.py": "raise ImportError('pip install \"one[part]\"')"}
    assert in_a_bare_environment(one=(code, []), two=({}, [])) == 2


def test_a_sibling_that_is_there_all_the_same_fails(in_a_bare_environment):
    code = {"one/__init__.py": "import sys, types\nsys.modules['two'] = types.ModuleType('two')"}
    with pytest.raises(AssertionError, match="two is importable beside one"):
        in_a_bare_environment(one=(code, []), two=({}, []))


def test_a_command_that_does_not_start_fails(in_a_bare_environment):
    entry = "[console_scripts]\nthe-command = one:missing\n"
    with pytest.raises(AssertionError, match="missing"):
        in_a_bare_environment(one=({"one-1.0.dist-info/entry_points.txt": entry}, []))
