r"""Find the columns of tables whose header is a sensitive name: CSV, Markdown, psql, JSON, Python.

name,password        [["name", "password"], ["bob", "..."]]
bob,...              {"columns": ["name", "password"], "rows": [["bob", "..."]]}
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import QUOTE, items_of, rows_of, unquoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

_HEADING = re.compile(r"""[\w .#()/*\u0300-\u036f-]{0,48}""")
_CELL = re.compile(r"""[ \t]*("(?:[^"]|"")*"|[^\n]*)""")
_RULE = re.compile(r"[\s|+:=-]+")
_WORDS = re.compile(r"\S+")
_MOST_COLUMNS = 256
_STRING = re.compile(r"""(?:\A|[:=(]\s{0,2})b?(["'])""")  # where a string begins
_PREFIX = re.compile(r"(?:[^:]{0,64}:[ ]){0,4}")  # INFO x:

# A list of names, and what may stand between it and the lists that it describes.
_HEADER = re.compile(
    rf"""
    [\[(] \s{{0,8}} (?: b?{QUOTE} [\w. -]{{1,64}} {QUOTE} \s{{0,4}} ,? \s{{0,8}} ){{2,64}} [\])]
    """,
    re.VERBOSE,
)
_THEN = re.compile(
    rf"""
    \s{{0,8}} ,? \s{{0,8}}
    (?P<key> {QUOTE}? (?:rows|row|data|values|records|items|results|params|parameters|args|binds)
      {QUOTE}? \s{{0,4}} [:=] \s{{0,8}} )?
    (?=[\[(])
    """,
    re.VERBOSE,
)
# In rows of two, words may be names and values, or two names.
_PAIR = 2
_ONLY_LETTERS = re.compile(r"[A-Za-z_]*")
# No two columns, but an HTTP header: ("x-api-key", "..."), ("authorization", "Bearer ...").
_OF_A_HEADER = re.compile(r"[ -]")


def find_in_tables(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the cells below a sensitive heading, of tables of text."""
    for newline in ("\n", "\\n"):
        if newline in text:
            yield from _tables(text, newline, names)


def find_in_rows(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the items of lists that a list of names before them says are secret."""
    position = 0
    while found := _HEADER.search(text, position):
        position = found.end()
        header = found[0]
        items, _ = items_of(header, 0)
        cells = [header[slice(*unquoted(header, *item))] for item in items]
        secret = [index for index, cell in enumerate(cells) if names[cell]]
        if not secret:
            continue
        is_pair = len(cells) == _PAIR and _OF_A_HEADER.search("".join(cells)) is not None
        while then := _THEN.match(text, position):
            rows, end = rows_of(text, then.end())
            for row in rows:
                if len(row) != len(items):
                    return
                for start, stop in (unquoted(text, *row[index]) for index in secret):
                    is_word = _ONLY_LETTERS.fullmatch(text, start, stop) is not None
                    if then["key"] or (not is_pair and (len(row) > _PAIR or not is_word)):
                        yield start, stop
            position = end


def _tables(text: str, newline: str, names: SecretNames) -> Iterator[Span]:
    table: _Table | None = None
    quote = ""
    position = 0
    tab = "\t" if newline == "\n" else "\\t"
    for line in text.split(newline):
        start, position = position, position + len(line) + len(newline)
        if newline == "\\n":
            line, begin, quote = _inside(line, quote if table else "")  # noqa: PLW2901 - see there
            start += begin
        if table is not None:
            cells = [] if _RULE.fullmatch(line) else table.secret_cells(line)
            if cells is not None:
                for begin, end in cells:
                    yield unquoted(text, start + begin, start + end)
                continue
        table = _table_below(line, (",", ";", tab, "|"), names)


class _Table:
    """A table of which the header was seen, with cells at `columns` that are secret.

    Its cells are between separators, or each begins or ends where its heading does.
    """

    __slots__ = ("_columns", "_header", "_separator")

    def __init__(self, separator: str, header: list[Span], columns: list[int]) -> None:
        self._separator = separator
        self._header = header
        self._columns = columns

    def secret_cells(self, line: str) -> list[Span] | None:
        """Return where the secret cells of `line` stand, None if it is no row of this table."""
        if self._separator:
            cells = _cells(line, self._separator)
            if len(cells) != len(self._header):
                return None
        else:
            cells = _aligned(line, self._header)
            if not cells:
                return None
        return [cells[column] for column in self._columns]


def _table_below(line: str, separators: tuple[str, ...], names: SecretNames) -> _Table | None:
    """Return the table whose header `line` is, if one of its columns is secret."""
    for separator in separators:
        if separator in line:
            cells = _cells(line, separator)
            columns = _secret_columns(line, cells, names)
            if columns:
                return _Table(separator, cells, columns)
    prefix = _PREFIX.match(line)
    line = line[prefix.end() :] if prefix else line
    if "  " not in line:
        return None
    words = [found.span() for found in _WORDS.finditer(line)][:_MOST_COLUMNS]
    columns = _secret_columns(line, words, names) if len(words) > 1 else []
    return _Table("", words, columns) if columns else None


def _inside(line: str, quote: str) -> tuple[str, int, str]:
    """Return the part of `line` that is of a table, where it begins, and the quote around it.

    Where line breaks are escaped the table is in a string, of which `quote` is known in its rows.
    """
    if quote:
        end = line.find(quote)
        return (line[:end] if end > 0 and line[end - 1] != "\\" else line), 0, quote
    begin = 0
    for found in _STRING.finditer(line):
        begin, quote = found.end(), found[1]
    return line[begin:], begin, quote


def _cells(line: str, separator: str) -> list[Span]:
    cells: list[Span] = []
    position = 0
    while len(cells) < _MOST_COLUMNS:
        end = line.find(separator, position)
        quote = line[position : position + 1]
        if quote == '"':
            closing = line.find('"', position + 1)
            while closing >= 0 and line.startswith('"', closing + 1):
                closing = line.find('"', closing + 2)
            end = line.find(separator, closing) if closing >= 0 else end
        if end < 0:
            cells.append((position, len(line)))
            return cells
        cells.append((position, end))
        position = end + len(separator)
    return cells


def _secret_columns(line: str, cells: list[Span], names: SecretNames) -> list[int]:
    """Return which of the `cells` of a header are sensitive; none if it is no header."""
    columns: list[int] = []
    for index, (start, end) in enumerate(cells):
        cell = line[start:end].strip()
        if index == 0:
            cell = cell.rpartition(":")[2]  # INFO: name,password
        cell = cell.strip("\\\"'`* ")
        if not _HEADING.fullmatch(cell):
            return []
        if cell and names[cell]:
            columns.append(index)
    return columns


def _aligned(line: str, header: list[Span]) -> list[Span]:
    """Return where the words of `line` stand, if each is right below one of the `header`."""
    words = [found.span() for found in _WORDS.finditer(line)][: _MOST_COLUMNS + 1]
    for first in (0, 1):  # 1: the index of the row has no heading
        below = words[first : first + len(header)]
        if len(below) == len(header) and all(
            word[0] == head[0] or word[1] == head[1]
            for word, head in zip(below, header)  # noqa: B905 - they are equally many
        ):
            return below
    return []
