"""The frames that are open: kept in a set, or found on the stacks of the threads.

Only an observer with a true `is_inlined` keeps them. To keep each step of a flow would cost half as
much as the step. So if that observer is the only one, a wrapper that opens frames inline notes
only the time. As long as such a frame is open, its call is on the stack of some thread.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from _weakref import ref
from time import monotonic, time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any, Protocol

    from corectx._frame import Frame

    class Keeper(Protocol):
        """An observer that keeps each frame from its ``entered`` to its ``left``.

        `holds` returns how many references to the frame it has, and `lose` drops them.
        """

        def frames(self) -> list[Frame]: ...
        def holds(self, frame: Frame, /) -> int: ...
        def lose(self, frame: Frame, /) -> None: ...


_MOST = 10_000  # frames that are kept; a program that never leaves them has more
_MOST_LOOKS = 5  # at the stack of a thread that runs meanwhile

_kept: set[Frame] = set()
_keepers: list[Keeper] = []
_inline: set[CodeType] = set()

# Keep a frame no longer.
note_closed: Callable[[Frame], None] = _kept.discard


def opens_inline(wrapper: Callable[..., object]) -> None:
    """Say that each call of `wrapper` opens the frame in its local variable `frame`."""
    _inline.add(wrapper.__code__)


def note_open(frame: Frame) -> bool:
    """Keep `frame` as open, since now, in this thread; tell whether there was room."""
    frame.since = time()
    frame.thread_id = get_ident()
    if len(_kept) >= _MOST:
        return False
    _kept.add(frame)
    return True


def forget_open() -> None:
    """Forget all kept frames: the observer has gone, or this process was forked."""
    _kept.clear()


def search_for_lost(keeper: Keeper) -> Callable[[], None]:
    """Let `forget_lost` search among the frames of `keeper` too; return a function that ends it."""
    _keepers.append(keeper)

    def end() -> None:
        _keepers[:] = [each for each in _keepers if each is not keeper]

    return end


def forget_lost(among: list[Frame] | None = None) -> None:
    """Forget the frames whose work is over although nobody told: nobody else has them any more.

    It searches all frames that are kept, or those in the list `among`, which it empties. No
    variable of the caller may hold one of these.
    An exception that a signal handler of the program raises can come between the moment when a
    frame is kept and the ``try`` around its work, or in the middle of closing it.
    """
    if not hasattr(sys, "getrefcount"):
        return  # not every interpreter counts references
    keepers = tuple(_keepers)
    frames: list[Any] = []
    if among is None:
        frames += _kept.union(*(keeper.frames() for keeper in keepers))
    else:
        frames += among
        among.clear()
    frames.sort(key=lambda frame: getattr(frame, "since", 0.0))
    # Those that began last first, since they hold the frames around them.
    for index in range(len(frames) - 1, -1, -1):
        kept = int(frames[index] in _kept)
        for keeper in keepers:
            kept += keeper.holds(frames[index])
        if _references(frames, index) - _OWN_REFERENCES == kept:
            for keeper in keepers:
                keeper.lose(frames[index])
            _kept.discard(frames[index])
        frames[index] = None


def _references(frames: list[Any], index: int) -> int:
    return sys.getrefcount(frames[index])


# Those of the list and of the call, which `_references` counts too.
_OWN_REFERENCES = _references([object()], 0) if hasattr(sys, "getrefcount") else 0


def open_frames(since: float = 0.0) -> list[Frame]:
    """Return the frames that are kept, and those that were opened inline after `since`.

    `since` is Unix time. Each frame has its time and thread in `since` and `thread_id`.
    """
    found = dict.fromkeys(_kept.copy())
    for thread_id, frames in _inline_frames() if _inline else ():
        for frame in frames:
            if getattr(frame, "since", 0.0) > since:
                frame.thread_id = thread_id or _thread_around(frame)
                found[frame] = None
    return list(found)


def _inline_frames() -> list[tuple[int, list[Frame]]]:
    """Return the frames on the stack of each thread, and of each greenlet that waits (thread 0)."""
    # `_current_frames` is documented for debugging; it returns a dict of its own.
    current_frames: Callable[[], dict[int, FrameType]] = sys._current_frames  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    found: list[tuple[int, list[Frame]]] = []
    for thread_id in list(current_frames()):
        # A call that returns while we look at it leads nowhere. So look until two looks agree.
        frames, outermost = _look(current_frames().get(thread_id))
        for _ in range(_MOST_LOOKS):
            before = outermost
            frames, outermost = _look(current_frames().get(thread_id))
            if outermost is before:
                break
        found.append((thread_id, frames))
    for waiting in _greenlets():
        frames, _ = _look(waiting.gr_frame)
        found.append((0, frames))
    return found


def _look(call: FrameType | None) -> tuple[list[Frame], CodeType | None]:
    """Return the frames of the inlined calls from `call` outwards, and the code of the last one."""
    frames: list[Frame] = []
    outermost: CodeType | None = None
    while call is not None:
        outermost = call.f_code
        if outermost in _inline:
            frame: Frame | None = call.f_locals.get("frame")
            if frame is not None:
                frames.append(frame)
        call = call.f_back
    return frames, outermost


# The greenlets that the last search found, and when the next search may begin, by `monotonic`.
_known_greenlets: list[Callable[[], Any]] = []
_next_search = 0.0


def _greenlets() -> list[Any]:
    """Return the greenlets of all threads, or those of a short time ago that are still there.

    Only a search among all objects finds them: about 40 ms for each million. So a program that
    reports many failures searches in a twentieth of its time at most.
    """
    global _known_greenlets, _next_search
    module: Any = sys.modules.get("greenlet")
    if module is None:
        return []
    began = monotonic()
    if began < _next_search:
        return [each for each in (known() for known in _known_greenlets) if each is not None]
    from gc import get_objects
    from itertools import compress

    kinds: list[type[Any]] = [module.greenlet]
    for kind in kinds:
        kinds += kind.__subclasses__()
    objects = get_objects()
    found = list(compress(objects, map(frozenset(kinds).__contains__, map(type, objects))))
    _known_greenlets = [ref(each) for each in found]
    ended = monotonic()
    _next_search = ended + 20 * (ended - began)
    return found


def _thread_around(frame: Frame) -> int:
    """Return the thread of the nearest frame around `frame` that has one, 0 for none."""
    around = frame.parent
    while around is not None and not hasattr(around, "thread_id"):
        around = around.parent
    return 0 if around is None else around.thread_id
