"""A pool whose workers run in the frame of the code that submitted the work."""

from __future__ import annotations

import sys
from concurrent.futures import Executor, Future
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeVar

from corectx._current import get_current, set_current
from corectx._headers import extract, refuse_string, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from corectx._frame import Frame

__all__ = ["ContextExecutor"]

Result = TypeVar("Result")


class ContextExecutor(Executor):
    """Wrap `executor` so that work runs in the frame that was current at `submit` or `map`.

    It works for threads, processes and interpreters. In a pool of threads the frame itself becomes
    current. To another process or interpreter it travels as headers: the correlation ID, the flow
    and the names, and those values whose keys are in `allow` (JSON scalars only).

    The frame is captured at each submission. The contexts that threads inherit in Python 3.14 do
    not replace that: a reused worker keeps the context of its first submitter.
    """

    def __init__(self, executor: Executor, *, allow: Iterable[str] = ()) -> None:
        refuse_string(allow)
        self._executor = executor
        self._allow = frozenset(allow)

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Schedule ``fn(*args, **kwargs)`` in the caller's frame."""
        carried, first = self._carry(fn)
        return self._executor.submit(carried, *first, *args, **kwargs)

    def map(
        self,
        fn: Callable[..., Result],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[Result]:
        """Map `fn` in the caller's frame; the options are those of the wrapped executor's `map`."""
        carried, first = self._carry(fn)
        # `repeat` never ends, so it is added only beside an iterable that does.
        repeated = map(repeat, first if iterables else ())
        return self._executor.map(
            carried, *repeated, *iterables, timeout=timeout, chunksize=chunksize, **options
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Shut the wrapped executor down."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)

    def _carry(self, fn: Callable[..., Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return the function to submit in place of `fn`, and its first arguments."""
        carried = _Carried(fn, get_current(), self._allow)
        module = sys.modules.get("concurrent.futures.interpreter")
        if module is None or not isinstance(self._executor, module.InterpreterPoolExecutor):
            return carried, ()
        # An interpreter takes functions that cannot be pickled, such as lambdas, but only as
        # arguments. Inside another object they are pickled.
        _, arguments = carried.__reduce__()
        return _call_arrived, arguments


class _Carried:
    """Call a function in a frame; pickled, the frame becomes headers."""

    def __init__(
        self, function: Callable[..., Any], frame: Frame | None, allow: frozenset[str]
    ) -> None:
        self._function = function
        self._frame = frame
        self._allow = allow

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outer = get_current()
        set_current(self._frame)
        try:
            return self._function(*args, **kwargs)
        finally:
            set_current(outer)

    def __reduce__(self) -> tuple[Callable[..., _Carried], tuple[Any, ...]]:
        headers: dict[str, str] = {}
        if self._frame is not None:
            write(self._frame, headers, allow=self._allow)
        return _arrive, (self._function, headers, self._allow)


def _call_arrived(
    function: Callable[..., Any],
    headers: dict[str, str],
    allow: frozenset[str],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    return _arrive(function, headers, allow)(*args, **kwargs)


def _arrive(
    function: Callable[..., Any], headers: dict[str, str], allow: frozenset[str]
) -> _Carried:
    return _Carried(function, extract(headers, allow=allow), allow)
