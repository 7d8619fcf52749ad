r"""Find values on the lines and in the rows below a sensitive name: tables, and blocks of YAML.

name,password    [["name", "password"], ["bob", "..."]]                       passwords:
bob,...          {"columns": ["name", "password"], "rows": [["bob", "..."]]}    - ...
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import QUOTE, items_of, rows_of, unquoted
from statecrumbs._redact._harmless import is_harmless
from statecrumbs._redact._names import LABEL, VALUE, is_operator, is_plain_name, role_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

# At most three words. More are a sentence, and a parenthesis is code or ends a sentence.
_HEADING = re.compile(
    r"""(?: [\w.\#/*%\u0300-\u036f-]{1,32} [ ]{0,8} ){1,3} (?: \([\w %]{1,16}\) )?""", re.VERBOSE
)
_RULE = re.compile(r"[\s|+:=-]+")
_WORDS = re.compile(r"\S+")
# The bullet of a list, or words of a sentence: no headings
_PROSE = frozenset("* - + \u2022 a an and for from in of or the to with your".split())
_MOST_COLUMNS = 256
_LONGEST_ROW = 10_000  # characters
_MOST_LINES = 64  # of a row; a private key has 52
_QUOTES = frozenset("\"'`")
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
    (?: {QUOTE}?index{QUOTE}? \s{{0,4}} [:=] \s{{0,4}} \[ [^\[\]]{{0,1000}} \] ,? \s{{0,8}} )?
    (?P<key> {QUOTE}? (?:rows|row|data|values|records|items|results|params|parameters|args|binds)
      {QUOTE}? \s{{0,4}} [:=] \s{{0,8}} )?
    (?=[\[(])
    """,
    re.VERBOSE,
)
# The rows before their columns
_DATA = re.compile(rf"""\b(?:data|rows|values|records){QUOTE}?\s{{0,4}}[:=]\s{{0,4}}(?=\[)""")
_COLUMNS = re.compile(rf"""\b(?:columns|header|headers|fields){QUOTE}?\s{{0,4}}[:=]\s{{0,4}}\Z""")
_KEY_LENGTH = 24  # characters
# In rows of two, words may be names and values, or two names.
_PAIR = 2
_ONLY_LETTERS = re.compile(r"[A-Za-z_]*")
# No two columns, but an HTTP header: ("x-api-key", "..."), ("authorization", "Bearer ...").
_OF_A_HEADER = re.compile(r"[ -]")

# The key of a block in YAML
_KEY = re.compile(
    r"""
    [ ]{0,64} (?:[a-z+~-][ ]{1,4})? ["'\\]{0,4} (?P<name>[^\W\d][\w.-]{0,63}) ["'\\]{0,4} [ ]{0,4} :
    [ ]{0,8} (?: [!&][\w:/.-]{0,64} [ ]{0,4} ){0,2} (?P<block> [|>][+-]?\d?[+-]? )? [ ]{0,8} \Z
    """,
    re.VERBOSE,
)
_OPEN = frozenset(":|>-+0123456789")  # last characters of a key without its value
_ITEM = re.compile(r"(?P<dash>-[ ]{1,4})?(?P<value>[^\s#].*)")
# A value in a mapping below a name
_NESTED = re.compile(
    r"""(?:value|val|default|plain|plaintext|current|content):[ ]{1,8}(?P<value>[^\s\#|>&*].*)"""
)
_RECORD = re.compile(r"-\[ RECORD \d{1,9} \]")
_FIELD = re.compile(r"""["']?(?P<name>[^\W\d][\w.]{0,63}) {0,64} \| (?P<value>.*)""")


# One name and one value, no two headings: `token      hvs.CAESI...`
_LISTED = re.compile(
    r"""
    \s{0,64} (?P<name>[^\W\d][\w.-]{0,63}) (?: [ ]{2,64} | \t{1,8} | \\t )
    (?P<value> (?=[^\s\d]{0,64}\d) (?=[\s\d]{0,64}[^\s\d]) [^\s|,;]{5,400} )
    (?:[ ]{2,64}\S.{0,400})? \s{0,64} \Z
    """,
    re.VERBOSE,
)


def find_in_tables(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the cells below or beside a sensitive heading, of tables of text."""
    for newline in ("\n", "\\n"):
        if newline in text:
            yield from _tables(text, newline, names)


def _rows_before(text: str, length: int, secret: list[int]) -> Iterator[Span]:
    """Yield the secret items of rows before their header: {"data": [...], "columns": [...]}."""
    begins = _DATA.search(text)
    if begins:
        rows, _ = rows_of(text, begins.end())
        if all(len(row) == length for row in rows):
            for row in rows:
                for index in secret:
                    yield unquoted(text, *row[index])


def find_in_rows(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the secret items of lists after a list of their names."""
    position = 0
    done = 0  # up to where rows were looked for before their header
    while found := _HEADER.search(text, position):
        position = found.end()
        header = found[0]
        items, _ = items_of(header, 0)
        cells = [header[slice(*unquoted(header, *item))] for item in items]
        secret = [index for index, cell in enumerate(cells) if names[cell]]
        are_names = len(secret) == len(cells) == _PAIR  # ("password", "Password")
        is_condition = len(cells) > 1 and is_operator(cells[1])  # ("password", "=", "...")
        if not secret or are_names or is_condition:
            continue
        if _COLUMNS.search(text, max(0, found.start() - _KEY_LENGTH), found.start()):
            for start, stop in _rows_before(text[done : found.start()], len(items), secret):
                yield done + start, done + stop
            done = position
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
    bars = 0  # in the line before
    quote = ""
    position = 0
    open_row = -1  # where a row begins that has a cell with a line break
    tab = "\t" if newline == "\n" else "\\t"
    for line in text.split(newline):
        start, position = position, position + len(line) + len(newline)
        if open_row >= 0:
            start, line = open_row, text[open_row : start + len(line)]  # noqa: PLW2901 - see there
        if table is not None and table.goes_on(line) and position < len(text):
            open_row = start
            continue
        open_row = -1
        if newline == "\\n":
            line, begin, quote = _inside(line, quote if table else "")  # noqa: PLW2901 - see there
            start += begin
        if table is not None:
            cells = [] if _RULE.fullmatch(line) else table.secret_cells(line)
            if cells is not None:
                for begin, end in cells:
                    yield unquoted(text, start + begin, start + end)
                continue
        listed = _LISTED.match(line) if "  " in line or tab in line else None
        if listed:
            if names[listed["name"]]:
                yield start + listed.start("value"), start + len(line.rstrip())
            continue
        before, bars = bars, line.count("|")
        # Two lines with as many bars are rows of a table whose header came before.
        separators = (",", ";", tab) if before == bars else (",", ";", tab, "|")
        table = _table_below(line, separators, names)


class _Table:
    """A table after its header; its cells at `columns` are secret.

    Its cells are between separators, or each begins or ends where its heading does. If its rows
    are records of a name and a value, the names are in one of the columns `labels`.
    """

    __slots__ = ("_columns", "_header", "_labels", "_names", "_separator")

    def __init__(
        self,
        separator: str,
        header: list[Span],
        columns: list[int],
        names: SecretNames,
        labels: Sequence[int] = (),
    ) -> None:
        self._separator = separator
        self._header = header
        self._columns = columns
        self._names = names
        self._labels = labels

    def goes_on(self, line: str) -> bool:
        """Return whether the last cell of `line` goes on in the next one: its quote is open."""
        return (
            self._separator in (",", ";", "\t")
            and f'{self._separator}"' in line
            and len(line) < _LONGEST_ROW
            and line.count("\n") < _MOST_LINES
            and any(
                line[start : start + 1] == '"' and line.count('"', start, end) % 2
                for start, end in _cells(line, self._separator)
            )
        )

    def secret_cells(self, line: str) -> list[Span] | None:
        """Return the spans of the secret cells of `line`, or None if it is no row of this table."""
        if self._separator:
            cells = _cells(line, self._separator)
            if len(cells) != len(self._header):
                return None
        else:
            cells = _aligned(line, self._header)
            if not cells:
                return None
        if not self._labels:
            return [cells[column] for column in self._columns]
        labels = [line[slice(*cells[label])].strip("\"'`* ") for label in self._labels]
        name = next(filter(self._names.__getitem__, labels), "")
        values = [unquoted(line, *cells[column]) for column in self._columns if name]
        return [value for value in values if not is_harmless(line, *value, name, ":", self._names)]


def _table_below(line: str, separators: tuple[str, ...], names: SecretNames) -> _Table | None:
    """Return the table whose header `line` is, if a column of it or a row of it may be secret."""
    for separator in separators:
        if separator in line:
            cells = _cells(line, separator)
            table = _table_of(line, separator, cells, names)
            if table:
                return table
    prefix = _PREFIX.match(line)
    line = line[prefix.end() :] if prefix else line
    if "  " not in line:
        return None
    words = [found.span() for found in _WORDS.finditer(line)][:_MOST_COLUMNS]
    if not _PROSE.isdisjoint(line.split()):
        return None
    return _table_of(line, "", words, names) if len(words) > 1 else None


def _table_of(line: str, separator: str, cells: list[Span], names: SecretNames) -> _Table | None:
    columns = _secret_columns(line, cells, names)
    if columns:
        return _Table(separator, cells, columns, names)
    roles = [role_of(line[start:end].strip("\"'`*| ")) for start, end in cells]
    if LABEL in roles and VALUE in roles:
        columns = [index for index, role in enumerate(roles) if role == VALUE]
        labels = [index for index, role in enumerate(roles) if role == LABEL]
        return _Table(separator, cells, columns, names, labels)
    return None


def _inside(line: str, quote: str) -> tuple[str, int, str]:
    """Return the part of `line` that belongs to a table, its position, and the quote around it.

    If line breaks are escaped, the table is in a string. In its rows `quote` is known.
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
        quote = '\\"' if line.startswith('\\"', position) else '"'
        if line.startswith(quote, position):
            closing = line.find(quote, position + len(quote))
            while closing >= 0 and line.startswith(quote, closing + len(quote)):
                closing = line.find(quote, closing + 2 * len(quote))
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
    if line.rstrip()[-1:] in (",", "(", "[", "{"):  # code, or a sentence that goes on
        return columns
    for index, (start, end) in enumerate(cells):
        cell = line[start:end].strip()
        if index == 0:
            cell = cell.rpartition(":")[2]  # INFO: name,password
        bare = cell.strip("\\* ")
        ends = {bare[:1], bare[-1:]}
        if len(ends) > 1 and not ends.isdisjoint(_QUOTES):
            return []  # a piece of a list of strings
        cell = bare.strip("\\\"'`* ")
        if cell and not _HEADING.fullmatch(cell):
            return []
        if cell and names[cell]:
            columns.append(index)
    return columns


def _aligned(line: str, header: list[Span]) -> list[Span]:
    """Return the spans of the words of `line`, if each is right below a word of the `header`."""
    words = [found.span() for found in _WORDS.finditer(line)][: _MOST_COLUMNS + 1]
    for first in (0, 1):  # 1: the index of the row has no heading
        below = words[first : first + len(header)]
        if len(below) == len(header) and all(
            word[0] == head[0] or word[1] == head[1]
            for word, head in zip(below, header)  # noqa: B905 - they are equally many
        ):
            return below
    return []


def find_in_blocks(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values below the keys of YAML."""
    for newline in ("\n", "\\n"):
        if newline in text:
            yield from _below_keys(text, newline, names)


def find_in_fields(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values of records of psql, which have each field on a line of its own."""
    if "-[ RECORD" not in text:
        return
    for newline in ("\n", "\\n"):
        is_record = False
        position = 0
        for line in text.split(newline):
            start, position = position, position + len(line) + len(newline)
            is_record = (is_record and "|" in line) or _RECORD.search(line) is not None
            field = _FIELD.match(line) if is_record else None
            if field and names[field["name"]]:
                yield start + field.start("value"), start + field.end("value")


def _below_keys(text: str, newline: str, names: SecretNames) -> Iterator[Span]:
    margin = -1  # of the key; -1 outside of its block
    name = ""
    is_text = False
    position = 0
    for line in text.split(newline):
        start, position = position, position + len(line) + len(newline)
        line = line.rstrip("\r")  # noqa: PLW2901 - of the same line
        bare = line.lstrip()
        indent = len(line) - len(bare)
        if margin >= 0 and bare:
            if indent > margin or (not is_text and indent == margin and bare.startswith("- ")):
                if is_text:
                    yield start + indent, start + len(line)
                else:
                    yield from _item(text, start + indent, start + len(line), name, names)
                continue
            margin = -1
        key = _KEY.match(line) if line.rstrip()[-1:] in _OPEN else None
        if key and names[key["name"]]:
            margin = indent
            name = key["name"]
            is_text = key["block"] is not None


def _item(text: str, start: int, end: int, name: str, names: SecretNames) -> Iterator[Span]:
    """Yield the value of one line if it is one word or in quotes; other lines are text about it."""
    field = _NESTED.match(text, start, end)
    if field:
        begin, end = unquoted(text, *field.span("value"))
        if not is_harmless(text, begin, end, name, ":", names):
            yield begin, end
        return
    item = _ITEM.match(text, start, end)
    if item is None:
        return
    begin, end = unquoted(text, *item.span("value"))
    value = text[begin:end]
    if begin == item.start("value") and (" " in value or value.endswith((":", "{", "[", "("))):
        return
    if not is_plain_name(value) and not is_harmless(text, begin, end, name, ":", names):
        yield begin, end
