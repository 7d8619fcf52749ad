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
    from types import CodeType, FrameType, TracebackType
    from typing import Any, Final, TypeAlias

    # The entry of each call in a dump, and the call, of one traceback.
    Calls: TypeAlias = list[tuple[dict[str, Any], FrameType]]

_MAX_MESSAGE = 2048  # characters
_MAX_CHAIN = 10  # exceptions, of causes and of a group's members each
_MAX_EXCEPTIONS = 100  # of all of them: groups of groups of ten would be without end
_MAX_NOTES = 10
# The beginning and the end of a deep recursion matter.
_FIRST_ENTRIES = 10
_LAST_ENTRIES = 40

# The attributes of `BaseException` itself, since a class may define others of the same names.
_stored: Final[dict[str, Any]] = {
    name: BaseException.__dict__[name].__get__
    for name in ("__cause__", "__context__", "__dict__", "__suppress_context__", "__traceback__")
}


def describe_exception(exc: BaseException, *, with_locals: bool = False) -> dict[str, Any]:
    """Return type, message, notes, traceback (outermost call first) and cause of `exc`.

    ``cause`` is the explicit cause, or else the exception during whose handling it arose; ``frame``
    is the frame that it left first; ``exceptions`` are the members of a group. Texts are redacted
    and bounded. A class of exceptions that fails when it is asked costs that one answer.
    `with_locals` adds the variables of the program's own calls.
    """
    tracebacks: list[Calls] = []
    described = _describe(exc, 0, repeat(True, _MAX_EXCEPTIONS - 1), tracebacks)
    if with_locals:
        from statecrumbs._crash._locals import add_locals

        add_locals(tracebacks)
    return described


def summarize_exception(exc: BaseException) -> str:
    """Return type and message of `exc`."""
    return f"{_type_name(exc)}: {redacted(safe_text(exc))}"


def attributes_of(exc: BaseException) -> dict[str, Any]:
    """Return the `__dict__` of `exc`, without asking its class."""
    attributes: dict[str, Any] = _stored["__dict__"](exc)
    return attributes


def _describe(
    exc: BaseException, depth: int, others: Iterator[bool], tracebacks: list[Calls]
) -> dict[str, Any]:
    """Describe `exc`, and at most `others` of its causes and members.

    The calls in the traceback of each are added to `tracebacks`.
    """
    described: dict[str, Any] = {"type": _type_name(exc), "message": redacted(safe_text(exc))}
    notes = _ask(exc, "__notes__")
    if type(notes) is list:
        described["notes"] = [redacted(note) for note in notes[:_MAX_NOTES]]
    frame = failed_frame(exc)
    identity = {} if frame is None else identity_of(frame)
    if identity:
        described["frame"] = identity
    calls, left_out = _calls(_stored["__traceback__"](exc))
    tracebacks.append(calls)
    described["traceback"] = [entry for entry, _ in calls]
    if left_out:
        more = {"file": "...", "line": 0, "function": f"({left_out} more)"}
        described["traceback"].insert(_FIRST_ENTRIES, more)
    if depth < _MAX_CHAIN:
        cause = _stored["__cause__"](exc)
        if cause is None and not _stored["__suppress_context__"](exc):
            cause = _stored["__context__"](exc)
        if cause is not None and next(others, False):
            described["cause"] = _describe(cause, depth + 1, others, tracebacks)
        members = _ask(exc, "exceptions")
        if type(members) is tuple:
            described["exceptions"] = [
                _describe(member, depth + 1, others, tracebacks)
                for member in members[:_MAX_CHAIN]
                if issubclass(type(member), BaseException) and next(others, False)
            ]
    return described


def _ask(exc: BaseException, name: str) -> object:
    """Return an attribute that a class may compute, or None if it is missing or fails."""
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


def _calls(traceback: TracebackType | None) -> tuple[Calls, int]:
    """Return the calls of a traceback, and the number of calls left out in its middle."""
    places: list[tuple[FrameType, int | None]] = []
    while traceback is not None:
        places.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    left_out = max(0, len(places) - _FIRST_ENTRIES - _LAST_ENTRIES)
    if left_out:
        del places[_FIRST_ENTRIES:-_LAST_ENTRIES]
    calls: Calls = [(call_entry(frame.f_code, line), frame) for frame, line in places]
    return calls, left_out


def call_entry(code: CodeType, line: int | None) -> dict[str, Any]:
    """Return the entry of a call in a dump.

    For code without line numbers `line` is None, or -1 in Python 3.10; then the entry has 0.
    """
    return {
        "file": redacted(code.co_filename),
        "line": max(0, line or 0),
        "function": redacted(code.co_name),
    }
