"""Decide which names are those of secrets.

A name is split into words at punctuation, at digits and where the case changes: `db_password`,
`accessToken`, `X-Api-Key`, `spring.datasource.password`, `APIKey2`. Case and accents do not matter,
and words may be split or joined in any way: `passWord`, `pass_word`, `pass-phrase`. A name is
sensitive in one of three cases:

1. One of its words is in the list of secret words (`password`, `secret`, `token`, `cookie`, their
   plurals, words of other languages), or ends in one (`pgpassword`, `csrfmiddlewaretoken`).
2. Two neighbouring words are in the list of pairs (`api key`, `session id`, `card number`).
3. Its last word is `auth`, or the whole name is one word that is a secret only when it stands
   alone (`pass`, `session`, `pin`, `sid`, `sig`).

A name *about* a secret is not sensitive: `token_count`, `password_changed_at`, `cookie_banner`,
`has_password`, `max_tokens`. Neither is a word with another meaning: `next_token` is a page,
`prompt_tokens` belong to a language model, `function_signature` is code. Comparing whole words
keeps `author`, `monkey`, `passenger` and `discard` readable. User names and mail addresses are not
secrets here: a crash cannot be understood without them. A program adds names of its own with
`enable(redact=[...])`.
"""

from __future__ import annotations

