"""The current frame: one context variable, and the functions that change it.

`start` makes the first frame of an operation. `attach` and `detach` make a frame current for a
while. `enter` and `leave` do the same for the beginning and the end of a piece of work: they also
tell the observers, and `leave` notes on an exception which frame it left. Every ``with`` and every
decorator of the project does what one of these pairs does.

Frames are left in the reverse order of their opening, except where a generator is suspended in the
middle of a ``with``. So each frame knows its `outer`, the frame that was current before it. The
chain of these is the stack of this context. To leave a frame is to take it out of the chain. If
the frame is not in the chain (it is of another context or thread, or was left already), nothing
happens.

Some hot paths do inline what `enter` and `leave` do, since a call would cost as much as all else:
`corectx.scope`, the wrappers that penstock puts around functions, and its middleware. In this order
they make the frame current, tell `listeners.entered`, run the work, note the failure, tell
`listeners.left`, and make the outer frame current. tests/system/test_inlined.py proves that all of
them behave the same. Change them together.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar

from corectx._failures import note_failure
from corectx._frame import NO_VALUES, UNOPENED, Frame, MappingProxyType, as_id, chain, new_trace_id
from corectx._observers import ask_arriving, ask_starting, listeners, notify_entered, notify_left
from corectx._process import collecting, in_collector, run_finalizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType
    from typing import NoReturn, TypeAlias
    from uuid import UUID

    from corectx._frame import SiteLike

# One variable for everything: a context variable is never collected, and each further one makes
# every copy of a context more expensive.
CURRENT: ContextVar[Frame | None] = ContextVar("corectx.frame", default=None)

# For hot paths. If `CURRENT` is an imported name, CPython 3.11 and later compiles `CURRENT.get()`
# as the call of a function in a module, and makes a bound method each time.
get_current: Callable[[], Frame | None] = CURRENT.get
set_current: Callable[[Frame | None], object] = CURRENT.set

if TYPE_CHECKING:
    # `attach` and `enter` return it, and only `detach` and `leave` look into it: the frame, the
    # frame that was current before, and whether the first knows the second as its `outer`.
    Token: TypeAlias = tuple[Frame | None, Frame | None, bool]
else:
    Token = tuple


def current() -> Frame | None:
    """Return the current frame, or None outside of any."""
    return get_current()


def values() -> Mapping[str, object]:
    """Return the current scoped values as an immutable mapping, which may be empty."""
    frame = get_current()
    return NO_VALUES if frame is None else frame.values


def correlation_id() -> str | None:
    """Return the current correlation ID, or None."""
    frame = get_current()
    return None if frame is None else frame.correlation_id


def new_correlation_id() -> str:
    """Return 32 random lowercase hex digits, a valid W3C trace ID (never all zero).

    An observer may choose another ID, such as that of the active trace.
    """
    if listeners.starting:
        return as_id(ask_starting()) or new_trace_id()
    return new_trace_id()


def arriving_id(site: SiteLike) -> str | None:
    """Return the correlation ID that an observer chooses for a request or a message, or None."""
    return as_id(ask_arriving(site)) if listeners.arriving else None


def start(
    site: SiteLike,
    *,
    correlation_id: str | UUID | None = None,
    parent: Frame | None = None,
    values: Mapping[str, object] | None = None,
) -> Frame:
    """Return the first frame of an operation: of a request, a task, or an outermost flow.

    The frame has a store of its own, and the given correlation ID or a new one. With `parent` it is
    part of the parent and inherits its values. A UUID object counts as its 32 hex digits, and
    a text stays as it is: write ``UUID(text)`` if other programs send the same UUID with and
    without dashes. An ID that is not ``[A-Za-z0-9._-]{1,128}`` raises `ValueError`; check an ID
    from outside with `is_valid_id` first.
    """
    if correlation_id is None:
        made = new_correlation_id()
    else:
        made = as_id(correlation_id) or _refuse_id(correlation_id)
    if parent is None:
        merged = MappingProxyType({**values}) if values else NO_VALUES
    else:
        merged = MappingProxyType(parent.values | {**values}) if values else parent.values
    return Frame(site, parent, site.flow, made, merged, {})


def _refuse_id(given: object) -> NoReturn:
    if not isinstance(given, str):
        raise TypeError(
            f"correlation_id= is a text or a UUID, not an object of type {type(given).__name__!r}."
        )
    raise ValueError(
        "A correlation ID is 1 to 128 characters of A-Z a-z 0-9 . _ - "
        f"but this one is {given[:40]!r}. Leave it out to have one made."
    )


def attach(frame: Frame | None) -> Token:
    """Make `frame` current and return the token for `detach`.

    A frame may be attached many times, also in several threads at the same time. With None there is
    no current frame until `detach`.
    """
    outer = get_current()
    if collecting and in_collector():
        return frame, outer, False
    try:
        set_current(frame)
    except BaseException:  # of a signal handler, right after the call
        set_current(outer)
        raise
    if frame is not None and frame.outer is UNOPENED:
        frame.outer = outer
        return frame, outer, True
    return frame, outer, False


def detach(token: Token) -> None:
    """Undo an `attach`. Never raises.

    If the frame is current, or a frame that was opened inside it, the frame before it becomes
    current again. In another context or thread, or if it is detached already, nothing happens. In a
    finalizer that must not set a context variable, `detach` does nothing; see `_process`.
    """
    frame, outer, is_known = token
    if collecting and in_collector():
        return
    if is_known and frame is not None and frame.outer is not UNOPENED:
        outer = frame.outer  # it may have changed since `attach`
    if get_current() is frame:
        set_current(outer)
    elif not leave_around(frame, outer):
        return
    if is_known and frame is not None:
        # A callback that schedules itself begins in a copy of the context of the call before.
        # Without this line the frames of all its calls would stay alive.
        frame.outer = UNOPENED


def enter(frame: Frame) -> Token:
    """Begin the work of `frame`: attach it and tell the observers. Return the token for `leave`."""
    token = attach(frame)
    if listeners.entered:
        try:
            run_finalizer(notify_entered, frame)
        except BaseException as exc:  # Ctrl-C; some observers have heard of the frame
            leave(token, exc)
            raise
    return token


def leave(token: Token, exc: BaseException | None = None) -> None:
    """End the work that `enter` began: tell the observers and detach. With `exc` it failed.

    `failed_frame(exc)` later returns this frame. It raises only the exceptions of observers that
    `subscribe` lets through.
    """
    if collecting and in_collector():
        run_finalizer(leave, token, exc)
        return
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
    """Leave `frame`, which is not current, for `outer`; tell whether it was in the chain.

    In plain code, frames that were opened inside `frame` and are still current leaked from a
    suspended generator. They are left too. In the body of a generator it is the opposite: `frame`
    leaked to the consumer. The current frame is the consumer's and stays.
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

    Between the two there is only the code of context managers: this module, methods, contextlib,
    and the generators that contextlib turns into context managers.
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
