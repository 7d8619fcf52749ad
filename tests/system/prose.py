"""Find sentences that the reader must read twice, in Markdown files, docstrings and comments.

These four kinds are refused. They begin with

- a free "What" or "Who": "What nothing announces is not found". "What is a frame?" is a question,
  and "Say what is wrong" does not begin with the word;
- a "Where" that stands for "if": "Where no trace is active, we start one";
- the object: "Of a log the last dump is shown", "Followed are attributes";
- a "Nor": "Nor does anything in a finalizer".
"""

from __future__ import annotations

import ast
import io
import pathlib
import re
import tokenize
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
_FREE = "(?:What|Who|Whoever|Whatever|Which|Whichever|Whose)"
_OBJECT_FIRST = (
    "(?!(?:Then|When|Even|Often|Seven|Children|Speed|Need) )"
    "[A-Z][a-z]*(?:ed|en|own|ept|eft|ought) (?:here )?(?:is|are|was|were)"
)
_BEGINNINGS = rf"{_FREE}|Nor|Of(?! course)|{_OBJECT_FIRST}|Where(?=[^.!?|]*,)"

# A sentence that begins a text, an item of a list, a cell of a table, or follows another sentence.
_SENTENCE = re.compile(
    rf"(?:\A\s*(?:[-*+]\s+)?|\n\s*\n|(?<=[.!?])[\"'`)*_]*\s+|\n\s*(?:[-*+]|\d+\.)\s+|\|\s*)"
    rf"[*_\"'`(]*(?P<word>{_BEGINNINGS})\b(?P<rest>[^.!?|]*[.!?|]?)"
)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def sentences_of(text: str) -> Iterator[tuple[int, str]]:
    """Give each refused sentence of a text, with the number of its line from 0."""
    for match in _SENTENCE.finditer(text):
        if not match["rest"].endswith("?"):
            sentence = " ".join(f"{match['word']}{match['rest']}".split())
            yield text.count("\n", 0, match.start("word")), sentence


def in_markdown(text: str) -> list[tuple[int, str]]:
    """List the refused sentences of a Markdown text outside of its code blocks."""
    prose = _FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)
    # A heading is a text of its own.
    prose = re.sub(r"^#+ (.*)$", r"\n\1\n", prose, flags=re.MULTILINE)
    return [(line, sentence) for line, sentence in sentences_of(prose)]


def in_python(text: str) -> list[tuple[int, str]]:
    """List the refused sentences of the docstrings and comments of a Python text."""
    found = []
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, nodes) and (doc := ast.get_docstring(node)):
            start = node.body[0].lineno
            found += [(start + line, sentence) for line, sentence in sentences_of(doc)]
    for start, comment in comments_of(text):
        found += [(start + line, sentence) for line, sentence in sentences_of(comment)]
    return sorted(found)


def comments_of(text: str) -> Iterator[tuple[int, str]]:
    """Give each comment with the number of its line; lines below each other are one comment."""
    last, start, lines = 0, 0, []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        is_alone = not token.line[: token.start[1]].strip()
        if lines and not (is_alone and token.start[0] == last + 1):
            yield start, "\n".join(lines)
            lines = []
        if not lines:
            start = token.start[0]
        lines.append(token.string.lstrip("#").strip())
        last = token.start[0]
    if lines:
        yield start, "\n".join(lines)
