"""The beginning of a dump in the last line of a log, which ends in the middle of it.

Nothing of the dump can be shown then, but the dump before it is not the last one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from statecrumbs._reading._log._open_dump import Document
from statecrumbs._reading._log._unwrap import VARYING

if TYPE_CHECKING:
    from typing import Final

_EVENT: Final = '"event": "'
_BEGINS: Final = "|".join(_EVENT[:end] for end in range(2, len(_EVENT)))
_CUT: Final = re.compile(rf'(?:{_BEGINS}|{_EVENT}(?:[^"\\]|\\.)*\\?)$')
_SHIPPED: Final = re.compile(
    r'\{\\*"statecrumbs\\*": ?\\*"[0-9a-f]{8}\\*", ?\\*"line\\*": ?1, ?\\*"of\\*"'
)


def begun(text: str) -> Document | None:
    """Return a dump without records if `text` ends in the first line of one that says so."""
    end = text.rstrip()
    number = end.count("\n")
    before, brace, last = ["", "", *end.rsplit("\n", 3)][-3:]
    if _SHIPPED.search(last):
        return Document([], number, number, has_end=False)
    cut = _CUT.search(last)
    if cut is None:
        return None
    around = {_prefix(before, "["), _prefix(brace, "{"), _source(last[: cut.start()])}
    return Document([], number - 2, number, has_end=False) if len(around) == 1 else None


def _prefix(line: str, opener: str) -> str | None:
    """Return what is before `opener` at the end of a line, None if it ends otherwise."""
    line = line.rstrip()
    return _source(line[:-1]) if line.endswith(opener) else None


def _source(prefix: str) -> str:
    return VARYING.sub("0", " ".join(prefix.split()))
