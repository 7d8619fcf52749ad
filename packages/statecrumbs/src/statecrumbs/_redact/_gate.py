"""Tell quickly whether there may be a secret in a text, before it is searched for one.

Two short forms of a text tell most: its signs with a few rare letters, and the kinds of its
characters. If a sign may stand beside a name, the names beside such signs are found by one search
from behind, and each is looked up. In doubt the answer is yes.
"""

from __future__ import annotations

import re

from statecrumbs._redact._fields import VALUE, role_of
from statecrumbs._redact._names import is_holder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from statecrumbs._redact._names import SecretNames


def forms_of(text: str) -> tuple[str, str]:
    """Return the signs and rare letters of `text`, and the kinds of its characters.

    The first keeps the order, but not the distances. The second is as long as the text; in it "a"
    stands for what names and tokens consist of.
    """
    data = text.encode("ascii", "replace")
    return data.translate(None, _COMMON).decode(), data.translate(_KINDS).decode()


class Gate:
    """Tells whether a sensitive name may announce a value, or be the heading of a column."""

    __slots__ = ("_announce", "_names")

    def __init__(self, names: SecretNames) -> None:
        self._names = names
        self._announce = _Announcements(names).__getitem__

    def may_name(self, text: str, signs: str, kinds: str) -> bool:
        """Return whether a sensitive name may announce a value in `text`."""
        backwards = _ASCII if text.isascii() else _ANY
        if ("=" in signs or ":" in signs) and self._is_beside_sign(text, backwards):
            return True
        if ("'" in signs or '"' in signs or "`" in signs) and self._is_quoted(
            text, signs, kinds, backwards
        ):
            return True
        if "<" in signs and (
            "</" in text or any(map(self._names.__getitem__, _ELEMENTS.findall(text)))
        ):
            return True
        return (
            ("%" in signs and _PERCENT.search(text) is not None)
            or ("&" in signs and _ENTITY.search(text) is not None)
            or ("\\" in signs and "\\u" in text)
            or ("(" in signs and "=" in signs and ")=(" in text)
            or ("->" in signs and "->" in text)
        )

    def may_head(self, text: str, kinds: str) -> bool:
        """Return whether a sensitive name may be the heading of a column in `text`."""
        backwards = _ASCII if text.isascii() else _ANY
        headings = backwards.headings(text[::-1])
        if "\\" in kinds:
            headings += backwards.escaped_headings(text[::-1])
        if "a  " in kinds:
            headings += backwards.aligned(text[::-1])
        return any(map(self._announce, headings))

    def _is_beside_sign(self, text: str, backwards: _Backwards) -> bool:
        found = max(map(self._announce, backwards.named(text[::-1])), default=0)
        if found == _WITH_WORDS:
            found = max(map(self._announce, backwards.phrases(text[::-1])), default=0)
        return found == _YES

    def _is_quoted(self, text: str, signs: str, kinds: str, backwards: _Backwards) -> bool:
        if ("a q" in kinds or "a \\q" in kinds) and any(
            map(self._announce, backwards.before_quotes(text[::-1]))
        ):
            return True
        if ("(q" in kinds or "(aq" in kinds or "(\\" in kinds) and (
            "Interpolation(" in text or any(map(self._announce, backwards.in_lists(text[::-1])))
        ):
            return True
        return ";" in signs and "form-data" in text


class _Announcements(dict[str, int]):
    """Remembers for each name, read backwards, whether it may announce a value that is secret.

    `_YES`, `_WITH_WORDS` if that depends on the words before it, or 0.
    """

    __slots__ = ("_names",)

    def __init__(self, names: SecretNames) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, backwards: str) -> int:
        answer = self._decide(backwards[::-1])
        if len(self) >= _REMEMBERED:
            self.clear()
        self[backwards] = answer
        return answer

    def _decide(self, name: str) -> int:
        names = self._names
        *before, last = name.split(" ")
        if last[:1] == "\\":
            last = last[2:]  # \\nvalue
            return _YES if names[last] or role_of(last) == VALUE or is_holder(last) else 0
        low = last.lower()
        if names[last] or role_of(last) == VALUE or low in _SAYING or is_holder(last):
            return _YES
        if low[-6:] == "tokens" or "for" in before or "dup" in before:
            return _YES
        if before == [""]:  # there is a word before it
            return _WITH_WORDS if names.may_end_phrase(last) else 0
        return _YES if before and names.ends_secret(name) else 0


