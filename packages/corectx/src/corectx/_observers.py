"""Tell observers of frames and crumbs, at the cost of one truth test when there is none."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from corectx._frame import Frame

    class Observer(Protocol):
        """What `subscribe` accepts; each method is optional and may be called from any thread."""

        def entered(self, frame: Frame, /) -> None:
            """Hear that the work of `frame` begins; the frame is current."""

        def left(self, frame: Frame, exc: BaseException | None, /) -> None:
            """Hear that the work of `frame` ended, by `exc` if any; the frame is still current."""

        def crumb(
            self, frame: Frame | None, time_ns: int, event: str, data: Mapping[str, str], /
        ) -> None:
            """Hear of a crumb, already rendered and redacted; `time_ns` is Unix time."""


class Listeners:
    """The bound methods of all observers, by event; replaced whole, never mutated."""

    __slots__ = ("crumb", "entered", "left")

    def __init__(self) -> None:
        self.entered: tuple[Callable[[Frame], None], ...] = ()
        self.left: tuple[Callable[[Frame, BaseException | None], None], ...] = ()
        self.crumb: tuple[Callable[[Frame | None, int, str, Mapping[str, str]], None], ...] = ()


listeners = Listeners()
_EVENTS = ("entered", "left", "crumb")
_observers: tuple[object, ...] = ()
_reported: set[int] = set()


def subscribe(observer: object) -> Callable[[], None]:
    """Let `observer` hear of frames and crumbs; return the function that ends it.

    An observer has any of the methods ``entered(frame)``, ``left(frame, exc)`` and
    ``crumb(frame, time_ns, event, data)``; one with none of them raises `TypeError`. Subscribing the
    same observer twice has it called once. What an observer raises is logged once per observer on
    the logger ``corectx`` and goes no further.
    """
    global _observers  # noqa: PLW0603 - the one registry of the process
    if not any(callable(getattr(observer, event, None)) for event in _EVENTS):
        raise TypeError(
            f"An observer needs at least one of the methods {', '.join(_EVENTS)}; "
            f"{observer!r} has none."
        )
    if not any(known is observer for known in _observers):
        _observers = (*_observers, observer)
        _relisten()

    def unsubscribe() -> None:
        global _observers  # noqa: PLW0603
        _observers = tuple(known for known in _observers if known is not observer)
        _reported.discard(id(observer))
        _relisten()

    return unsubscribe


def _relisten() -> None:
    for event in _EVENTS:
        methods = (getattr(observer, event, None) for observer in _observers)
        setattr(listeners, event, tuple(method for method in methods if callable(method)))


def notify_entered(frame: Frame) -> None:
    """Tell every observer that the work of `frame` begins."""
    for entered in listeners.entered:
        try:
            entered(frame)
        except BaseException as error:
            _contain(entered, error)


def notify_left(frame: Frame, exc: BaseException | None) -> None:
    """Tell every observer that the work of `frame` ended, by `exc` if any.

    The last to enter leaves first: observers nest like the frames do.
    """
    for left in reversed(listeners.left):
        try:
            left(frame, exc)
        except BaseException as error:
            _contain(left, error)


def notify_crumb(frame: Frame | None, time_ns: int, event: str, data: Mapping[str, str]) -> None:
    """Tell every observer of one crumb."""
    for crumb in listeners.crumb:
        try:
            crumb(frame, time_ns, event, data)
        except BaseException as error:
            _contain(crumb, error)


def _contain(method: Callable[..., None], error: BaseException) -> None:
    """Log the first failure of an observer; let a user's Ctrl-C through."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    observer = getattr(method, "__self__", method)
    if id(observer) in _reported:
        return
    _reported.add(id(observer))
    import logging  # noqa: PLC0415 - not on the import path of a program that needs no log

    logging.getLogger("corectx").error(
        "The observer %r failed in %s(); further failures of it are not logged.",
        observer,
        method.__name__,
        exc_info=error,
    )
