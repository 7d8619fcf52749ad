"""Tell observers of frames and crumbs, at the cost of one truth test when there is none."""

from __future__ import annotations

from corectx._reports import forget, report_once
from corectx._signals import raised_by_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from corectx._frame import Frame

    class Observer(Protocol):
        """What `subscribe` accepts; each method is optional and may be called from any thread."""

        def entered(self, frame: Frame, /) -> None:
            """Hear that the work of `frame` begins; the frame is current."""

        def left(self, frame: Frame, exc: BaseException | None, /) -> None:
            """Hear that the work of `frame` ended, by `exc` if it failed.

            The frame is still current, unless it is left elsewhere than it was entered. A bare
            scope that is left in another context than it was entered in is not heard of.
            """

        def crumb(
            self, frame: Frame | None, time_ns: int, event: str, data: Mapping[str, str], /
        ) -> None:
            """Hear of a crumb, already rendered and redacted; `time_ns` is Unix time."""

        def suspended(self, frame: Frame, /) -> None:
            """Hear that the body of a generator is suspended; its `frame` is current no more."""

        def resumed(self, frame: Frame, /) -> None:
            """Hear that the body of a generator goes on, here; its `frame` is current again.

            Also heard before `entered`, and after `left` comes a last `suspended`.
            """

        def starting(self) -> str | None:
            """Say which correlation ID a new operation is to have; None leaves it to others."""

        def sent(self, frame: Frame, fields: dict[str, str], /) -> None:
            """Hear that `frame` is about to travel; what is put into `fields` goes with it.

            Each is text of at most 1,024 characters, under a key of the observer's own.
            """

        def received(self, frame: Frame, fields: Mapping[str, Any], /) -> None:
            """Hear of a remote `frame` that arrived, and of its `fields`, which nobody checked."""


class Listeners:
    """The bound methods of all observers, by event; replaced whole, never mutated."""

    __slots__ = (
        "crumb",
        "entered",
        "left",
        "received",
        "resumed",
        "sent",
        "starting",
        "suspended",
    )
    entered: tuple[Callable[[Frame], None], ...]
    left: tuple[Callable[[Frame, BaseException | None], None], ...]
    crumb: tuple[Callable[[Frame | None, int, str, Mapping[str, str]], None], ...]
    suspended: tuple[Callable[[Frame], None], ...]
    resumed: tuple[Callable[[Frame], None], ...]
    starting: tuple[Callable[[], str | None], ...]
    sent: tuple[Callable[[Frame, dict[str, str]], None], ...]
    received: tuple[Callable[[Frame, Mapping[str, Any]], None], ...]

    def __init__(self) -> None:
        self.entered = self.left = self.crumb = ()
        self.suspended = self.resumed = ()
        self.starting = ()
        self.sent = self.received = ()


listeners: Listeners = Listeners()
_EVENTS = ("entered", "left", "crumb", "suspended", "resumed", "starting", "sent", "received")
_observers: dict[int, object] = {}  # by address
_owners: dict[int, object] = {}  # the observers by the address of each of their bound methods


def subscribe(observer: object) -> Callable[[], None]:
    """Let `observer` hear of frames and crumbs; return the function that ends it.

    An observer has any of the methods ``entered(frame)``, ``left(frame, exc)`` and
    ``crumb(frame, time_ns, event, data)``; one with none of them raises `TypeError`. Subscribing
    the same observer twice has it called once. What an observer raises is logged once per observer
    on the logger ``corectx`` and goes no further, except for `KeyboardInterrupt` and for what a
    signal handler of the program raises at that moment.

    For whoever keeps a current thing of its own beside the frame, such as a span, there are also
    ``suspended(frame)`` and ``resumed(frame)`` (a generator's body), ``starting()`` (returns the
    correlation ID of a new operation), ``sent(frame, fields)`` and ``received(frame, fields)``
    (`inject` and `extract`).
    """
    if not any(callable(getattr(observer, event, None)) for event in _EVENTS):
        raise TypeError(
            f"An observer needs at least one of the methods {', '.join(_EVENTS)}; "
            f"{observer!r} has none."
        )
    _observers[id(observer)] = observer
    _relisten()

    def unsubscribe() -> None:
        if _observers.get(id(observer)) is observer:
            del _observers[id(observer)]
            forget(("observer", id(observer)))
            _relisten()

    return unsubscribe


