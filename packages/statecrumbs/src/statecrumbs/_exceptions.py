"""Describe an exception and its causes as plain data, without keeping any of it alive."""

from __future__ import annotations

from corectx import failed_frame
from statecrumbs._freeze import clip, facts_of
from statecrumbs._options import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

_MAX_MESSAGE = 2048  # characters
_MAX_CHAIN = 10  # exceptions, of causes and of a group's members each
_MAX_NOTES = 10
# Of a deep recursion, the way in and the end are what one wants to see.
_FIRST_ENTRIES = 10
_LAST_ENTRIES = 40


def describe(exc: BaseException, depth: int = 0) -> dict[str, Any]:
    """Return type, message, notes, traceback (outermost call first) and cause of `exc`.

    ``cause`` is the explicit cause or else the exception during whose handling it arose; ``frame``
    is the frame that it left first; ``exceptions`` are the members of a group.
    """
    described: dict[str, Any] = {"type": _type_name(exc), "message": _message(exc)}
    notes = getattr(exc, "__notes__", None)
    if isinstance(notes, list):
        described["notes"] = [_safe_text(note) for note in notes[:_MAX_NOTES]]
    frame = failed_frame(exc)
    if frame is not None and facts_of(frame):
        described["frame"] = facts_of(frame)
    described["traceback"] = _entries(exc.__traceback__)
    if depth < _MAX_CHAIN:
        cause = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
        if cause is not None:
            described["cause"] = describe(cause, depth + 1)
        members = getattr(exc, "exceptions", None)
        if isinstance(members, tuple):
            described["exceptions"] = [
                describe(member, depth + 1)
                for member in members[:_MAX_CHAIN]
                if isinstance(member, BaseException)
            ]
    return described


def _type_name(exc: BaseException) -> str:
    cls = type(exc)
    module = cls.__module__
    return (
        cls.__qualname__ if module in ("builtins", "__main__") else f"{module}.{cls.__qualname__}"
    )


def _message(exc: BaseException) -> str:
    try:
        text = str(exc)
    except BaseException:
        return "<unserializable>"
    return _safe_text(text)


def _safe_text(text: object) -> str:
    if not isinstance(text, str):
        return "<unserializable>"
    short = clip(str.__str__(text), _MAX_MESSAGE)
    return short if options.redactor is None else options.redactor.scrub(short)


def _entries(traceback: TracebackType | None) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        entries.append(
            {"file": code.co_filename, "line": traceback.tb_lineno, "function": code.co_name}
        )
        traceback = traceback.tb_next
    left_out = len(entries) - _FIRST_ENTRIES - _LAST_ENTRIES
    if left_out > 0:
        entries[_FIRST_ENTRIES:-_LAST_ENTRIES] = [
            {"file": "...", "line": 0, "function": f"({left_out} more)"}
        ]
    return entries
