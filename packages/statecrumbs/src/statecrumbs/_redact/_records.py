r"""Find values beside a sensitive name that is itself a value: `{"name": "PIN", "value": "1234"}`.

Such records are environment lists, forms, HTML fields, parameters, the errors of pydantic; in
JSON, Python, YAML, XML, Go, or without brackets.
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import ANY_SPACE, bracket_end, end_of, skip_space, value_at
from statecrumbs._redact._fields import PATH, TYPE, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

# `<input type="password" value="...">`
_TYPES = frozenset(("password",))

_LABEL_LENGTH = 200  # characters that are looked at for a label
_FAR = 2000  # characters; a value farther away is not of the same record
_PENDING = 4  # values that may stand before their label
_ITEM = re.compile(r"\n[ \t]*(?:-[ \t]|\r?\n)")  # the next item of a list in YAML, or a blank line
_CLOSERS = {"{": "}", "(": ")", "<": ">"}
_WORD = re.compile(r"""[\w.\u0300-\u036f\u3099\u309a -]{1,64}""")
_QUOTED_WORD = re.compile(r"""["'`]([\w.-]{1,64})\\{0,16}["'`]""")


class Records:
    """Pairs labels with values, while `NamedValues` walks through the names in `text`.

    `spans` are the values whose label is sensitive.
    """

    __slots__ = (
        "_brackets", "_checked", "_depth", "_is_open", "_is_secret", "_names", "_pending", "_seen",
        "_text", "spans",
    )  # fmt: skip

    def __init__(self, text: str, names: SecretNames) -> None:
        self._text = text
        self._names = names
        self._is_open = False  # whether a record began that did not end yet
        self._brackets = ""  # those around it, if any
        self._depth = 0  # of such brackets inside of it
        self._checked = 0  # up to where they are counted
        self._is_secret = False  # whether a label was sensitive
        self._seen: set[str] = set()  # names of its fields
        self._pending: list[int] = []  # where values begin that came before a label
        self.spans: list[Span] = []

    def note(self, role: int, name: str, at: int, start: int) -> int:
        """Note a field that begins `at`, and its value at `start`; return where to look on."""
        self._advance(at)
        end, is_secret = (start, False) if role == VALUE else self._label(role, start)
        if role == TYPE and not is_secret:
            return 0
        if not self._is_open or name in self._seen:  # the next record, without brackets
            self._begin(at)
        self._seen.add(name)
        if role == VALUE:
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
            return start + end, any(map(self._names.__getitem__, words))
        begin, end = value_at(text, begin)
        word = text[begin:end]
        if role == TYPE:
            return start + end, word.lower() in _TYPES
        return start + end, _WORD.fullmatch(word) is not None and self._names[word]

    def _blank(self, start: int) -> int:
        begin, end = value_at(self._text, end_of(ANY_SPACE, self._text, start))
        self.spans.append((begin, end))
        return end
