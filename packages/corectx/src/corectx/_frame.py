"""Frames, the sites that open them, and their IDs. A frame is one piece of work in progress.

A correlation ID is 32 hex digits and the ID of a frame is 16, as in W3C Trace Context.
"""

from __future__ import annotations

import os
import sys

from corectx._process import process_mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import MappingProxyType as MappingProxyType  # noqa: PLC0414 - for _scope
    from typing import Any, Protocol, TypeAlias
    from uuid import UUID

    from typing_extensions import Self

    from corectx._process import ProcessMark

    # The values of one execution of a flow, by text; see `corectx._runs`.
    Run: TypeAlias = dict[Any, Any]

    class SiteLike(Protocol):
        """Stand for any object that may open frames."""

        @property
        def kind(self) -> str: ...
        @property
        def name(self) -> str | None: ...
        @property
        def flow(self) -> str | None: ...

else:
    # As `types` has it, which takes longer to import than any module of ours.
    MappingProxyType = type(type.__dict__)

NO_VALUES: MappingProxyType[str, object] = MappingProxyType({})

# The `outer` of a frame that is not open: not yet, or no longer.
UNOPENED: Any = object()

# The IDs that threads are giving to frames at this moment, by the address of the frame.
_ids_in_making: dict[int, str] = {}


class Site:
    """The place in a program that opens frames: the kind of work, its name, and its flow.

    `kind` is "scope", "request", "task", "command", "entrypoint", "step" or "remote". A site is
    made once and serves many frames; a request or a task has a site of its own. Any object with
    these three attributes serves as a site.
    """

    __slots__ = ("flow", "kind", "name")
    kind: str
    name: str | None
    flow: str | None

    def __init__(self, kind: str, name: str | None = None, flow: str | None = None) -> None:
        self.kind = kind
        self.name = name
        self.flow = flow

    def __repr__(self) -> str:
        return f"Site({self.kind!r}, {self.name!r}, flow={self.flow!r})"


class Frame:
    """One piece of work in progress. Use `start` or `Frame.child` to make one.

    `site` names it, `parent` is the frame that it is part of, `flow` is the nearest flow around it
    (or None), and `values` are the merged scoped values. All frames of one operation, from the one
    that `start` made down, share `correlation_id` and `store`. The store is a dict for data of the
    whole operation, such as its trail of crumbs.

    These attributes do not change, so many threads may use one frame. (`add_values` replaces the
    mapping of values by a larger one.) Five others do change: `id` is made when somebody first asks
    for it. `recorder_cache` belongs to the flight recorder. An observer of open frames notes
    `since` and `thread_id`. `outer` belongs to corectx: it is the frame that becomes current when
    this frame is left. At first it is the frame that was current before, which is mostly the
    parent. A site may also get its name later, because a request is opened before its route is
    known.
    """

    __slots__ = (
        "__weakref__",
        "_id",
        "_record",
        "correlation_id",
        "flow",
        "outer",
        "parent",
        "recorder_cache",
        "since",
        "site",
        "store",
        "thread_id",
        "values",
    )
    site: SiteLike
    parent: Frame | None
    flow: str | None
    correlation_id: str | None
    values: MappingProxyType[str, object]
    store: dict[str, object]
    recorder_cache: Any
    outer: Frame | None
    since: float
    thread_id: int
    _id: str
    _record: Any  # of `_failures`

    def __init__(
        self,
        site: SiteLike,
        parent: Frame | None,
        flow: str | None,
        correlation_id: str | None,
        values: MappingProxyType[str, object],
        store: dict[str, object],
        outer: Frame | None = UNOPENED,
    ) -> None:
        self.site = site
        self.parent = parent
        self.flow = flow
        self.correlation_id = correlation_id
        self.values = values
        self.store = store
        self.outer = outer
        self.recorder_cache = None

    def child(self, site: SiteLike, values: Mapping[str, object] | None = None) -> Frame:
        """Return a new frame inside this one: same correlation, `values` added to its values."""
        return Frame(
            site,
            self,
            site.flow or self.flow,
            self.correlation_id,
            MappingProxyType(self.values | {**values}) if values else self.values,
            self.store,
        )

    @property
    def kind(self) -> str:
        """The kind of work, from the site."""
        return self.site.kind

    @property
    def name(self) -> str | None:
        """The name of the work, from the site; None for a bare scope."""
        return self.site.name

    @property
    def id(self) -> str:
        """The 16 hex digits that name this frame in other processes; made at the first use."""
        try:
            return self._id
        except AttributeError:
            return self._make_id()

    def _make_id(self) -> str:
        # Threads may ask at the same time and must get the same answer. There is no lock, since a
        # signal handler may ask too. `setdefault` lets the first thread win. A thread that comes
        # later finds the ID in the frame.
        made = _ids_in_making.setdefault(id(self), new_frame_id())
        if not hasattr(self, "_id"):
            self._id = made
        _ids_in_making.pop(id(self), None)
        record = getattr(self, "_record", None)
        if record is not None:  # an exception that left this frame has the same ID
            record.id = self._id
        return self._id

    def identity(self) -> dict[str, str]:
        """Return the kind, name, flow, correlation ID and ID of this frame; None is left out.

        These may leave the process. Values may not: they may be personal data.
        """
        identity = {
            "kind": self.site.kind,
            "name": self.site.name,
            "flow": self.flow,
            "correlation_id": self.correlation_id,
            "id": self.id,
        }
        return {key: text for key, text in identity.items() if text is not None}

    def __repr__(self) -> str:
        # Without the values: a repr ends up in logs, and values may be personal data.
        identity = " ".join(f"{key}={text!r}" for key, text in self.identity().items())
        return f"<Frame {identity}>"

    def __copy__(self) -> Frame:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Frame:
        return self

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        # A plain dict: a frame that travels on an exception must load without this package.
        return dict, (self.identity(),)


