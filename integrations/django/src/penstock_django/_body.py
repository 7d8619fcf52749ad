"""The body of a streaming response, whose end is the end of the request's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corectx.lowlevel import run_finalizer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    # Told once how the work ended: by an exception, or by none.
    End = Callable[[BaseException | None], None]


class _Ending:
    """Tell `end` once, whoever notices the end first: the body, Django, or the collector.

    A client that goes away is not an error: then Django closes the body, or drops it.
    """

    def __init__(self, end: End) -> None:
        self._end: End | None = end

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
    """Pass the chunks of a body on, and tell `end` when there are no more."""

    def __init__(self, chunks: Iterator[Any], end: End) -> None:
        super().__init__(end)
        self._chunks = chunks

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._chunks)
        except StopIteration:
            self._finish(None)
            raise
        except BaseException as exc:
            self._finish(exc)
            raise


class AsyncBody(_Ending):
    """`Body` for an asynchronous iterator."""

    def __init__(self, chunks: AsyncIterator[Any], end: End) -> None:
        super().__init__(end)
        self._chunks = chunks

    def __aiter__(self) -> AsyncBody:
        return self

    async def __anext__(self) -> Any:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._finish(None)
            raise
        except BaseException as exc:
            self._finish(exc)
            raise
