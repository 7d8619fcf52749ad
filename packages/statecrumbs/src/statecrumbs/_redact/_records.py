r"""Find values beside a sensitive name that is itself a value: `{"name": "PIN", "value": "1234"}`.

Such records are environment lists, forms, HTML fields, parameters, the errors of pydantic; in
JSON, Python, YAML, XML, Go, or without brackets.
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import ANY_SPACE, bracket_end, end_of, skip_space, value_at
from statecrumbs._redact._gate import has_value_name
from statecrumbs._redact._names import LABEL, PATH, TYPE, VALUE, is_holder, is_secret_within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

# `<input type="password" value="...">`
_TYPES = frozenset(("password",))

_LABEL_LENGTH = 200  # characters that are looked at for a label
_FAR = 2000  # characters; a value farther away is not of the same record
_PENDING = 4  # values that may stand before their label
# The next item of a list in YAML, or a blank line before one that is not indented
_ITEM = re.compile(r"""\n[ \t]*(?:-[ \t]|\r?\n(?![ \t\r\n]{0,200}[ \t](?:[\w"']|\Z)))""")
# The value is in the lines below: value: |
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]{0,8}(?:\r|\\r)?(?P<newline>\n|\\n)")
_CLOSERS = {"{": "}", "(": ")", "<": ">"}
# The input of such an error of pydantic is the whole object.
_MISSING = re.compile(r"""\s*\\{0,16}["']missing\\{0,16}["']""")
_WORD = re.compile(r"""[\w.\u0300-\u036f\u3099\u309a /:\[\]-]{1,128}""")
# In the path to a value pydantic names its type, too: ("password", "str")
_TYPES_OF_VALUES = frozenset("str int float bool bytes none list dict set tuple".split())
_QUOTED_WORD = re.compile(r"""["'`]([\w.-]{1,64})\\{0,16}["'`]""")


class Records:
    """Pairs labels with values, while `NamedValues` walks through the names in `text`.

    `spans` are the values whose label is sensitive.
    """

    __slots__ = (
        "_brackets", "_checked", "_depth", "_has_parent", "_has_values", "_is_open", "_is_secret",
        "_names", "_pending", "_seen", "_text", "spans",
    )  # fmt: skip

    def __init__(self, text: str, names: SecretNames) -> None:
        self._text = text
        self._names = names
        self._has_values: bool | None = None  # whether a name is that of a value, if it is known
        self._is_open = False  # whether a record began that did not end yet
        self._brackets = ""  # those around it, if any
        self._depth = 0  # of such brackets inside of it
        self._checked = 0  # up to where they are counted
        self._is_secret = False  # whether a label was sensitive
        self._has_parent = False  # whether its value is the object in which one is missing
        self._seen: set[str] = set()  # names of its fields
        self._pending: list[int] = []  # where values begin that came before a label
        self.spans: list[Span] = []

    def note(self, role: int, name: str, at: int, start: int) -> int:
        """Note a field that begins `at`, and its value at `start`; return where to look on."""
        if role == LABEL:
            if self._has_values is None:
                self._has_values = has_value_name(self._text)
            if not self._has_values:
                return 0
        self._advance(at)
        end, is_secret = (start, False) if role == VALUE else self._label(role, start)
        is_missing = role == TYPE and _MISSING.match(self._text, start) is not None
        if role == TYPE and not is_secret and not is_missing:
            return 0
        if not self._is_open or name in self._seen:  # the next record, without brackets
            self._begin(at)
        self._seen.add(name)
        self._has_parent = self._has_parent or is_missing
        if role == VALUE:
            if self._has_parent:
                return 0
            if self._is_secret:
                return self._blank(start)
            self._pending = [*self._pending[1 - _PENDING :], start]
            return 0
        self._is_secret = self._is_secret or is_secret
        if is_secret:
            pending, self._pending = self._pending, []
            return max([end, *map(self._blank, pending)])
        return end if role == PATH else 0

    def _begin(self, at: int) -> None:
        self._is_open = True
        before = self._text[max(0, at - _LABEL_LENGTH) : at]
        opening = max("{(<", key=before.rfind)
        self._brackets = opening + _CLOSERS[opening] if opening in before else ""
        self._depth = 0
        self._checked = at
        self._is_secret = False
        self._has_parent = False
        self._seen.clear()
        self._pending.clear()

    def _advance(self, to: int) -> None:
        """End the record if it ends before `to`."""
        if not self._is_open or to <= self._checked:
            return
        start, self._checked = self._checked, to
        if to - start > _FAR:
            self._is_open = False
        elif not self._brackets:
            self._is_open = _ITEM.search(self._text, start, to) is None
        else:
            opening, closing = self._brackets[0], self._brackets[1]
            for char in self._text[start:to]:
                if char == opening:
                    self._depth += 1
                elif char == closing:
                    self._depth -= 1
                    if self._depth < 0:
                        self._is_open = False
                        return

    def _label(self, role: int, start: int) -> tuple[int, bool]:
        """Return where a label ends, and whether it is sensitive."""
        text = self._text[start : start + _LABEL_LENGTH]
        begin = skip_space(text, 0)
        if role == PATH and text[begin : begin + 1] in ("[", "("):
            end = bracket_end(text, begin)
            words = _QUOTED_WORD.findall(text, begin, end)
            while len(words) > 1 and words[-1] in _TYPES_OF_VALUES:
                words.pop()
            return start + end, bool(words) and self._is_sensitive_path(words)
        begin, end = value_at(text, begin)
        word = text[begin:end]
        if role == TYPE:
            return start + end, word.lower() in _TYPES
        if word[-1:] == ":" or text[end : end + 1] == ":":  # header: Cookie: ...
            return start, False
        is_name = _WORD.fullmatch(word) is not None
        return start + end, is_name and self._names[word.rpartition("/")[2]]  # /prod/db/password

    def _is_sensitive_path(self, words: list[str]) -> bool:
        *_, holder, last = "", *words
        return self._names[last] or (
            is_holder(holder) and is_secret_within(holder, last, self._names)
        )

    def _blank(self, start: int) -> int:
        begin, end = value_at(self._text, end_of(ANY_SPACE, self._text, start))
        block = _BLOCK.match(self._text, begin)
        if block:
            begin, end = block.end(), _end_of_block(self._text, start, block)
            begin += len(self._text[begin:end]) - len(self._text[begin:end].lstrip())
        self.spans.append((begin, end))
        return end


def _end_of_block(text: str, start: int, block: re.Match[str]) -> int:
    """Return the end of the lines that are indented deeper than the key before `start`."""
    newline = block["newline"]
    key = text[max(0, text.rfind(newline, 0, start - 1)) : start].removeprefix(newline)
    margin = len(key) - len(key.lstrip(" -"))
    end = position = block.end()
    while position < len(text):
        stop = text.find(newline, position)
        stop = len(text) if stop < 0 else stop
        line = text[position:stop].rstrip("\r")
        if line.strip() and len(line) - len(line.lstrip(" ")) <= margin:
            break
        if line.strip():
            end = position + len(line)
        position = stop + len(newline)
    return end
