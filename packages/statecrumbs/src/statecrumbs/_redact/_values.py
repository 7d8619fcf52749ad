r"""Find the values that stand beside a sensitive name: `key=value`, JSON, Python, XML, headers.

The time is linear in the length of the text: a repetition begins only where the previous one cannot
continue, backtracking is bounded, and nothing is scanned twice. In doubt too much is found: a quote
or a bracket that is never closed reaches to the end of the text.
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import (
    ANY_SPACE,
    PLACEHOLDER,
    QUOTE,
    WORDY,
    bare_value,
    bracket_end,
    element_end,
    encoded_value,
    end_of,
    opens_quote,
    skip_space,
    value_at,
)
from statecrumbs._redact._fields import role_of
from statecrumbs._redact._names import is_holder, is_secret_within
from statecrumbs._redact._records import Records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

NAME = r"\d{0,2} [^\W\d] [\w.\u0300-\u036f\u3099\u309a-]{0,127}"

_ESCAPED = r"\\{1,8} u [0-9a-fA-F]{4}"  # a letter as JSON writes it: "contrase\u00f1a"

# A name, and the sign before its value. Each alternative begins only where a name begins.
_NAMED = re.compile(
    rf"""
    (?: %(?:25){{0,2}}[0-9A-Fa-f]{{2}}
      | (?<![\w.-]) (?: (?P<flag>--?(?=[A-Za-z]{{3}})) | [.-]{{0,4}} ) )
    (?P<name> (?: {NAME} | {_ESCAPED} [\w.-]{{0,64}} ) (?: {_ESCAPED} [\w.-]{{0,64}} ){{0,32}} )
    (?:
        (?P<quoted>{QUOTE})?                                     # "name": value
        # x["name"], name[], name[0]
        (?: (?: \[ | %5[Bb] ) \d{{0,6}} (?: \] | %5[Dd] ) | \] | %5[Dd] ){{0,3}}
        (?:
            [ \t]{{0,8}} (?P<mark> :{{0,2}}={{1,3}}>? | :{{1,3}} | !={{1,2}} | -> )
          | (?P<encoded> %(?:25){{0,2}}3[DdAa] )                 # a query or JSON in a query
        )
      | [ \t]{{1,8}} (?: (?P<literal>(?=N?["'])) | (?(flag)(?=-?[^\s-])|(?!)) )  # --name value
    )
    # ("name", value); "--name", value
    | (?<=[(\[]) b? (?P<first>{QUOTE}) (?P<pair>(?:[\w.-]|{_ESCAPED}){{1,64}}) (?P=first) ,
    | (?P<around>{QUOTE}) --?(?P<option>[\w-]{{1,64}}) (?P=around) ,
    | < (?: [\w-]{{1,32}} : )? (?P<element>[^\W\d][\w.-]{{0,63}})
      (?P<attributes> (?: \s [^<>=]{{1,64}} = [^<>]{{0,256}} )? ) (?<![=-]) >
    """,
    re.VERBOSE,
)

# After a name with a type: `password: str | None = "x"`.
_DEFAULT = re.compile(r"(?:[ \t]{0,4}\|[ \t]{0,4}[\w.]{1,64})*[ \t]{0,4}=[ \t]{0,4}(?=[^=\s])")
# After these words a `token` is a piece of a text that cannot be parsed.
_PARSED = frozenset(("unexpected", "expected", "near"))
_RANDOM = re.compile(r"""(?=[^\s"']{0,64}\d)(?=[^\s"']{0,64}[A-Za-z])[^\s"']{8,}""")
_VERSION = re.compile(r"\d+(?:\.[\w*]+)+")  # PyJWT==2.8.0
_HELD = 600  # characters; the fields of `card={...}` are looked at so far


class NamedValues:
    """Collects where in `text` the values of sensitive names stand.

    `spans` are those places, in no order. `has_placeholder` tells whether such a name has a
    placeholder of SQL for a value: then the value is in a list elsewhere.
    """

    __slots__ = (
        "_held_until",
        "_holder",
        "_in_urls",
        "_names",
        "_records",
        "_text",
        "has_placeholder",
        "spans",
    )

    def __init__(self, text: str, names: SecretNames, in_urls: Iterable[Span]) -> None:
        self._text = text
        self._in_urls = dict(in_urls)
        self._names = names
        self._records = Records(text, names)
        self._holder = ""
        self._held_until = 0
        self.spans: list[Span] = []
        self.has_placeholder = False
        self._look(0, len(text))
        self.spans += self._records.spans

    def _look(self, position: int, stop: int) -> None:
        while found := _NAMED.search(self._text, position, stop):
            # An apparent element can be the repr of an object that contains names.
            position = found.end("element") if found["element"] else found.end()
            if not self._is_secret(found):
                position = max(position, self._look_at_record(found))
                continue
            start, end = self._value(found)
            end = self._in_urls.get(start, end)  # of token:x@host the host stays
            if found["attributes"]:
                self._look(found.start("attributes"), found.end("attributes"))
            if PLACEHOLDER.fullmatch(self._text, start, end):
                self.has_placeholder = True
                continue
            is_option = found["option"] or (found["pair"] or "").startswith("--")
            if is_option and self._text.startswith("--", start):
                continue  # ["--password", "--user", "bob"]
            if (
                found["literal"] is not None
                and not found["flag"]
                and not self._is_literal(found, start, end)
            ):
                continue
            position = max(position, self._add(found, start, end))

    def _add(self, found: re.Match[str], start: int, end: int) -> int:
        """Add the value, and the default after a type; return the end of what was added."""
        while end > start:
            self.spans.append((start, end))
            default = _DEFAULT.match(self._text, end) if found["mark"] == ":" else None
            if default is None:
                return end
            done = end
            start, end = value_at(self._text, default.end())
            if end <= start:
                return done
        return end

    def _is_secret(self, found: re.Match[str]) -> bool:
        text = self._text
        name = _spelled(found["name"] or found["pair"] or found["option"] or found["element"])
        if self._names[name]:
            return not (found["mark"] == "==" and _VERSION.match(text, found.end()))
        start = found.start("name")
        if start <= 0:
            return False
        if text[found.end("name") : found.end("name") + 1] == "[" and name.endswith("s"):
            return self._names[name[:-1]]  # tokens[0]
        before = text[start - 1]
        if before == "\\" and name[0] in "nrt":  # \nname, written with a backslash
            return self._names[name[1:]]
        if before == " " and name.isalpha() and self._is_secret_phrase(found, name, start):
            return True
        return start < self._held_until and is_secret_within(self._holder, name, self._names)

    def _is_secret_phrase(self, found: re.Match[str], name: str, start: int) -> bool:
        """Return whether `name` is sensitive with the words before it: API key: value."""
        words = self._text[max(0, start - 64) : start].split()
        if words:
            words[0] = words[0].lstrip("\"'([{")
        if name.lower() in ("by", "as"):
            return found["literal"] is not None and any(
                each.lower() == "identified" for each in words
            )
        phrase = name
        for word in words[:-4:-1]:
            if not word.isalpha():
                break
            phrase = f"{word} {phrase}"
        return phrase is not name and self._names.ends_secret(phrase)

    def _is_literal(self, found: re.Match[str], start: int, end: int) -> bool:
        """Return whether what is quoted after a name, without a sign between, is its value.

        It is in SQL's PASSWORD 'x', and where it looks like a token; but not in: unexpected
        token 'x'.
        """
        name = found["name"].lower()
        if name.endswith(("password", "passwd", "phrase", "by", "as")):
            return True
        words = self._text[max(0, found.start() - 24) : found.start()].lower().split()
        return not (words and words[-1] in _PARSED) and bool(
            _RANDOM.fullmatch(self._text, start, end)
        )

    def _look_at_record(self, found: re.Match[str]) -> int:
        """Note a name and value of a record; return where to look on."""
        name = found["name"]
        if not name or (not found["mark"] and not found["encoded"]):
            return 0
        start = end_of(ANY_SPACE, self._text, found.end())
        if self._text[start : start + 1] in ("{", "(") and is_holder(name):
            if start >= self._held_until:
                end = bracket_end(self._text[start : start + _HELD], 0)
                self._holder, self._held_until = name, start + end
            return 0
        at = found.start("name")
        if self._text[at - 1 : at] == "\\" and name[0] in "nrt":  # \nvalue
            name = name[1:]
        role = role_of(name)
        return self._records.note(role, name, found.start(), start) if role else 0

    def _value(self, found: re.Match[str]) -> Span:
        """Return where the value of the name in `found` begins and ends."""
        text = self._text
        position = found.end()
        if found["element"]:
            return position, element_end(text, position, found["attributes"])
        if found["encoded"]:
            return encoded_value(text, position, found["encoded"])
        quoted = found["quoted"] or found["first"] or found["around"]
        position = end_of(ANY_SPACE, text, position) if quoted else skip_space(text, position)
        name = (found["name"] or "").lower().rstrip("s")
        for ending, pattern in WORDY.items():
            if (
                name.endswith(ending)
                and text[position : position + 1] not in "\"'`[({<\\&%"
                and not opens_quote(text, position)
            ):
                return position, end_of(pattern, text, position)
        if text[position : position + 1] == "%" and not (quoted and quoted[0] == "%"):
            return bare_value(text, position)
        return value_at(text, position)


def _spelled(name: str) -> str:
    """Return `name` with its escaped letters as such."""
    if "\\u" not in name:
        return name
    return _LETTER.sub(lambda found: chr(int(found[1], 16)), name)


_LETTER = re.compile(r"\\{1,8}u([0-9a-fA-F]{4})")
