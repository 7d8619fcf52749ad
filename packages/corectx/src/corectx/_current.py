"""The current frame: one context variable, and the pairs that change it.

`attach`/`detach` make a frame current for a while; `enter`/`leave` are the same for the beginning
and the end of a piece of work, which observers hear of. Every ``with`` and every decorator of the
project stands on one of these pairs.

Frames are left in the reverse order of their opening, except where generators are suspended in the
middle of a ``with``. So each frame knows its `outer`, the one that was current before it, and the
chain of these is this context's stack. To leave a frame is to take it out of the chain; to leave
one that is not in the chain (of another context, another thread, left already) is to do nothing.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar

from corectx._failures import note_failure
from corectx._frame import NO_VALUES, UNOPENED, Frame, chain
from corectx._observers import listeners, notify_entered, notify_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType
    from typing import TypeAlias

# One variable for everything: a context variable is never collected, and each one more makes every
# copy of a context dearer.
CURRENT: ContextVar[Frame | None] = ContextVar("corectx.frame", default=None)

# For hot paths. Where `CURRENT` is an imported name, the compiler of CPython 3.11 and later takes
# `CURRENT.get()` for the call of a function in a module, and a bound method is made each time.
get_current: Callable[[], Frame | None] = CURRENT.get
set_current: Callable[[Frame | None], object] = CURRENT.set

if TYPE_CHECKING:
    # What `attach` and `enter` return and only `detach` and `leave` look into: the frame, the one
    # that was current before it, and whether the frame itself knows that one as its `outer`.
    Token: TypeAlias = tuple[Frame | None, Frame | None, bool]
else:
    Token = tuple


def current() -> Frame | None:
    """Return the current frame, or None outside of any."""
    return get_current()


def values() -> Mapping[str, object]:
    """Return the scoped values that are ambient now; an immutable mapping, maybe empty."""
    frame = get_current()
    return NO_VALUES if frame is None else frame.values


def correlation_id() -> str | None:
    """Return the correlation ID that is active now, or None."""
    frame = get_current()
    return None if frame is None else frame.correlation_id


def attach(frame: Frame | None) -> Token:
    """Make `frame` current and return the token that `detach` wants.

    The same frame may be attached many times, also at once in several threads. With None there is
    no current frame until `detach`.
    """
    outer = get_current()
    set_current(frame)
    if frame is not None and frame.outer is UNOPENED:
        frame.outer = outer
        return frame, outer, True
    return frame, outer, False


def detach(token: Token) -> None:
    """Undo an `attach`; never raises, and changes nothing where its frame is no longer around.

    Where the frame is current, or frames that were opened inside it are, the one before it becomes
    current again. Elsewhere (another context, another thread, already detached) nothing happens.
    """
    frame, outer, is_known = token
    if is_known and frame is not None and frame.outer is not UNOPENED:
        outer = frame.outer  # it may have changed since
    if get_current() is frame:
        set_current(outer)
    elif not leave_around(frame, outer):
        return
    if is_known and frame is not None:
        # Otherwise a callback that schedules itself, and so begins each run in a copy of the
        # context of the run before, would hold on to all of its runs.
        frame.outer = UNOPENED


def enter(frame: Frame) -> Token:
    """Begin the work of `frame`: attach it and tell the observers. Return the token for `leave`."""
    token = attach(frame)
    if listeners.entered:
        try:
            notify_entered(frame)
        except BaseException:  # a user's Ctrl-C
            detach(token)
            raise
    return token


def leave(token: Token, exc: BaseException | None = None) -> None:
    """End the work that `enter` began, by `exc` if it failed: tell the observers and detach.

    An exception is noted as having left this frame, for `failed_frame`. Never raises, except for
    what `subscribe` lets through of an observer: a Ctrl-C, and what a signal handler raises.
    """
    frame = token[0]
    try:
        if frame is not None:
            if exc is not None:
                note_failure(frame, exc)
            if listeners.left:
                notify_left(frame, exc)
    finally:
        detach(token)


def leave_around(frame: Frame | None, outer: Frame | None) -> bool:
    """Leave `frame`, which is not the current one, for `outer`; tell whether it was around.

    In plain code whatever was opened inside `frame` and is still current leaks from a suspended
    generator: it goes too. In the body of a generator it is the other way round: `frame` leaked to
    the consumer, and what is current now is the consumer's and stays.
    """
    inside: Frame | None = None
    for each in chain(get_current()):
        if each is frame:
            break
        inside = each
    else:
        return False
    caller = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if inside is not None and _is_in_generator(caller):
        inside.outer = outer
    else:
        set_current(outer)
    return True


_GENERATOR_FLAGS = 0x20 | 0x200  # inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_EXITS = frozenset(("__exit__", "__aexit__"))
_MANAGERS = frozenset((__name__, "contextlib"))


def _is_in_generator(caller: FrameType | None) -> bool:
    """Tell whether the ``with`` that ends in `caller` stands in the body of a generator.

    Between the two is the code of context managers: this module, methods, contextlib, and the
    generators that contextlib makes into context managers.
    """
    while caller is not None:
        code = caller.f_code
        around = caller.f_back
        if code.co_flags & _GENERATOR_FLAGS:
            if around is None or around.f_globals.get("__name__") != "contextlib":
                return True
        elif code.co_name not in _EXITS and caller.f_globals.get("__name__") not in _MANAGERS:
            return False
        caller = around
    return False
