"""Decide quickly whether a name in a text may announce a secret, before the search for one.

The signs of the text and the kinds of its characters, as `_clues` has them, often suffice. If a
sign may stand beside a name, one search from behind finds the names beside such signs, and each
name is looked up. In doubt the answer is yes.
"""

from __future__ import annotations

import re

from statecrumbs._redact._names import VALUE, is_holder, role_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from statecrumbs._redact._names import SecretNames


def has_spaced_quote(signs: str, kinds: str) -> bool:
    """Return whether a string stands behind a word and a blank."""
    return "'" in signs and ("a q" in kinds or ("\\" in signs and "a \\" in kinds))


def words_of(text: str) -> set[str]:
    """Return the words of `text`, of which some have hyphens or underscores; none has a digit."""
    if text.isascii():
        return set(text.encode().translate(_BLANKS).decode().split())
    return set(_WORDS.findall(text))


def has_value_name(text: str) -> bool:
    """Return whether a name of `text` is that of the value of a record."""
    if "%" in text or "--value" in text:  # of a query, perhaps; an option
        return True
    backwards = _ASCII if text.isascii() else _ANY
    return any(map(_is_value_name, backwards.named(text[::-1])))


# Strings of SQL that begin with a letter or a dollar, each behind the word PASSWORD
_LITERALS = tuple(
    word + sign for word in ("ASSWORD ", "assword ") for sign in ("E'", "N'", "U&'", "$")
)


def _is_value_name(backwards: str) -> bool:
    name = backwards[::-1].rpartition(" ")[2]
    return role_of(name[2:] if name[:1] == "\\" else name) == VALUE


class Gate:
    """Tells whether a sensitive name may announce a value, or be the heading of a column."""

    __slots__ = ("_announce", "_names", "_silent")

    def __init__(self, names: SecretNames) -> None:
        self._names = names
        announcements = _Announcements(names)
        self._announce = announcements.__getitem__
        self._silent = announcements.silent.issuperset

    def may_name(self, text: str, signs: str, kinds: str, *, is_spaced: bool) -> bool:
        """Return whether a sensitive name may announce a value in `text`.

        `is_spaced` is what `has_spaced_quote` says.
        """
        backwards = _ASCII if text.isascii() else _ANY
        if ("=" in signs or ":" in signs) and self._is_beside_sign(text[::-1], backwards):
            return True
        if is_spaced and any(map(self._announce, backwards.before_quotes(text[::-1]))):
            return True
        if "'" in signs and self._is_in_list(text, signs, kinds, backwards):
            return True
        if "<" in signs and (
            "</" in text or any(map(self._names.__getitem__, _ELEMENTS.findall(text)))
        ):
            return True
        return (
            ("%" in signs and _PERCENT.search(text) is not None)
            or ("&" in signs and _ENTITY.search(text) is not None)
            or ("\\" in signs and "\\u" in text)
            or ("=(" in signs and ")=(" in text)
            or (">" in signs and "->" in text)
            or (("PA" in signs or "pw" in signs) and any(map(text.__contains__, _LITERALS)))
            or ("<" in signs and "<- " in text)
            or ("'" in signs and '";s:' in text)
        )

    def may_head(self, text: str, kinds: str) -> bool:
        """Return whether a sensitive name may be the heading of a column in `text`."""
        backwards = _ASCII if text.isascii() else _ANY
        reverse = text[::-1]
        headings = backwards.headings(reverse)
        if "\\" in kinds:
            headings += backwards.escaped_headings(reverse)
        if "a  " in kinds:
            headings += backwards.aligned(reverse)
        return any(map(self._announce, headings))

    def _is_beside_sign(self, reverse: str, backwards: _Backwards) -> bool:
        names = backwards.named(reverse)
        if self._silent(names):
            return False
        answers = list(map(self._announce, names))
        if _YES in answers or _WITH_WORDS not in answers:
            return _YES in answers
        last = {name for name, answer in zip(names, answers) if answer}  # noqa: B905 - equally many
        if len(last) > _MOST_LAST:
            return True
        for name in last:
            at = reverse.find(name)
            while at >= 0:
                phrase = backwards.phrase(reverse, at)
                if phrase and self._announce(phrase[0]) == _YES:
                    return True
                at = reverse.find(name, at + len(name))
        return False

    def _is_in_list(self, text: str, signs: str, kinds: str, backwards: _Backwards) -> bool:
        if (
            ("(" in signs or "[" in signs)
            and ("(q" in kinds or "(aq" in kinds or ("\\" in signs and "(\\" in kinds))
        ) and (
            "Interpolation(" in text or any(map(self._announce, backwards.in_lists(text[::-1])))
        ):
            return True
        return ";" in text and "form-data" in text


