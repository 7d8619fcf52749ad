r"""Tell which values beside a sensitive name are no secrets.

Some say nothing (`None`, `***`), some say how the secret is (`token: expired`), some are code
(`password=form.password`), types (`password: str`) or lists of names. In doubt a value is a secret.

Some names are often those of other things: `session: opened`, `auth: ldap`, `signature: (a, b)`,
`cookies: 3`. Beside these a common word or a small number is no secret either.
"""

from __future__ import annotations

import re
from functools import lru_cache

from statecrumbs._redact._code import IDENTIFIER, TYPE, is_code, names_itself
from statecrumbs._redact._names import is_plain_name, split_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs._redact._names import SecretNames

# These stand for no value, or for a value that somebody else removed.
_NOTHING = re.compile(
    r"""
    None | [Nn]/[Aa] | N/A | [Nn]ull | NULL | nil | undefined | [Tt]rue | TRUE | [Ff]alse | FALSE
    | \[\s*\] | \{\s*\} | \(\s*\) | \*{3,64} | \.{3} | <[A-Za-z][A-Za-z_ -]{0,32}>
    | [\w-]{0,8}\*{4,64}\w{0,4} | Secret(?:Str|Bytes)?\(b?["']\*{3,64}["']\)
    | VALUE_SPECIFIED_IN_NO_LOG_PARAMETER | <set[ ]to[ ]the[ ]key[ ][^<>]{1,128}>
    | \[(?:FILTERED|[Ff]iltered|REDACTED|[Rr]edacted|MASKED|[Mm]asked|HIDDEN|[Hh]idden|secure)\]
    | \((?:sensitive(?:[ ]value)?|known[ ]after[ ]apply|hidden|redacted|not[ ]set|unset|empty)\)
    | \d | \$(?:[A-Z][A-Z0-9]{0,32}_[A-Z0-9_]{1,64}|PASS(?:WORD)?|PASSWD|PWD|TOKEN|SECRET)
    | [^\w\s]{1,2}
    """,
    re.VERBOSE,
)
# Words about a secret, or the first word of a sentence about one
_STATES = frozenset(
    """
    a accepted already an and any are as at be been by can cannot changed check could denied
    disabled does empty enabled error expected expired expires failed failure for found granted
    has have hidden if ignored in incorrect invalid is it its loaded malformed match matched matches
    may mismatch missing must no none not of ok omitted on one only opened optional or provided read
    refreshed rejected removed required reset revoked rotated same-origin saved sent set should
    some stored that the their this to too unavailable unchanged unknown unset unsupported updated
    use used user valid verified was were when will with wrong yes you your
    """.split()
)
_TELLING = 5  # letters of such a word, where no colon says that a sentence follows
_STATES_IN_QUOTES = frozenset(("", "same-origin", "include", "omit"))
# A text to be filled in. A letter beside the braces is of a secret: abc{}
_FORMAT = re.compile(r"(?:[A-Za-z :,;./-]|(?<![A-Za-z])(?:%[sdr]|\{\w{0,16}\})(?![A-Za-z])){1,80}")
_FILLED = re.compile(r"%[sdr]|\{(\w{0,16})\}")
_FIELDS = frozenset("name s str string tok user v val value x".split())
_NAMES = re.compile(
    r"""[\[({]\s{0,8}(?:b?\\{0,4}["'][\w. -]{1,64}\\{0,4}["']\s{0,8}(?:,\s{0,8})?){1,64}[\])}]"""
)
_WORDS = re.compile(r"""["']([\w. -]{1,64}?)\\{0,4}["']""")
_SENTENCES = re.compile(
    r"""
    \[ \s{0,8} (?:
        (?:ErrorDetail\(string=)?
        \\{0,4}["'] (?: [A-Z][a-z]{0,24} (?:\s[^"'\s\\]{1,24}){1,32} [.!]
          # What validators of documents and of Rails say
          | required | (?:required|unknown|missing)[ ]field | (?:min|max)[ ]length[ ]is[ ]\d{1,6}
          | must[ ]be[ ]of[ ]\w{1,16}[ ]type | (?:null|empty)[ ]values?[ ]not[ ]allowed
          | (?:is|was|can(?:no|')t|must[ ]not|may[ ]not)[ ]
            (?:be[ ])? (?:invalid|required|blank|empty|null|too[ ](?:short|long|common|similar))
            (?:[ ]\([a-z]{1,8}[ ]is[ ]\d{1,6}[ ][a-z]{1,16}\))?
        ) \\{0,4}["']
        (?:,[ ]code=["']\w{1,64}["']\))? \s{0,8} (?:,\s{0,8})?
    ){1,16} \]
    """,
    re.VERBOSE,
)
_SCHEMA = re.compile(
    r"""\{\s{0,64}\\{0,4}["'](?:"""
    r"""(?:type|title|description|pattern|format)\\{0,4}["']\s{0,4}:\s{0,4}\\{0,4}["']"""
    r"""|m(?:in|ax)(?:Length|imum)\\{0,4}["']\s{0,4}:\s{0,4}\d)"""
)
_EXAMPLES = re.compile(r"""["'](?:default|example|examples|const|enum|value)\\{0,4}["']\s{0,4}:""")
_MARKUP = re.compile(r"<(?:/|!--|input\b|br\b|select\b|textarea\b|span>|code>)")
_METAVARIABLE = re.compile(
    r"\{[\w.-]{1,64}(?:,[\w.-]{1,64}){1,32}\}|TEXT|STRING|VALUE"
    r"|<[\w -]{1,64}>|\[[A-Z_]{1,64}\]|INTEGER|PATH|FILE(?:NAME)?"
)
_OF_A_FILE = re.compile(
    r"\.(?:py|pyi|js|ts|go|rs|rb|java|txt|md|rst|html?|css|csv|ya?ml|json|toml|ini|log|sql|xml)\Z"
)

