r"""Find passwords and tokens in URLs, and after `Bearer` and other schemes."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from statecrumbs._redact._extents import Span

# RFC 3986 allows a quote in a password; a quote before punctuation ends a string of Python.
_INNER_QUOTE = r"""\\{0,16}'(?![\s,:;)\]}>"'\\]|\Z)"""

# The user name and the host stay. As for urllib, the last @ before the path ends the password; only
# if there is none, a later one does (a password that contains a raw /).
_PASSWORD = re.compile(
    rf"""
    :// (?: [^\s/?\#:@"'<>\\\[] | {_INNER_QUOTE} ){{0,256}} :
    (?P<value>
        (?: [^\s/?\#"'<>\\] | {_INNER_QUOTE} ){{1,1024}}
      | (?!\d{{1,5}}(?:[/?\#]|$)) (?: [^\s@"'<>\\] | {_INNER_QUOTE} ){{1,256}}
    ) @
    """,
    re.VERBOSE,
)

# In an HTTP URL a name without a password is a token: `https://TOKEN@github.com`,
# `https://KEY:@api.stripe.com`. In other schemes it is a name: `ssh://git@host`, `postgres://bob@db`.
_TOKEN = re.compile(
    r"""
    :// (?: (?<= (?i:http)://) | (?<= (?i:https)://) )
    (?P<value> [^\s/?\#:@"'<>\\\[]{1,1024} ) (?= :?@ )
    """,
    re.VERBOSE,
)

# The name of a scheme is also a common word: `Basic authentication failed` contains no secret.
# Therefore the token must contain a digit, a sign, or a capital letter after its first letter.
_SCHEME = re.compile(
    r"""
    \b (?:basic|bearer) (?:[ ]|%20)
    (?= [A-Za-z_-]{0,64}[\d.~+/=] | (?-i:\S[a-z_-]{0,64}[A-Z]) )
    (?P<value> [\w.~+/=-]{8,} )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def find_in_urls(text: str) -> Iterator[Span]:
    """Yield passwords and tokens before the host of a URL."""
    for pattern in (_PASSWORD, _TOKEN):
        for found in pattern.finditer(text):
            yield found.span("value")


def find_after_schemes(text: str) -> Iterator[Span]:
    """Yield the tokens after the name of a scheme of HTTP authentication."""
    for found in _SCHEME.finditer(text):
        yield found.span("value")
