"""Tell observers of frames and crumbs; without an observer that costs one truth test.

An exception of an observer is logged once and goes no further. An exception that a signal handler
of the program raised in the middle of our code is the program's own, and goes on.
"""

from __future__ import annotations

from corectx._failures import is_control_flow
from corectx._process import forget, log_once, raised_by_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from corectx._frame import Frame, SiteLike

    class Observer(Protocol):
        """Show the methods that `subscribe` looks for, each optional, called in any thread."""

        def entered(self, frame: Frame, /) -> None:
            """Hear that the work of `frame` begins; the frame is current."""

        def left(self, frame: Frame, exc: BaseException | None, /) -> None:
            """Hear that the work of `frame` ended; `exc` is the exception that ended it, or None.

            The frame is still current, unless it is left in another context than it was entered in.
            A bare scope that is left in another context is not announced.
            """

        def crumb(
            self, frame: Frame | None, time_ns: int, event: str, data: Mapping[str, str], /
        ) -> None:
            """Hear of a crumb, rendered and redacted; `time_ns` is Unix time in nanoseconds."""

        def suspended(self, frame: Frame, /) -> None:
            """Hear that a generator's body is suspended; its `frame` is no longer current.

            The body of a response is suspended in the same way. With Django its frame stays
            current.
            """

        def resumed(self, frame: Frame, /) -> None:
            """Hear that a generator's body goes on in this context; its `frame` is current again.

            It is also called before `entered`; after `left` there is a last `suspended`.
            """

        def renamed(self, frame: Frame, /) -> None:
            """Hear that the site of `frame` has learnt its name, such as the route of a request."""

        def ending(self, *, is_final: bool) -> None:
            """Hear that the process is about to end in an ordinary way, perhaps without exit hooks.

            Unless `is_final`, the process may still go on: its server has shut down, and nothing
            more is known.
            """

        def starting(self) -> str | None:
            """Return the correlation ID of a new operation, or None to let others choose it."""

        def arriving(self, site: SiteLike, /) -> str | None:
            """Return the correlation ID for the operation of a request or a message, or None.

            `site` is the site of its first frame. It may have the headers that arrived.
            """

        def sent(self, frame: Frame, fields: dict[str, str], /) -> None:
            """Hear that `frame` is about to travel, and add to the `fields` that travel with it.

            Each is a text of at most 1,024 characters, under a key of the observer's own. A field
            about a run of the operation has a key that begins with "run:", and is not for HTTP.
            """

        def received(self, frame: Frame, fields: Mapping[str, Any], /) -> None:
            """Hear of a remote `frame` that arrived, and of its `fields`, which are unchecked."""


class Listeners:
    """Hold the bound methods of all observers, by event; each tuple is replaced whole."""

    __slots__ = (
        "arriving",
        "crumb",
        "ending",
        "entered",
        "is_inlined",
        "left",
        "received",
        "renamed",
        "resumed",
        "scope_entered",
        "scope_left",
        "sent",
        "starting",
        "suspended",
    )
    entered: tuple[Callable[[Frame], None], ...]
    left: tuple[Callable[[Frame, BaseException | None], None], ...]
    crumb: tuple[Callable[[Frame | None, int, str, Mapping[str, str]], None], ...]
    scope_entered: tuple[Callable[[Frame], None], ...]
    scope_left: tuple[Callable[[Frame, BaseException | None], None], ...]
    suspended: tuple[Callable[[Frame], None], ...]
    resumed: tuple[Callable[[Frame], None], ...]
    renamed: tuple[Callable[[Frame], None], ...]
    ending: tuple[Callable[..., None], ...]
    starting: tuple[Callable[[], str | None], ...]
    arriving: tuple[Callable[[SiteLike], str | None], ...]
    sent: tuple[Callable[[Frame, dict[str, str]], None], ...]
    received: tuple[Callable[[Frame, Mapping[str, Any]], None], ...]
    is_inlined: bool

    def __init__(self) -> None:
        self.entered = self.left = self.crumb = ()
        # True if all observers of the first two events need no call when a frame is opened inline.
        # Only the observer of open frames needs none, see `_open`.
        self.is_inlined = False
        # Methods of observers that want to hear of bare scopes; empty means a scope costs nothing.
        self.scope_entered = self.scope_left = ()
        self.suspended = self.resumed = self.renamed = ()
        self.ending = ()
        self.starting = ()
        self.arriving = ()
        self.sent = self.received = ()


listeners: Listeners = Listeners()
_EVENTS = (
    "entered",
    "left",
    "crumb",
    "suspended",
    "resumed",
    "renamed",
    "ending",
    "starting",
    "arriving",
    "sent",
    "received",
)
_observers: dict[int, object] = {}  # by address
_followers: list[Callable[[], None]] = []
_owners: dict[int, object] = {}  # the observers by the address of each of their bound methods