from statecrumbs._redact._words import (
    ABOUT_FIRST,
    ABOUT_LAST,
    ALONE,
    ENDINGS,
    HOLDERS,
    LAST,
    OPENING_TOKENS,
    OTHERWISE,
    OTHERWISE_BEFORE,
    PAIRS,
    PHRASES,
    SECRETS,
    TOGETHER,
    UNSPACED,
    UNSPACED_ABOUT,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"  # stands in place of each secret

_LONGEST = 200  # characters; of a longer name, which nobody typed, only the two ends count
_REMEMBERED = 2048  # names; then the dict is cleared
_MOST_JOINED = 4  # words of one secret: mot de passe, numero de carte
_SHORT = 5  # letters; a shorter name of the program's own matches whole words only


class SecretNames(dict[str, bool]):
    """Remembers for each name whether it is sensitive; decides it for a name that is missing.

    `extra` are names of the program's own, which are sensitive too: as words of a name, split or
    joined in any way, and inside of a longer word if they have five letters or more.
    """

    __slots__ = ("_extra", "_inside")

    def __init__(self, extra: Iterable[str] = ()) -> None:
        super().__init__()
        joined = {"".join(split_words(name)) for name in extra}
        self._extra = frozenset(joined | {word + "s" for word in joined})
        self._inside = tuple(word for word in joined if len(word) >= _SHORT and word.isalpha())

    def __missing__(self, key: str) -> bool:
        if len(key) > _LONGEST:
            half = _LONGEST // 2
            return self._decide(f"{key[:half]} {key[-half:]}")
        answer = self._decide(key)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[key] = answer
        return answer

    def may_end_phrase(self, word: str) -> bool:
        """Return whether `word` may be the last word of a secret of several words."""
        if self._extra:
            return True
        last = _single(fold(word).lower())
        return last in PAIRS or any(
            phrase != last and phrase.endswith(last) for phrase in (*PHRASES, *SECRETS)
        )

    def ends_secret(self, phrase: str) -> bool:
        """Return whether the last words of `phrase` are those of a secret: the API key."""
        words = split_words(phrase)
        if self._extra and any("".join(words[at:]) in self._extra for at in range(len(words))):
            return True
        last = len(words) - 1
        return last > 0 and _last_secret(words) == last

    def _decide(self, key: str) -> bool:
        words = split_words(key)
        if self._extra and self._is_extra(words):
            return True
        if _is_secret([word for word in words if not word.isdigit()]):
            return True
        # The case may change anywhere: pAsSwOrD. Then only the whole of what is between
        # punctuation counts, because `maxTokens` and `compassWord` end in such a word, too.
        whole = split_words(key.lower())
        return whole != words and _is_secret_whole([word for word in whole if not word.isdigit()])

    def _is_extra(self, words: list[str]) -> bool:
        if any(inside in word for word in words for inside in self._inside):
            return True
        return any(
            "".join(words[start:end]) in self._extra
            for start in range(len(words))
            for end in range(start + 1, min(start + 9, len(words) + 1))
        )


def is_holder(name: str) -> bool:
    """Return whether an object of this name holds secrets under names that are none alone."""
    words = split_words(name)
    return bool(words) and words[-1] in HOLDERS


def is_secret_within(holder: str, name: str, names: SecretNames) -> bool:
    """Return whether `name` names a secret inside of an object that is named `holder`."""
    return names[f"{split_words(holder)[-1]} {name}"]


def fold(name: str) -> str:
    """Return `name` in one spelling of Unicode: compatible forms and accents are gone."""
    if name.isascii():
        return name
    import unicodedata  # few names need it

    wide = unicodedata.normalize("NFKD", name)
    bare = "".join(
        char for char in wide if unicodedata.category(char) != "Mn" or char in "\u3099\u309a"
    )
    return unicodedata.normalize("NFC", bare).translate(_FOLDED)


# Letters that Unicode does not decompose.
_FOLDED = {
    ord("ł"): "l",
    ord("Ł"): "L",
    ord("\N{LATIN SMALL LETTER DOTLESS I}"): "i",
    ord("ß"): "ss",
    ord("ø"): "o",
    ord("Ø"): "O",
}


def _is_secret(words: list[str]) -> bool:
    """Return whether the `words` of a name, without its numbers, name a secret."""
    if not words:
        return False
    last = len(words) - 1
    alone = words[last] in LAST or (last == 0 and words[0] in ALONE)
    end = last if alone else _last_secret(words)
    if end < 0 or (last > 0 and words[0] in ABOUT_FIRST):
        return False
    # The ID of an access key is half of a credential; other IDs only tell secrets apart.
    return end == last or words[last] not in ABOUT_LAST or words[-2:] == ["key", "id"]


def _is_secret_whole(words: list[str]) -> bool:
    return any(_single(word) in SECRETS for word in words) and words[-1] not in ABOUT_LAST


def _last_secret(words: list[str]) -> int:
    """Return the index of the last word of a secret, alone or with others before it, or -1."""
    for index in range(len(words) - 1, -1, -1):
        word = words[index]
        before = words[index - 1] if index else ""
        if _is_secret_word(word, before, words[index + 1] if index + 1 < len(words) else ""):
            return index
        single = _single(word)
        if before in PAIRS.get(single, ()):
            return index
        for start in range(index - 1, max(index - _MOST_JOINED, -1), -1):
            joined = "".join(words[start:index]) + single
            if joined in SECRETS or joined in TOGETHER:
                return index
    return -1


def _is_secret_word(word: str, before: str, after: str) -> bool:
    if word.endswith("tokens"):
        return (word[: -len("tokens")] or before) in OPENING_TOKENS
    single = _single(word)
    if single in SECRETS:
        return before not in OTHERWISE.get(single, ()) and after not in OTHERWISE_BEFORE.get(
            single, ()
        )
    if single in TOGETHER:
        return True
    if single.endswith(ENDINGS):
        return not (single.endswith("token") and single[: -len("token")] in OTHERWISE["token"])
    return not word.isascii() and _is_unspaced_secret(word)


def _is_unspaced_secret(word: str) -> bool:
    for secret in UNSPACED:
        _, found, rest = word.rpartition(secret)
        if found and not rest.startswith(UNSPACED_ABOUT):
            return True
    return False


def _single(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def split_words(name: str) -> list[str]:
    """Split `name` into lower-case words and numbers: `X-APIKey2` is x, api, key, 2."""
    name = fold(name)
    words: list[str] = []
    start = 0
    previous = ""  # the kind of the character before: "A", "a", "0", or "" between words
    for index, char in enumerate(name):
        if not char.isalnum() and char not in "\u3099\u309a":
            kind = ""
        elif char.isdigit():
            kind = "0"
        else:
            kind = "A" if char.isupper() else "a"
        if kind == previous == "A":
            begins = name[index + 1 : index + 2].islower()  # the K of APIKey
        else:
            begins = kind != previous and not (kind == "a" and previous == "A")
        if begins:
            if previous:
                words.append(name[start:index].lower())
            start = index
        previous = kind
    if previous:
        words.append(name[start:].lower())
    return words