# The last words of names that are often those of other things
_WEAK = frozenset(
    "auth authorization bearer clave cookie csrf jwt otp sess session sig signature xsrf".split()
)
# A look-ahead, since no shorter part of a word can match, either
_WORD = r"[a-z]{1,12}(?![a-z])"
_COMMON = rf"[A-Z]?{_WORD}(?:[_-]{_WORD}){{0,2}}|[A-Z]{{2,8}}"
_is_word = re.compile(_COMMON).fullmatch
_IN_CALL = re.compile(r",(?=\s|\Z)|\s{0,64}\)")
_NEXT_WORD = re.compile(r" [a-z0-9]+\b(?![=:@])")
_OPERATOR = re.compile(r" (?:[+*/%|&-]|or|and) [A-Za-z_(\"']")
_SUBJECTS = frozenset(("credential", "credentials", "secret", "secrets", "token", "tokens"))
_PASSWORDS = ("password", "passwd", "passphrase", "pwd", "pw", "pass", "secret")
# The value of a weak name that is no secret; also signature: (a, b), jwt: HS256, jwt: 2.8.0
_is_weak = re.compile(
    rf"{_COMMON}|\w{{0,64}}\([A-Za-z_*/][\w\s:,.*=|\[\]/]{{0,400}}\)"
    r"|[A-Z]{2}\d{3}|v?\d{1,2}(?:\.\d{1,3}){0,3}"
).fullmatch
_COUNT = re.compile(r"\d{1,3}")
_PLAIN_URL = re.compile(r"https?://[\w.-]{1,200}(?:/[\w./-]{0,200})?")
_CONTACT = re.compile(r"(?:GPIO|[A-Z]{0,2})\d{1,2}")  # of a chip
# The name of a package, and its architecture: libsecret-1-0:amd64
_ARCHITECTURE = re.compile(
    r"amd64|arm64|armhf|armel|i386|ppc64el|s390x|riscv64|mips64el|aarch64|x86_64|noarch|all|any"
)
# The working directory; in lower case a password may begin with a slash, too
_DIRECTORY = re.compile(r"~?/(?:[\w.@+ -]+/)*[\w.@+ -]*|[A-Za-z]:[\\/].*")
_PLAIN_DIRECTORY = re.compile(r"~?/(?:[a-z._-][a-z0-9._-]*/)*(?:[a-z._-][a-z0-9._-]*)?")
# Before what a parser found in a text of its own language: unexpected token: SEMICOLON
_PARSED = re.compile(
    r"(?:expected|illegal|parse error:|syntax error:?) token\b[^\n]{0,40}\Z", re.IGNORECASE
)
_CURRENT = re.compile(r"(?:current|next|previous|at|near) token: ?\Z", re.IGNORECASE)
_KIND_OF_TOKEN = re.compile(r"[A-Z]{1,24}(?:_[A-Z]{1,24}){0,4}")
_MIXED = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])")
_BEFORE_TOKEN = 64  # characters
_RIGHTS = frozenset("read write list create delete update get all manage".split())
_RELATIVE = re.compile(r"\.{1,2}/[\w./-]{1,200}\.[a-z]{1,5}")
_TEST = re.compile(r"[A-Za-z_./:-]{3,200}")


