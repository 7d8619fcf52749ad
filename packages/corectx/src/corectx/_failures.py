"""Tell failures from control flow, and remember which frame an exception left first.

A framework raises some exceptions to say how the work goes on. They are no failures.

At `sys.excepthook` the context has unwound, so each exception notes the frame that it left first.
The exception itself carries the answer, as it carries its `__notes__`. A table beside it could not
know when the exception is gone: built-in exceptions cannot be weakly referenced.

Somebody may keep an exception for ever, and a frame holds values of the program. So the exception
carries a `_Record` of the frame instead: its identity, and of its values and its store only what
keeps no object of the program alive. As long as the frame itself is there, the record finds it.
"""

from __future__ import annotations

from _weakref import ref

from corectx._frame import NO_VALUES, UNOPENED, Frame, MappingProxyType, Site, new_frame_id, remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    Freeze: TypeAlias = Callable[[Frame], Mapping[str, object]]
    Rule: TypeAlias = Callable[[BaseException], bool] | None

_MARK = "_corectx_frame"
# The record of the frame around. If the exception leaves that frame next, it came from inside it.
_NEXT = "_corectx_next"

# The attributes of an exception, although its class may have defined others.
_attributes_of = BaseException.__dict__["__dict__"].__get__

_IDENTITY = ("correlation_id", "id", "name", "flow")
_MAX_STRING = 1024  # characters of a value that is kept as it is
_MAX_BITS = 1024

# The entries of an operation's store that outlive it with an exception.
_kept_keys: tuple[str, ...] = ()
_freeze: Freeze | None = None


def keep_with_failures(key: str, freeze: Freeze) -> None:
    """Keep the entry `key` of an operation's store with each exception that leaves the operation.

    The flight recorder calls this for its trails. `freeze` returns the values of a frame as text;
    it is called if one of them is no scalar. Neither the entry nor the text may hold an object of
    the program.
    """
    global _kept_keys, _freeze
    _kept_keys = tuple(dict.fromkeys((*_kept_keys, key)))
    _freeze = freeze


def note_failure(frame: Frame, exc: BaseException) -> None:
    """Note on `exc` that it leaves `frame`, unless it comes from a frame inside `frame`."""
    if issubclass(type(exc), GeneratorExit):  # isinstance would ask its class, which may raise
        return
    try:
        marks = _attributes_of(exc)
        record = _record_of(frame)
        mark = marks.get(_MARK)
        if mark is None or (marks.get(_NEXT) is not record and not _is_part(mark, frame)):
            record.values = _kept_values(frame)
            marks[_MARK] = record
        # The site may have learnt its name, and the trail may be newer than the record.
        record.name = frame.site.name
        for key in _kept_keys:
            if key in frame.store:
                record.store[key] = frame.store[key]
        outer = frame.parent if frame.outer is UNOPENED else frame.outer
        marks[_NEXT] = None if outer is None else _record_of(outer)
    except Exception:  # noqa: S110 - an exception class may forbid it
        pass


def failed_frame(exc: BaseException | None) -> Frame | None:
    """Return the innermost frame that `exc` left, or None if it left none.

    If the frame itself is gone, the result still has its name, flow and IDs, and its values as
    scalars or text. For an exception from another process the result is a remote frame without
    values. An exception group has a frame of its own, and so has each exception in it.
    """
    try:
        mark: _Record | dict[str, Any] | None = _attributes_of(exc).get(_MARK)
    except Exception:
        return None
    if type(mark) is _Record:
        return mark.frame()
    if isinstance(mark, dict):
        return remote(**{key: mark[key] for key in _IDENTITY if isinstance(mark.get(key), str)})
    return None


class _Record:
    """Hold what an exception keeps of a frame; one record for each frame that failed."""

    __slots__ = (
        "_ref",
        "around",
        "correlation_id",
        "flow",
        "id",
        "kind",
        "name",
        "store",
        "values",
    )

    def __init__(self, frame: Frame, parent: Frame | None, around: _Record | None) -> None:
        site = frame.site
        self._ref = ref(frame)
        self.kind: str = site.kind
        self.name: str | None = site.name
        self.flow = frame.flow
        self.correlation_id = frame.correlation_id
        self.id: str | None = getattr(frame, "_id", None)  # or the frame sets it when it has one
        self.values: Mapping[str, object] = NO_VALUES
        self.around = around
        # All records of one operation share one dict with the kept entries of its store.
        is_inside = parent is not None and around is not None and parent.store is frame.store
        self.store: dict[str, object] = around.store if is_inside and around is not None else {}

    def stands_for(self, frame: Frame) -> bool:
        """Tell whether this is the record of `frame`."""
        return self._ref() is frame

    def frame(self) -> Frame:
        """Return the frame itself, or a new one with what this record kept of it."""
        frame = self._ref()
        if frame is not None:
            return frame
        gone: list[_Record] = [self]
        each = self.around
        while each is not None:
            frame = each._ref()  # noqa: SLF001 - of another record
            if frame is not None:
                break
            gone.append(each)
            each = each.around
        made = gone.pop()._made(frame)  # noqa: SLF001
        while gone:
            made = gone.pop()._made(made)  # noqa: SLF001
        return made

    def _made(self, parent: Frame | None) -> Frame:
        if self.id is None:
            self.id = new_frame_id()
        site = Site(self.kind, self.name, self.flow)
        values = MappingProxyType(dict(self.values))
        made = Frame(site, parent, self.flow, self.correlation_id, values, self.store)
        made._id = self.id  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return made

    def __copy__(self) -> _Record:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> _Record:
        return self

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        # A plain dict, so that the exception still loads in a program without corectx.
        return dict, (self.frame().identity(),)


