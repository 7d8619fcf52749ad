"""Remember which frame an exception left first: at `sys.excepthook` the context has unwound."""

from __future__ import annotations

from corectx._frame import Frame, outer_of, remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The exception itself carries the frame that it left first, as it carries its `__notes__`. A table
# beside it could not know when the exception is gone: built-in exceptions cannot be weakly
# referenced. A frame pickles to a plain dict, so that the exception still loads in a program
# without corectx.
_MARK = "_corectx_frame"
# The frame that the exception enters next: if it leaves that one too, it comes from inside.
_NEXT = "_corectx_next"

_IDENTITY = ("correlation_id", "id", "name", "flow")


def note_failure(frame: Frame, exc: BaseException) -> None:
    """Note on `exc` that it leaves `frame`, unless it comes from a frame inside that one."""
    if issubclass(type(exc), GeneratorExit):  # isinstance would ask its class, which may raise
        return
    try:
        marks = exc.__dict__
        if marks.get(_NEXT) is not frame and not _is_part(marks.get(_MARK), frame):
            marks[_MARK] = frame
        marks[_NEXT] = outer_of(frame)
    except Exception:  # noqa: S110 - an exception class may forbid it
        pass


def failed_frame(exc: BaseException | None) -> Frame | None:
    """Return the innermost frame that `exc` left, or None where it left none.

    For an exception that came from another process it is a remote frame: it has the name, flow and
    correlation ID, but no values. An exception group has a frame of its own, and so has each
    exception in it.
    """
    try:
        mark: Frame | dict[str, Any] | None = exc.__dict__.get(_MARK)
    except Exception:
        return None
    if isinstance(mark, Frame):
        return mark
    if isinstance(mark, dict):
        return remote(**{key: mark[key] for key in _IDENTITY if isinstance(mark.get(key), str)})
    return None


def _is_part(mark: Frame | dict[str, Any] | None, frame: Frame) -> bool:
    """Tell whether the frame noted as `mark` is `frame` or a part of it, in any thread."""
    if isinstance(mark, dict):  # from another process: a part, if of the same operation
        return bool(mark.get("correlation_id") == frame.correlation_id)
    part = mark if isinstance(mark, Frame) else None
    while part is not None:
        if part is frame:
            return True
        part = part.parent
    return False
