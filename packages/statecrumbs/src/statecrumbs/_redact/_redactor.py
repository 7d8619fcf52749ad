"""Answer which names are sensitive, and blank the secrets in a text or a command line."""

from __future__ import annotations

import os

from corectx.lowlevel import log_once, raised_by_signal
from statecrumbs._redact._names import (
    REDACTED,
    UNFINISHED_IMPORT,
    FieldKinds,
    SecretNames,
    check_import,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from statecrumbs._redact._text import TextScrubber

# Characters. Tokens with a known format, and tokens after `Bearer`, are longer.
_SHORTEST_TOKEN = 12
_LONGEST_MESSAGE = 64  # characters, or items


class Redactor:
    """Tells which names are sensitive, and blanks secrets in text.

    The `extra` names must have been checked. They are sensitive too, as words of a name, and inside
    of a longer word if they have five letters or more: `extra=["tenant id"]` covers `tenant_id`,
    `X-Tenant-Id` and `oldTenantId`, and `extra=["pin"]` covers `user_pin` but not `shipping`.

    `is_sensitive(key)` answers for one name. It takes about 30 ns for a name that was seen before.
    `field_kind(key)` returns the roles of a field of that name, a sum of constants of `_names`.
    """

    __slots__ = ("_names", "_scrubber", "field_kind", "is_sensitive")

    # The lookups of the dicts themselves, without a Python frame around them.
    is_sensitive: Callable[[str], bool]
    field_kind: Callable[[str], int]

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._names = SecretNames(extra)
        self.is_sensitive = self._names.__getitem__
        self.field_kind = FieldKinds(self._names).__getitem__
        self._scrubber: TextScrubber | None = None

    def scrub(self, text: str) -> str:
        """Return `text` with each secret replaced by `[redacted]`.

        It finds values beside a sensitive name (`key=value`, `key: value`, JSON, Python, URL
        queries, headers, command lines, XML; nested and escaped), values in a list parallel to a
        list of names (SQL, CSV, tables), records of a name and a value, passwords in URLs, and
        tokens with a known format. The time is linear in the length of any text.
        """
        if len(text) < _SHORTEST_TOKEN and "=" not in text and ":" not in text:
            return text
        scrubber = self._scrubber or self._load()
        if scrubber is None:
            return REDACTED
        try:
            return scrubber.scrub(text)
        except Exception as error:
            _note_failure(error)
            return REDACTED

    def scrub_repr(self, text: str) -> str:
        """Return `repr(self.scrub(text))`, in less time if the text is long."""
        scrubber = self._scrubber
        if scrubber is None or len(text) < _SHORTEST_TOKEN:
            return repr(self.scrub(text))
        try:
            return scrubber.scrub_repr(text)
        except Exception as error:
            _note_failure(error)
            return repr(REDACTED)

    def scrub_fields(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Return the texts of the `fields` of one object with each secret replaced.

        A field may be the name of another one, or a statement whose parameters are in another one.
        """
        scrubber = self._scrubber or self._load()
        if scrubber is not None:
            try:
                return scrubber.scrub_fields(fields)
            except Exception as error:
                _note_failure(error)
        return dict.fromkeys(fields, REDACTED)

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

    def _load(self) -> TextScrubber | None:
        """Import the patterns at the first text; return None if that is not possible now."""
        try:
            check_import("statecrumbs._redact._text")
            from statecrumbs._redact._text import TextScrubber  # it needs `re`
        except UNFINISHED_IMPORT:
            return None
        self._scrubber = TextScrubber(self._names)
        return self._scrubber


def _note_failure(error: Exception) -> None:
    """Log the first failure of ours, without what it says: that may be a piece of a secret.

    An exception of a signal handler is raised again, and that of a full stack, which the caller
    answers.
    """
    if raised_by_signal(error) or isinstance(error, RecursionError):
        raise error
    log_once(
        "redact",
        f"A search for secrets failed with {type(error).__name__}, and [redacted] stands for the "
        "whole text: please report that to statecrumbs.",
    )


def is_harmless_field(name: str, value: str | int | list[object]) -> bool:
    """Return whether the field of a sensitive `name` is no secret: a count, a state, a message."""
    if type(value) is not int and len(value) > _LONGEST_MESSAGE:  # type: ignore[arg-type]
        return False
    decide = _is_harmless_value or _load_harmless()
    return decide is not None and decide(name, value)


# Once it is imported: an import that finds its module loaded takes longer than the decision.
_is_harmless_value: Callable[[str, str | int | list[object]], bool] | None = None


def _load_harmless() -> Callable[[str, str | int | list[object]], bool] | None:
    """Import what decides about values; return None if that is not possible now."""
    global _is_harmless_value
    try:
        check_import("statecrumbs._redact._harmless")
        from statecrumbs._redact._harmless import is_harmless_value  # it needs `re`
    except UNFINISHED_IMPORT:
        return None
    _is_harmless_value = is_harmless_value
    return is_harmless_value


def load_patterns() -> None:
    """Import the patterns now, not at the first text."""
    from statecrumbs._redact._text import TextScrubber
    from statecrumbs._redact._words import is_secret

    del TextScrubber, is_secret  # they are only imported


if hasattr(os, "register_at_fork"):  # absent on Windows
    # A child that is forked during the import of another thread would wait for that thread forever.
    os.register_at_fork(before=load_patterns)
