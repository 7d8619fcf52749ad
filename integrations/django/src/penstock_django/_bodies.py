"""The bodies of responses that are sent in parts: the work of a request ends with its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corectx.lowlevel import listeners, notify_resumed, notify_suspended, run_finalizer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from corectx import Frame

    # Called once at the end of the work, with the exception that ended it or None.
    End = Callable[[BaseException | None], None]


class _Ending:
    """Call `end` once, when the body, Django or the collector notices the end of `frame`'s work.

    Observers hear before each chunk that the work goes on, and after it that it waits: the span of
    the request is then current while the body runs, whatever the middleware above has done to the
    context.

    If the client goes away, Django closes the body or drops it. That is no error.
    """

    def __init__(self, frame: Frame, end: End) -> None:
        self._frame = frame
        self._end: End | None = end
        if listeners.suspended:
            notify_suspended(frame)

    def close(self) -> None:
        """End early; Django calls it for every body."""
        self._finish(None)

    def __del__(self) -> None:
        run_finalizer(self._finish, None)

    def _finish(self, exc: BaseException | None) -> None:
        end, self._end = self._end, None
        if end is not None:
            end(exc)


class Body(_Ending):
    """Pass on the chunks of a body, and call `end` after the last one."""

    def __init__(self, chunks: Iterator[Any], frame: Frame, end: End) -> None:
        super().__init__(frame, end)
        self._chunks = chunks

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> Any:
        if listeners.resumed:
            notify_resumed(self._frame)
        try:
            return next(self._chunks)
        except StopIteration:
            self._finish(None)
            raise
        except BaseException as exc:
            self._finish(exc)
            raise
        finally:
            if listeners.suspended:
                notify_suspended(self._frame)


class AsyncBody(_Ending):
    """`Body` for an asynchronous iterator."""

    def __init__(self, chunks: AsyncIterator[Any], frame: Frame, end: End) -> None:
        super().__init__(frame, end)
        self._chunks = chunks

    def __aiter__(self) -> AsyncBody:
        return self

    async def __anext__(self) -> Any:
        if listeners.resumed:
            notify_resumed(self._frame)
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._finish(None)
            raise
        except BaseException as exc:
            self._finish(exc)
            raise
        finally:
            if listeners.suspended:
                notify_suspended(self._frame)
