"""Answer which names are sensitive, and blank the secrets in a text or a command line."""

from __future__ import annotations

import os

from statecrumbs._redact.names import HINTS, REDACTED, SecretNames, split_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Characters. Tokens with a known format, and tokens after `Bearer`, are longer.
_SHORTEST_TOKEN = 12


class Redactor:
    """Tells which names are sensitive, and blanks secrets in text.

    The `extra` names must have been checked. They are sensitive too, anywhere inside a name:
    `extra=["tenant id"]` covers `tenant_id`, `X-Tenant-Id` and `oldTenantId`.

    `is_sensitive(key)` answers for one name. It takes about 30 ns for a name that was seen before.
    """

    __slots__ = ("_hints", "is_sensitive")

    # The lookup of the dict itself, without a Python frame around it.
    is_sensitive: Callable[[str], bool]

    def __init__(self, extra: Iterable[str] = ()) -> None:
        extra_names = [split_words(name) for name in extra]
        self.is_sensitive = SecretNames(extra_names).__getitem__
        self._hints = (*HINTS, *(max(words, key=len) for words in extra_names))

    def scrub(self, text: str) -> str:
        """Return `text` with each secret replaced by `[redacted]`.

        It finds values beside a sensitive name (`key=value`, `key: value`, JSON, Python, URL
        queries, headers, command lines, XML; nested and escaped), passwords in URLs, the token of
        `https://TOKEN@host`, and tokens with a known format. The time is linear in the length of
        any text.
        """
        if len(text) < _SHORTEST_TOKEN and "=" not in text and ":" not in text:
            return text
        return _scrub(text, self.is_sensitive, self._hints)

    def scrub_arguments(self, arguments: Iterable[str]) -> list[str]:
        """Return the arguments of a command line with each secret replaced by `[redacted]`.

        Each argument is scrubbed. An argument after a sensitive option (`--password x`,
        `-token x`) is replaced whole, unless it is a long option itself.
        """
        scrubbed: list[str] = []
        is_value = False
        for argument in arguments:
            is_secret = is_value and not argument.startswith("--")
            scrubbed.append(REDACTED if is_secret else self.scrub(argument))
            name = argument.lstrip("-")
            is_value = name != argument and "=" not in name and self.is_sensitive(name)
        return scrubbed


def _import_scrub(text: str, is_sensitive: Callable[[str], bool], hints: tuple[str, ...]) -> str:
    """Scrub the first text. It imports the patterns, and later texts go directly to them."""
    try:
        load_patterns()
    except ImportError:  # a signal handler or a finalizer that runs in the middle of that import
        return REDACTED
    return _scrub(text, is_sensitive, hints)


_scrub: Callable[[str, Callable[[str], bool], tuple[str, ...]], str] = _import_scrub


def load_patterns() -> None:
    """Import the patterns now, not at the first text."""
    global _scrub
    from statecrumbs._redact.patterns import scrub  # it needs `re`

    _scrub = scrub


if hasattr(os, "register_at_fork"):  # absent on Windows
    # A child that is forked during the import of another thread would wait for that thread forever.
    os.register_at_fork(before=load_patterns)
