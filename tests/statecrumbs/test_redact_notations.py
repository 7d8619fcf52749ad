"""Each name of a secret in each notation with each value, and names that only look like one."""

from __future__ import annotations

import json
import re

import pytest

from statecrumbs._redact import Redactor
from tests.statecrumbs.notations import NOTATIONS

SECRET = ["password", "X-Api-Key", "contraseña", "пароль"]
HARMLESS = ["passenger", "X-Compass", "tokens_used", "größe"]
VALUES = [
    *"banana hunter2 Tr0ub4dor&3 it's1me a,b;c9 {curly9} $ecret9 üñí9 48291077 -dash9".split(),
    *"#hash9 %41%zz9 x=y9 a:b:c9 <tag9> [list9] tok/en+abc== !bang9 a|b9z (par9en)".split(),
    *("?que9ry", "*star9s", 'say"hi"9', "back\\slash9", "p@ss w0rd", "line9\nbreak8"),
]
redactor = Redactor()


def written(notation, names):
    for name in names:
        for value in VALUES:
            text = NOTATIONS[notation](name, value)
            if text is not None:
                yield value, text
                if value in ("banana", "hunter2"):  # others are escaped once more
                    yield value, json.dumps({"level": "INFO", "log": text})
                    yield value, f"ValueError({text!r})"


@pytest.mark.parametrize("notation", NOTATIONS)
def test_no_part_of_a_secret_is_seen_and_its_neighbours_are(notation):
    for value, text in written(notation, SECRET):
        shown = redactor.scrub(text)
        parts = [value, *re.findall(r"\w{4,}", value)]
        assert not [part for part in parts if part in shown], text
        assert "Ulm" in shown, text
        assert "eu" in shown, text


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_value_of_a_similar_name_stays(notation):
    for _, text in written(notation, HARMLESS):
        assert redactor.scrub(text) == text
