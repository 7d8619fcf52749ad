"""Every README tells the truth, and the runner that proves it would notice if one did not."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tests.system import readme

# Some sections start several programs.
pytestmark = pytest.mark.timeout(120)

SECTIONS = [
    pytest.param(section, id=f"{path.relative_to(readme.ROOT)}#{section.title}")
    for path in readme.readmes()
    for section in readme.sections_of(path)
]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_readme_section_runs_and_prints_what_it_shows(section, tmp_path):
    readme.run(section, tmp_path)


def test_the_readmes_of_all_distributions_are_found():
    found = {path.relative_to(readme.ROOT).as_posix() for path in readme.readmes()}
    published = {
        path.with_name("README.md").relative_to(readme.ROOT).as_posix()
        for path in readme.ROOT.glob("*/*/pyproject.toml")
    }
    assert {"README.md", "packages/corectx/README.md"} <= published | {"README.md"}
    assert published <= found


def check(folder: pathlib.Path, text: str) -> None:
    """Run a README made for one test."""
    path = folder / "README.md"
    path.write_text(text, encoding="utf-8")
    for section in readme.sections_of(path):
        scratch = folder / "scratch"
        scratch.mkdir(exist_ok=True)
        readme.run(section, scratch)


def block(language: str, *lines: str) -> str:
    return "\n".join([f"```{language}", *lines, "```", ""])


ID_A, ID_B, ID_1, ID_2 = ("a" * 32, "b" * 32, "1" * 32, "2" * 32)

GOOD = {
    "a program without output": block("python", "x = 1"),
    "shown output": block("python", "print(1)", "print(2)")
    + "\nIt prints:\n\n"
    + block("text", "1", "2"),
    "prints comments": block("python", "print(1)  # prints 1", "print('a b')  # prints a b"),
    "names that live on in a section": block("python", "x = 1")
    + block("python", "print(x)  # prints 1"),
    "a continued section": "# One\n"
    + block("python", "x = 1")
    + "# Two\n<!-- continues -->\n"
    + block("python", "print(x)  # prints 1"),
    "commands": block("console", "$ echo 1", "1", "$ echo 2; \\", "  echo 3", "2", "3"),
    "a script": block("bash", "echo 1", "echo 2") + block("text", "1", "2"),
    "a file that is used": block("python", "# shop/flows.py", "X = 1")
    + block("console", "$ python -c 'import shop.flows'"),
    "a configuration file": block("toml", "# settings.toml", "a = 1")
    + block("console", "$ cat settings.toml", "..."),
    "a crash that is announced": "<!-- exits 1 -->\n"
    + block("python", "1 / 0")
    + block("text", "...", "ZeroDivisionError: ..."),
    "json with text around it": block("python", 'print(\'a\\n[{"a": 1, "b": 2}]\\nb\')')
    + block("json", "[", '  {"a": 1, "b": "..."}', "]"),
    "timestamps": block("python", "print('2026-01-02T03:04:05.123456+00:00 09:01:02.5')")
    + block("text", "2025-12-30T10:23:45.000001+00:00 10:23:45.0"),
    "the same ID twice": block("python", f"print('{ID_A} {ID_B} {ID_A}')")
    + block("text", f"{ID_1} {ID_2} {ID_1}"),
    "durations": block("python", "print('took 1.25 ms')") + block("text", "took 3 ms"),
    "our distributions": block("bash", "pip install penstock", 'pip install "penstock[png]"'),
}

DIFFERENT = "The output is not what is shown"

BAD = {
    "an exception": (block("python", "1 / 0"), "exit status 1, not 0"),
    "a crash that does not come": (
        "<!-- exits 1 -->\n" + block("python", "x = 1"),
        "exit status 0, not 1",
    ),
    "other output": (block("python", "print(1)") + block("text", "2"), DIFFERENT),
    "less output": (block("python", "print(1)") + block("text", "1", "2"), DIFFERENT),
    "more output": (block("python", "print(1)", "print(2)") + block("text", "1"), DIFFERENT),
    "another comment": (block("python", "print(1)  # prints 2"), DIFFERENT),
    "a missing print": (block("python", "x = 1  # prints 1"), DIFFERENT),
    "a wrong second block": (
        block("python", "print(1)  # prints 1") + block("python", "print(2)  # prints 3"),
        "README.md:4",
    ),
    "a name from another section": (
        "# One\n" + block("python", "x = 1") + "# Two\n" + block("python", "x"),
        "NameError",
    ),
    "a failing command": (block("console", "$ false"), "exit status 1, not 0"),
    "a failing first command": (block("bash", "false", "true"), "exit status 1, not 0"),
    "a command's other output": (block("console", "$ echo 1", "2", "$ true"), DIFFERENT),
    "output under a silent command": (block("console", "$ true", "hello"), DIFFERENT),
    "a console block without a command": (block("console", "echo 1"), "starts with '$ '"),
    "a file that nothing uses": (block("python", "# shop.py", "X = 1"), "nothing uses the file"),
    "output of nothing": (block("text", "1"), "belongs to no block"),
    "two outputs of one block": (
        block("python", "print(1)") + block("text", "1") + block("text", "1"),
        "belongs to no block",
    ),
    "an unknown language": (block("py", "print(1)"), "neither runs nor shows"),
    "no language": (block("", "print(1)"), "neither runs nor shows"),
    "an open block": ("```python\nprint(1)", "never closed"),
    "a marker above a sentence": (
        "<!-- exits 1 -->\nText.\n" + block("python", "1 / 0"),
        "not right above",
    ),
    "a continuation of nothing": ("<!-- continues -->\n" + block("python", "x"), "no section"),
    "a command that CI does not run": ("<!-- ci: nonsense -->\n" + block("bash", "true"), "has no"),
    "output of a command that only CI runs": (
        "<!-- ci: tests -->\n" + block("console", "$ true", "1 passed"),
        "does not compare",
    ),
    "somebody else's distribution": (block("bash", "pip install requests"), "'requests' is not"),
    "an unknown extra": (block("bash", 'pip install "penstock[svg]"'), "no extra 'svg'"),
    "pip beside other commands": (block("bash", "pip install penstock", "false"), "exit status"),
    "another JSON value": (block("python", "print('[1]')") + block("json", "[2]"), DIFFERENT),
    "JSON keys in another order": (
        block("python", """print('{"b": 1, "a": 1}')""") + block("json", '{"a": 1, "b": 1}'),
        DIFFERENT,
    ),
    "a missing JSON document": (block("python", "x = 1") + block("json", "[]"), DIFFERENT),
    "two IDs that should be one": (
        block("python", f"print('{ID_A} {ID_B}')") + block("text", f"{ID_1} {ID_1}"),
        DIFFERENT,
    ),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_the_runner_accepts(text, tmp_path):
    check(tmp_path, text)


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_the_runner_rejects(text, complaint, tmp_path, monkeypatch):
    # pip would reach for the network where a block wrongly runs.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(readme.ReadmeError, match=re.escape(complaint)):
        check(tmp_path, text)


def test_the_command_line_exits_with_the_verdict(tmp_path, capsys):
    path = tmp_path / "README.md"
    path.write_text("```python\nprint(1)  # prints 1\n```\n", encoding="utf-8")
    assert readme.main([str(path)]) == 0
    path.write_text("```python\nprint(1)  # prints 2\n```\n", encoding="utf-8")
    assert readme.main([str(path)]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_commands_run_the_interpreter_that_was_asked_for(tmp_path):
    path = tmp_path / "README.md"
    text = block("console", "$ python -c 'import sys; print(sys.prefix)'", sys.prefix)
    path.write_text(text, encoding="utf-8")
    readme.run(readme.sections_of(path)[0], tmp_path)
