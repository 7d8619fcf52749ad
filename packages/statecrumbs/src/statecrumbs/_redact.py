"""Keep secrets out of what is recorded: tell them by their names, and take them out of text."""

from __future__ import annotations

import os

from statecrumbs._secret_names import HINTS, SecretNames, split_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REDACTED = "[redacted]"

_SHORTEST_TOKEN = (
    12  # characters; what has a shape of its own, or stands behind `Bearer`, is longer
)


class Redactor:
    """Tell which names are sensitive and take secrets out of text.

    `extra` names, which were checked, are sensitive too, wherever their words stand in a name:
    `extra=["tenant id"]` covers `tenant_id`, `X-Tenant-Id` and `oldTenantId`.

    `is_sensitive(key)` answers for one name; it takes some 30 ns where the name is known already.
    """

    __slots__ = ("_hints", "is_sensitive")

    # The memory's own lookup, without a Python frame around it.
    is_sensitive: Callable[[str], bool]

    def __init__(self, extra: Iterable[str] = ()) -> None:
        extra_names = [split_words(name) for name in extra]
        self.is_sensitive = SecretNames(extra_names).__getitem__
        self._hints = (*HINTS, *(max(words, key=len) for words in extra_names))

    def scrub(self, text: str) -> str:
        """Return the text with each secret in it replaced by `[redacted]`.

        Found are values beside a sensitive name (`key=value`, `key: value`, JSON, Python, URL
        queries, headers, command lines, XML; nested and escaped), passwords in URLs, the token of
        `https://TOKEN@host`, and tokens that are known by their shape. The time is linear in the
        length, whatever the text is.
        """
        if len(text) < _SHORTEST_TOKEN and "=" not in text and ":" not in text:
            return text
        return _scrub(text, self.is_sensitive, self._hints)

    def scrub_arguments(self, arguments: Iterable[str]) -> list[str]:
        """Return the arguments of a command line with the secrets in them replaced.

        Beside what `scrub` finds in each, that is the one after a sensitive option (`--password x`,
        `-token x`), unless it is a long option itself.
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
    """Scrub the first text; later ones go straight to the module that this imports."""
    try:
        load_scrub()
    except ImportError:  # a signal handler or a finalizer, in the middle of that import
        return REDACTED
    return _scrub(text, is_sensitive, hints)


_scrub: Callable[[str, Callable[[str], bool], tuple[str, ...]], str] = _import_scrub


def load_scrub() -> None:
    """Import what scrubbing needs now, not at the first text."""
    global _scrub
    from statecrumbs._scrub import scrub  # it needs `re`

    _scrub = scrub


if hasattr(os, "register_at_fork"):  # absent on Windows
    # A child that is forked while another thread imports it would wait for that thread for ever.
    os.register_at_fork(before=load_scrub)
