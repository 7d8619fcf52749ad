"""Put a frame around a generator or an async generator, and take it away where the body suspends.

A generator suspends in the middle of its body. The frame around it, and the frames that the body
opened inside, are current only while the body runs. They are removed at each ``yield`` and restored
at each resumption, in any thread or task.
"""

from __future__ import annotations

import sys

from corectx._current import get_current, set_current
from corectx._failures import note_failure
from corectx._frame import UNOPENED, Frame, open_inside
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
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any

    OpenFrame = Callable[[], Frame | None]


def around_generator(
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
                    # As `inside` does it, where nobody listens
                    outer, work = get_current(), inside.work
                    if (
                        work is None
                        or work.outer is not outer
                        or collecting
                        or listeners.resumed
                        or listeners.suspended
                    ):
                        with inside:
                            item = resume(sent)
                    else:
                        set_current(inside.inner)
                        try:
                            item = resume(sent)
                        finally:
                            if not (collecting and in_collector()):
                                inside.inner = get_current()
                                set_current(work.outer)
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
            # An exception holds this very function call in its traceback.
            failure = sent = outer = work = None

    return wrapper


def around_async_generator(
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
                    # As `inside` does it, where nobody listens
                    outer, work = get_current(), inside.work
                    if (
                        work is None
                        or work.outer is not outer
                        or collecting
                        or listeners.resumed
                        or listeners.suspended
                    ):
                        with inside:
                            item = await resume(sent)
                    else:
                        set_current(inside.inner)
                        try:
                            item = await resume(sent)
                        finally:
                            if not (collecting and in_collector()):
                                inside.inner = get_current()
                                set_current(work.outer)
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
            failure = sent = outer = work = None

    return wrapper


def _first_step(body: AsyncGenerator[Any, Any]) -> Any:
    """Return the awaitable of a body's first step, without telling the event loop of the body.

    A loop closes an async generator that nobody iterates any more. Here it closes the wrapper. If
    it also closed the body, both would run the body at the same time, which Python refuses.
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
    """Keep `frame`, and frames opened inside it, current while a generator's body runs.

    `work` is the frame if it begins and ends with the call, and `inner` is the frame that the body
    left current.
    """

    __slots__ = ("_is_linked", "_outer", "inner", "work")

    def __init__(self, frame: Frame | None, is_work: bool) -> None:
        self.work = frame if is_work else None
        self.inner = frame
        self._outer: Frame | None = None

    def __enter__(self) -> None:
        work = self.work
        self._outer = outer = get_current()
        if collecting and in_collector():
            self._is_linked = False
            return
        # The frame of a bound generator may be current elsewhere at the same time: do not link it.
        self._is_linked = work is not None and open_inside(work, outer)
        set_current(self.inner)
        if listeners.resumed and work is not None:
            try:
                notify_resumed(work)
            except BaseException:  # Ctrl-C: then Python does not call __exit__
                set_current(outer)
                raise

    def __exit__(self, *_: object) -> None:
        if collecting and in_collector():
            return
        self.inner = get_current()
        work = self.work
        try:
            if listeners.suspended and work is not None:
                notify_suspended(work)
        finally:
            # The body may have left the frame that was current outside, by closing a generator.
            set_current(work.outer if self._is_linked and work is not None else self._outer)

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
        if self.work is not None:
            with self:
                notify_entered(self.work)

    def tell_left(self, exc: BaseException | None) -> None:
        """Tell the observers that the work ended; `exc` is the exception that ended it."""
        work = self.work
        if work is not None:
            if exc is not None:
                note_failure(work, exc)
            self.inner = work  # not a frame that the body left open
            with self:
                notify_left(work, exc)
            work.outer = UNOPENED
        self.work = self.inner = self._outer = None


class _Nowhere(_Inside):
    """Change nothing: `open_frame` returned no frame for this call."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, is_work=True)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass
