"""Remember which frame an exception left first: at `sys.excepthook` the context has unwound."""

from __future__ import annotations

from corectx._frame import Frame, chain, remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The exception itself carries the answer, as it carries its `__notes__`: a table beside it would
# have to guess when the exception is gone (built-in exceptions cannot be weakly referenced).
# A frame pickles to a plain dict, so that the exception still loads where corectx is not installed.
_MARK = "_corectx_frame"

_FACTS = ("correlation_id", "id", "name", "flow")


def note_failure(frame: Frame, exc: BaseException) -> None:
    """Note on `exc` that it leaves `frame`, unless it is already known to come from inside it."""
    if isinstance(exc, GeneratorExit):
        return
    try:
        marks = exc.__dict__
        if not _is_inside(marks.get(_MARK), frame):
            marks[_MARK] = frame
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


def _is_inside(mark: Frame | dict[str, Any] | None, frame: Frame) -> bool:
    """Tell whether the frame noted as `mark` is `frame` or was opened somewhere inside it."""
    if isinstance(mark, dict):  # it came from another process: inside, if of the same operation
        return bool(mark.get("correlation_id") == frame.correlation_id)
    if not isinstance(mark, Frame):
        return False
    # It may have been part of `frame` all along, in whatever thread, or (a request, a task: an
    # operation of its own) it was opened while `frame` was current.
    part: Frame | None = mark
    while part is not None:
        if part is frame:
            return True
        part = part.parent
    return any(each is frame for each in chain(mark))
