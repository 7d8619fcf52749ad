"""The variables of the program's own calls in a traceback, as bounded and redacted text."""

from __future__ import annotations

import os
import re
import sys
from itertools import zip_longest
from types import BuiltinFunctionType, FunctionType, ModuleType

from corectx.lowlevel import raised_by_signal
from statecrumbs._crumb import freeze_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import Any, Final, TypeAlias

    # The entry of a call in a dump, and the call itself.
    Call: TypeAlias = tuple[dict[str, Any], FrameType]

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
_THIS_PROJECT: Final = re.compile(
    r"(corectx|statecrumbs|penstock(_(celery|django|otel|structlog))?)(\.|$)"
)

_OPTIMIZED: Final = 0x1  # of co_flags (the documentation of `inspect`): the code of a function
_REFERENCES: Final = 3  # to the copy: of the frame, of a name of ours, of the question itself


def add_locals(tracebacks: Sequence[Sequence[Call]]) -> None:
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
        and not (isinstance(module, str) and _THIS_PROJECT.match(module))
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