def is_nothing(value: str) -> bool:
    """Return whether `value` stands where no value is: None, ***, ${PASSWORD}."""
    return _NOTHING.fullmatch(value) is not None


def is_harmless(text: str, start: int, end: int, name: str, sign: str, names: SecretNames) -> bool:
    """Return whether the part of `text` from `start` to `end` is no secret.

    `sign` is what stands between `name` and the value: a colon, "" in ("name", value), ...
    """
    value = text[start:end]
    if _NOTHING.fullmatch(value):
        return True
    is_quoted = text[start - 1 : start] in ("'", '"', "`")
    return (
        (
            _is_text(value, names)
            or (value.lower() == name.rpartition(".")[2].lower() and _is_member(text, start, name))
            if is_quoted
            else _says_how(value, name, sign, names) or _is_part(text, start, end, name, sign)
        )
        or (value[:1] in "[({" and _lists_names(value))
        or _is_directory(value, name)
        or (
            name[-5:].lower() == "token"
            and is_of_a_parser(text[max(0, start - _BEFORE_TOKEN) : start].rstrip("\"'"), value)
        )
        or _is_common(value, name, sign)
        or (sign == ":" and _is_counted(text, start, end, name))
    )


def is_harmless_value(name: str, value: str | int | list[object]) -> bool:
    """Return whether the `value` of a field of an object, of a sensitive `name`, is no secret."""
    if isinstance(value, str):
        if value in _STATES_IN_QUOTES:
            return True
        if value[:1].isalnum() and not _may_be_common(name):  # most secrets
            return False
        return is_nothing(value) or _is_directory(value, name) or _is_common(value, name, ":")
    if isinstance(value, int):
        if value.bit_length() > _LONGEST_INT:  # Python may refuse to make its text
            return False
        return (0 <= value <= _LARGEST_COUNT and _has_count(name)) or _is_common(
            str(value), name, ":"
        )
    return (
        all(type(item) is str for item in value) and _SENTENCES.fullmatch(repr(value)) is not None
    )


def is_list_of_names(text: str, start: int, end: int, name: str) -> bool:
    """Return whether the item after a sensitive `name` in a list is one more name, or code."""
    value = text[start:end]
    if _BEFORE_NAMES.search(text[max(0, start - 200) : start]):
        return _LABEL.fullmatch(value) is not None
    before = text[max(0, start - len(name) - 8) : start]
    is_tuple = "(" in before and text[end + 1 : end + 2] == ")"
    if is_tuple and value.islower() and _is_password(name) and _is_password(value):
        return value == name  # ("password", "secret") is a name and its value
    if text[start - 1 : start] not in ("'", '"', "`"):
        return IDENTIFIER.fullmatch(value) is not None
    if _DOTTED.fullmatch(value) and _DOTTED.fullmatch(name):  # modules, permissions
        return True
    return _LABEL.fullmatch(value) is not None and (
        is_plain_name(value)
        or value.casefold() == name.casefold()
        or ("-" not in name and _SNAKE.fullmatch(value) is not None)
        or (name.isupper() and value.isupper())
        or (name[:1].isupper() and "-" not in name and _CAMEL.fullmatch(value) is not None)
    )


