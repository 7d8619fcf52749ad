"""Put a frame around a function of any kind, or carry the caller's frame into it.

A wrapper keeps the signature of its function, for every reader of signatures.
"""

from __future__ import annotations

import sys

from corectx._current import Token, attach, detach, enter, get_current, leave, set_current
from corectx._frame import UNOPENED, Frame
from corectx._generators import around_async_generator, around_generator
from corectx._observers import (
    listeners,
    notify_entered,
    notify_left,
    notify_resumed,
    notify_suspended,
)
from corectx._process import collecting, in_collector, run_finalizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])
    OpenFrame = Callable[[], Frame | None]


async def _nothing() -> None:
    pass


# `types` has these, and takes longer to import.
FUNCTION: Any = type(lambda: None)
COROUTINE: Any = type(_no_work := _nothing())
_no_work.close()

# The flags of a code object, as `inspect` has them; `inspect` itself is slow to import.
_CO_VARARGS = 0x04
_CO_VARKEYWORDS = 0x08
_CO_GENERATOR = 0x20
_CO_COROUTINE = 0x80
_CO_ITERABLE_COROUTINE = 0x100  # of types.coroutine: a generator to await
_CO_ASYNC_GENERATOR = 0x200
_CO_ANY = _CO_GENERATOR | _CO_COROUTINE | _CO_ITERABLE_COROUTINE | _CO_ASYNC_GENERATOR

# Attributes of a function that `functools.wraps` copies on some interpreters
_HAS_TYPE_PARAMETERS = sys.version_info >= (3, 12)
_HAS_LATE_ANNOTATIONS = sys.version_info >= (3, 14)


def kind_of(function: Callable[..., object]) -> str:
    """Return the kind of `function`: "function", "coroutine", "generator" or "async_generator".

    Looks through partials, bound methods and objects with a ``__call__``, and honours the mark of
    `inspect.markcoroutinefunction`, and of asyncio before Python 3.12.
    """
    plain: Any = function
    if type(plain) is FUNCTION and not plain.__dict__:
        flags = plain.__code__.co_flags  # marks are attributes
        return _kind_by(flags) if flags & _CO_ANY else "function"
    from functools import partial  # as below
    from types import CodeType

    inspect = sys.modules.get("inspect")  # a program that marks functions has imported it
    if inspect is not None and inspect.iscoroutinefunction(function):
        return "coroutine"
    mark = getattr(sys.modules.get("asyncio.coroutines"), "_is_coroutine", None)
    if mark is not None and getattr(function, "_is_coroutine", None) is mark:
        return "coroutine"
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return _kind_by(code.co_flags if isinstance(code, CodeType) else 0)


def _kind_by(flags: int) -> str:
    if not flags & _CO_ANY:
        return "function"
    if flags & (_CO_COROUTINE | _CO_ITERABLE_COROUTINE):
        return "coroutine"
    if flags & _CO_ASYNC_GENERATOR:
        return "async_generator"
    return "generator"


def around(function: Function, open_frame: OpenFrame, *, kind: str | None = None) -> Function:
    """Return `function` with a new frame around the work of each call.

    `open_frame` is called at each call (for a generator: when its body starts). It returns the
    frame, not yet entered, or None for a call without a frame. Name, signature and kind stay as
    they were, also those of a static or class method. Pass `kind` if `kind_of` cannot see it. An
    object that cannot be called raises `TypeError`.
    """
    if isinstance(function, (staticmethod, classmethod)):
        return _around_method(function, open_frame, kind)  # type: ignore[no-any-return]
    wrapper = _wrapped(function, open_frame, kind, is_work=True)
    imitate(wrapper, function)
    return wrapper


def bind(function: Function, /) -> Function:
    """Return `function` bound to the frame that is current now; call it anywhere.

    Use it where no context is carried: for a `threading.Thread` or `Timer`, an executor, a callback
    of another thread. It also binds coroutine functions, generators and async generators.
    """
    from functools import update_wrapper  # half of what an `import corectx` would cost

    frame = get_current()
    wrapper = _wrapped(function, lambda: frame, None, is_work=False)
    update_wrapper(wrapper, function)
    return wrapper


def _around_method(method: Any, open_frame: OpenFrame, kind: str | None) -> Any:
    return type(method)(around(method.__func__, open_frame, kind=kind))


