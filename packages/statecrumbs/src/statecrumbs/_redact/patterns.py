"""Blank secrets in text: passwords in URLs, values beside a name, tokens with a known format.

This module is imported at the first text that needs it, because it needs `re`. The time is linear
in the length of the text: a repetition begins only where the previous one cannot continue,
backtracking is bounded, and nothing is scanned twice. In doubt too much is blanked: a quote or a
bracket that is never closed reaches to the end of the text.

Secrets without a recognisable name or format are not detected: `the password is x`, the second
line of a key in YAML.
"""

from __future__ import annotations

import re

from statecrumbs._redact.names import REDACTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def scrub(text: str, is_sensitive: Callable[[str], bool], hints: Iterable[str]) -> str:
    """Return `text` with `[redacted]` in place of each secret.

    The `hints` are in lower case. A text without any of them has no name that `is_sensitive`.
    """
    if "://" in text and "@" in text:
        text = _URL_PASSWORD.sub(rf"\1{REDACTED}@", text)
        text = _URL_TOKEN.sub(f"://{REDACTED}", text)
    lower = text.lower()
    if _MARK.search(text) and any(map(lower.__contains__, hints)):
        text = _scrub_values(text, is_sensitive)
    if "input_value=" in text:
        text = _scrub_inputs(text, is_sensitive)
    for mark, shapes in _SHAPES.items():
        if mark in text:
            for sign, pattern in shapes.items():
                if sign in text:
                    text = pattern.sub(REDACTED, text)
    for scheme, pattern in _SCHEMES.items():
        if scheme in lower:
            text = pattern.sub(rf"\1{REDACTED}", text)
    return text


# The user name and the host stay. As for urllib, the last @ before the path ends the password; only
# if there is none, a later one does (a password that contains a raw /).
_URL_PASSWORD = re.compile(
    r"""
    ( ://[^\s/?\#:@"'<>\\\[]{0,256}: )
    (?: [^\s/?\#"'<>\\]{1,1024} | (?!\d{1,5}(?:[/?\#]|$)) [^\s@"'<>\\]{1,256} ) @
    """,
    re.VERBOSE,
)

# In an HTTP URL a name without a password is a token: `https://TOKEN@github.com`,
# `https://KEY:@api.stripe.com`. In other schemes it is a name: `ssh://git@host`, `postgres://bob@db`.
_URL_TOKEN = re.compile(
    r"""
    :// (?: (?<= (?i:http)://) | (?<= (?i:https)://) )
    [^\s/?\#:@"'<>\\\[]{1,1024} (?= :?@ )
    """,
    re.VERBOSE,
)

# Tokens as their issuers document them: by a character of the token, then by a string of the token,
# its format. Most texts cost no more than the search for the first two.
_SHAPES = {
    mark: {sign: re.compile(shape) for sign, shape in shapes.items()}
    for mark, shapes in {
        "": {
            # JSON Web Tokens, and data signed by Django and Flask; also after percent encoding
            "eyJ": r"(?:(?<![\w-])|(?<=%[0-9A-Fa-f]{2}))eyJ[\w-]{8,}[.:][\w.:-]*",
            "AKIA": r"AKIA[A-Z0-9]{16}",  # AWS
            "ASIA": r"ASIA[A-Z0-9]{16}",
            "AIza": r"AIza[\w-]{35}",  # Google
        },
        "_": {
            "k_live_": r"[rs]k_live_\w{10,}",  # Stripe
            "k_test_": r"[rs]k_test_\w{10,}",
            "whsec_": r"whsec_[\w+/=-]{16,}",
            "gh": r"gh[oprsu]_\w{20,}",  # GitHub
            "github_pat_": r"github_pat_\w{20,}",
            "npm_": r"npm_\w{36}",
            "hf_": r"hf_\w{30,}",  # Hugging Face
        },
        "-": {
            "glpat-": r"glpat-[\w-]{16,}",  # GitLab
            "xox": r"xox[a-z]-[\w-]{10,}",  # Slack
            "sk-": r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,64}\d)[\w-]{20,}",  # OpenAI, Anthropic
            "pypi-": r"pypi-AgE[\w-]{16,}",
            "PRIVATE KEY": (
                r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
                r"[\s\S]*?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)"
            ),
        },
        "=": {
            # The cookies of a jar, as http.cookiejar shows them (requests and httpx use it)
            "<Cookie ": r"(?<=<Cookie )[^<>]*",
            "Cookie(version=": r"(?<=\bCookie\(version=)[^()]*",
        },
        ".": {
            "hooks.slack.com/": r"(?<=hooks\.slack\.com/)(?:services|workflows)/[\w/-]+",
            "ya29.": r"ya29\.[\w-]{20,}",  # Google
            "SG.": r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
            "hvs.": r"hvs\.[\w-]{20,}",  # Vault
        },
    }.items()
}