_YES = 2
_WITH_WORDS = 1
_REMEMBERED = 2048  # names; then the dict is cleared
_SAYING = frozenset(
    "by as got choice received literal values inputs index constraint column version".split()
)

# The kinds of characters: "a" for what names and tokens consist of.
_ALIKE_SIGNS = {"=": "=:", "q": "'\"`", "(": "([", ")": ")]", "n": "\n", " ": " \t"}


def _kinds() -> bytes:
    kinds = bytearray(b"." * 256)
    for code in range(128):
        if chr(code).isalnum() or chr(code) in "_-?":  # "?" is also what is not ASCII
            kinds[code] = ord("a")
        elif chr(code) in "%&\\|@<,":
            kinds[code] = code
    for kind, signs in _ALIKE_SIGNS.items():
        for sign in signs:
            kinds[ord(sign)] = ord(kind)
    return bytes(kinds)


_KINDS = _kinds()
# The signs that stand beside names, and few letters: some words that have to be found consist of
# them and of others (requirepass, sqlplus, rabbitmqctl; password; AUTH; vault; Bearer, Basic).
_COMMON = bytes(code for code in range(256) if code not in b"?~.$=:;'\"`<>%&@|\\/(-\nqpwbuvABHTU")


class _Backwards:
    """Expressions that find names in a text that is read backwards, each beside another sign.

    `name` and `word` are sets of characters. Each expression begins with a set, because `re` finds
    a set fastest.
    """

    __slots__ = (
        "aligned",
        "before_quotes",
        "escaped_headings",
        "headings",
        "in_lists",
        "named",
        "phrases",
    )

    def __init__(self, name: str, word: str) -> None:
        before = r"""[ \t\r\n"'`\]\[=:!\\]{0,24} (?: \d{1,6}\[ )?"""
        # The name, perhaps after a backslash; a blank if a word stands before it
        named = rf"( {name}{{1,128}} (?: \\ | [ ](?={word}) )? )"
        phrase = rf"( {word}{{1,32}} (?: [ ]{word}{{1,24}} ){{1,3}} )"
        heading = rf"""
            [ \t\r"'`*|\\]{{0,8}}
            ( {word}{{1,32}} [ ] {word}{{1,24}} (?=[ ]{{0,8}}["'`*|,;\t\n]) | {name}{{1,64}} )
        """
        self.named = _compiled(f"[=:] {before} {named}")
        self.phrases = _compiled(f"[=:] {before} {phrase}")
        self.before_quotes = _compiled(
            rf"""
            ["'`] \\{{0,4}} N?[ \t]{{1,8}} ( {name}{{1,128}} (?: [ ]{word}{{1,24}} ){{0,3}} )
            """
        )
        self.in_lists = _compiled(
            rf"""
            [,\])] (?= ["'`]\\{{0,16}} [ {name[1:]}{{1,64}} ["'`]\\{{0,16}} b? \s{{0,8}} [,(\[] )
            ["'`]\\{{0,16}} {named}
            """
        )
        self.headings = _compiled(rf"[,;|\t\n] {heading}")
        self.escaped_headings = _compiled(
            # A look-ahead, since the letter before the next backslash is not of the name
            rf"[nt]\\ (?= [\"'`*|\\ ]{{0,8}} ( {name}{{1,64}} \\? ) )"
        )
        self.aligned = _compiled(rf"[ ]{{2,}} ( {name}{{1,64}} )")


def _compiled(pattern: str) -> Callable[[str], list[str]]:
    return re.compile(pattern, re.VERBOSE).findall


_ASCII = _Backwards("[A-Za-z0-9_.-]", "[A-Za-z]")
_ANY = _Backwards(r"[\w.\u0300-\u036f\u3099\u309a-]", r"[^\W\d_]")
_ELEMENTS = re.compile(r"<(?:[\w-]{1,32}:)?([^\W\d][\w.-]{0,63})")
_PERCENT = re.compile("%[0-9A-Fa-f]{2}")
_ENTITY = re.compile("&(?:quot|apos|lt|#)")
