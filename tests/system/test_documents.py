"""The documents about the code agree with the code."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture"


def architecture_script():
    spec = importlib.util.spec_from_file_location("architecture", ARCHITECTURE / "make.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["architecture"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("picture", ["distributions", "corectx", "statecrumbs", "penstock"])
def test_the_pictures_of_the_architecture_are_those_of_the_code(picture):
    drawn = architecture_script().draw(picture).encode()
    again = "run this: python docs/architecture/make.py"
    assert (ARCHITECTURE / f"{picture}.svg").read_bytes() == drawn, again


def test_an_arrow_that_follows_from_others_is_left_out():
    script = architecture_script()
    arrows = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert script.reduced(arrows) == {"a": {"b"}, "b": {"c"}, "c": set()}


def missing_paths(document: str) -> list[str]:
    """List the paths of this repository in backticks that do not exist."""
    tops = ("packages", "integrations", "tests", "docs", "examples", ".ci", ".github")
    found = re.findall(r"`([\w./*-]+)`", document)
    paths = [each for each in found if each.split("/")[0] in tops]
    return [each for each in paths if not any(ROOT.glob(each))]


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md", "SECURITY.md"])
def test_the_files_that_a_document_names_exist(document):
    assert missing_paths((ROOT / document).read_text(encoding="utf-8")) == []


def test_a_file_that_does_not_exist_is_noticed():
    assert missing_paths("see `packages/no/such.py` and `tests`") == ["packages/no/such.py"]


# The words of the glossary's last table, as parts of module names. "format" and the like of other
# meanings are allowed: "not layout of a file" is about the meaning.
REFUSED_WORDS = {
    "facts",
    "written",
    "plain",
    "parts",
    "peek",
    "live",
    "sketch",
    "metrics",
    "control",
    "utils",
    "helpers",
    "common",
}


def words_of(name: str) -> set[str]:
    """Split the name of a module into words; "control flow" is one term."""
    return set(name.strip("_").replace("control_flow", "controlflow").split("_"))


def test_no_module_has_a_name_that_the_glossary_refuses():
    modules = [path for source in ROOT.glob("*/*/src") for path in source.rglob("*.py")]
    assert modules
    found = [
        path.relative_to(ROOT).as_posix()
        for path in modules
        if words_of(path.stem) & REFUSED_WORDS or words_of(path.parent.name) & REFUSED_WORDS
    ]
    assert found == []


def test_a_refused_name_is_noticed():
    assert words_of("_font_metrics") & REFUSED_WORDS == {"metrics"}
    assert words_of("_crash_control") & REFUSED_WORDS == {"control"}
    assert not words_of("_layout") & REFUSED_WORDS
    assert not words_of("_control_flow") & REFUSED_WORDS


def test_the_glossary_has_each_word_once():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|", text.partition("## Words that")[0], re.MULTILINE)
    words = [word.strip() for row in rows for word in row.split(",")]
    words = [word for word in words if word not in {"word", "---"}]
    assert len(words) > 40
    assert sorted(set(words)) == sorted(words)