# The name of a scheme is also a common word: `Basic authentication failed` contains no secret.
# Therefore the token must contain a digit, a sign, or a capital letter after its first letter.
_SCHEMES = {
    scheme: re.compile(
        rf"""
        \b({scheme}(?:[ ]|%20))
        (?= [A-Za-z_-]{{0,64}}[\d.~+/=] | (?-i:\S[a-z_-]{{0,64}}[A-Z]) )
        [\w.~+/=-]{{8,}}
        """,
        re.IGNORECASE | re.VERBOSE,
    )
    for scheme in ("basic", "bearer")
}

# Every text in which `_NAMED` finds something contains one of these: also -- and ->, but not a
# single hyphen. It begins with a set of characters because `re` finds a set fastest.
_MARK = re.compile(r"""[=:'"<%-](?:(?<!-)|[->])""")

# An error of pydantic: the place; on the next line the message; and the `repr` of the input. The
# middle of a long input is left out, perhaps with the name of the value that follows.
_INPUT = re.compile(
    r"""
    (?: ^ | (?<=\\n) ) (?P<name> [^\n\\]{1,256} ) (?: \n | \\n ) [ ]{2}
    [^\n]{0,512}? \[type=\w{1,64},[ ]input_value= (?P<start> [^\n]{0,128}? )
    (?P<rest> (?: \.\.\. [^\n]{0,128}? )? ) (?= ,[ ]input_type=\w{1,64}\] )
    """,
    re.MULTILINE | re.VERBOSE,
)

_QUOTE = r"""(?:\\{0,16}["'`]|&quot;|&\#x27;|&\#39;)"""

# A name, and the sign before its value. Each alternative begins only where a name begins.
_NAMED = re.compile(
    rf"""
    (?: %(?:25)?[0-9A-Fa-f]{{2}} | (?<![\w.-]) (?: (?P<flag>--) | [.-]{{0,4}} ) )
    (?P<name> \d{{0,2}} [^\W\d] [\w.-]{{0,127}} )
    (?:
        (?P<quoted>{_QUOTE})? (?: \] | %5D )?                    # "name": value; x["name"] = value
        (?:
            [ \t]{{0,8}} (?P<mark> [:=]{{1,3}}>? | !={{1,2}} | -> )
          | (?P<encoded> %(?:25)?3[Dd] )                        # a query in a query
        )
      | [ \t]{{1,8}} (?: (?P<literal>(?=["'])) | (?(flag)(?=-?[^\s-])|(?!)) )  # --name value
    )
    | (?<=[(\[]) b? (?P<first>{_QUOTE}) (?P<pair>[\w.-]{{1,64}}) (?P=first) , # ("name", value)
    | (?P<around>{_QUOTE}) --(?P<option>[\w-]{{1,64}}) (?P=around) ,           # "--name", value
    | < (?: [\w-]{{1,32}} : )? (?P<element>[^\W\d][\w.-]{{0,63}})
      (?P<attributes> (?: \s [^<>]{{0,256}} )? ) (?<![=-]) >
    """,
    re.VERBOSE,
)