class BareFrame(Frame):
    """A frame without `Frame.__init__`: its maker sets every attribute, in half the time."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__


class RunFrame(Frame):
    """The frame in which a run of its flow began or was joined, here or in another process.

    `run` is that run, see `corectx._runs`. All frames of the flow inside this one are in it.
    """

    __slots__ = ("run",)
    run: Run


def remote(
    *,
    correlation_id: str | UUID | None = None,
    id: str | None = None,  # noqa: A002 - the name that travels
    name: str | None = None,
    flow: str | None = None,
    values: Mapping[str, object] | None = None,
    run: Run | None = None,
) -> Frame:
    """Return a frame that stands for a frame in another process; a UUID counts as its hex digits.

    `run` is the run of `flow` that the frame is in; without one it is a run that nobody names. The
    ID is not checked.
    """
    frame = RunFrame(
        Site("remote", name, flow),
        None,
        flow,
        correlation_id if isinstance(correlation_id, str) else as_id(correlation_id),
        MappingProxyType(dict(values)) if values else NO_VALUES,
        {},
    )
    frame.run = {} if run is None else run
    if id is not None:
        frame._id = id  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return frame


class FrameText(str):
    """A text in a log record that knows the frame in which the record was made, or None.

    Other programs see a plain text, also after pickling, so it may travel where a frame may not: a
    log record that is written elsewhere takes all its attributes there.
    """

    __slots__ = ("frame",)
    frame: Frame | None

    def __new__(cls, text: str, frame: Frame | None) -> Self:
        made = super().__new__(cls, text)
        made.frame = frame
        return made

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def outer_of(frame: Frame) -> Frame | None:
    """Return the frame that becomes current when `frame` is left."""
    return frame.parent if frame.outer is UNOPENED else frame.outer


def chain(frame: Frame | None) -> Iterator[Frame]:
    """Yield `frame` and the frames that it was opened in, from the inside out."""
    while frame is not None:
        yield frame
        frame = outer_of(frame)


def open_inside(frame: Frame, outer: Frame | None) -> bool:
    """Link `frame`, which is current nowhere, inside `outer`; tell whether it is linked now.

    If `frame` is already around `outer`, it is not linked: the chain must not have a cycle.
    """
    if frame.outer is not outer:
        if any(each is frame for each in chain(outer)):
            return False
        frame.outer = outer
    return True


# One system call fills the pool with this many IDs. An operation then pays for a pop, which is
# atomic, so that no lock is needed in a signal handler or on a free-threaded build.
_BATCH = 128
_pool: list[str] = []
# The mark of the process that filled the pool: a forked child must not give out the same IDs.
_mark: ProcessMark = bytearray(1)

_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_MAX_LENGTH = 128
_ZERO = "0" * 16


def new_trace_id() -> str:
    """Return 32 random lowercase hex digits, a valid W3C trace ID (never all zero)."""
    if not _mark[0]:
        _start_over()
    try:
        return _pool.pop()
    except IndexError:
        return _refill()


def new_frame_id() -> str:
    """Return 16 random lowercase hex digits, a valid W3C span ID (never all zero)."""
    return new_trace_id()[:16]


def is_valid_id(value: object) -> bool:
    """Tell whether `value` may be used as a correlation ID: ``[A-Za-z0-9._-]{1,128}``, or a UUID.

    Such a text is safe in a log line, a file name, a header and a page. A UUID counts as its 32 hex
    digits.
    """
    return as_id(value) is not None


def as_id(value: Any) -> str | None:
    """Return `value` as a correlation ID: a valid text, or the hex digits of a UUID; else None."""
    if isinstance(value, str):
        if not 0 < len(value) <= _MAX_LENGTH:
            return None
        # Nearly every ID has only letters and digits; a set looks at each of them in turn.
        is_plain = str.isalnum(value) and str.isascii(value)
        return value if is_plain or _ALLOWED.issuperset(value) else None
    uuid: Any = sys.modules.get("uuid")  # without it nobody has made one
    return str(value.hex) if uuid is not None and isinstance(value, uuid.UUID) else None


def _refill() -> str:
    digits = os.urandom(16 * _BATCH).hex(" ", 16)
    fresh = digits.split(" ")
    if _ZERO in digits:  # the first half also serves as a frame ID, so it must not be all zero
        fresh = [each for each in fresh if each[:16] != _ZERO]
    first = fresh.pop()
    _pool.extend(fresh)
    return first


def _start_over() -> None:
    """Forget the IDs of the parent, in the child of a fork; at first there are none."""
    global _mark
    _mark = process_mark()
    _pool.clear()
