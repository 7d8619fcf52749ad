r"""Find the values of sensitive columns: in SQL, and in the parameters after it.

    INSERT INTO u (name, password) VALUES (?, ?)   [parameters: ('bob', '...')]
    SELECT id FROM u WHERE token IN ('...', '...')

A statement and its parameters are parallel lists: the columns say which placeholder stands for a
secret, and the placeholder says which parameter is one.
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import items_of, rows_of, unquoted, value_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

_COLUMNS = r"(?P<columns> (?: [^()] | \( [^()]{0,64} \) ){1,4000} )"
_INSERT = re.compile(
    rf"""
    \b(?:INTO|COPY)\s [^()]{{1,256}} \( {_COLUMNS} \)
    (?: \s{{0,16}} (?: OVERRIDING\s[^()]{{1,32}} | OUTPUT\s[^()]{{1,200}} )? VALUES?
        \s{{0,16}} (?=\()
      | \s{{0,16}} (?P<select> SELECT\s{{1,16}} )
      | \s+ (?P<copy> FROM \s+ stdin [^\n\\]{{0,64}} (?:\n|\\n) ) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NEXT_ROW = re.compile(r"\s{0,16},\s{0,16}(?=\()")
# The end of what is selected; as SQLAlchemy inserts many rows, `FROM (VALUES (...), ...)` follows.
_SELECTED = re.compile(
    r"\b(?:FROM|WHERE|UNION|ORDER|INSERT)\b|[;\n]|\Z",
    re.IGNORECASE,
)
_ROWS = re.compile(r"FROM\s{0,8}\(\s{0,8}VALUES\s{0,8}(?=\()", re.IGNORECASE)
_COMMENT = re.compile(r"/\*[^*]{0,400}\*/|--[^\n\\]{0,400}(?:\n|\\n|\Z)")
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
# The parts of a statement that matter: strings, placeholders, and the columns before them.
_PLACE = r"""
    (?P<place> \?(?:(?P<index>\d{1,4})|(?!\?)) | %s | %\((?P<key>\w{1,64})\)s
      | [$:@]p?(?P<number>\d{1,4})\b
      | (?<![:\w]):(?P<name>[A-Za-z_]\w{0,63}) | @(?P<at>[A-Za-z]\w{0,63})\b(?!\s?=\s?[?%$:@]) )
    """
_PLACES = re.compile(rf"'(?:[^'\\]|'')*' | {_PLACE}", re.VERBOSE)
_TOKENS = re.compile(
    rf"""
    /\*[^*]{{0,400}}\*/
    | (?P<string> '(?:[^'\\]|''|\\.)*' )
    | {_PLACE}
    | \( (?P<columns> [\w.\"`\[\] ]{{1,64}} (?: , [\w.\"`\[\] ]{{1,64}} ){{1,30}} ) \) \s{{0,4}}
      (?:=|<>|!=|(?:NOT\s{{1,4}})?IN\b) \s{{0,4}} (?=\()
    | (?<![\w.]) (?P<column> [\w.]{{1,64}} ) ["`\])\\]{{0,3}} (?:::\w{{1,32}})? \s{{0,4}}
      (?: [=<>!~]{{1,3}} | \b(?:NOT\s{{1,4}})?(?P<between>BETWEEN\b)
        | \b(?:NOT\s{{1,4}})?(?:I?LIKE|IN|RLIKE|REGEXP|SIMILAR\sTO)\b
        | \bIS\s(?:NOT\s)?DISTINCT\sFROM\b )
    | \b(?P<word>AND|OR|WHERE|LIMIT|OFFSET|RETURNING|ORDER|GROUP|HAVING|ON|FROM|SET|VALUES)\b
    | \b(?P<case>CASE|THEN|ELSE|END)\b
    | (?P<sign> [(),;] | \](?=\s) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BEFORE_COLUMN = re.compile(r"\s{0,4}(?:=|<>|!=)\s{0,4}[\"`]?([A-Za-z_][\w.]{0,63})")
_NUMBERED = re.compile(r"\$(?P<number>\d{1,4}) \s = \s", re.VERBOSE)
_FOLLOWING = re.compile(r"STATEMENT:\s{1,4}")
_TRUNCATED = re.compile(r"parameters truncated")
_KEY = re.compile(r"""\\{0,4}["'][\w.]{1,64}\\{0,4}["']""")
# A statement as the first argument of a call: fetchrow("SELECT ... $1", ...)
_CALL = re.compile(
    r"""
    \( \s{0,16} [rRbBfFuU]{0,2} (?P<quote> \\{0,4} (?: \"{3} | '{3} | [\"'] ) ) \s{0,64}
    (?=(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE)\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NEXT_ARGUMENT = re.compile(r"\s{0,8},\s{0,16}(?![\[({\s])")
_LONGEST = 10_000  # characters of a list of numbered parameters
_NEAR = 2_000  # characters of a statement after its parameters
_MOST_LISTS = 4  # that are looked at for the parameters of one statement


def find_in_statements(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values of sensitive columns in SQL, and in the parameters after it."""
    places: set[int] = set()  # where placeholders for secrets stand
    position = 0
    while found := _INSERT.search(text, position):
        position = found.end()
        secret = _sensitive(found["columns"], names)
        if not secret:
            continue
        if found["copy"]:
            yield from _copied(text, position, secret)
            continue
        if found["select"]:
            end = _end_of(_SELECTED, text, position)
            yield from _chosen(text, position - 1, end, secret, places)
            position = end
            rows = _ROWS.match(text, end)
            if rows is None:
                continue
            position = rows.end()
        position = yield from _rows(text, position, secret, places)
    begins = _STATEMENT.search(text)
    if begins:
        yield from _Scanner(text, begins.start(), names, places).literals()
        yield from _parameters(text, names, places)
        yield from _arguments(text, names, places)


def _rows(
    text: str, position: int, secret: set[int], places: set[int]
) -> Generator[Span, None, int]:
    """Yield the secret values of the rows at `position`; return where the last one ends."""
    while True:
        items, position = items_of(text, position)
        yield from _secret_items(text, items, secret, places)
        following = _NEXT_ROW.match(text, position)
        if following is None:
            return position
        position = following.end()


def _secret_items(
    text: str, items: list[Span], secret: set[int], places: set[int]
) -> Iterator[Span]:
    for index, (start, end) in enumerate(items):
        if index not in secret:
            continue
        inside = [
            found.start("place") for found in _PLACES.finditer(text, start, end) if found["place"]
        ]
        if inside:  # ?, $1::text, crypt(?, gen_salt('bf'))
            places.update(inside)
        else:
            yield unquoted(text, start, end)


def _chosen(text: str, start: int, end: int, secret: set[int], places: set[int]) -> Iterator[Span]:
    """Yield the secret values that are selected behind `start`: INSERT INTO u (a) SELECT ..."""
    items, _ = items_of(text[:end], start)
    for begin, stop in _secret_items(text, items, secret, places):
        if text[begin - 1] in "'\"":  # no column of another table
            yield begin, stop


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.search(text, start)
    return found.start() if found else len(text)


def _sensitive(columns: str, names: SecretNames) -> set[int]:
    columns = _COMMENT.sub(" ", columns)
    return {index for index, name in enumerate(columns.split(",")) if names[name.strip()[-64:]]}


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


def _parameters(text: str, names: SecretNames, places: set[int]) -> Iterator[Span]:
    """Yield the parameters for secret placeholders, of each list of parameters in `text`."""
    statement: _Statement | None = None
    position = 0
    while found := _PARAMETERS.search(text, position):
        if statement is None:
            begins = _STATEMENT.search(text, position, found.start() + 1)
            if begins:
                statement = _Statement(text, begins.start(), names, places)
        position = found.end()
        if statement is not None:
            statement.read_to(found.start() + 1)
        if text[position] == "$":
            if statement is None or not statement.numbers:
                statement = _statement_after(text, position, names, places)
            yield from _numbered(text, position, statement)
            statement = None
            continue
        if statement is None or not statement.numbers:
            continue
        rows, end = rows_of(text, position)
        secret = [span for items in rows for span in statement.secret_among(items)]
        yield from secret
        statement.lists += 1
        if secret or statement.lists == _MOST_LISTS:
            statement = None
            position = end


def _numbered(text: str, position: int, statement: _Statement | None) -> Iterator[Span]:
    for each in _NUMBERED.finditer(text, position, position + _LONGEST):
        if statement is not None and int(each["number"]) - 1 in statement.numbers:
            yield value_at(text, each.end())


def _statement_after(
    text: str, position: int, names: SecretNames, places: set[int]
) -> _Statement | None:
    """Return the statement that PostgreSQL's log shows after its parameters."""
    found = _FOLLOWING.search(text, position, position + _NEAR)
    if found is None:
        return None
    statement = _Statement(text, found.end(), names, places)
    statement.read_to(min(len(text), found.end() + _NEAR))
    return statement


def _arguments(text: str, names: SecretNames, places: set[int]) -> Iterator[Span]:
    """Yield the arguments after a statement of a call that stand for its placeholders."""
    position = 0
    while found := _CALL.search(text, position):
        position = found.end()
        end = text.find(found["quote"], position)
        after = _NEXT_ARGUMENT.match(text, end + len(found["quote"])) if end >= 0 else None
        if after is None:
            continue
        statement = _Statement(text, position, names, places)
        statement.read_to(end)
        if statement.numbers:
            items, position = items_of(text, after.start() + text[after.start() :].index(","))
            yield from statement.secret_among(items)


class _Scanner:
    """Walks through a statement of SQL, and tells which strings and placeholders are secret.

    They are if the column before them is sensitive: `token IN (?, ?)`, `password = crypt('...')`.
    """

    __slots__ = (
        "_cases",
        "_depth",
        "_is_between",
        "_is_secret",
        "_names",
        "_places",
        "_read",
        "_since",
        "_text",
    )

    def __init__(self, text: str, start: int, names: SecretNames, places: set[int]) -> None:
        self._text = text
        self._names = names
        self._places = places
        self._read = start
        self._cases: list[tuple[bool, int]] = []  # columns of CASE ... END, and their depths
        self._depth = 0  # of parentheses
        self._is_secret = False  # whether the last column is sensitive
        self._since = 0  # the depth at which it stood
        self._is_between = False  # whether an AND belongs to it

    def literals(self) -> Iterator[Span]:
        """Yield the strings that are secret."""
        for found, is_secret in self.read_to(len(self._text)):
            if is_secret and found["string"]:
                yield found.start() + 1, found.end() - 1
            elif found["columns"]:
                secret = _sensitive(found["columns"], self._names)
                if secret:
                    rows, self._read = rows_of(self._text, found.end())
                    for items in rows:
                        yield from _secret_items(self._text, items, secret, self._places)

    def read_to(self, end: int) -> Iterator[tuple[re.Match[str], bool]]:
        """Yield the strings, placeholders and lists of columns up to `end`."""
        while found := _TOKENS.search(self._text, self._read, end):
            self._read = found.end()
            if found["place"]:
                yield found, self._is_secret_place(found)
            elif found["string"] or found["columns"]:
                yield found, self._is_secret
            elif found["column"]:
                self._depth -= found[0].count(")")
                column = found["column"]  # perhaps with its table: u.pin
                self._is_secret = self._names[column] or self._names[column.rpartition(".")[2]]
                self._since = self._depth
                self._is_between = found["between"] is not None
            elif found["case"]:
                self._read_case(found["case"].upper())
            elif found["word"]:
                self._is_secret = self._is_secret and self._is_between
                self._is_between = False
            elif found["sign"] == "(":
                self._depth += 1
            elif found["sign"]:
                self._depth -= found["sign"] == ")"
                if self._depth < self._since or (
                    self._depth == self._since and found["sign"] != ")"
                ):
                    self._is_secret = False

    def _read_case(self, word: str) -> None:
        """Remember the column before CASE; it is meant after each THEN and ELSE."""
        if word == "CASE":
            self._cases.append((self._is_secret, self._since))
        elif self._cases:
            self._is_secret, self._since = self._cases[-1]
            if word == "END":
                self._cases.pop()

    def _is_secret_place(self, found: re.Match[str]) -> bool:
        is_secret = self._is_secret or self._is_before_column(found)
        if self._depth <= self._since and not self._is_between:
            self._is_secret = False  # the quote behind it may end the statement
        return is_secret

    def _is_before_column(self, found: re.Match[str]) -> bool:
        if found.start() in self._places:
            return True
        column = _BEFORE_COLUMN.match(self._text, found.end())
        return column is not None and self._names[column[1]]


class _Statement:
    """A statement of SQL, whose placeholders for secrets are counted up to where it was read.

    `numbers` are their indices among all placeholders, `keys` their names.
    """

    __slots__ = ("_count", "_scanner", "_text", "keys", "lists", "numbers")

    def __init__(self, text: str, start: int, names: SecretNames, places: set[int]) -> None:
        self._text = text
        self._scanner = _Scanner(text, start, names, places)
        self._count = 0
        self.numbers: set[int] = set()
        self.keys: set[str] = set()
        self.lists = 0  # that were looked at

    def read_to(self, end: int) -> None:
        """Count the placeholders up to `end`."""
        for found, is_secret in self._scanner.read_to(end):
            if not found["place"]:
                continue
            number = found["number"] or found["index"]
            index = int(number) - 1 if number else self._count
            if is_secret:
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