_QUOTES = frozenset("\"'`\\&")  # first characters of a quote
_SPACE = re.compile(r"[ \t]*")
_ANY_SPACE = re.compile(r"\s*")
_OPENING_QUOTE = re.compile(rf"[bBfFrRuU]{{0,2}}(?P<quote>{_QUOTE})")
# A string in parts on several lines, as `pprint` prints it.
_CONTINUED = re.compile(r"""["'][ \t]*\r?\n[ \t]*[bBfFrRuU]{0,2}(?P<quote>["'])""")
_ELEMENT = re.compile(r"[^<]*")
# The end of a value in a query in a query, and in one more query: blank " & ' , ;
_ENCODED = {
    "%3D": re.compile(r"(?:[^\s&\"'<>%]|%(?!2[0267C]|3B))*", re.IGNORECASE),
    "%253D": re.compile(r"(?:[^\s&\"'<>%]|%(?!26|25(?:2[0267C]|3B)))*", re.IGNORECASE),
}

# A value without quotes ends at white space, and at punctuation after which no secret continues:
# in `f(password=a,b)c, x=1)` it ends at the comma before the space.
_BARE = re.compile(
    r"""
    (?:
        [^\s&,;"'`<>()\[\]{}\\]+
      | \\+ (?! [nrt"'`] )
      | [,;] (?= [^\s,;"'`&<>()\[\]{}\\] ) (?! [\w.-]{1,64} ["']? [=:] )
      | & (?= [^\s&"'] ) (?! [\w.\[\]%-]{1,64}= | (?:amp|quot|lt|gt|\#\w{1,4}); )
      | [)\]}>] (?= [^\s,;:."'`&<>()\[\]{}\\] )
      | < (?! /?[A-Za-z!] )
      | ["'`] (?= [^\s,;:.)\]}>&\\"'`<] )
    )*
    """,
    re.VERBOSE,
)
_BRACKETS = re.compile(r"""\\{0,16}["'`]|[()\[\]{}]""")
_ANGLES = re.compile(r"""\\{0,16}["'`]|[<>]""")
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}

_COOKIE = r"""
    [^\s;,"'=\\]* (?: = (?: "[^"\r\n]*" | \\{0,16}'[^'\r\n]*'? | [^\s;"'\\]* ) )?
    """

# Values of several words: a scheme and its parameters, the pairs of a cookie, a phrase.
_WORDY = {
    "authorization": re.compile(
        r"""
        (?: [A-Za-z][\w-]{0,31} [ \t]{1,4} )?
        (?:
            [\w-]{1,32} = (?: "[^"\r\n]*" | [^\s,"'\\]+ )
            (?: ,? [ \t]{0,4} [\w-]{1,32} = (?: "[^"\r\n]*" | [^\s,"'\\]+ ) )*
          | [^\s,;"'`<>()\[\]{}\\]+
        )
        """,
        re.VERBOSE,
    ),
    # After semicolons; in Python's `<SimpleCookie: a='1' b='2'>` after blanks, and in quotes.
    "cookie": re.compile(
        rf"""
        {_COOKIE}
        (?: (?: ; [ \t]{{0,4}} | [ ] (?= [^\s;,"'=\\]{{1,64}} = \\{{0,16}}' ) ) {_COOKIE} )*
        """,
        re.VERBOSE,
    ),
    "phrase": re.compile(r"""[^\r\n"'`\\,;]*"""),
}
# After a name with a type: `password: str | None = "x"`.
_DEFAULT = re.compile(r"(?:[ \t]{0,4}\|[ \t]{0,4}[\w.]{1,64})*[ \t]{0,4}=[ \t]{0,4}(?=[^=\s])")


def _scrub_values(text: str, is_sensitive: Callable[[str], bool]) -> str:
    parts: list[str] = []
    done = position = 0
    while found := _NAMED.search(text, position):
        # An apparent element can be the repr of an object that contains names.
        position = found.end("element") if found["element"] else found.end()
        if not _names_secret(text, found, is_sensitive):
            continue
        start, end = _value(text, found)
        if found["attributes"]:
            parts += text[done:position], _scrub_values(found["attributes"], is_sensitive)
            done = found.end("attributes")
            position = found.end()
        while end > start:
            parts += text[done:start], REDACTED
            done = position = end
            default = _DEFAULT.match(text, end) if found["mark"] == ":" else None
            if default is None:
                break
            start, end = _plain_value(text, default.end())
    parts.append(text[done:])
    return "".join(parts)


