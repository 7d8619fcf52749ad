"""Describe an exception and its causes as plain data, without keeping any of it alive."""

from __future__ import annotations

from itertools import repeat

from corectx import failed_frame
from statecrumbs._crumb import identity_of
from statecrumbs._options import options
from statecrumbs._values import UNSERIALIZABLE, jsonable, module_of, qualname_of, safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, TracebackType
    from typing import Any, Final

_MAX_MESSAGE = 2048  # characters
_MAX_CHAIN = 10  # exceptions, of causes and of a group's members each
_MAX_EXCEPTIONS = 100  # of all of them: groups of groups of ten would be without end
_MAX_NOTES = 10
# Of a deep recursion, the beginning and the end matter.
_FIRST_ENTRIES = 10
_LAST_ENTRIES = 40

# The attributes of `BaseException` itself, since a class may define others of the same names.
_stored: Final[dict[str, Any]] = {
    name: BaseException.__dict__[name].__get__
    for name in ("__cause__", "__context__", "__dict__", "__suppress_context__", "__traceback__")
}


def describe(exc: BaseException) -> dict[str, Any]:
    """Return type, message, notes, traceback (outermost call first) and cause of `exc`.

    ``cause`` is the explicit cause, or else the exception during whose handling it arose; ``frame``
    is the frame that it left first; ``exceptions`` are the members of a group. Texts are redacted
    and bounded. A class of exceptions that fails when it is asked costs that one answer.
    """
    return _describe(exc, 0, repeat(True, _MAX_EXCEPTIONS - 1))


def in_short(exc: BaseException) -> str:
    """Return type and message of `exc`."""
    return f"{_type_name(exc)}: {redacted(safe_text(exc))}"


def attributes_of(exc: BaseException) -> dict[str, Any]:
    """Return the `__dict__` of `exc`, without asking its class."""
    attributes: dict[str, Any] = _stored["__dict__"](exc)
    return attributes


def _describe(exc: BaseException, depth: int, others: Iterator[bool]) -> dict[str, Any]:
    """Describe `exc`, and as many of its causes and members as there are `others` left."""
    described: dict[str, Any] = {"type": _type_name(exc), "message": redacted(safe_text(exc))}
    notes = _ask(exc, "__notes__")
    if type(notes) is list:
        described["notes"] = [redacted(note) for note in notes[:_MAX_NOTES]]
    frame = failed_frame(exc)
    identity = {} if frame is None else identity_of(frame)
    if identity:
        described["frame"] = identity
    described["traceback"] = _entries(_stored["__traceback__"](exc))
    if depth < _MAX_CHAIN:
        cause = _stored["__cause__"](exc)
        if cause is None and not _stored["__suppress_context__"](exc):
            cause = _stored["__context__"](exc)
        if cause is not None and next(others, False):
            described["cause"] = _describe(cause, depth + 1, others)
        members = _ask(exc, "exceptions")
        if type(members) is tuple:
            described["exceptions"] = [
                _describe(member, depth + 1, others)
                for member in members[:_MAX_CHAIN]
                if issubclass(type(member), BaseException) and next(others, False)
            ]
    return described


def _ask(exc: BaseException, name: str) -> object:
    """Return an attribute that a class may compute, None where there is none or it fails."""
    try:
        return getattr(exc, name, None)
    except BaseException:  # KeyboardInterrupt too: a dump does not end the program
        return None


def _type_name(exc: BaseException) -> str:
    cls = type(exc)
    module, name = module_of(cls), qualname_of(cls)
    return redacted(name if module in ("", "builtins", "__main__") else f"{module}.{name}")


def redacted(text: object) -> str:
    """Return `text` redacted and bounded; for an object that is no text, a word that says so."""
    if not issubclass(type(text), str):
        return UNSERIALIZABLE
    return str(jsonable(text, options.redactor, limit=_MAX_MESSAGE))


def _entries(traceback: TracebackType | None) -> list[dict[str, Any]]:
    places: list[tuple[CodeType, int]] = []
    while traceback is not None:
        places.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    left_out = len(places) - _FIRST_ENTRIES - _LAST_ENTRIES
    if left_out > 0:
        del places[_FIRST_ENTRIES:-_LAST_ENTRIES]
    entries: list[dict[str, Any]] = [
        {
            "file": redacted(code.co_filename),
            "line": line,
            "function": redacted(code.co_name),
        }
        for code, line in places
    ]
    if left_out > 0:
        more = {"file": "...", "line": 0, "function": f"({left_out} more)"}
        entries.insert(_FIRST_ENTRIES, more)
    return entries
