"""The options of ``settings.PENSTOCK``, checked."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from corectx import CORRELATION_HEADER
from penstock.contrib.http import RequestOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_HEADER = re.compile(r"[A-Za-z0-9-]+\Z")


class Options(RequestOptions):
    """The checked options: those of every middleware, with Django's spelling.

    A management command whose name is in `ignore_commands` is no operation.
    """

    __slots__ = ("exposed", "ignore_commands", "is_plain", "response_key")

    def __init__(self, *, ignore_commands: Collection[str] = (), **options: Any) -> None:
        super().__init__(**options)
        self.ignore_commands = frozenset(ignore_commands)
        # As Django keeps headers: the key of the header with the ID, and an item of another header.
        self.response_key = self.response_header and self.response_header.lower()
        self.exposed = self.response_lists[0] if self.response_lists else None
        # No option needs a look at the request, and the settings have not changed since.
        self.is_plain = self.makes_ids and not self.ignore_paths

    def spelled(self, option: str) -> str:
        """Return `option` as the settings have it."""
        return f"PENSTOCK[{option.upper()!r}]"


_current: list[Options] = []


def options() -> Options:
    """Return the options in force. Raises `ValueError` if ``settings.PENSTOCK`` is wrong."""
    if not _current:
        given = getattr(settings, "PENSTOCK", {})
        problems = find_problems(given)
        if problems:
            raise ValueError(" ".join(problems))
        _current[:] = [_read(given)]
    return _current[0]


def find_problems(given: object) -> list[str]:
    """Return a sentence for each problem of ``settings.PENSTOCK``."""
    if not isinstance(given, dict):
        return [f"PENSTOCK is a dict of options, not {given!r}."]
    problems: list[str] = []
    for name, value in given.items():
        problem = _CHECKS[name](value) if name in _CHECKS else _unknown(name)
        if problem:
            problems.append(f"PENSTOCK[{name!r}] {problem}")
    return problems


def _read(given: dict[str, Any]) -> Options:
    values = {name.lower(): value for name, value in given.items()}
    for name in ("generate_id", "validate_id", "transform_id"):
        if isinstance(values.get(name), str):
            values[name] = import_string(values[name])
    # The header of the response is not the inbound header, which may belong to a proxy.
    defaults: dict[str, Any] = {"expose_header": True, "response_header": CORRELATION_HEADER}
    return Options(**{**defaults, **values})


def _forget(*, setting: str, **_: object) -> None:
    if setting == "PENSTOCK":
        for each in _current:
            each.is_plain = False
        _current.clear()


setting_changed.connect(_forget, dispatch_uid="penstock_django.settings")


def _unknown(name: object) -> str:
    nearest = difflib.get_close_matches(str(name).upper(), _CHECKS, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"is no option.{hint} There are {', '.join(_CHECKS)}."


def _check_header(value: object) -> str | None:
    if isinstance(value, str) and _HEADER.match(value):
        return None
    return f"is the name of a header such as {CORRELATION_HEADER!r}, not {value!r}."


def _check_header_or_none(value: object) -> str | None:
    return None if value is None else _check_header(value)


def _check_bool(value: object) -> str | None:
    return None if isinstance(value, bool) else f"is True or False, not {value!r}."


def _check_function(value: object) -> str | None:
    if isinstance(value, str):
        try:
            value = import_string(value)
        except ImportError as error:
            return f"cannot be imported: {error}."
    return None if callable(value) else f"is a function or the path of one, not {value!r}."


def _check_paths(value: object) -> str | None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        return f"is a list of regular expressions, each a string, not {value!r}."
    for each in value:
        try:
            re.compile(each)
        except re.error as error:
            return f"has {each!r}, which is no regular expression: {error}."
    return None


def _check_commands(value: object) -> str | None:
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return None
    return f"is a list of the names of management commands, not {value!r}."


_CHECKS: dict[str, Callable[[object], str | None]] = {
    "HEADER": _check_header_or_none,
    "TRUST_INBOUND": _check_bool,
    "RESPONSE_HEADER": _check_header_or_none,
    "EXPOSE_HEADER": _check_bool,
    "GENERATE_ID": _check_function,
    "VALIDATE_ID": _check_function,
    "TRANSFORM_ID": _check_function,
    "IGNORE_PATHS": _check_paths,
    "IGNORE_COMMANDS": _check_commands,
}
