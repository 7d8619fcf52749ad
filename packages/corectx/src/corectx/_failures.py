"""Remember which frame an exception left first: at `sys.excepthook` the context has unwound."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corectx._frame import Frame

# The exception itself carries the answer, as it carries its `__notes__`: a table beside it would
# have to guess when the exception is gone (built-in exceptions cannot be weakly referenced).
# A frame pickles to a plain dict, so that the exception still loads where corectx is not installed.
_MARK = "__corectx_frame__"


def note_failure(frame: Frame, exc: BaseException) -> None:
    """Note on `exc` that it leaves `frame`, unless it is already known to come from inside it."""
    if isinstance(exc, GeneratorExit):
        return
    try:
        marks = exc.__dict__
        if not _is_inside(marks.get(_MARK), frame):
            marks[_MARK] = frame
    except Exception:  # noqa: BLE001, S110 - an exception class may forbid it; then nobody knows
        pass


def failed_frame(exc: BaseException | None) -> Frame | None:
    """Return the innermost frame that `exc` left, or None where it left none.

    For an exception that came from another process the frame is a remote one: its name, flow and
    correlation ID, without values.
    """
    from corectx._frame import Frame, remote  # noqa: PLC0415 - _frame imports this module

    mark = getattr(exc, "__dict__", {}).get(_MARK)
    if isinstance(mark, Frame):
        return mark
    if isinstance(mark, dict):
        return remote(**mark)
    return None


def _is_inside(mark: object, frame: Frame) -> bool:
    """Tell whether the frame noted as `mark` is `frame` or was opened somewhere below it."""
    if isinstance(mark, dict):  # it came from another process: below, if of the same operation
        return mark.get("correlation_id") == frame.correlation_id
    while mark is not None:
        if mark is frame:
            return True
        mark = getattr(mark, "parent", None)
    return False