def _record_of(frame: Frame) -> _Record:
    """Return the record of `frame`, which is made when the first exception leaves it."""
    record: _Record | None = getattr(frame, "_record", None)
    if record is None:
        parent = frame.parent
        around = None if parent is None else getattr(parent, "_record", None)
        if around is None and parent is not None:
            around = _record_of_recursion(parent)
        record = _Record(frame, parent, around)
        frame._record = record  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return record


def _record_of_recursion(frame: Frame) -> _Record:
    """Return the record of `frame`, and make the missing records of the frames around it first."""
    missing = [frame]
    while missing[-1].parent is not None and not hasattr(missing[-1].parent, "_record"):
        missing.append(missing[-1].parent)
    # From the outside in, so that a deep recursion of steps is none here.
    while len(missing) > 1:
        _record_of(missing.pop())
    return _record_of(frame)


def _is_part(mark: _Record | dict[str, Any] | None, frame: Frame) -> bool:
    """Tell whether the frame noted as `mark` is `frame` or a part of it, in any thread."""
    if isinstance(mark, dict):  # from another process: a part if it has the same correlation ID
        return bool(mark.get("correlation_id") == frame.correlation_id)
    part = mark if type(mark) is _Record else None
    while part is not None:
        if part.stands_for(frame):
            return True
        part = part.around
    return False


def _kept_values(frame: Frame) -> Mapping[str, object]:
    """Return the values of `frame` without objects of the program."""
    values = frame.values
    for value in values.values():
        if not _is_scalar(value):
            break
    else:
        return values
    if _freeze is not None:
        return _freeze(frame)
    return {key: value for key, value in values.items() if _is_scalar(value)}


def _is_scalar(value: Any) -> bool:
    """Tell whether `value` is a small scalar, without running code of the program."""
    kind = type(value)
    if kind is str:
        return len(value) <= _MAX_STRING
    if kind is int:
        return bool(value.bit_length() <= _MAX_BITS)
    return value is None or kind is float or kind is bool


_FIRST_SERVER_ERROR = 500  # the HTTP status codes from here on are failures


def _is_client_error(exc: BaseException) -> bool:
    # Flask's `abort` also takes a whole response. Then the exception has no code of its own.
    for holder in (exc, getattr(exc, "response", None)):
        status: object = getattr(holder, "status_code", None) or getattr(holder, "code", None)
        if isinstance(status, int):
            return status < _FIRST_SERVER_ERROR
    return False


def _has_only_control_flow(exc: BaseException) -> bool:
    group: Any = exc
    return all(map(is_control_flow, group.exceptions))


# By the full name of the class, so that no framework is imported. None: every exception of the
# class and its subclasses is control flow. Otherwise the function decides. docs/control-flow.md has
# this table for users.
_NAMED: dict[str, Rule] = {
    "builtins.BaseExceptionGroup": _has_only_control_flow,
    "builtins.GeneratorExit": None,  # a generator that is closed has not failed
    "celery.exceptions.Ignore": None,
    "celery.exceptions.Reject": None,
    "celery.exceptions.Retry": None,
    "click.exceptions.Exit": None,
    "django.core.exceptions.BadRequest": None,
    "django.core.exceptions.PermissionDenied": None,
    "django.core.exceptions.SuspiciousOperation": None,
    "django.http.multipartparser.MultiPartParserError": None,
    "django.http.response.Http404": None,
    "exceptiongroup.BaseExceptionGroup": _has_only_control_flow,  # for Python 3.10
    "fastapi.exceptions.RequestValidationError": None,
    "fastapi.exceptions.WebSocketRequestValidationError": None,
    "rest_framework.exceptions.APIException": _is_client_error,
    "starlette.exceptions.HTTPException": _is_client_error,
    "starlette.exceptions.WebSocketException": None,
    "starlette.requests.ClientDisconnect": None,
    "starlette.websockets.WebSocketDisconnect": None,
    "typer._click.exceptions.Exit": None,  # of Typer 0.26 and 0.27; older ones have click's
    "typer.exceptions.Exit": None,
    "werkzeug.exceptions.HTTPException": _is_client_error,
}
# By the address of the class, whose own class may define the hash; the entry keeps it alive.
_added: dict[int, tuple[type, Rule]] = {}  # by `treat_as_control_flow`

# The attributes of a class, although its own class may have defined others.
_bases_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_module_of: Callable[[type], object] = type.__dict__["__module__"].__get__
_name_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__


def treat_as_control_flow(
    *kinds: type[BaseException], when: Callable[[BaseException], bool] | None = None
) -> None:
    """Treat exceptions of `kinds` and their subclasses as control flow, not as failures.

    With `when`, only exceptions for which it returns true count. Observers then hear that the work
    ended without an exception. It holds for the whole process. HTTP exceptions below 500 and
    similar exceptions of Celery, click, Django, Django REST framework, Flask and Starlette are
    control flow already.
    """
    for kind in kinds:
        _added[id(kind)] = kind, when


def is_control_flow(exc: BaseException) -> bool:
    """Tell whether `exc` is control flow. If its rule raises, it is not."""
    for kind in _bases_of(type(exc)):
        added = _added.get(id(kind))
        if added is not None:
            rule = added[1]
        else:
            module = _module_of(kind)
            name = f"{module}.{_name_of(kind)}" if type(module) is str else ""
            if name not in _NAMED:
                continue
            rule = _NAMED[name]
        try:
            return rule is None or bool(rule(exc))
        except Exception:
            return False
    return False