def _relisten() -> None:
    global _owners
    # No lock: `subscribe` may run in a signal handler or right after a fork. If another thread
    # changed the registry since we read it, whoever writes last has to read it again.
    while True:
        observers = list(_observers.values())
        owners: dict[int, object] = {}
        for event in _EVENTS:
            methods: list[Callable[..., None]] = []
            for observer in observers:
                method: Callable[..., None] | None = getattr(observer, event, None)
                if callable(method):
                    methods.append(method)
                    owners[id(method)] = observer
            setattr(listeners, event, tuple(methods))
        _owners = owners
        if list(map(id, observers)) == list(_observers):
            return


# That a generator was closed is no failure.
_no_failures: tuple[type[BaseException], ...] = (GeneratorExit,)


def add_no_failures(*kinds: type[BaseException]) -> None:
    """Have work that ends by an exception of `kinds` not have failed, for every observer.

    For what a framework raises to say what becomes of the work, as Celery's ``Retry``.
    """
    global _no_failures
    _no_failures = tuple(dict.fromkeys((*_no_failures, *kinds)))


def notify_entered(frame: Frame) -> None:
    """Tell every observer that the work of `frame` begins."""
    for entered in listeners.entered:
        try:
            entered(frame)
        except BaseException as error:
            _contain(entered, error)


def notify_left(frame: Frame, exc: BaseException | None) -> None:
    """Tell every observer that the work of `frame` ended, by `exc` if any.

    The last to enter leaves first: observers nest like the frames do. Of an exception that is no
    failure they do not hear.
    """
    if exc is not None and issubclass(type(exc), _no_failures):  # isinstance would ask its class
        exc = None
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


def notify_suspended(frame: Frame) -> None:
    """Tell every observer that a generator's body is suspended, with its `frame`."""
    for suspended in reversed(listeners.suspended):
        try:
            suspended(frame)
        except BaseException as error:
            _contain(suspended, error)


def notify_resumed(frame: Frame) -> None:
    """Tell every observer that a generator's body goes on, in its `frame`."""
    for resumed in listeners.resumed:
        try:
            resumed(frame)
        except BaseException as error:
            _contain(resumed, error)


def ask_starting() -> str | None:
    """Return the correlation ID that the first observer with an answer gives to a new operation."""
    for starting in listeners.starting:
        try:
            chosen = starting()
        except BaseException as error:
            _contain(starting, error)
        else:
            if chosen is not None:
                return chosen
    return None


def notify_sent(frame: Frame, fields: dict[str, str]) -> None:
    """Let every observer add to the `fields` that travel with `frame`."""
    for sent in listeners.sent:
        try:
            sent(frame, fields)
        except BaseException as error:
            _contain(sent, error)


def notify_received(frame: Frame, fields: Mapping[str, Any]) -> None:
    """Tell every observer of the `fields` that arrived with the remote `frame`."""
    for received in listeners.received:
        try:
            received(frame, fields)
        except BaseException as error:
            _contain(received, error)


def _contain(method: Callable[..., object], error: BaseException) -> None:
    """Report the first failure of an observer; let a user's Ctrl-C and other signals through."""
    if isinstance(error, KeyboardInterrupt) or raised_by_signal(error):
        raise error
    observer = _owners.get(id(method), method)
    kind = type(observer)  # by its type: its repr may be what failed
    report_once(
        ("observer", id(observer)),
        f"An observer of type {kind.__module__}.{kind.__qualname__} raised "
        f"{type(error).__name__}; further failures of it are not logged.",
        error,
    )
