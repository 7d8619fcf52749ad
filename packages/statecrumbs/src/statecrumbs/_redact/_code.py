"""Tell which values beside a sensitive name are code, and say where the secret is.

A name of another value, a call, a type: `password=form.password`, `getpass()`, `password: str`.
"""

from __future__ import annotations

import re
from itertools import pairwise

from statecrumbs._redact._names import is_plain_name
from statecrumbs._redact._words import PAIRS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs._redact._names import SecretNames

TYPE = re.compile(
    r"(?:[\w.]{1,64}\.)?(?:str|bytes|int|float|bool|object|Any|AnyStr|String|SecretStr|SecretBytes"
    r"|Optional|Union|list|dict|tuple|set|type|List|Dict|Tuple|Callable|Mapping|Sequence|Iterable"
    r"|Annotated|Literal|Mapped|string|number|boolean)!?(?:\[[^\"'\d]{1,200}\])?"
)
# Code that says where the value is: settings.KEY, form["password"], environ.get("X"), getpass()
_CODE = re.compile(
    r"""
    (?P<last> [A-Za-z_]\w{0,64} (?: \. [A-Za-z_]\w{0,64} ){1,8} )
    | [A-Za-z_]\w{0,64} (?: \.[A-Za-z_]\w{0,64} ){0,8}
      (?: \[ ["'][A-Za-z_-]{1,64}["'] \] | \.get\( ["'][A-Za-z_-]{1,64}["'] \) )
    | [A-Za-z_]\w{0,64} (?: \.[A-Za-z_]\w{0,64} ){1,8} \( [^"'()]{0,200} \)
    | [A-Za-z_]\w{0,64} \(
      (?: [A-Za-z_]\w{0,32} \s? = \s? (?:\d{1,6}|[A-Za-z_][\w.]{0,64}) (?:,\s?)? ){1,8} \)
    | [A-Za-z_]\w{0,64} \( [A-Za-z_][\w.]{0,64} \) | \$_[A-Z]{3,8} \[.{0,64}
    | (?:self|cls|this)\.\w{1,64} | (?:re|getpass|secrets|uuid)\.[a-z]\w{0,16}\(.{0,400}
    | [A-Za-z_]\w{0,64} (?: \.[A-Za-z_]\w{0,64} | \( [A-Za-z_\s,.=]{0,200} \)
        | \[ -?\d{0,2}:?-?\d{0,2} \] ){0,8}
      (?: \( [A-Za-z_\s,.=]{0,200} \)? | \[ -?\d{0,2}:?-?\d{0,2} \] )
    """,
    re.VERBOSE,
)
# A call that makes what has this name, such as `namedtuple`
_NAMED_CALL = re.compile(r"""[A-Za-z_][\w.]{0,64}\(\s{0,4}["'](\w{1,64})["']""")
# A call or a comprehension of code, which names where the value is: config("TOKEN", default=None)
_EXPRESSION = re.compile(
    r"""
    (?:await[ ])? [A-Za-z_][\w.]{0,64} \( [^\n]{0,200} \) (?: \.\w{1,32} \( [^\n()]{0,64} \) )?
    | [\[({] [A-Za-z_][\w., :]{0,64} [ ]for[ ] [\w., ]{1,64} [ ]in[ ] [\w.() ]{1,64} [\])}]
    """,
    re.VERBOSE,
)
_STRINGS = re.compile(r"""["']([^"'\n]{0,200})["']""")
_BESIDE_STRINGS = re.compile(r"[\w\s.,:=()\[\]{}*]{0,300}")
_SCHEMES = frozenset(("", "Bearer ", "Basic ", "Token "))
_NAME_IN_BRACES = re.compile(r"\{([\w.]{1,64})(?:![rsa])?\}")
IDENTIFIER = re.compile(r"[A-Za-z_][\w.]{0,64}(?:\([^\"']{0,200}\))?")


def is_code(value: str, name: str, names: SecretNames) -> bool:
    inner = _NAME_IN_BRACES.fullmatch(value)
    if inner:
        return names[inner[1]]
    if _EXPRESSION.fullmatch(value) and _names_secrets(value, names):
        return True
    code = _CODE.fullmatch(value)
    return code is not None and (
        not code["last"] or _leads_to_secret(code["last"], names) or value.startswith(name + ".")
    )


def _leads_to_secret(path: str, names: SecretNames) -> bool:
    """Return whether an attribute in `path` names a secret, or two: config.api.key.

    Letters of two attributes make no word: P.W is no pw.
    """
    parts = path.split(".")
    return names[path] and (
        any(map(names.__getitem__, parts))
        or any(first.lower() in PAIRS.get(second.lower(), ()) for first, second in pairwise(parts))
    )


def _names_secrets(code: str, names: SecretNames) -> bool:
    """Return whether the strings in `code` are only names of secrets."""
    strings = _STRINGS.findall(code)
    return (
        (bool(strings) or " for " in code)
        and _BESIDE_STRINGS.fullmatch(_STRINGS.sub("", code)) is not None
        and all(
            string in _SCHEMES or is_plain_name(string) or (string.isupper() and names[string])
            for string in strings
        )
    )


def names_itself(value: str, name: str) -> bool:
    """Return whether `value` is code that repeats the name: self.token = token."""
    named = _NAMED_CALL.match(value)
    if named:
        return named[1] == name
    is_attribute = name.startswith(("self.", "cls."))
    return is_attribute and IDENTIFIER.fullmatch(value) is not None and value.islower()
