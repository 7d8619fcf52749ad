"""Any string is visible in a drawing."""

from __future__ import annotations

import pytest

from penstock.formats import visible
from tests.penstock.formats.hostile import names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain_name", "plain_name"),
        ("two words", "two words"),
        ("naïve 漢字 🚀 👩\u200d🚀", "naïve 漢字 🚀 👩\u200d🚀"),
        ("line\nbreak\ttab", "line\\nbreak\\ttab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
        ("\U000e0041", "\\U000e0041"),
        ("back\\slash", "back\\slash"),
        ("", "''"),
        ("  ", "'  '"),
        ("\u3000", "'\u3000'"),
        ("\n", "\\n"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(text, shown):
    assert visible(text) == shown


def test_whatever_is_shown_can_be_encoded_and_steers_no_terminal():
    for name in names(1000):
        shown = visible(name)
        shown.encode()
        assert shown.strip()
        assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in shown)
