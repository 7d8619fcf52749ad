"""The corpus of secrets, and of what only looks like one.

Each line of `secrets.jsonl` is a row: `in`, a text or a value; `gone`, what must not be seen of it;
`stay`, what must be seen; and if its name matters, `key`. If nothing must go, nothing may be
blanked. To add a case, add a line.
"""

from __future__ import annotations

import json
import os

with open(os.path.join(os.path.dirname(__file__), "secrets.jsonl"), encoding="utf-8") as _file:
    ROWS = [json.loads(line) for line in _file]


def key_of(row):
    return row.get("key", "v")


def problems(shown):
    """Return what is wrong with `shown`, the text of the value of each row, in their order."""
    assert len(shown) == len(ROWS)
    found = []
    for row, text in zip(ROWS, shown, strict=True):
        wrong = [f"leaks {secret!r}" for secret in row["gone"] if secret in text]
        wrong += [f"lacks {each!r}" for each in row["stay"] if each not in text]
        if not row["gone"] and "[redacted]" in text:
            wrong.append("blanks what is no secret")
        if wrong:
            found.append((row["in"], wrong, text))
    return found


def leaked(output):
    """Return the secrets that are anywhere in `output`, the whole of what left the process."""
    return [
        secret for row in ROWS for secret in row["gone"] if len(secret) > 5 and secret in output
    ]