def _wrapped(
    function: Function, open_frame: OpenFrame, kind: str | None, *, is_work: bool
) -> Function:
    if not callable(function):
        raise TypeError(
            f"A frame goes around something that can be called, not {function!r}. "
            "Decorate the function that it is made of."
        )
    wrapper: Any = _WRAPPERS[kind or kind_of(function)](function, open_frame, is_work)
    return wrapper  # type: ignore[no-any-return]


# In each of these, `is_work` means that the frame begins and ends with the call and that observers
# hear of it. Otherwise the frame began elsewhere and is only made current.


def _around_function(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    from functools import partial

    def working(*args: Any, **kwargs: Any) -> Any:
        frame = open_frame()
        if frame is None:
            return function(*args, **kwargs)
        token = enter(frame)
        try:
            result = function(*args, **kwargs)
        except BaseException as exc:
            leave(token, exc)
            del frame, token  # the traceback of an exception holds this call
            raise
        if type(result) is COROUTINE:
            result = carry_on(frame, result)
            detach(token)
            return result
        leave(token)
        return result

    def bound(*args: Any, **kwargs: Any) -> Any:
        # A plain call ends in the context in which it began. So this is exact, and it also leaves
        # the frames that the call left open.
        if collecting and in_collector():
            return run_finalizer(partial(bound, *args, **kwargs))
        outer = get_current()
        frame = open_frame()
        try:
            set_current(frame)
            result = function(*args, **kwargs)
        finally:
            set_current(outer)
        return _named_like(result, _bound(frame, result)) if type(result) is COROUTINE else result

    return working if is_work else bound


def carry_on(frame: Frame, coroutine: Any, *, is_told: bool = True) -> Any:
    """Return a coroutine that awaits `coroutine` in `frame`, and then ends its work.

    `coroutine` is what a plain function returned. `frame` is current, for the call of the function,
    and the observers know of it if it `is_told`. The caller detaches it, but does not leave it.
    """
    if not is_told:
        notify_entered(frame)
    if listeners.suspended:
        notify_suspended(frame)
    return _named_like(coroutine, _awaited(_Unawaited(frame, coroutine)))


async def _awaited(waiting: _Unawaited) -> Any:
    frame, coroutine = waiting.begin()
    frame.outer = UNOPENED
    token = attach(frame)
    try:
        if listeners.resumed:
            run_finalizer(notify_resumed, frame)
        result = await coroutine
    except BaseException as exc:
        leave(token, exc)
        del frame, token  # the traceback of an exception holds this call
        raise
    leave(token)
    return result


async def _bound(frame: Frame | None, coroutine: Any) -> Any:
    token = attach(frame)
    try:
        return await coroutine
    finally:
        detach(token)


def _named_like(coroutine: Any, made: Any) -> Any:
    """Return `made` with the name of `coroutine`, for the warning that it was never awaited."""
    made.__name__, made.__qualname__ = coroutine.__name__, coroutine.__qualname__
    return made


class _Unawaited:
    """The arguments of a coroutine that may never begin; then the work ends when it is dropped."""

    __slots__ = ("_coroutine", "_frame")

    def __init__(self, frame: Frame, coroutine: Any) -> None:
        self._frame: Frame | None = frame
        self._coroutine: Any = coroutine

    def begin(self) -> tuple[Frame, Any]:
        """Return the frame and the coroutine, once."""
        begun: Any = self._frame, self._coroutine
        self._frame = self._coroutine = None
        return begun  # type: ignore[no-any-return]

    def __del__(self) -> None:
        if self._frame is not None:
            self._coroutine.close()  # otherwise Python warns of it, too
            run_finalizer(notify_left, self._frame, None)


def _around_coroutine(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    async def working(*args: Any, **kwargs: Any) -> Any:
        # This does inline what `enter` and `leave` do: see `_current`.
        frame = open_frame()
        if frame is None:
            return await function(*args, **kwargs)
        outer = get_current()
        is_known = frame.outer is UNOPENED and not (collecting and in_collector())
        if is_known:
            frame.outer = outer
            try:
                set_current(frame)
            except BaseException:  # as in `attach`
                set_current(outer)
                raise
            token: Token = (frame, outer, True)
        else:
            token = attach(frame)
        try:
            if listeners.entered:
                run_finalizer(notify_entered, frame)
            result = await function(*args, **kwargs)
        except BaseException as exc:
            leave(token, exc)
            del frame, outer, token  # the traceback of an exception holds this call
            raise
        outer = frame.outer  # it may have changed
        if (
            listeners.left
            or collecting
            or not is_known
            or outer is UNOPENED
            or get_current() is not frame
        ):
            leave(token)
        else:
            set_current(outer)
            frame.outer = UNOPENED  # as `detach` says
        return result

    async def bound(*args: Any, **kwargs: Any) -> Any:
        # It may end in another context than it began in: the garbage collector closes a coroutine
        # that is never awaited to its end.
        token = attach(open_frame())
        try:
            return await function(*args, **kwargs)
        finally:
            detach(token)

    return working if is_work else bound


_WRAPPERS = {
    "function": _around_function,
    "coroutine": _around_coroutine,
    "generator": around_generator,
    "async_generator": around_async_generator,
}


def imitate(wrapper: Any, function: Any) -> None:
    """Do to a new `wrapper` what `functools.wraps` does, and give it the signature of `function`.

    Nearly every function is a plain one. Then this takes half as long as `functools.wraps` alone.
    """
    if type(function) is not FUNCTION or function.__dict__:
        from functools import update_wrapper  # half of what an `import corectx` would cost

        update_wrapper(wrapper, function)
        keep_signature(wrapper, function)
        return
    wrapper.__module__ = function.__module__
    wrapper.__name__ = function.__name__
    wrapper.__qualname__ = function.__qualname__
    wrapper.__doc__ = function.__doc__
    if _HAS_TYPE_PARAMETERS:
        wrapper.__type_params__ = function.__type_params__
    if _HAS_LATE_ANNOTATIONS:
        wrapper.__annotate__ = function.__annotate__
    else:
        wrapper.__annotations__ = function.__annotations__
    wrapper.__dict__ = attributes = _Attributes()
    attributes["__wrapped__"] = function
    signatures: Any = _signatures or _import_signatures()
    attributes["__signature__"] = signature = signatures.LateSignature()
    signature.function = function


def keep_signature(wrapper: Any, function: Any) -> None:
    """Give `wrapper` the signature of `function`, to which it passes its arguments.

    `inspect.signature` follows ``__wrapped__``, but `inspect.getfullargspec`, by which Celery
    checks the arguments of a task, does not. Both look for a ``__signature__`` first.

    A function that is a wrapper itself may take other arguments than the function below it. If it
    takes any number of arguments, only the function below knows which. Then `wrapper` gets no
    signature, and both readers see the one that they saw of `function`.
    """
    if not hasattr(function, "__annotations__"):  # then `functools.wraps` leaves those of `wrapper`
        wrapper.__annotations__ = {}
    if hasattr(wrapper, "__signature__"):
        return
    found = getattr(function, "__signature__", None)  # of a wrapper of ours
    if found is None:
        if hasattr(function, "__wrapped__"):
            code = getattr(function, "__code__", None)
            if code is None or code.co_flags & (_CO_VARARGS | _CO_VARKEYWORDS):
                return
        found = _signature_of(function)
        if found is None:
            return
    attributes = _Attributes(vars(wrapper))
    attributes["__signature__"] = found
    wrapper.__dict__ = attributes


def _signature_of(function: Any) -> Any:
    signatures: Any = _signatures or _import_signatures()
    if type(function) is FUNCTION:
        made = signatures.LateSignature()
        made.function = function
        return made
    try:
        return signatures.evaluated(function)
    except Exception:  # of a builtin
        return None


_signatures: Any = None  # the module, which is imported at the first use


def _import_signatures() -> Any:
    global _signatures
    # Before Python 3.12 to import names takes three times as long as to import a module.
    import corectx._signature as signatures

    _signatures = signatures
    return signatures


class _Attributes(dict):  # type: ignore[type-arg]  # Any is imported for type checkers only
    """The attributes of a wrapper: functools.wraps copies all of them but the signature.

    A decorator above may make a function that takes other arguments.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return iter([key for key in dict.__iter__(self) if key != "__signature__"])

    def keys(self) -> Any:
        """Return the keys that functools.wraps copies."""
        return list(self)
