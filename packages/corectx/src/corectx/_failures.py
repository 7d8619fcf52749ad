"""Remember which frame an exception left first: at `sys.excepthook` the context has unwound."""

from __future__ import annotations

from corectx._frame import Frame, outer_of, remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The exception itself carries the answer, as it carries its `__notes__`: a table beside it would
# have to guess when the exception is gone (built-in exceptions cannot be weakly referenced).
# A frame pickles to a plain dict, so that the exception still loads where corectx is not installed.
_MARK = "_corectx_frame"
# The frame that it gets into next: where it leaves that one too, it comes from inside.
_NEXT = "_corectx_next"

_FACTS = ("correlation_id", "id", "name", "flow")


def note_failure(frame: Frame, exc: BaseException) -> None:
    """Note on `exc` that it leaves `frame`, unless it is already known to come from inside it."""
    if issubclass(type(exc), GeneratorExit):  # isinstance would ask its class, which may raise
        return
    try:
        marks = exc.__dict__
        if marks.get(_NEXT) is not frame and not _is_part(marks.get(_MARK), frame):
            marks[_MARK] = frame
        marks[_NEXT] = outer_of(frame)
    except Exception:  # noqa: S110 - an exception class may forbid it; then nobody knows
        pass


def failed_frame(exc: BaseException | None) -> Frame | None:
    """Return the innermost frame that `exc` left, or None where it left none.

    For an exception that came from another process the frame is a remote one: its name, flow and
    correlation ID, without values. An exception group has a frame of its own, as each exception in
    it has.
    """
    try:
        mark: Frame | dict[str, Any] | None = exc.__dict__.get(_MARK)
    except Exception:
        return None
    if isinstance(mark, Frame):
        return mark
    if isinstance(mark, dict):
        return remote(**{fact: mark[fact] for fact in _FACTS if isinstance(mark.get(fact), str)})
    return None


def _is_part(mark: Frame | dict[str, Any] | None, frame: Frame) -> bool:
    """Tell whether the frame noted as `mark` is `frame` or part of it, in whatever thread."""
    if isinstance(mark, dict):  # it came from another process: part, if of the same operation
        return bool(mark.get("correlation_id") == frame.correlation_id)
    part = mark if isinstance(mark, Frame) else None
    while part is not None:
        if part is frame:
            return True
        part = part.parent
    return False
