"""Look at a text: what its signs and single words tell about the secrets that may be in it.

Two short forms of a text tell most: its signs with a few rare letters, and the kinds of its
characters. A name or a value may stand beside a sign. The rare letters tell which words may be in
the text.
"""

from __future__ import annotations

from statecrumbs._redact._commands import (
    PHRASE_WORDS,
    SETTING_WORDS,
    find_after_schemes,
    find_codes,
    find_in_hashes,
    find_in_phrases,
    find_settings,
)
from statecrumbs._redact._messages import find_said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

    # Finds the secrets near a word.
    Find: TypeAlias = Callable[[str, SecretNames], Iterator[Span]]
    # The word; others, of which one must be in the text too if there are any.
    Trigger: TypeAlias = tuple[str, tuple[str, ...], Find]


class Clues:
    """The `signs` of a text, and what may be in it.

    `may_escape` is true if there may be an escape, `may_name` if a name may stand beside a sign,
    `may_quote` if the `repr` has to quote a sign of it. `triggers` are the words to look for.
    """

    __slots__ = ("may_escape", "may_name", "may_quote", "signs", "triggers")

    def __init__(self, signs: str) -> None:
        self.signs = signs
        self.may_escape = any(map(signs.__contains__, _OF_ESCAPES))
        self.may_name = any(map(signs.__contains__, _OF_NAMES))
        self.may_quote = any(map(signs.__contains__, _OF_REPR))
        found = [each[2:] for each in _TRIGGERS if each[0] in signs and each[1] in signs]
        self.triggers: tuple[Trigger, ...] = tuple(dict.fromkeys(found))


class _CluesBySigns(dict[bytes, Clues]):
    """Remembers the clues of signs: lines of a log are alike."""

    __slots__ = ()

    def __missing__(self, signs: bytes) -> Clues:
        clues = Clues(signs.decode())
        if len(self) >= _REMEMBERED:
            self.clear()
        if len(signs) <= _LONGEST_SIGNS:
            self[signs] = clues
        return clues


def look_at(text: str) -> tuple[str, Clues]:
    """Return the kinds of the characters of `text`, and what its signs tell.

    The kinds are as long as the text. In them "a" stands for the characters of names and tokens.
    The signs keep their order, but not their distances, and each quote is `'` among them.
    """
    if text.isascii():
        data = text.encode()
        return data.translate(_KINDS).decode(), CLUES[data.translate(_ALIKE, _COMMON)]
    data = text.encode("ascii", "replace")
    signs = data.translate(_ALIKE, _COMMON) + _AFTER_SIGNS
    return data.translate(_KINDS).decode(), CLUES[signs]


def _find_said(text: str, names: SecretNames) -> Iterator[Span]:
    yield from find_said(text, names)
    if "code" in text:
        yield from find_codes(text)


CLUES = _CluesBySigns()
_REMEMBERED = 2048  # signs of texts; then the dict is cleared
_LONGEST_SIGNS = 256  # characters; those of a longer text hardly come again
_AFTER_SIGNS = b"\x7f"  # of a text that is not ASCII
_NOT_ASCII = _AFTER_SIGNS.decode()
_OF_ESCAPES = ("\\", "%%", "%u", "&", "\x1b", _NOT_ASCII)
_OF_NAMES = (*"\x1b\\%&@-'=:<>\n(?$", "//", _NOT_ASCII)
_OF_REPR = ("'", "\\", "\n", "\x1b", _NOT_ASCII)
# Two strings that must be among the signs, a word, other words, the rule. The rules are together.
_TRIGGERS: tuple[tuple[str, str, str, tuple[str, ...], Find], ...] = (
    *((one, other, word, (), find_settings) for one, other, word in SETTING_WORDS),
    ("", "", "code", (), _find_said),
    (_NOT_ASCII, "", "", (), _find_said),
    ("pw", "", "assw", (), _find_said),
    ("Pw", "", "assw", (), _find_said),
    ("k", "", " is ", ("oken ", "key is"), _find_said),
    ("P", "", "PIN", (), _find_said),
    ("P", "", "OTP", (), _find_said),
    ("p", "", "passe", (), _find_said),
    ("HT", "", "HSET", (), find_in_hashes),
    ("HT", "", "HMSET", (), find_in_hashes),
    *((one, other, word, (), find_in_phrases[word]) for one, other, word in PHRASE_WORDS),
    ("b", "", "earer ", (), find_after_schemes),
    ("b", "", "asic ", (), find_after_schemes),
    ("B", "", "earer ", (), find_after_schemes),
    ("B", "", "asic ", (), find_after_schemes),
    ("B", "", "EARER ", (), find_after_schemes),
    ("B", "", "ASIC ", (), find_after_schemes),
)

# The kinds of characters; "a" is for the characters of names and tokens.
CONTROL = "c"  # is for characters that no text shows
_SAME_KIND = {"=": "=:", "q": "'\"`", "(": "([", ")": ")]", "n": "\n", " ": " \t"}


def _kinds() -> bytes:
    kinds = bytearray(b"." * 256)
    for code in range(128):
        if chr(code).isalnum() or chr(code) in "_-?":  # "?" is also what is not ASCII
            kinds[code] = ord("a")
        elif chr(code) in "%&\\|@<,":
            kinds[code] = code
        elif code < ord(" ") or code == 127:  # noqa: PLR2004 - DEL
            kinds[code] = ord(CONTROL)
    for kind, signs in _SAME_KIND.items():
        for sign in signs:
            kinds[ord(sign)] = ord(kind)
    return bytes(kinds)


_KINDS = _kinds()
# The signs that stand beside names, and a few rare letters of words that must be found:
# requirepass, sqlplus, rabbitmqctl; password; token; AUTH; VALUES; vault; Bearer, Basic;
# masterauth, fastcgi_param, poetry; LOGIN.
_COMMON = bytes(
    code for code in range(256) if code not in b"\x1b?~$=:'\"`<>%&@|\\/(-\nqpwbkmuvyABGHPTUV[#"
)
_ALIKE = bytes.maketrans(b'"`', b"''")
