"""Frames: one piece of work in progress each, and how they are made."""

from __future__ import annotations

from corectx._ids import is_valid_id, new_correlation_id, new_frame_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import MappingProxyType as MappingProxyType  # noqa: PLC0414 - for _scope
    from typing import Any, Protocol

    class SiteLike(Protocol):
        """What a frame asks of the site that opened it."""

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

# The `outer` of a frame that is not in use yet, or no more.
UNOPENED: Any = object()

# IDs that are being given to frames, by the address of the frame.
_ids_in_making: dict[int, str] = {}


class Site:
    """The place that opens frames: what kind of work it is, its name, and the flow it belongs to.

    `kind` is one of "scope", "request", "task", "entrypoint", "step", "remote". A site is made once
    and serves many frames. Any object with these three attributes will do.
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
    """One piece of work in progress; never changed once made. Use `start` or `Frame.child`.

    `site` names it, `parent` is the frame that it is part of, `flow` the nearest flow around it (or
    None), `values` the merged scoped values. `correlation_id` and `store` are shared by all frames
    of one operation, down from the frame that `start` made: `store` is a dict for what belongs to
    the whole operation, such as its trail of crumbs. `label` belongs to the flight recorder.

    `outer` belongs to this module. It is the frame that becomes current when this one is left: at
    first the one that was current before it, mostly the parent.
    """

    __slots__ = (
        "_id",
        "correlation_id",
        "flow",
        "label",
        "outer",
        "parent",
        "site",
        "store",
        "values",
    )
    site: SiteLike
    parent: Frame | None
    flow: str | None
    correlation_id: str | None
    values: MappingProxyType[str, object]
    store: dict[str, object]
    label: Any
    outer: Frame | None
    _id: str

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
        self.label = None

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
            return self._make_id()

    def _make_id(self) -> str:
        # Threads may ask at the same time and must get the same answer. There is no lock, since a
        # signal handler may ask too: `setdefault` lets the first one win, and who comes after that
        # one is done sees what it left.
        made = _ids_in_making.setdefault(id(self), new_frame_id())
        if not hasattr(self, "_id"):
            self._id = made
        _ids_in_making.pop(id(self), None)
        return self._id

    def identity(self) -> dict[str, str]:
        """Return the kind, name, flow, correlation ID and ID of this frame, those that it has.

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
        # No values: a repr ends up in logs, and values may be personal data.
        identity = " ".join(f"{key}={text!r}" for key, text in self.identity().items())
        return f"<Frame {identity}>"

    def __copy__(self) -> Frame:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Frame:
        return self

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        # A plain dict: a frame that travels on an exception must load without this package.
        return dict, (self.identity(),)


def start(
    site: SiteLike,
    *,
    correlation_id: str | None = None,
    parent: Frame | None = None,
    values: Mapping[str, object] | None = None,
) -> Frame:
    """Return the first frame of an operation: a request, a task, a flow that nobody called.

    It has a store of its own and the given correlation ID, or a new one. `parent` gives it an outer
    frame, whose values it inherits. An ID that is not ``[A-Za-z0-9._-]{1,128}`` raises
    `ValueError`; check one that came from outside with `is_valid_id` first.
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
    id: str | None = None,  # noqa: A002 - the name that travels
    name: str | None = None,
    flow: str | None = None,
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
        frame._id = id  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return frame


def outer_of(frame: Frame) -> Frame | None:
    """Return the frame that is current again once `frame` is left."""
    return frame.parent if frame.outer is UNOPENED else frame.outer


def chain(frame: Frame | None) -> Iterator[Frame]:
    """Give `frame` and those that it was opened in, from the inside out."""
    while frame is not None:
        yield frame
        frame = outer_of(frame)


def open_inside(frame: Frame, outer: Frame | None) -> bool:
    """Have `frame`, which is current nowhere, be opened inside `outer`; tell whether it now is.

    It is not where it is around `outer` itself: the chain may have no ring.
    """
    if frame.outer is not outer:
        if any(each is frame for each in chain(outer)):
            return False
        frame.outer = outer
    return True
