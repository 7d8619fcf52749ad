"""No committed file belongs to one machine, one registry, or one way of being written."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Each pattern, and each example below, is written so that it does not match itself.
FORBIDDEN = {
    "a registry's address": r"https?://(?:[\w.-]+\.)?(?:pypi|pythonhosted|npmjs|artifactory)\b[^\s]*"
    r"|\bindex-url\s*=|\bextra-inde[x]|\bfind-links\s*=",
    "a path of one machine": r"(?<![\w.])/(?:root|work|Users|opt)/|\.pyenv/version[s]"
    r"|[A-Z]:\\\\Users",
    "a setting of one machine": r"(?:SSL_CERT|PIP_CERT|CA_BUNDLE)_?\w*\s*=\s*/",
    "a word about how it was written": r"(?i)\bcopilo[t]\b|\bLL[M]s?\b"
    r"|\b(?:AI|language model)\b(?=[ -](?:agent|assistant|generated|written|session))",
    "work that is left": r"\b(?:TOD[O]|FIXM[E]|XX[X])\b",
}

# The folders of the files on the machine that runs this. A made-up home folder is allowed, and so
# is a folder that is nobody's own, such as / or /tmp of a container.
HERE = {str(path) for path in (ROOT, pathlib.Path.home()) if len(path.parts) > 2}

# Lock files name a registry; a checkout makes its own.
NEVER_COMMITTED = {"uv.lock", "poetry.lock", "Pipfile.lock", ".python-version"}


def committed() -> list[pathlib.Path]:
    """List the files that git tracks; in a source archive, all that are there."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        done = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
        )
        return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    made = {".venv", ".tools", "dist", "build", "uv.lock"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not made & set(path.relative_to(ROOT).parts)
    ]


def offences(text: str) -> Iterator[str]:
    """Give each forbidden thing in a text as ``line: what: match``."""
    here = "|".join(rf"{re.escape(path)}(?!\w)" for path in HERE)
    for what, pattern in {**FORBIDDEN, "a path of this machine": here}.items():
        for match in re.finditer(pattern, text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{line}: {what}: {match.group()}"


def test_no_committed_file_names_a_machine_or_a_registry():
    found = []
    for path in committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{offence}" for offence in offences(text)]
    assert found == []


def test_no_lock_file_is_committed():
    assert [path for path in committed() if path.name in NEVER_COMMITTED] == []


def editor_problems(name: str, data: bytes) -> list[str]:
    """Say where a text file is not as .editorconfig promises."""
    problems = []
    if data and not data.endswith(b"\n"):
        problems.append("no newline at the end")
    if b"\r\n" in data:
        problems.append("lines that end in CR LF")
    if b"\t" in data:
        problems.append("a tab")
    if not name.endswith((".md", ".svg")) and any(
        line != line.rstrip() for line in data.split(b"\n")
    ):
        problems.append("white space at the end of a line")
    return [f"{name}: {problem}" for problem in problems]


def test_every_text_file_is_as_the_editorconfig_says():
    found = []
    for path in committed():
        data = path.read_bytes()
        if b"\0" not in data:
            found += editor_problems(path.relative_to(ROOT).as_posix(), data)
    assert found == []


@pytest.mark.parametrize("data", [b"x", b"x\r\n", b"\tx\n", b"x \ny\n"])
def test_a_file_that_is_not_is_noticed(data):
    assert editor_problems("a.py", data) != []


def test_every_distribution_carries_the_same_licence():
    whole = (ROOT / "LICENSE").read_bytes()
    for pyproject in ROOT.glob("*/*/pyproject.toml"):
        assert pyproject.with_name("LICENSE").read_bytes() == whole, pyproject.parent


@pytest.mark.parametrize(
    "marked",  # a bar is taken out: with it, the text is no offence in this file
    [
        "https:|//pypi.org/any",
        "http:|//registry.npmjs.org/",
        "url = 'https:|//files.pythonhosted.org/x'",
        "index-ur|l = x",
        "UV_EXTRA=1\nextra-ind|ex-url = y",
        "cd /ro|ot/x",
        "'/wo|rk/main/a.py'",
        "~/.pyenv|/versions/3.11/bin",
        "SSL_CERT_FILE|=/etc/x",
        "suggested by an LL|M",
        "an AI| assistant wrote it",
        "# TO|DO: later",
    ],
)
def test_a_forbidden_thing_is_noticed(marked):
    assert list(offences(marked.replace("|", ""))) != []


def test_so_is_a_path_of_this_machine():
    for folder in HERE:
        assert list(offences(f"open('{folder}/pyproject.toml')")) != []


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/opt/1",
        "https://example.com/opt/",
        "/usr/bin/env bash",
        "pip install penstock",
        "https://github.com/statecrumbs/penstock",
        "the root frame / home frame",
        "/home/someone/shop/flows.py",
    ],
)
def test_ordinary_text_is_let_through(text):
    assert list(offences(text)) == []