def _is_counted(text: str, start: int, end: int, name: str) -> bool:
    """Return whether a small number in a dict counts what the name says: {'password': 12}."""
    return (
        end - start <= len(str(_LARGEST_COUNT))
        and text[start:end].isdecimal()
        and text[end : end + 1] in (",", "}")
        and text[max(0, start - 3) : start].rstrip()[-2:] in ("':", '":')
        and _has_count(name)
    )


def _has_count(name: str) -> bool:
    return _is_password(name) or _last_word(name) == "token"


_LARGEST_COUNT = 99
_LONGEST_INT = 64  # bits
_LABEL = re.compile(r"[A-Za-z_ -]{1,64}")
_DOTTED = re.compile(r"[a-z_]{1,32}(?:\.[a-z_]{1,32}){1,5}")
_CAMEL = re.compile(r"(?:[A-Z][a-z]{1,24}){2,8}")
_SNAKE = re.compile(r"[a-z]{1,24}(?:_[a-z]{1,24}){1,5}")
# The names of lists of names, before their items
_BEFORE_NAMES = re.compile(
    r"""
    (?:field|key|column|name|method|choice|attr|attribute|option|scope|type|exclude|include|only|
       required|missing|keyword|parameter)s?
    ["']? \s{0,4} (?:=|:|\bin) \s{0,4} [(\[{] [^()\[\]{}=:]{0,180} \Z
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _is_member(text: str, start: int, name: str) -> bool:
    """Return whether the value at `start` is that of an enumeration's member: <Token.ID: 'id'>."""
    return "." in name and text[max(0, start - len(name) - 4) : start].startswith(f"<{name}: ")


def _is_text(value: str, names: SecretNames) -> bool:
    """Return whether a string in quotes is a name, or has to be filled in with the value."""
    return (
        value in _STATES_IN_QUOTES
        or (value[:1].isupper() and is_plain_name(value))
        or (_FORMAT.fullmatch(value) is not None and _has_fields(value, names))
    )


def _has_fields(value: str, names: SecretNames) -> bool:
    """Return whether what is in braces in `value` are names: {password}, but not {hunter2}."""
    fields = _FILLED.findall(value)
    is_alone = _FILLED.fullmatch(value) is not None
    return bool(fields) and all(
        not field
        or field.isdecimal()
        or names[field]
        or (field.lower() in _FIELDS if is_alone else field.isalpha())
        for field in fields
    )


def _says_how(value: str, name: str, sign: str, names: SecretNames) -> bool:
    if value.lower() in _STATES and (sign[:1] == ":" or len(value) >= _TELLING):
        return True
    if _MARKUP.match(value) or names_itself(value, name):
        return True
    if value.casefold() == name.rpartition(".")[2].casefold():
        return sign == "-" or not _is_password(name)  # password=password is a bad one, but used
    if sign == ":" and (TYPE.fullmatch(value) or _OF_A_FILE.search(name)):
        return True
    if sign[-2:] in ("==", "!=") and _is_variable(value.rstrip(":"), names):
        return True
    if sign[:1] == ":" and _PLAIN_URL.fullmatch(value):  # reset your password: https://...
        return True
    if sign == "::":
        return _OF_A_FILE.search(name) is not None
    if _is_place(value, name):
        return True
    if sign == "-":
        return (
            _METAVARIABLE.fullmatch(value) is not None
            or (value.isupper() and names[value])
            or (name.endswith("secret-id") and "/" in value)  # of a store of secrets
        )
    return is_code(value, name, names)


def _is_variable(word: str, names: SecretNames) -> bool:
    return word.isidentifier() and (word.isalpha() or names[word])


def is_of_a_parser(before: str, value: str) -> bool:
    """Return whether `value` is a piece of a text that a parser refuses, by the text `before`."""
    if _PARSED.search(before):
        return _MIXED.match(value) is None
    return _CURRENT.search(before) is not None and _KIND_OF_TOKEN.fullmatch(value) is not None


def _is_directory(value: str, name: str) -> bool:
    """Return whether `value` is the working directory, and `name` that of its variable."""
    if name[-3:].lower() != "pwd" or name.lower() not in ("pwd", "oldpwd"):
        return False
    return (_DIRECTORY if name.isupper() else _PLAIN_DIRECTORY).fullmatch(value) is not None


def _is_place(value: str, name: str) -> bool:
    """Return whether `value` says where the secret is, or is the SID of a system."""
    if value.startswith("$(") and value.endswith(")"):  # of a shell
        return True
    if value[:1] == "$" and value[1:] == name:  # password: $password, of GraphQL
        return True
    if _RELATIVE.fullmatch(value):  # --from-file=password=./pw.txt
        return True
    return value.startswith("S-1-") and name.lower() == "sid"


def _is_part(text: str, start: int, end: int, name: str, sign: str) -> bool:
    """Return whether the word at `start` is of a sentence or of code: token = a + b."""
    value = text[start:end]
    if value == name and sign == "=" and _IN_CALL.match(text, end):  # f(password=password)
        return True
    if sign == ":" and text[start - 1] == ":" and _ARCHITECTURE.fullmatch(value):
        return True
    if sign == ":" and value.isdecimal():  # password: 8 bytes
        return text.startswith(" bytes", end)
    if not IDENTIFIER.fullmatch(value):
        return False
    if sign == "-" and value in _STATES and _NEXT_WORD.match(text, end):
        return True  # --password is deprecated
    if sign == "=" and text[start - 1 : start] == " " and _OPERATOR.match(text, end):
        return True
    if value in ("CASE", "case") and text[end : end + 5].upper() == " WHEN":  # of SQL
        return True
    if (sign == "+=" and value.islower()) or text.startswith(" = ", end):
        return True  # code; the value is the target of the next statement
    return (
        sign == ":"
        and text[start - 1 : start] == " "
        and value.islower()
        and _NEXT_WORD.match(text, end) is not None
        and (is_plain_name(value) or (_last_word(name) in _SUBJECTS and value.isalpha()))
    )


def _is_password(name: str) -> bool:
    return _last_word(name).endswith(_PASSWORDS)


@lru_cache(maxsize=256)
def _may_be_common(name: str) -> bool:
    """Return whether `_is_common` may be true of a value of `name`."""
    last = _last_word(name)
    return last in _WEAK or last in ("pin", "token", "pass") or last.endswith("s")


@lru_cache(maxsize=256)
def _last_word(name: str) -> str:
    words = split_words(name)
    return words[-1] if words else ""


def _lists_names(value: str) -> bool:
    if _NAMES.fullmatch(value) and all(map(is_plain_name, _WORDS.findall(value))):
        return True
    return _SENTENCES.fullmatch(value) is not None or (
        _SCHEMA.match(value) is not None and _EXAMPLES.search(value) is None
    )


def _is_common(value: str, name: str, sign: str) -> bool:
    value = value.rstrip(".,")
    last = _last_word(name)
    if last in _WEAK:
        return _is_weak(value) is not None
    if last == "pin":
        return _CONTACT.fullmatch(value) is not None
    if name == "accesskey":
        return len(value) == 1
    if last == "token" and value in _RIGHTS:
        return True
    if last == "pass":
        return _COUNT.fullmatch(value) is not None or (
            name == "PASS" and sign == ":" and _TEST.fullmatch(value) is not None
        )
    if last.endswith("s") and not last.endswith("ss"):
        return (
            value in _RIGHTS
            or _COUNT.fullmatch(value) is not None
            or (last[:-1] in _WEAK and _is_word(value) is not None)
        )
    return False
