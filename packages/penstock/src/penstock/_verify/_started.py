"""The names of the steps that have started in a run, as they travel with a frame: a JSON list.

The run of the frame's own flow is in `FIELD`. Runs of other flows in the operation are in
`FIELD_OF_RUN` and the flow; corectx does not send these by HTTP. The first item of a list is null
if it may lack steps. corectx limits the size of one field.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from penstock._verify._questions import Run

FIELD = "started"
FIELD_OF_RUN = "run:started:"
_MOST_TEXT = 1024  # characters of one list
MOST_TEXTS = 3072  # of all lists
_MOST_NAME = 256  # characters, as in corectx


def as_text(run: Run) -> str:
    """Return the names that have started in `run`; the first ones are left out first."""
    names = [*run.started, *run.inner]
    text = json.dumps(names if run.is_whole else [None, *names], separators=(",", ":"))
    while len(text) > _MOST_TEXT:
        names = names[len(names) // 4 + 1 :]
        text = json.dumps([None, *names], separators=(",", ":"))
    return text


def read_text(text: object) -> tuple[list[str], bool]:
    """Return the names in `text`, and whether these are all. A foreign text has none."""
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        return [], False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [], False
    if not isinstance(found, list):
        return [], False
    items: list[Any] = found
    names = [each for each in items if isinstance(each, str) and len(each) <= _MOST_NAME]
    return names, len(names) == len(items)
