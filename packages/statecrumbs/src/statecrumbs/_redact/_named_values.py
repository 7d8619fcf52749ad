r"""Find the values that stand beside a sensitive name: `key=value`, JSON, Python, XML, headers.

The time is linear in the length of the text: a repetition begins only where the previous one cannot
continue, backtracking is bounded, and no part is scanned twice. In doubt too much is found: a quote
or a bracket that is never closed reaches to the end of the text.
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import (
    ANY_SPACE,
    PLACEHOLDER,
    QUOTE,
    bracket_end,
    end_of,
    value_at,
)
from statecrumbs._redact._harmless import is_harmless, is_list_of_names
from statecrumbs._redact._names import is_holder, is_secret_within, role_of
from statecrumbs._redact._records import Records
from statecrumbs._redact._tokens import card_number_at
from statecrumbs._redact._value_behind import argument_end, value_behind
from statecrumbs._redact._words import OTHERWISE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

NAME = r"\d{0,2} [^\W\d] [\w.\u0300-\u036f\u3099\u309a-]{0,127}"

# A name, and the sign before its value. Each alternative begins only where a name begins.
_NAMED = re.compile(
    rf"""
    (?: %(?:25){{0,2}}[0-9A-Fa-f]{{2}}
      | (?<![\w.-]) (?: (?P<flag>--(?=[^\W\d_])|-(?=[A-Za-z][\w.-]{{2}})) | [.-]{{0,4}} ) )
    (?P<name> {NAME} )
    (?! [\w.] | -(?!>) )                                         # fails at once in a name
    (?:
        (?P<quoted>{QUOTE})?                                     # "name": value
        # x["name"], name[], name[0], "x['name']"
        (?: (?: \[ | %5[Bb] ) \d{{0,6}} (?: \] | %5[Dd] )
          | \] (?: {QUOTE} (?=:) )? | %5[Dd] ){{0,3}}
        (?:
            (?:\*\*)? [ \t]{{0,8}}
            (?P<mark> :{{0,2}}={{1,3}}>? | :{{1,3}} | !={{1,2}} | ->
              | (?:\|\||\?{{1,2}}|[+.])= | <-(?=[ ]["']) )
            (?:\*\*(?=[ \t]))?
          | (?P<encoded> %(?:25){{0,2}}3[DdAa] )                 # a query or JSON in a query
        )
      | [ \t]{{1,8}}                                                # --name value
        (?: (?P<literal> (?=[NEU]?&?["']|\$\w{{0,31}}\$) ) | (?(flag)(?=-?[^\s-])|(?!)) )
    )
    # ("name", value); "--name", value
    | (?<=[(\[]) b? (?P<first>{QUOTE}) (?P<pair>[\w.-]{{1,64}}) (?P=first) ,
    | (?=["'`\\&%]) (?P<around>{QUOTE}) --?(?P<option>[\w-]{{1,64}}) (?P=around) ,
    | < (?: [\w-]{{1,32}} : )? (?P<element>[^\W\d][\w.-]{{0,63}})
      (?P<attributes> (?: \s [^<>=]{{1,64}} = [^<>]{{0,256}} )? ) (?<![=-]) >
    """,
    re.VERBOSE,
)

# After a name with a type: `password: str | None = "x"`.
_DEFAULT = re.compile(r"(?:[ \t]{0,4}\|[ \t]{0,4}[\w.]{1,64})*[ \t]{0,4}=[ \t]{0,4}(?=[^=\s])")
# After the old value of a change: password = "a" -> "b"
_CHANGE = re.compile(r"[ \t]{1,4}(?:->|=>)[ \t]{1,4}(?=[\"'\w])(?!\(known)")
# After a string that goes on in the next one, in several languages
_MORE = re.compile(
    r"[ \t]{0,4}(?:[+.&][ \t]{0,4}|[ \t](?!['\"][ \t:=,)\]}]))(?=['\"])(?!.[A-Z_]{1,64}=)"
)
_QUOTES = frozenset("\"'")
_OF_SQL = frozenset(":@$?")  # first characters of placeholders that only SQL has
_SQL = re.compile(
    r"\b(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|MERGE|WHERE|SET|CALL|EXEC)\b", re.IGNORECASE
)
# The name in a placeholder: ${password}, {{ password }}, %(password)s
_FIELD = re.compile(r"(?P<mark>\$?\{{1,2}|%)[({ ]{0,2}(?P<name>[\w.:-]*[^\W\d]\w*)[ ]?[})]{1,2}s?")
_DIGIT = re.compile(r"\d")
# After these words a `token` is a part of a text that a parser refuses.
_PARSED = frozenset(("unexpected", "expected", "near"))
_RANDOM = re.compile(r"""(?=[^\s"']{0,64}\d)(?=[^\s"']{0,64}[A-Za-z])[^\s"']{8,}""")
_KEYWORDS = ("except ", " if ", "\nif ", "elif ", "while ", " not ", "lambda ", " is ")
_OPTION = re.compile("--")
_OF_OPTION = re.compile(r"--|[a-z_]{1,32}=")
_VERSION = re.compile(r"\d+(?:\.[\w*]+)+")  # PyJWT==2.8.0
# clé d'API, **API key:**
_APOSTROPHES = {ord("'"): " ", ord("\u2019"): " ", ord("*"): " "}
_GIVEN = frozenset(("given", "provided", "supplied"))
_MOST_WORDS = 5  # before the last one: mot de passe de l'utilisateur
_BETWEEN = frozenset(" '\u2019")  # the words of a phrase
_ARN = re.compile(r"\barn:[^\s:]{0,32}:[^\s\"']{0,64}:secret:\Z")
_REMEMBERED = 2048  # names; then the dict is cleared
_NEAR = 128  # characters
_HELD = 600  # characters; the fields of `card={...}` are looked at so far


class DullNames(dict[str, bool]):
    """Remembers for each name whether nothing can follow from it alone: it announces no secret."""

    __slots__ = ("_names",)

    def __init__(self, names: SecretNames) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> bool:
        low = name.lower()
        answer = not (
            self._names[name]
            or role_of(name)
            or is_holder(name)
            or low in ("by", "as")
            or low in _GIVEN
            or (name.isalpha() and self._names.may_end_phrase(name))
            or (low.endswith("s") and self._names[name[:-1]])
        )
        if len(self) >= _REMEMBERED:
            self.clear()
        self[name] = answer
        return answer


class NamedValues:
    """Collects the places of the values of sensitive names in `text`.

    `spans` are these places, in no order. `has_placeholder` is true if such a name has a
    placeholder of SQL. Then its value is in a list elsewhere.
    """

    __slots__ = (
        "_dull",
        "_held_until",
        "_holder",
        "_in_urls",
        "_is_sql",
        "_names",
        "_records",
        "_text",
        "has_placeholder",
        "spans",
    )

    def __init__(
        self, text: str, names: SecretNames, dull: DullNames, in_urls: Iterable[Span]
    ) -> None:
        self._text = text
        self._dull = dull
        self._in_urls = dict(in_urls)
        self._names = names
        self._records = Records(text, names)
        self._holder = ""
        self._held_until = 0
        self._is_sql: bool | None = None  # not known yet
        self.spans: list[Span] = []
        self.has_placeholder = False
        self._look(0, len(text))
        self.spans += self._records.spans

    def _look(self, position: int, stop: int) -> None:
        text, dull = self._text, self._dull
        while found := _NAMED.search(text, position, stop):
            name = found["name"]
            if name and dull[name]:
                start = found.start("name")
                if start >= self._held_until and text[start - 1] != "\\":
                    position = found.end()
                    continue
            # An apparent element can be the repr of an object that contains names.
            position = found.end("element") if found["element"] else found.end()
            if not self._is_secret(found):
                position = max(position, self._look_at_record(found))
                continue
            start, end = value_behind(text, found)
            end = self._end(found, start, end)
            if found["attributes"]:
                self._look(found.start("attributes"), found.end("attributes"))
            if self._is_placeholder(start, end):
                self.has_placeholder = True
                continue
            is_option = found["option"] or (found["pair"] or "").startswith("--")
            if is_option and (_OPTION if text[start - 1] in _QUOTES else _OF_OPTION).match(
                text, start
            ):
                continue  # ["--password", "--user", "bob"], ("--password", help="...")
            if (
                found["literal"] is not None
                and not found["flag"]
                and not self._is_literal(found, start, end)
            ):
                continue
            position = max(position, self._add(found, start, end))

    def _end(self, found: re.Match[str], start: int, end: int) -> int:
        """Return the end of a value that begins at `start` and may not end at `end`."""
        text = self._text
        if found["mark"] == "=":
            end = max(end, argument_end(text, found.start(), start))
        end = self._in_urls.get(start, end)  # token:x@host: the host stays
        if found["name"] and found["name"].lower() == "jsessionid":
            query = text.find("?", start, end)  # /cart;jsessionid=...?page=2
            return query if query >= 0 else end
        return end

    def _is_placeholder(self, start: int, end: int) -> bool:
        text = self._text
        if text[start - 1 : start] in _QUOTES and text[start : start + 1] in _OF_SQL:
            return False
        if not PLACEHOLDER.fullmatch(text, start, end):
            return False
        field = _FIELD.fullmatch(text, start, end)
        if field and (field["mark"] != "%" or text[start - 1 : start] in _QUOTES):
            # In quotes `${hunter2}` may be a password, ${DB2_PASSWORD} is none.
            word = field["name"]
            if _DIGIT.search(word) and not word.isupper() and not self._names[word]:
                return False
        if self._is_sql is None:
            self._is_sql = _SQL.search(text) is not None
        return self._is_sql or text[start] not in _OF_SQL or text.startswith("${", start)

    def _add(self, found: re.Match[str], start: int, end: int) -> int:
        """Add the value and its continuations; return the end of the last one."""
        text = self._text
        done = found.end()
        while end > start:
            if not self._is_harmless(found, start, end):
                self.spans.append((start, end))
            done = end
            more = (_DEFAULT if found["mark"] == ":" else _CHANGE).match(text, end)
            if more is None and text[end : end + 1] in _QUOTES:
                # A quote that was open before the value ends more than the value: "GET /?sid=x" "-"
                more = (
                    text[start - 1] == text[end] and _MORE.match(text, end + 1)
                ) or _CHANGE.match(text, end + 1)
            if more is None:
                return done
            start, end = value_at(text, more.end())
        return done

    def _is_harmless(self, found: re.Match[str], start: int, end: int) -> bool:
        name = _name_in(found)
        if found["pair"] and is_list_of_names(self._text, start, end, name):
            return True
        sign = found["mark"] or ("-" if found["flag"] or found["option"] else "")
        return is_harmless(self._text, start, end, name, sign, self._names)

    def _is_secret(self, found: re.Match[str]) -> bool:
        text = self._text
        name = _name_in(found)
        if (found["flag"] and found.start("name") + 1 in self._in_urls) or (
            found["option"] and found.start("option") + 1 in self._in_urls
        ):
            return False  # mysql -pSECRET: the next argument is another one
        if self._names[name]:
            if found["mark"] == ":" and _ARN.search(
                text, max(0, found.start() - _NEAR), found.end()
            ):
                return False
            if found["mark"] == ":" and text[found.start() - 7 : found.start()].endswith(_KEYWORDS):
                return False  # if token: ...
            if name in ("pass", "Pass") and self._is_other_pass(found):
                return False
            return not (found["mark"] in ("==", "!=") and self._is_compared(found))
        start = found.start("name")
        if start <= 0:
            return False
        if text[found.end("name") : found.end("name") + 1] == "[" and name.endswith("s"):
            return self._names[name[:-1]]  # tokens[0]
        before = text[start - 1]
        if before == "\\" and name[0] in "nrt":  # \nname, written with a backslash
            return self._names[name[1:]]
        if before in _BETWEEN and name.isalpha() and self._is_secret_phrase(found, name, start):
            return True
        return start < self._held_until and is_secret_within(self._holder, name, self._names)

    def _is_compared(self, found: re.Match[str]) -> bool:
        """Return whether a version or the name itself is compared: assert 'pass' == 'fail'."""
        is_string = found["quoted"] is not None and "]" not in found[0]
        return is_string or _VERSION.match(self._text, found.end()) is not None

    def _is_other_pass(self, found: re.Match[str]) -> bool:
        """Return whether the word before a `pass` gives it another meaning: boarding, first."""
        start = found.start("name")
        words = self._text[max(0, start - 16) : start].lower().split(" ")
        return len(words) > 1 and not words[-1] and words[-2] in OTHERWISE["pass"]

    def _is_secret_phrase(self, found: re.Match[str], name: str, start: int) -> bool:
        """Return whether `name` is sensitive with the words before it: API key: value."""
        words = self._text[max(0, start - 64) : start].translate(_APOSTROPHES).split()
        if words:
            words[0] = words[0].lstrip("\"'([{")
        if name.lower() in ("by", "as"):
            return found["literal"] is not None and any(
                each.lower() == "identified" for each in words
            )
        phrase = "" if name.lower() in _GIVEN else name  # API key provided: ...
        for word in words[: -_MOST_WORDS - 1 : -1]:
            if not word.isalpha():
                break
            phrase = f"{word} {phrase}".rstrip()
        return phrase is not name and bool(phrase) and self._names.ends_secret(phrase)

    def _is_literal(self, found: re.Match[str], start: int, end: int) -> bool:
        """Return whether quoted text after a name, without a sign between them, is its value.

        It is in SQL's PASSWORD 'x', and if it looks like a token. It is not in: unexpected token
        'x'.
        """
        name = found["name"].lower()
        if name.endswith(("password", "passwd", "phrase", "by", "as")) or found["name"] == "SECRET":
            return True
        words = self._text[max(0, found.start() - 24) : found.start()].lower().split()
        return not (words and words[-1] in _PARSED) and bool(
            _RANDOM.fullmatch(self._text, start, end)
        )

    def _look_at_record(self, found: re.Match[str]) -> int:
        """Note a name and a value of a record; return the position at which to go on."""
        name = found["name"]
        if not name or not (found["mark"] or found["encoded"] or found["flag"]):
            return 0
        start = end_of(ANY_SPACE, self._text, found.end())
        if self._text[start : start + 1] in ("{", "(") and is_holder(name):
            if start >= self._held_until:
                end = bracket_end(self._text[start : start + _HELD], 0)
                self._holder, self._held_until = name, start + end
            return 0
        if is_holder(name) and (number := card_number_at(self._text, start)):
            self.spans.append(number)
        at = found.start("name")
        if self._text[at - 1 : at] == "\\" and name[0] in "nrt":  # \nvalue
            name = name[1:]
        role = 0 if self._text[at - 1 : at] == "$" else role_of(name)  # $env:TOKEN
        return self._records.note(role, name, found.start(), start) if role else 0


def _name_in(found: re.Match[str]) -> str:
    return found["name"] or found["pair"] or found["option"] or found["element"] or ""
