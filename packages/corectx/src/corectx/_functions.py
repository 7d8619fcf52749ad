"""Put a frame around a function of any kind, or carry the caller's frame into one.

A generator suspends in the middle of its body. The frame around it, and what the body itself opened
inside, are current only while the body runs: they are taken down at each ``yield`` and put back at
each resumption, in whatever thread or task that happens.
"""

from __future__ import annotations

import sys
from functools import partial, wraps
from types import CodeType

from corectx._failures import note_failure
from corectx._frame import CURRENT, attach, detach, enter, leave
from corectx._observers import notify_entered, notify_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, TypeVar

    from corectx._frame import Frame, Token

    Function = TypeVar("Function", bound=Callable[..., Any])
    OpenFrame = Callable[[], Frame | None]

# inspect's flags of a code object; inspect itself is slow to import.
_CO_GENERATOR = 0x20
_CO_COROUTINE = 0x80
_CO_ASYNC_GENERATOR = 0x200


def kind_of(function: Callable[..., object]) -> str:
    """Tell what calling `function` gives: "function", "coroutine", "generator", "async_generator".

    Looks through partials, bound methods and objects with a ``__call__``, and believes the mark of
    `inspect.markcoroutinefunction`.
    """
    inspect = sys.modules.get("inspect")  # whoever marked a function has imported it
    if inspect is not None and inspect.iscoroutinefunction(function):
        return "coroutine"
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    flags = code.co_flags if isinstance(code, CodeType) else 0
    if flags & _CO_COROUTINE:
        return "coroutine"
    if flags & _CO_ASYNC_GENERATOR:
        return "async_generator"
    if flags & _CO_GENERATOR:
        return "generator"
    return "function"


def around(function: Function, open_frame: OpenFrame) -> Function:
    """Return `function` with the work of a new frame around each call of it.

    `open_frame` is called at each call (of a generator: when its body starts) and returns the frame,
    not yet entered, or None for a plain call. Name, signature and kind stay as they were.
    """
    return _WRAPPERS[kind_of(function)](function, open_frame, True)  # type: ignore[return-value]


def bind(function: Function, /) -> Function:
    """Return `function` bound to the frame that is current now, wherever it will be called.

    For what carries no context by itself: a `threading.Thread` or `Timer`, an executor, a callback
    of another thread. Also binds coroutine functions, generators and async generators.
    """
    frame = CURRENT.get()
    return _WRAPPERS[kind_of(function)](function, lambda: frame, False)  # type: ignore[return-value]


# In each of these, `is_work` tells whether the frame begins and ends with the call, so that
# observers hear of it, or was begun elsewhere and is only made current again.


def _around_function(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    begin, end = (enter, leave) if is_work else (attach, _end_attached)

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        frame = open_frame()
        if frame is None and is_work:
            return function(*args, **kwargs)
        token = begin(frame)  # type: ignore[arg-type]
        try:
            result = function(*args, **kwargs)
        except BaseException as exc:
            end(token, exc)
            raise
        end(token)
        return result

    return wrapper


def _around_coroutine(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    begin, end = (enter, leave) if is_work else (attach, _end_attached)

    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        frame = open_frame()
        if frame is None and is_work:
            return await function(*args, **kwargs)
        token = begin(frame)  # type: ignore[arg-type]
        try:
            result = await function(*args, **kwargs)
        except BaseException as exc:
            end(token, exc)
            raise
        end(token)
        return result

    return wrapper


def _around_generator(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        frame = open_frame()
        body = function(*args, **kwargs)
        if frame is None and is_work:
            return (yield from body)
        resume, sent = body.send, None
        inner = frame  # what is current in the body: the frame, or what the body opened inside it
        begun = False
        failure: BaseException | None = None
        try:
            while True:
                outer = CURRENT.get()
                CURRENT.set(inner)
                try:
                    if not begun:
                        begun = True
                        _tell_entered(frame, is_work)
                    item = resume(sent)
                except StopIteration as stop:
                    return stop.value
                except BaseException as exc:
                    failure = exc
                    raise
                finally:
                    inner = CURRENT.get()
                    CURRENT.set(outer)
                try:
                    sent = yield item
                    resume = body.send
                except BaseException as exc:
                    # Thrown in by the consumer; at close() it is GeneratorExit. The body decides.
                    resume, sent = body.throw, exc
        finally:
            _tell_left(frame, failure, is_work)
            del failure  # it holds this very frame in its traceback

    return wrapper


def _around_async_generator(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        frame = open_frame()
        body = function(*args, **kwargs)
        resume, sent = body.asend, None
        inner = frame
        is_plain = frame is None and is_work
        begun = is_plain
        failure: BaseException | None = None
        try:
            while True:
                outer = CURRENT.get()
                if not is_plain:
                    CURRENT.set(inner)
                try:
                    if not begun:
                        begun = True
                        _tell_entered(frame, is_work)
                    item = await resume(sent)
                except StopAsyncIteration:
                    return
                except BaseException as exc:
                    failure = exc
                    raise
                finally:
                    if not is_plain:
                        inner = CURRENT.get()
                        CURRENT.set(outer)
                try:
                    sent = yield item
                    resume = body.asend
                except BaseException as exc:
                    resume, sent = body.athrow, exc
        finally:
            _tell_left(frame, failure, is_work)
            del failure

    return wrapper


def _end_attached(token: Token, exc: BaseException | None = None) -> None:  # noqa: ARG001
    detach(token)


def _tell_entered(frame: Frame | None, is_work: bool) -> None:
    if is_work and frame is not None:
        notify_entered(frame)


def _tell_left(frame: Frame | None, exc: BaseException | None, is_work: bool) -> None:
    """Tell the observers, with the frame current for the length of that."""
    if not is_work or frame is None:
        return
    if exc is not None:
        note_failure(frame, exc)
    token = attach(frame)
    notify_left(frame, None if isinstance(exc, GeneratorExit) else exc)
    detach(token)


_WRAPPERS = {
    "function": _around_function,
    "coroutine": _around_coroutine,
    "generator": _around_generator,
    "async_generator": _around_async_generator,
}