class _Announcements(dict[str, int]):
    """Remembers for each name, read backwards, whether it may announce a secret value.

    The answer is `_YES`, `_WITH_WORDS` if it depends on the words before the name, or 0. `silent`
    are the names with the answer 0: a set tells at once that all names of a text are among them.
    """

    __slots__ = ("_names", "silent")

    def __init__(self, names: SecretNames) -> None:
        super().__init__()
        self._names = names
        self.silent: set[str] = set()

    def __missing__(self, backwards: str) -> int:
        answer = self._decide(backwards[::-1])
        if len(self) >= _REMEMBERED:
            self.clear()
            self.silent.clear()
        self[backwards] = answer
        if not answer:
            self.silent.add(backwards)
        return answer

    def _decide(self, name: str) -> int:
        names = self._names
        *before, last = name.replace("'", " ").replace("\u2019", " ").split(" ")
        if last[:1] == "\\":
            last = last[2:]  # \\nvalue
            return _YES if names[last] or role_of(last) == VALUE or is_holder(last) else 0
        low = last.lower()
        if low == "data":
            return 0  # it is a value beside a path only
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
_MOST_LAST = 8  # different last words of phrases; of more each would be one more search
_SAYING = frozenset(
    """
    by as got choice received literal values inputs index constraint column version instancepath
    given provided supplied
    """.split()
)

_BLANKS = bytes(
    code if chr(code).isalpha() or code in b"_-" else ord(" ") for code in range(128)
).ljust(256)
_WORDS = re.compile(r"[^\W\d](?:[^\W\d]|-)*")
# Returns the names of the options of a command line
find_options = re.compile(r"-(?<![^\s\"'`(\[,]-)-?([^\W_][\w.-]{0,127})").findall


class _Backwards:
    """Expressions that find names in a text that is read backwards, each beside another sign.

    `name`, `word` and `joint`, what stands between words, are sets of characters. Each expression
    begins with a set, because `re` finds a set fastest.
    """

    __slots__ = (
        "aligned",
        "before_quotes",
        "escaped_headings",
        "headings",
        "in_lists",
        "named",
        "phrase",
    )

    def __init__(self, name: str, word: str, joint: str) -> None:
        before = r"""[ \t\r\n"'`\]\[=:!\\*|?+.]{0,24} (?: \d{1,6}\[ | )"""
        # The name, perhaps after a backslash; a blank if a word stands before it
        named = rf"( {name}{{1,128}} (?: \\ | {joint}(?={word}) | ) )"
        heading = rf"""
            [ \t\r"'`*|\\]{{0,8}}
            ( {word}{{1,32}} [ ] {word}{{1,24}} (?=[ ]{{0,8}}["'`*|,;\t\n]) | {name}{{1,64}} )
        """
        self.named = _compiled(f"[=:] {before} {named}")
        self.phrase = re.compile(
            rf"{word}{{1,32}}(?:{joint}{word}{{1,24}}){{1,5}}", re.VERBOSE
        ).match
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
        self.aligned = _compiled(rf"[ ][ ] ( {name}{{1,64}} )")


def _compiled(pattern: str) -> Callable[[str], list[str]]:
    return re.compile(pattern, re.VERBOSE).findall


_ASCII = _Backwards("[A-Za-z0-9_.-]", "[A-Za-z]", "[ ']")
_ANY = _Backwards(r"[\w.\u0300-\u036f\u3099\u309a-]", r"[^\W\d_]", r"[ '\u2019]")
_ELEMENTS = re.compile(r"<(?:[\w-]{1,32}:)?([^\W\d][\w.-]{0,63})")
_PERCENT = re.compile("%[0-9A-Fa-f]{2}")
_ENTITY = re.compile("&(?:quot|apos|lt|#)")
