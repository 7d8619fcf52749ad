"""Put a frame around a function of any kind, or carry the caller's frame into it.

A generator suspends in the middle of its body. The frame around it, and the frames that the body
opened inside, are current only while the body runs. They are removed at each ``yield`` and restored
at each resumption, in any thread or task.
"""

from __future__ import annotations

import sys

from corectx._collector import collecting, in_collector, run_finalizer
from corectx._current import attach, detach, enter, get_current, leave, set_current
from corectx._failures import note_failure
from corectx._frame import UNOPENED, Frame, open_inside
from corectx._observers import (
    listeners,
    notify_entered,
    notify_left,
    notify_resumed,
    notify_suspended,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])
    OpenFrame = Callable[[], Frame | None]

# The flags of a code object, as `inspect` has them; `inspect` itself is slow to import.
_CO_GENERATOR = 0x20
_CO_COROUTINE = 0x80
_CO_ITERABLE_COROUTINE = 0x100  # of types.coroutine: a generator to await
_CO_ASYNC_GENERATOR = 0x200


def kind_of(function: Callable[..., object]) -> str:
    """Return the kind of `function`: "function", "coroutine", "generator" or "async_generator".

    Looks through partials, bound methods and objects with a ``__call__``, and honours the mark of
    `inspect.markcoroutinefunction`.
    """
    from functools import partial  # as below
    from types import CodeType

    inspect = sys.modules.get("inspect")  # a program that marks functions has imported it
    if inspect is not None and inspect.iscoroutinefunction(function):
        return "coroutine"
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    flags = code.co_flags if isinstance(code, CodeType) else 0
    if flags & (_CO_COROUTINE | _CO_ITERABLE_COROUTINE):
        return "coroutine"
    if flags & _CO_ASYNC_GENERATOR:
        return "async_generator"
    if flags & _CO_GENERATOR:
        return "generator"
    return "function"


def around(function: Function, open_frame: OpenFrame, *, kind: str | None = None) -> Function:
    """Return `function` with a new frame around the work of each call.

    `open_frame` is called at each call (for a generator: when its body starts). It returns the
    frame, not yet entered, or None for a call without a frame. Name, signature and kind stay as
    they were, also those of a static or class method. `kind` is for a function that hides its own,
    see `kind_of`. An object that cannot be called raises `TypeError`.
    """
    if isinstance(function, (staticmethod, classmethod)):
        return _around_method(function, open_frame, kind)  # type: ignore[no-any-return]
    return _wrapped(function, open_frame, kind, is_work=True)


def bind(function: Function, /) -> Function:
    """Return `function` bound to the frame that is current now; call it anywhere.

    Use it where no context is carried: for a `threading.Thread` or `Timer`, an executor, a callback
    of another thread. It also binds coroutine functions, generators and async generators.
    """
    frame = get_current()
    return _wrapped(function, lambda: frame, None, is_work=False)


def _around_method(method: Any, open_frame: OpenFrame, kind: str | None) -> Any:
    return type(method)(around(method.__func__, open_frame, kind=kind))


def _wrapped(
    function: Function, open_frame: OpenFrame, kind: str | None, *, is_work: bool
) -> Function:
    from functools import update_wrapper  # half of what an `import corectx` would cost

    if not callable(function):
        raise TypeError(
            f"A frame goes around something that can be called, not {function!r}. "
            "Decorate the function that it is made of."
        )
    wrapper = _WRAPPERS[kind or kind_of(function)](function, open_frame, is_work)
    wrapped: Any = update_wrapper(wrapper, function)
    return wrapped  # type: ignore[no-any-return]


# In each of these, `is_work` tells whether the frame begins and ends with the call. Then observers
# hear of it. Otherwise the frame began elsewhere and is only made current again.