def subscribe(observer: object) -> Callable[[], None]:
    """Let `observer` hear of frames and crumbs; return the function that ends the subscription.

    An observer has any of the methods ``entered(frame)``, ``left(frame, exc)`` and
    ``crumb(frame, time_ns, event, data)``. An observer with none of the methods raises `TypeError`.
    An observer that is subscribed twice is called once. An exception of an observer is logged once
    per observer, on the logger ``corectx``, and goes no further. Two kinds go on:
    `KeyboardInterrupt`, and an exception that a signal handler of the program raises at that
    moment.

    An observer that keeps a current object of its own beside the frame, such as a span, may also
    have ``suspended(frame)`` and ``resumed(frame)`` (a generator's body), ``starting()`` (returns
    the correlation ID of a new operation), ``arriving(site)`` (the same for a request or a
    message), ``sent(frame, fields)`` and ``received(frame, fields)`` (`inject` and `extract`). If
    all observers have a true `ignores_scopes`, bare scopes cost nothing. ``renamed(frame)`` and
    ``ending(is_final=...)`` are for an observer whose records outlive the process.
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


def when_listeners_change(call: Callable[[], None]) -> None:
    """Call `call` now, and whenever `listeners` has changed.

    A hot path may then look at a variable of its own. `call` may be called twice for one change.
    """
    _followers.append(call)
    call()


def _relisten() -> None:
    global _owners
    # No lock: `subscribe` may run in a signal handler or right after a fork. If another thread
    # changed the registry meanwhile, the thread that writes last reads it again.
    while True:
        listeners.is_inlined = False
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
        ignoring = {key for key, each in owners.items() if getattr(each, "ignores_scopes", False)}
        listeners.scope_entered = tuple(
            method for method in listeners.entered if id(method) not in ignoring
        )
        listeners.scope_left = tuple(
            method for method in listeners.left if id(method) not in ignoring
        )
        for call in _followers:
            call()
        if list(map(id, observers)) == list(_observers):
            hearing = (*listeners.entered, *listeners.left)
            listeners.is_inlined = all(
                getattr(owners[id(method)], "is_inlined", False) for method in hearing
            )
            return


def notify_entered(frame: Frame) -> None:
    """Tell every observer that the work of `frame` begins."""
    for entered in listeners.entered:
        try:
            entered(frame)
        except BaseException as error:
            _contain(entered, error)


def notify_left(frame: Frame, exc: BaseException | None) -> None:
    """Tell every observer that the work of `frame` ended; `exc` is the exception that ended it.

    The observers are called in reverse order, so that they nest as frames do. For an exception that
    is control flow they get None.
    """
    if exc is not None and is_control_flow(exc):
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


def notify_renamed(frame: Frame) -> None:
    """Tell every observer that the site of `frame` has learnt its name."""
    for renamed in listeners.renamed:
        try:
            renamed(frame)
        except BaseException as error:
            _contain(renamed, error)


def notify_ending(*, is_final: bool) -> None:
    """Tell every observer that the process is about to end in an ordinary way.

    For frameworks whose processes end without exit hooks (children of Celery, uvicorn). Unless
    `is_final`, the process may still go on.
    """
    for ending in reversed(listeners.ending):
        try:
            ending(is_final=is_final)
        except BaseException as error:
            _contain(ending, error)


def ask_starting() -> str | None:
    """Return the correlation ID that an observer chooses for a new operation, or None."""
    for starting in listeners.starting:
        try:
            chosen = starting()
        except BaseException as error:
            _contain(starting, error)
        else:
            if chosen is not None:
                return chosen
    return None


def ask_arriving(site: SiteLike) -> str | None:
    """Return the ID that an observer chooses for the operation of a request or message, or None."""
    for arriving in listeners.arriving:
        try:
            chosen = arriving(site)
        except BaseException as error:
            _contain(arriving, error)
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
    """Log the first failure of an observer; raise a Ctrl-C and exceptions of signal handlers."""
    if isinstance(error, KeyboardInterrupt) or raised_by_signal(error):
        try:
            raise error
        finally:
            del error  # its traceback holds this call: a cycle would keep what all of them hold
    observer = _owners.get(id(method), method)
    kind = type(observer)  # by its type: its repr may be what failed
    log_once(
        ("observer", id(observer)),
        f"An observer of type {kind.__module__}.{kind.__qualname__} raised "
        f"{type(error).__name__}; further failures of it are not logged.",
        error,
    )
