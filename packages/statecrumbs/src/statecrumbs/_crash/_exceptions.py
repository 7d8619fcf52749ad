"""Describe an exception and its causes as plain data, without keeping any of it alive.

The variables of the program's own calls are part of it on request, as bounded and redacted text.
"""

from __future__ import annotations

import os
import sys
from itertools import repeat, zip_longest
from types import BuiltinFunctionType, FunctionType, ModuleType

from corectx import failed_frame
from corectx.lowlevel import raised_by_signal
from statecrumbs._crumb import freeze_data, identity_of
from statecrumbs._options import options
from statecrumbs._values import UNSERIALIZABLE, jsonable, module_of, qualname_of, safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, FrameType, TracebackType
    from typing import Any, Final, TypeAlias

    # The entry of a call in a dump, and the call itself.
    Call: TypeAlias = tuple[dict[str, Any], FrameType]

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
    tracebacks: list[list[Call]] = []
    described = _describe(exc, 0, repeat(True, _MAX_EXCEPTIONS - 1), tracebacks)
    if with_locals:
        _add_locals(tracebacks)
    return described


def summarize_exception(exc: BaseException) -> str:
    """Return type and message of `exc`."""
    return f"{_type_name(exc)}: {redacted(safe_text(exc))}"


def attributes_of(exc: BaseException) -> dict[str, Any]:
    """Return the `__dict__` of `exc`, without asking its class."""
    attributes: dict[str, Any] = _stored["__dict__"](exc)
    return attributes


def _describe(
    exc: BaseException, depth: int, others: Iterator[bool], tracebacks: list[list[Call]]
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


def _calls(traceback: TracebackType | None) -> tuple[list[Call], int]:
    """Return the calls of a traceback, and the number of calls left out in its middle."""
    places: list[tuple[FrameType, int | None]] = []
    while traceback is not None:
        places.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    left_out = max(0, len(places) - _FIRST_ENTRIES - _LAST_ENTRIES)
    if left_out:
        del places[_FIRST_ENTRIES:-_LAST_ENTRIES]
    calls: list[Call] = [(call_entry(frame.f_code, line), frame) for frame, line in places]
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


MAX_LOCALS: Final = 8192  # bytes of all names and texts of one dump
_MAX_CALL: Final = 2048  # of one call
_LEAST: Final = 64  # bytes; where fewer are left, no further call shows anything
_AROUND: Final = 6  # bytes that a name and its text take beside themselves: quotes, separators
_MORE: Final = 30  # bytes of the entry that counts those that are left out

# Nobody looks for these to explain a failure, and a module is full of them.
_NO_VALUES: Final = (ModuleType, FunctionType, BuiltinFunctionType, type)
_STDLIB: Final = os.path.dirname(os.__file__) + os.sep
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
# This project's own modules, also where an editable install imports them from a source folder.
_THIS_PROJECT: Final = frozenset(
    """
    corectx statecrumbs penstock penstock_celery penstock_django penstock_otel penstock_structlog
    """.split()
)

_OPTIMIZED: Final = 0x1  # of co_flags (the documentation of `inspect`): the code of a function
_REFERENCES: Final = 3  # to the copy: of the frame, of a name of ours, of the question itself


def _add_locals(tracebacks: Sequence[Sequence[Call]]) -> None:
    """Add "locals" to the entries of the program's own calls: the innermost calls come first.

    A program that is installed has all its calls in libraries; then they count as its own. A
    call that stands in several tracebacks is shown in the first one.
    """
    own = [[call for call in calls if _is_own(call)] for calls in tracebacks]
    if not any(own):
        own = [list(calls) for calls in tracebacks]
    room = MAX_LOCALS
    seen: set[int] = set()
    for row in zip_longest(*(reversed(calls) for calls in own)):
        for entry, frame in filter(None, row):
            if id(frame) in seen:
                continue
            seen.add(id(frame))
            shown = _locals(frame, min(_MAX_CALL, room))
            if shown:
                entry["locals"] = shown
                room -= sum(map(_cost, shown.items()))
            if room < _LEAST:
                return


def _is_own(call: Call) -> bool:
    code, module = call[1].f_code, call[1].f_globals.get("__name__")
    return (
        not code.co_filename.startswith((_STDLIB, "<frozen "))
        and not any(folder in code.co_filename for folder in _INSTALLED)
        and not (isinstance(module, str) and module.partition(".")[0] in _THIS_PROJECT)
    )


def _locals(frame: FrameType, room: int) -> dict[str, str]:
    """Return the variables of a call, the arguments first, in at most `room` bytes."""
    try:
        values = frame.f_locals
        try:
            given = {
                name: value
                for name, value in list(values.items())
                if not name.startswith(("__", ".")) and not issubclass(type(value), _NO_VALUES)
            }
        finally:
            if _is_copy(frame) and sys.getrefcount(values) <= _REFERENCES:
                values.clear()
        room -= _MORE
        frozen = freeze_data(given, room=room, reserved=frozenset())
        shown: dict[str, str] = {}
        for name, text in frozen.items():
            room -= _cost((name, str(text)))
            if room < 0 or name == "...":
                shown["..."] = f"({len(given) - len(shown)} more)"
                break
            shown[name] = str.__str__(str(text))
        return shown
    except Exception as error:
        if raised_by_signal(error):
            raise
        return {}


def _is_copy(frame: FrameType) -> bool:
    """Return whether a function keeps a copy of its variables once it was asked for them.

    Before Python 3.13 the copy keeps alive what the function deletes later, above all the exception
    of its `except` clause, in a reference cycle. So it is cleared, unless the program has it too.
    """
    return sys.version_info < (3, 13) and bool(frame.f_code.co_flags & _OPTIMIZED)


def _cost(item: tuple[str, str]) -> int:
    return _AROUND + sum(len(text) if text.isascii() else 4 * len(text) for text in item)
