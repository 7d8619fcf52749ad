r"""Find the values of sensitive columns: in SQL, in the parameters after it, in drivers' errors.

    INSERT INTO u (name, password) VALUES (?, ?)   [parameters: ('bob', '...')]
    Key (api_token)=(...) already exists.

A statement and its parameters are parallel lists: the columns say which placeholder stands for a
secret, and the placeholder says which parameter is one.
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import PLACEHOLDER, items_of, rows_of, unquoted, value_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

_COLUMNS = r"(?P<columns> (?: [^()] | \( [^()]{0,64} \) ){1,4000} )"
_INSERT = re.compile(
    rf"""
    \b(?:INTO|COPY)\s [^()]{{1,256}} \( {_COLUMNS} \)
    (?: [^()]{{0,256}}? \bVALUES\b \s{{0,16}} (?=\()
      | \s+ (?P<copy> FROM \s+ stdin [^\n\\]{{0,64}} (?:\n|\\n) ) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NEXT_ROW = re.compile(r"\s{0,16},\s{0,16}(?=\()")

# The list of parameters after a statement, as database libraries and their loggers write it.
_PARAMETERS = re.compile(
    r"""
    (?:
        \[ (?: parameters | generated | cached | no\ key | raw | dialect | insertmanyvalues )
        [^\]\[(){}\n]{0,200} [\]:] \s{0,4}
      | \b(?:parameters?|params?|args|arguments|binds?|bindings?|bound|vars|variables)
        \\{0,4}["']? \s{0,4} [:=]? \s{0,4}
      | \b(?:values|data|row|rows) \\{0,4}["']? \s{0,4} [:=] \s{0,4}
      | \\{0,4}["'] \s{0,4} [,%] \s{0,4}
      | [)?;] \s{0,4} (?:--|//|[-:;|])? \s{0,4}
      | \bwith \s{1,4}
    )
    (?= [\[({] (?!parameters:|generated\s|cached\s|no\ key\s|raw\s) | \$\d{1,4}\s=\s )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_STATEMENT = re.compile(
    r"\b(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|MERGE|UPSERT|WITH|CALL|EXEC)\b", re.IGNORECASE
)
# A placeholder, or a string of SQL, in which it would be none.
_PLACE = re.compile(
    r"""
    '(?:[^'\\]|'')*'
    | (?P<place> \?(?!\?) | %s | %\((?P<key>\w{1,64})\)s | [$:@]p?(?P<number>\d{1,4})\b
      | (?<![:\w]):(?P<name>[A-Za-z_]\w{0,63}) | @(?P<at>[A-Za-z]\w{0,63}) )
    """,
    re.VERBOSE,
)
# The column before a placeholder: password = ?, password = crypt(?, token IN (?
_COLUMN = re.compile(
    r"""
    ([\w.]{1,64}) ["`\]\\)]{0,3} \s{0,4} (?: [=<>!]{1,2} | \b(?:LIKE|ILIKE|IN)\b ) \s{0,4}
    [\w.]{0,32} \(? [^()=]{0,32} \Z
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NUMBERED = re.compile(r"\$(?P<number>\d{1,4}) \s = \s", re.VERBOSE)
_TRUNCATED = re.compile(r"parameters truncated")
_KEY = re.compile(r"""\\{0,4}["'][\w.]{1,64}\\{0,4}["']""")
_LONGEST = 10_000  # characters of a list of numbered parameters
_MOST_LISTS = 4  # that are looked at for the parameters of one statement

# Messages of database drivers and parsers about a value. Each names the column, too.
_MESSAGES = tuple(
    (sign, re.compile(pattern, re.VERBOSE | re.IGNORECASE))
    for sign, pattern in {
        # PostgreSQL, with one column or several
        ")=(": r"""
            \( (?P<columns> (?: [^()] | \( [^()]{0,64} \) ){1,400} ) \) =
            \( (?P<values> .{0,4000}? ) \)
            (?= \s(?:already|is\s|conflicts|does\s|with) | [.,;"'] | \s*$ | \\n )
        """,
        # MySQL: Duplicate entry 'x' for key 'u.api_token'; Incorrect value: 'x' for column 'pin'
        " for ": r"""
            (?P<quote>\\{0,4}["']) (?P<value> [^\n"'\\]{1,1000} ) (?P=quote)
            \s for \s (?: \w{1,16} \s ){1,2}
            [`"'\\]{0,2} (?: [\w$]{1,64}[`"']?\.[`"']? ){0,2} (?P<column> [\w.-]{1,64} )
        """,
        # SQL Server
        "duplicate key value is": r"""
            (?:index|constraint) \s ['"] (?P<column> [^'"\n]{1,128} ) ['"] [^()]{0,200}
            duplicate\skey\svalue\sis\s \( (?P<value> [^\n]{1,1000}? ) \)
        """,
        "Truncated value": r"""
            column \s ['"] (?P<column> [^'"\n]{1,128} ) ['"] \. \s Truncated\svalue: \s
            ['"] (?P<value> [^\n]{1,1000}? ) ['"]
        """,
        # MongoDB before 4.2
        "dup key": r"""
            index: \s (?: [\w.]{1,64} \.\$ )? (?P<column> [\w.$-]{1,128} ) \s{1,4}
            dup\skey: \s \{ \s : \s (?P<value> [^\n]{1,1000}? ) \s \}
        """,
    }.items()
)
# Validators: password must be str, got 'x'; argument --pin: invalid int value: 'x'
_GOT = re.compile(
    r"""
    \b(?:value|choice|got|received|literal|input) s? :? \s{1,2}
    (?P<quote>\\{0,4}["']) (?P<value> [^\n]{1,500}? ) (?P=quote)
    """,
    re.VERBOSE,
)
_LINE = re.compile(r"\n|\\n|[{};]")
_NAME = re.compile(r"[^\W\d][\w.-]{0,63}")
_NEAR = 80  # characters between a name and its value


def find_in_statements(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values of sensitive columns in SQL, and in the parameters after it."""
    secret_places: set[int] = set()  # where placeholders for secrets stand
    position = 0
    while found := _INSERT.search(text, position):
        position = found.end()
        secret = _sensitive(found["columns"], names)
        if not secret:
            continue
        if found["copy"]:
            yield from _copied(text, position, secret)
            continue
        while True:
            items, position = items_of(text, position)
            for index, (start, end) in enumerate(items):
                if index not in secret:
                    continue
                if PLACEHOLDER.fullmatch(text, start, end):
                    secret_places.add(start)
                else:
                    yield unquoted(text, start, end)
            following = _NEXT_ROW.match(text, position)
            if following is None:
                break
            position = following.end()
    yield from _parameters(text, names, secret_places)


def find_in_messages(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values of sensitive columns in the messages of databases and validators."""
    for sign, pattern in _MESSAGES:
        if sign not in text:
            continue
        for found in pattern.finditer(text):
            if "columns" in pattern.groupindex:
                yield from _keyed(found, names)
            elif names[found["column"].lstrip(".")]:
                yield found.span("value")
    for found in _GOT.finditer(text):
        start = found.start()
        before = _LINE.split(text[max(0, start - _NEAR) : start])[-1]
        if any(names[name] for name in _NAME.findall(before)):
            yield found.span("value")


def _keyed(found: re.Match[str], names: SecretNames) -> Iterator[Span]:
    columns = found["columns"].split(", ")
    values = found["values"].split(", ")
    if len(columns) != len(values):
        if any(names[column] for column in columns):
            yield found.span("values")
        return
    start = found.start("values")
    for column, value in zip(columns, values):  # noqa: B905 - they are equally many
        if names[column]:
            yield start, start + len(value)
        start += len(value) + len(", ")


def _sensitive(columns: str, names: SecretNames) -> set[int]:
    return {index for index, column in enumerate(columns.split(",")) if names[column.strip()[-64:]]}


def _copied(text: str, start: int, secret: set[int]) -> Iterator[Span]:
    """Yield the columns of the lines after PostgreSQL's `COPY u (...) FROM stdin;`."""
    separators = ("\n", "\t") if text[start - 1] == "\n" else ("\\n", "\\t")
    for line in text[start:].split(separators[0]):
        if line.startswith("\\."):
            return
        at = start
        for index, cell in enumerate(line.split(separators[1])):
            if index in secret:
                yield at, at + len(cell)
            at += len(cell) + len(separators[1])
        start += len(line) + len(separators[0])


def _parameters(text: str, names: SecretNames, secret_places: set[int]) -> Iterator[Span]:
    """Yield the parameters for secret placeholders, of each list of parameters in `text`."""
    statement: _Statement | None = None
    position = 0
    while found := _PARAMETERS.search(text, position):
        if statement is None:
            begins = _STATEMENT.search(text, position, found.start() + 1)
            if begins:
                statement = _Statement(text, begins.start(), names, secret_places)
        position = found.end()
        if statement is None:
            continue
        statement.read_to(found.start() + 1)
        if not statement.numbers:
            continue
        if text[position] == "$":
            for each in _NUMBERED.finditer(text, position, position + _LONGEST):
                if int(each["number"]) - 1 in statement.numbers:
                    yield value_at(text, each.end())
            statement = None
            continue
        rows, end = rows_of(text, position)
        secret = [span for items in rows for span in statement.secret_among(items)]
        yield from secret
        statement.lists += 1
        if secret or statement.lists == _MOST_LISTS:
            statement = None
            position = end


class _Statement:
    """A statement of SQL, whose placeholders for secrets are counted up to where it was read.

    `numbers` are their indices among all placeholders, `keys` their names.
    """

    __slots__ = ("_count", "_names", "_read", "_secret", "_text", "keys", "lists", "numbers")

    def __init__(self, text: str, start: int, names: SecretNames, secret_places: set[int]) -> None:
        self._text = text
        self._names = names
        self._secret = secret_places
        self._read = start
        self._count = 0
        self.numbers: set[int] = set()
        self.keys: set[str] = set()
        self.lists = 0  # that were looked at

    def read_to(self, end: int) -> None:
        """Count the placeholders up to `end`."""
        for found in _PLACE.finditer(self._text, self._read, end):
            self._read = found.end()
            if not found["place"]:
                continue
            number = found["number"]
            index = int(number) - 1 if number else self._count
            if self._is_secret(found.start()):
                self.numbers.add(index)
                self.keys.add(found["key"] or found["name"] or found["at"] or number or "?")
            self._count = max(self._count, index + 1)

    def secret_among(self, items: list[Span]) -> Iterator[Span]:
        """Yield those of the `items` of one list of parameters that are secrets."""
        text = self._text
        for index, (start, end) in enumerate(items):
            if _TRUNCATED.search(text, start, end) and max(self.numbers) >= index:
                yield start, items[-1][1]
                return
            key, colon, _ = text[start : min(end, start + 80)].partition(":")
            if colon and key.strip("\"'\\ @$:") in self.keys:
                yield unquoted(text, start + len(key) + 1, end)
            elif index in self.numbers and not (colon and _KEY.fullmatch(key)):
                yield unquoted(text, start, end)

    def _is_secret(self, at: int) -> bool:
        if at in self._secret:
            return True
        column = _COLUMN.search(self._text[max(0, at - 110) : at])
        return column is not None and self._names[column[1]]