def _around_function(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
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
        leave(token)
        return result

    def bound(*args: Any, **kwargs: Any) -> Any:
        # A plain call ends in the context in which it began, so this is exact. Frames that the call
        # left open there are left too.
        if collecting and in_collector():
            return run_finalizer(lambda: bound(*args, **kwargs))
        outer = get_current()
        set_current(open_frame())
        try:
            return function(*args, **kwargs)
        finally:
            set_current(outer)

    return working if is_work else bound


def _around_coroutine(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    async def working(*args: Any, **kwargs: Any) -> Any:
        frame = open_frame()
        if frame is None:
            return await function(*args, **kwargs)
        token = enter(frame)
        try:
            result = await function(*args, **kwargs)
        except BaseException as exc:
            leave(token, exc)
            del frame, token  # the traceback of an exception holds this call
            raise
        leave(token)
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


def _around_generator(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        frame = open_frame()
        body: Generator[Any, Any, Any] = function(*args, **kwargs)
        if frame is None and is_work:
            return (yield from body)
        inside = _Inside(frame, is_work)
        del frame  # the traceback of an exception holds this call
        resume: Callable[[Any], Any] = body.send
        sent: Any = None
        failure: BaseException | None = None
        try:
            run_finalizer(inside.tell_entered)
            while True:
                try:
                    with inside:
                        item = resume(sent)
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield item
                    resume = body.send
                except BaseException as exc:
                    if collecting and in_collector():  # the generator was dropped
                        run_finalizer(inside.close, body)
                        raise
                    # The consumer threw it in; at close() it is GeneratorExit. The body decides.
                    resume, sent = body.throw, exc
        except BaseException as exc:
            failure = exc
            raise
        finally:
            run_finalizer(inside.tell_left, failure)
            failure = sent = None  # an exception holds this very function call in its traceback

    return wrapper


def _around_async_generator(
    function: Callable[..., Any], open_frame: OpenFrame, is_work: bool
) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        frame = open_frame()
        body: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        inside = _Nowhere() if frame is None and is_work else _Inside(frame, is_work)
        del frame  # the traceback of an exception holds this call
        resume: Callable[[Any], Any] = _first_step
        sent: Any = body
        failure: BaseException | None = None
        try:
            run_finalizer(inside.tell_entered)
            while True:
                try:
                    with inside:
                        item = await resume(sent)
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                    resume = body.asend
                except BaseException as exc:
                    if collecting and in_collector():  # dropped, where no event loop closes it
                        run_finalizer(inside.close_async, body)
                        raise
                    resume, sent = body.athrow, exc
        except BaseException as exc:
            failure = exc
            raise
        finally:
            run_finalizer(inside.tell_left, failure)
            failure = sent = None

    return wrapper


def _first_step(body: AsyncGenerator[Any, Any]) -> Any:
    """Return the awaitable of a body's first step, without telling the event loop of the body.

    A loop closes an async generator that nobody iterates any more: here the wrapper. If it closed
    the body at the same time, the two would meet in the body, which cannot run twice at once.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=_left_to_the_wrapper)
    try:
        return body.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _left_to_the_wrapper(body: object) -> None:
    pass


class _Inside:
    """Keep `frame`, and frames opened inside it, current while a generator's body runs."""

    __slots__ = ("_frame", "_inner", "_is_linked", "_is_work", "_outer")

    def __init__(self, frame: Frame | None, is_work: bool) -> None:
        self._frame = frame
        self._inner = frame
        self._outer: Frame | None = None
        self._is_work = is_work

    def __enter__(self) -> None:
        frame = self._frame
        self._outer = outer = get_current()
        if collecting and in_collector():
            self._is_linked = False
            return
        # The frame of a bound generator may be current elsewhere at the same time: do not link it.
        self._is_linked = self._is_work and frame is not None and open_inside(frame, outer)
        set_current(self._inner)
        if listeners.resumed and self._is_work and frame is not None:
            try:
                notify_resumed(frame)
            except BaseException:  # Ctrl-C: then Python does not call __exit__
                set_current(outer)
                raise

    def __exit__(self, *_: object) -> None:
        if collecting and in_collector():
            return
        self._inner = get_current()
        frame = self._frame
        try:
            if listeners.suspended and self._is_work and frame is not None:
                notify_suspended(frame)
        finally:
            # The body may have left the frame that was current outside, by closing a generator.
            set_current(frame.outer if self._is_linked and frame is not None else self._outer)

    def close(self, body: Generator[Any, Any, Any]) -> None:
        """Close a generator's `body` while the frame is current."""
        with self:
            body.close()

    def close_async(self, body: AsyncGenerator[Any, Any]) -> None:
        """Close an async generator's `body` at once: nobody is there to await it."""
        with self:
            closing: Any = body.aclose()
            try:
                closing.send(None)
            except StopIteration:
                return
            raise RuntimeError("async generator ignored GeneratorExit")

    def tell_entered(self) -> None:
        """Tell the observers that the work begins."""
        if self._is_work and self._frame is not None:
            with self:
                notify_entered(self._frame)

    def tell_left(self, exc: BaseException | None) -> None:
        """Tell the observers that the work ended; `exc` is the exception that ended it."""
        frame = self._frame
        if self._is_work and frame is not None:
            if exc is not None:
                note_failure(frame, exc)
            self._inner = frame  # not a frame that the body left open
            with self:
                notify_left(frame, exc)
            frame.outer = UNOPENED
        self._frame = self._inner = self._outer = None


class _Nowhere(_Inside):
    """Change nothing: for a call for which `open_frame` returned no frame."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, is_work=True)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_WRAPPERS = {
    "function": _around_function,
    "coroutine": _around_coroutine,
    "generator": _around_generator,
    "async_generator": _around_async_generator,
}