def _scrub_inputs(text: str, is_sensitive: Callable[[str], bool]) -> str:
    parts: list[str] = []
    done = 0
    for found in _INPUT.finditer(text):
        hidden = "start" if is_sensitive(found["name"]) else "rest" if found["rest"] else None
        if hidden is not None:
            parts += text[done : found.start(hidden)], REDACTED
            done = found.end()
    parts.append(text[done:])
    return "".join(parts)


def _names_secret(text: str, found: re.Match[str], is_sensitive: Callable[[str], bool]) -> bool:
    name = found["name"] or found["pair"] or found["option"] or found["element"]
    if found["literal"] is not None and not found["flag"]:
        # SQL's PASSWORD 'x', but not: unexpected token 'x'.
        return name.lower().endswith(("password", "passwd", "phrase")) and is_sensitive(name)
    if is_sensitive(name):
        return True
    start = found.start("name")
    if start <= 0:
        return False
    before = text[start - 1]
    if before == "\\" and name[0] in "nrt":  # \nname, written with a backslash
        return is_sensitive(name[1:])
    if before == " " and name.isalpha():
        words = text[max(0, start - 24) : start].split()  # API key: value
        return bool(words) and words[-1].isalpha() and is_sensitive(f"{words[-1]} {name}")
    return False


def _value(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Return where the value of the name in `found` begins and ends."""
    position = found.end()
    if found["element"]:
        return position, _end(_ELEMENT, text, position)
    if found["encoded"]:
        return position, _end(_ENCODED[found["encoded"].upper()], text, position)
    quoted = found["quoted"] or found["first"] or found["around"]
    position = _end(_ANY_SPACE if quoted else _SPACE, text, position)
    name = (found["name"] or "").lower().rstrip("s")
    for ending, pattern in _WORDY.items():
        if name.endswith(ending) and text[position : position + 1] not in "\"'`[({<\\&":
            return position, _end(pattern, text, position)
    return _plain_value(text, position)


def _plain_value(text: str, start: int) -> tuple[int, int]:
    opening = _OPENING_QUOTE.match(text, start)
    if opening:
        start = opening.end()
        done = start + len(REDACTED)
        if text.startswith(REDACTED, start) and text[done : done + 1] in _QUOTES:
            return start, done
        return start, _quoted_end(text, start, opening["quote"])
    if text.startswith(REDACTED + "@", start):  # a URL's: the host may be read
        return start, start
    end = start
    if text[start : start + 1] == "<":
        end = _bracket_end(text, start, _ANGLES)
    while True:
        end = _end(_BARE, text, end)
        if text[end : end + 1] not in ("(", "[", "{"):
            return start, end
        end = _bracket_end(text, end, _BRACKETS)


def _quoted_end(text: str, start: int, quote: str) -> int:
    """Return where the quotation that began before `start` ends: at its quote, or with the text."""
    end = text.find(quote, start)
    while end >= 0:
        if end > start and text[end - 1] == "\\":
            # Escaped at some level: in the repr of JSON, \\" does not end a string that " began.
            end = text.find(quote, end + 1)
        elif text.startswith(quote, end + len(quote)):
            # Doubled, as in SQL; or one of three, as in Python.
            end = text.find(quote, end + 2 * len(quote))
        elif goes_on := _CONTINUED.match(text, end):
            end = text.find(goes_on["quote"], goes_on.end())
            quote = goes_on["quote"]
        else:
            return end
    return len(text)


def _bracket_end(text: str, start: int, tokens: re.Pattern[str]) -> int:
    """Return where the bracket at `start` is closed, or the end of the text."""
    open_brackets: list[str] = []
    position = start
    while token := tokens.search(text, position):
        position = token.end()
        sign = token[0]
        if sign in _CLOSING:
            open_brackets.append(_CLOSING[sign])
        elif sign[-1] in "\"'`":
            position = _quoted_end(text, position, sign) + len(sign)
        elif open_brackets[-1] == sign:
            open_brackets.pop()
            if not open_brackets:
                return position
    return len(text)


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start
