"""Decide which names are those of secrets, and the role of a field by its name.

A name is split into words at punctuation, at digits and where the case changes: `db_password`,
`accessToken`, `X-Api-Key`, `spring.datasource.password`, `APIKey2`. Case and accents do not matter,
and words may be split or joined in any way: `passWord`, `pass_word`, `pass-phrase`. A name is
sensitive in one of three cases:

1. One of its words is in the list of secret words (`password`, `secret`, `token`, `cookie`, their
   plurals, words of other languages), or ends in one (`pgpassword`, `csrfmiddlewaretoken`).
2. Two neighbouring words are in the list of pairs (`api key`, `session id`, `card number`).
3. Its last word is `auth`, `pass` or `pin`, or the whole name is one word that is a secret only
   when it stands alone (`session`, `sid`, `sig`).

A name *about* a secret is not sensitive: `token_count`, `password_changed_at`, `cookie_banner`,
`has_password`, `max_tokens`. Neither is a word with another meaning: `next_token` is a page,
`prompt_tokens` belong to a language model, `function_signature` is code. Comparing whole words
keeps `author`, `monkey`, `passenger` and `discard` readable. User names and mail addresses are not
secrets here: a crash cannot be understood without them. A program adds names of its own with
`enable(redact=[...])`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

REDACTED = "[redacted]"  # stands in place of each secret
# An import by a signal handler or a finalizer in the middle of the same import fails: the module is
# half made or, before Python 3.12, the lock of the import is lost (python/cpython#106176).
UNFINISHED_IMPORT = (ImportError, KeyError)

_LOCKS_OF_IMPORTS = {("<frozen importlib._bootstrap>", name) for name in ("acquire", "release")}

_LONGEST = 200  # characters; of a longer name, which nobody typed, only the two ends count
_REMEMBERED = 2048  # names; then the dict is cleared
# Objects whose fields are secrets by the name of the object: {"card": {"number": ...}}.
_HOLDERS = frozenset(
    """
    access api card cc creditcard private secret signing encryption ssh
    karte carte tarjeta cartao carta karta kart карта
    """.split()
)
_SHORT = 5  # letters; a shorter name of the program's own matches whole words only
_FIRST_UNSPACED = "\u2e80"  # the scripts of East Asia, which put no space between words, begin here
# The name of a class before its message: jwt.exceptions.ExpiredSignatureError: ...
_CLASSES = ("Error", "Exception", "Warning")
_REFUSED = frozenset("bad expired incorrect invalid missing revoked unknown wrong".split())


class SecretNames(dict[str, bool]):
    """Remembers for each name whether it is sensitive; decides it for a name that is missing.

    `extra` are names of the program's own, which are sensitive too: as words of a name, split or
    joined in any way, and inside of a longer word if they have five letters or more.
    """

    __slots__ = ("_extra", "_inside")

    def __init__(self, extra: Iterable[str] = ()) -> None:
        super().__init__()
        joined = {
            "".join(split_words(spelled))
            for name in extra
            for spelled in (name, _spelled_out(name))
        }
        self._extra = frozenset(joined | {word + "s" for word in joined})
        self._inside = tuple(
            word
            for word in joined
            if word.isalpha() and (len(word) >= _SHORT or word >= _FIRST_UNSPACED)
        )

    def __missing__(self, key: str) -> bool:
        if len(key) > _LONGEST:
            half = _LONGEST // 2
            return self._decide(f"{key[:half]} {key[-half:]}")
        try:
            answer = self._decide(key)
        except UNFINISHED_IMPORT:
            return True
        if len(self) >= _REMEMBERED:
            self.clear()
        self[key] = answer
        return answer

    def may_end_phrase(self, word: str) -> bool:
        """Return whether `word` may be the last word of a secret of several words."""
        if self._extra:
            return True
        from statecrumbs._redact._words import may_end

        return may_end(fold(word).lower())

    def ends_secret(self, phrase: str) -> bool:
        """Return whether the last words of `phrase` are those of a secret: the API key."""
        from statecrumbs._redact._words import is_headed, last_secret

        words = split_words(phrase)
        if self._extra and any("".join(words[at:]) in self._extra for at in range(len(words))):
            return True
        last = len(words) - 1
        return last > 0 and (last_secret(words) == last or is_headed(words))

    def _decide(self, key: str) -> bool:
        check_import("statecrumbs._redact._words")
        from statecrumbs._redact._words import is_headed, is_secret, is_secret_whole

        words = split_words(key)
        if self._extra and (
            self._is_extra(words)
            or (not key.isascii() and self._is_extra(split_words(_spelled_out(key))))
        ):
            return True
        _, dot, last = key.rpartition(".")
        if last[:1].isupper() and (
            last.endswith(_CLASSES) or (dot and words[-2:-1] and words[-2] in _REFUSED)
        ):
            return False
        if is_secret([word for word in words if not word.isdigit()]) or is_headed(words):
            return True
        # The case may change anywhere: pAsSwOrD. Then only the whole of what is between
        # punctuation counts, because `maxTokens` and `compassWord` end in such a word, too.
        whole = split_words(key.lower())
        return whole != words and is_secret_whole([word for word in whole if not word.isdigit()])

    def _is_extra(self, words: list[str]) -> bool:
        if any(inside in word for word in words for inside in self._inside):
            return True
        return any(
            "".join(words[start:end]) in self._extra
            for start in range(len(words))
            for end in range(start + 1, min(start + 9, len(words) + 1))
        )


def check_import(name: str) -> None:
    """Raise ImportError where importing the module `name` could wait for itself forever.

    That is in a signal handler or a finalizer that Python called while the code below it held the
    lock of an import. Python 3.12 and newer have no such place (python/cpython#106176).
    """
    if sys.version_info >= (3, 12):
        return
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return  # an import takes no lock then
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if (frame.f_code.co_filename, frame.f_code.co_name) in _LOCKS_OF_IMPORTS:
            raise ImportError(f"{name} is needed inside of the lock of an import")
        frame = frame.f_back


def is_holder(name: str) -> bool:
    """Return whether an object of this name holds secrets under names that are harmless alone."""
    words = split_words(name)
    return bool(words) and words[-1] in _HOLDERS


def is_plain_name(text: str) -> bool:
    """Return whether `text` is the usual name of a secret, without other letters: `api_key`.

    "mysecret" may be a secret itself.
    """
    try:
        check_import("statecrumbs._redact._words")
        from statecrumbs._redact._words import is_plain

        return is_plain(split_words(text))
    except UNFINISHED_IMPORT:
        return False


def is_secret_within(holder: str, name: str, names: SecretNames) -> bool:
    """Return whether `name` names a secret inside of an object that is named `holder`."""
    return names[f"{split_words(holder)[-1]} {name}"]


def fold(name: str) -> str:
    """Return `name` in one spelling of Unicode: compatible forms and accents are gone."""
    if name.isascii():
        return name
    check_import("unicodedata")
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


def _spelled_out(name: str) -> str:
    """Return `name` with its umlauts written as they are where a keyboard has none: groesse."""
    if name.isascii():
        return name
    check_import("unicodedata")
    import unicodedata

    return unicodedata.normalize("NFC", name).translate(_UMLAUTS)


_UMLAUTS = {ord(umlaut): f"{letter}e" for umlaut, letter in ("äa", "öo", "üu", "ÄA", "ÖO", "ÜU")}


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


# The roles of a field in an object, by its name. A record is an object with a field that holds a
# name and a field that holds the value for it: {"name": "DB_PASSWORD", "value": "..."}. A statement
# and its parameters are two fields as well.
SECRET = 1
VALUE = 2  # of a record
LABEL = 4  # of a record
HOLDER = 8  # {"card": {"number": ...}}
PARAMETERS = 16  # of a statement, or the rows of a table
STATEMENT = 32  # or the columns of a table
PATH = 64  # the path of another field in an object; it has no value beside it
TYPE = 128  # a label, if it is "password"

_LABELS = ("name", "key", "field", "label", "header", "param", "parameter", "property", "variable")
_SHORT_LABELS = frozenset(
    "k n id var env column attribute attr setting option autocomplete".split()
)
_VALUES = ("value", "val", "input", "default")
_SHORT_VALUES = frozenset(
    """
    v values content data old new before after from to fromstring tostring newvalue oldvalue
    received given
    """.split()
)
_PATHS = frozenset(
    "loc path absolute_path instance_path instancepath schema_path field_path pointer".split()
)
_PARAMETERS = frozenset(
    """
    params parameters args arguments binds bindings values vars variables rows row data records
    items results
    """.split()
)
_STATEMENTS = frozenset(
    "sql statement stmt query columns fields header headers keys names fieldnames".split()
)
_LONGEST_FIELD = 64  # characters; no longer name has a meaning here
_LONGEST_OPERATOR = 10  # characters


# Stand between a column and its value in a condition: ("password", "=", "...")
_OPERATORS = frozenset(
    """
    = == != <> < > <= >= ~ =~ ~= : := eq ne neq lt gt le ge lte gte is not in contains contain like
    ilike regex match matches startswith endswith exact iexact equal equals
    """.split()
) | {"is not", "not in", "not like"}


def is_operator(item: object) -> bool:
    """Return whether the middle `item` of three compares the two others."""
    return type(item) is str and len(item) <= _LONGEST_OPERATOR and item.lower() in _OPERATORS


def role_of(name: str) -> int:
    """Return the role of a field of this `name` in a record: PATH, TYPE, LABEL, VALUE or 0."""
    low = name.lower()
    if low in _PATHS:
        return PATH
    if low == "type":
        return TYPE
    if low in _SHORT_LABELS or low.endswith(_LABELS):
        return LABEL
    return VALUE if low in _SHORT_VALUES or low.endswith(_VALUES) else 0


class FieldKinds(dict[str, int]):
    """Remembers for each name of a field the sum of its roles; 0 for most names."""

    __slots__ = ("_names",)

    def __init__(self, names: SecretNames) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> int:
        if len(name) > _LONGEST_FIELD:
            return SECRET if self._names[name] else 0
        kind = SECRET if self._names[name] else role_of(name)
        low = name.lower()
        if low in _PARAMETERS:
            kind |= PARAMETERS
        if low in _STATEMENTS:
            kind |= STATEMENT
        if is_holder(name):
            kind |= HOLDER
        if len(self) >= _REMEMBERED:
            self.clear()
        self[name] = kind
        return kind


# In one object, fields of these sums of roles tell together which of them is a secret.
RELATED_KINDS = frozenset(
    kinds
    for kinds in range(2 * TYPE)
    if kinds & HOLDER
    or (kinds & VALUE and kinds & (LABEL | PATH | TYPE))
    or (kinds & PARAMETERS and kinds & STATEMENT)
)
