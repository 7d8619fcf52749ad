"""Find the dumps in the lines of a log, however a collector wrapped or cut them.

_unwrap      the lines of a dump out of the lines of a log
_open_dump   dumps while their lines come in, as JSON over many lines or as lines for log shippers
_export      rows of JSON documents or of CSV, as lines of JSON; which JSON values are of a dump
_decode      a log before people and tools changed all its lines, as an e-mail or a terminal does
_finder      all dumps in a text, whole or cut, several at a time
"""

from __future__ import annotations

from statecrumbs._reading._log._export import is_dump, rows_of_json
from statecrumbs._reading._log._finder import documents, in_rows
from statecrumbs._reading._log._open_dump import Document

__all__ = ["Document", "documents", "in_rows", "is_dump", "rows_of_json"]
