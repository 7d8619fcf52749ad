"""Each documented format of a token is found, and the documentation lists each."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from statecrumbs._redact import Redactor
from statecrumbs._redact import _tokens as tokens

redactor = Redactor()
DOCUMENT = (Path(__file__).parents[2] / "docs" / "redaction.md").read_text(encoding="utf-8")
ALL = [*tokens.FORMATS.items(), *((name, tuple(v.values())) for name, v in tokens.MARKED.items())]
# Formats that are more than a sequence have rows in the corpus.
PLAIN = [
    (name, form)
    for name, forms in ALL
    for form in forms
    if "(?" not in form.replace("(?:", "") and "\\$2" not in form
]


def sample(form, numbers):
    """Return a text that the expression `form` matches, of plain letters and digits."""
    alphabet = "k7Q2xZ9mB4tRabcdef0123456789ABCDEF"
    text = ""
    rest = form
    while rest:
        part = PART.match(rest)
        rest = rest[part.end() :]
        unit, least = part["unit"], int(part["least"] or 1)
        if unit.startswith("(?:"):
            text += sample(unit[3:-1].split("|")[0], numbers) * max(least, 1)
            continue
        chars = [char for char in alphabet if re.fullmatch(unit, char)]
        chars = chars or [char for char in unit if re.fullmatch(unit, char)]
        text += "".join(numbers.choice(chars) for _ in range(least))
    return text


PART = re.compile(r"(?P<unit>\(\?:[^()]*\)|\[[^\]]*\]|\\.|.)(?:\{(?P<least>\d+)(?:,\d*)?\}|[*?+])?")


@pytest.mark.parametrize(("provider", "form"), PLAIN, ids=[f"{n}-{f[:12]}" for n, f in PLAIN])
def test_a_token_of_each_format_is_blanked_in_any_place(provider, form):
    numbers = random.Random(form)
    for _ in range(4):
        token = sample(form, numbers)
        assert re.fullmatch(form, token), token
        for text in (f"sent {token} to h", f"('{token}', 1)", f"a={token}", f"x\\n{token}", token):
            assert token not in redactor.scrub(text)


@pytest.mark.parametrize("provider", [name for name, _ in ALL] + list(tokens.WEBHOOKS))
def test_the_documentation_lists_each_provider_with_its_formats(provider):
    forms = dict(ALL).get(provider, ())
    line = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| {provider}"))
    assert forms == () or any(each.replace("|", "\\|") in line for each in forms)


@pytest.mark.parametrize(
    "text",
    [
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
        "a_long_identifier_of_some_module",
        "ghp_ is a prefix, and so is glpat-",
        "sk-learn-contrib-imbalanced-learn",
        "sha256-of-a-file-with-a-long-name",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    ],
)
def test_what_only_looks_like_a_token_stays(text):
    assert redactor.scrub(text) == text
