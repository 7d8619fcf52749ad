"""The prose of documents, docstrings and comments is plain."""

from __future__ import annotations

import pytest

from tests.system import prose

FOLDERS = ["packages", "integrations", "examples", "tests", "docs"]
MADE = {".venv", ".tools", "build", "dist", "__pycache__", "node_modules"}


def texts():
    paths = list(prose.ROOT.glob("*.md"))
    for folder in FOLDERS:
        paths += [*(prose.ROOT / folder).rglob("*.md"), *(prose.ROOT / folder).rglob("*.py")]
    return [path for path in paths if not MADE & set(path.parts)]


def test_no_sentence_must_be_read_twice():
    paths = texts()
    assert len(paths) > 300
    found = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        read = prose.in_python if path.suffix == ".py" else prose.in_markdown
        name = path.relative_to(prose.ROOT)
        found += [f"{name}:{line}: {sentence}" for line, sentence in read(text)]
    assert found == [], "\n".join(found)


REFUSED = [
    "What nothing announces is not found.",
    "Whoever completes a lap takes a look.",
    "It is redacted. What is left travels.",
    "- What is read\n",
    "| option | What it does |",
    "(Who sends it is told.)",
    "First.\n\nWhatever happens, it ends.",
    "Nothing happens. Nor does anything in a finalizer.",
    "Followed are attributes, items and objects.",
    "Imported here is what others need.",
    "Left is the last record.",
    "Of a log the last dump is shown.",
    "Where no trace is active, we start one.",
]


@pytest.mark.parametrize("text", REFUSED)
def test_such_a_sentence_is_noticed(text):
    assert len(prose.in_markdown(text)) == 1
    assert len(prose.in_python(f'def f():\n    """{text}"""\n')) == 1


def test_it_is_noticed_in_a_heading_and_in_comments():
    assert prose.in_markdown("# What is what\n\ntext") != []
    assert prose.in_python("x = 1\n# a comment.\n# What is left\n") == [(3, "What is left")]
    assert prose.in_python("x = 1  # What is left\n") == [(1, "What is left")]


@pytest.mark.parametrize(
    "text",
    [
        "What happened just before?",
        "Say what is wrong, and who sent it.",
        "It says what is left; what travels is another matter.",
        "```python\n# What is in a block of code is code.\n```\n",
        "Whatsoever is another word.",
        "Then there are at most ten.",
        "Speed is a feature.",
        "Where is the file, and who made it?",
        "# Where a change goes\n",
        "It is found where no name is, too.",
        "Often is a word, and so is nor.",
    ],
)
def test_other_sentences_are_let_through(text):
    assert prose.in_markdown(text) == []
