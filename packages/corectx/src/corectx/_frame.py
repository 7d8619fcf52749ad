"""The current frame: one context variable, and the pairs that change it.

`attach`/`detach` make a frame current for a while; `enter`/`leave` are the same for the beginning
and the end of a piece of work, which observers hear of. Every ``with`` and every decorator of the
project stands on one of these pairs.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import MappingProxyType

from corectx._failures import note_failure
from corectx._ids import is_valid_id, new_correlation_id, new_frame_id
from corectx._observers import listeners, notify_entered, notify_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Protocol, TypeAlias

    class SiteLike(Protocol):
        """What a frame asks of the site that opened it."""

        @property
        def kind(self) -> str: ...
        @property
        def name(self) -> str | None: ...
        @property
        def flow(self) -> str | None: ...


NO_VALUES: Mapping[str, object] = MappingProxyType({})

# One variable for everything: a context variable is never collected, and each one more makes every
# copy of a context dearer.
CURRENT: ContextVar[Frame | None] = ContextVar("corectx.frame", default=None)


class Site:
    """The place that opens frames: what kind of work it is, its name, and the flow it belongs to.

    `kind` is one of "scope", "request", "task", "entrypoint", "step", "remote". A site is made once
    and serves many frames. Any object with these three attributes will do.
    """

    __slots__ = ("flow", "kind", "name")

    def __init__(self, kind: str, name: str | None = None, flow: str | None = None) -> None:
        self.kind = kind
        self.name = name
        self.flow = flow

    def __repr__(self) -> str:
        return f"Site({self.kind!r}, {self.name!r}, flow={self.flow!r})"


class Frame:
    """One piece of work in progress; never changed once made. Use `start` or `Frame.child`.

    `site` names it, `parent` is the frame around it, `flow` the nearest flow around it (or None),
    `values` the merged scoped values. `correlation_id` and `store` are shared by all frames of one
    operation, down from the frame that `start` made: `store` is a dict for what belongs to the
    whole operation, such as its trail of crumbs. `label` belongs to the flight recorder.
    """

    __slots__ = (
        "_id",
        "abandoned",  # left while it was not current: whoever restores it goes on to its parent
        "correlation_id",
        "flow",
        "label",
        "parent",
        "site",
        "store",
        "values",
    )

    def __init__(
        self,
        site: SiteLike,
        parent: Frame | None,
        flow: str | None,
        correlation_id: str | None,
        values: Mapping[str, object],
        store: dict[str, object],
    ) -> None:
        self.site = site
        self.parent = parent
        self.flow = flow
        self.correlation_id = correlation_id
        self.values = values
        self.store = store
        self.label: object = None
        self.abandoned = False

    def child(self, site: SiteLike, values: Mapping[str, object] | None = None) -> Frame:
        """Return a new frame inside this one: same correlation, `values` added to its values."""
        return Frame(
            site,
            self,
            site.flow or self.flow,
            self.correlation_id,
            MappingProxyType({**self.values, **values}) if values else self.values,
            self.store,
        )

    @property
    def kind(self) -> str:
        """The kind of work: that of the site."""
        return self.site.kind

    @property
    def name(self) -> str | None:
        """The name of the work: that of the site; None for a bare scope."""
        return self.site.name

    @property
    def id(self) -> str:
        """The 16 hex digits by which another process can name this frame; made when first asked."""
        try:
            return self._id
        except AttributeError:
            self._id: str = new_frame_id()
            return self._id

    def facts(self) -> dict[str, str]:
        """Return what may leave the process: name, kind, flow, ID, correlation ID; no values."""
        facts = {
            "kind": self.site.kind,
            "name": self.site.name,
            "flow": self.flow,
            "correlation_id": self.correlation_id,
            "id": self.id,
        }
        return {key: fact for key, fact in facts.items() if fact is not None}

    def __repr__(self) -> str:
        # No values: a repr ends up in logs, and values may be personal data.
        facts = " ".join(f"{key}={fact!r}" for key, fact in self.facts().items())
        return f"<Frame {facts}>"

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        # A plain dict: a frame that travels on an exception must load without this package.
        return dict, (self.facts(),)


if TYPE_CHECKING:
    # What `attach` and `enter` return and only `detach` and `leave` look into: the frame and the
    # one that was current before it.
    Token: TypeAlias = tuple[Frame | None, Frame | None]
else:
    Token = tuple


def start(
    site: SiteLike,
    *,
    correlation_id: str | None = None,
    parent: Frame | None = None,
    values: Mapping[str, object] | None = None,
) -> Frame:
    """Return the first frame of an operation: a request, a task, a flow that nobody called.

    It has a store of its own and the given correlation ID, or a new one. `parent` gives it an outer
    frame, whose values it inherits. An ID that is not ``[A-Za-z0-9._-]{1,128}`` raises `ValueError`;
    check one that came from outside with `is_valid_id` first.
    """
    if correlation_id is None:
        correlation_id = new_correlation_id()
    elif not is_valid_id(correlation_id):
        raise ValueError(
            "A correlation ID is 1 to 128 characters of A-Z a-z 0-9 . _ - "
            f"but this one is {correlation_id[:40]!r}. Leave it out to have one made."
        )
    inherited = NO_VALUES if parent is None else parent.values
    return Frame(
        site,
        parent,
        site.flow,
        correlation_id,
        MappingProxyType({**inherited, **values}) if values else inherited,
        {},
    )


def remote(
    *,
    correlation_id: str | None = None,
    id: str | None = None,  # noqa: A002 - the name of the fact
    name: str | None = None,
    flow: str | None = None,
    kind: str = "remote",  # noqa: ARG001 - what the work was over there; here it is remote
    values: Mapping[str, object] | None = None,
) -> Frame:
    """Return a frame that stands for one in another process."""
    frame = Frame(
        Site("remote", name, flow),
        None,
        flow,
        correlation_id,
        MappingProxyType(dict(values)) if values else NO_VALUES,
        {},
    )
    if id is not None:
        frame._id = id  # noqa: SLF001 - our own frame
    return frame


def current() -> Frame | None:
    """Return the current frame, or None outside of any."""
    return CURRENT.get()


def values() -> Mapping[str, object]:
    """Return the scoped values that are ambient now; an immutable mapping, maybe empty."""
    frame = CURRENT.get()
    return NO_VALUES if frame is None else frame.values


def correlation_id() -> str | None:
    """Return the correlation ID that is active now, or None."""
    frame = CURRENT.get()
    return None if frame is None else frame.correlation_id


def attach(frame: Frame | None) -> Token:
    """Make `frame` current and return the token that `detach` wants."""
    previous = CURRENT.get()
    CURRENT.set(frame)
    return frame, previous


def detach(token: Token) -> None:
    """Undo an `attach`; never raises, and changes nothing where its frame is no longer around.

    Where the frame is current, or frames that were opened inside it are, the one before it becomes
    current again. Elsewhere (another context, another thread, already detached) nothing happens.
    """
    frame, previous = token
    if CURRENT.get() is frame and (previous is None or not previous.abandoned):
        CURRENT.set(previous)
    elif is_around(frame):
        CURRENT.set(_alive(previous))


def enter(frame: Frame) -> Token:
    """Begin the work of `frame`: attach it and tell the observers. Return the token for `leave`."""
    previous = CURRENT.get()
    CURRENT.set(frame)
    if listeners.entered:
        notify_entered(frame)
    return frame, previous


def leave(token: Token, exc: BaseException | None = None) -> None:
    """End the work that `enter` began, by `exc` if it failed: tell the observers and detach.

    An exception is noted as having left this frame, for `failed_frame`. Never raises.
    """
    frame, _ = token
    if frame is not None:
        if exc is not None:
            note_failure(frame, exc)
        if listeners.left:
            notify_left(frame, exc)
    detach(token)


def is_around(frame: Frame | None) -> bool:
    """Tell whether `frame` is the current frame or one of those around it, here."""
    inner = CURRENT.get()
    while inner is not frame:
        if inner is None:
            return False
        inner = inner.parent
    return True


def abandon(frame: Frame, caller: FrameType) -> None:
    """Leave `frame`, which is around the current one, in the code that runs in `caller`.

    In plain code whatever was opened inside `frame` and is still current leaks from a suspended
    generator: it goes too. In the body of a generator it is the other way round: `frame` leaked to
    the consumer, and what is current now is the consumer's and stays.
    """
    if _is_generator_body(caller):
        frame.abandoned = True
    else:
        CURRENT.set(_alive(frame.parent))


def _alive(frame: Frame | None) -> Frame | None:
    while frame is not None and frame.abandoned:
        frame = frame.parent
    return frame


_GENERATOR_FLAGS = 0x20 | 0x200  # inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def _is_generator_body(caller: FrameType) -> bool:
    """Tell whether `caller` runs the body of a generator, other than a context manager's."""
    if not caller.f_code.co_flags & _GENERATOR_FLAGS:
        return False
    outer = caller.f_back
    return outer is None or outer.f_globals.get("__name__") != "contextlib"
