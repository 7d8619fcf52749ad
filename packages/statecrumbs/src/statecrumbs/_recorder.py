"""Record crumbs: one append of a small tuple to the ring, and one to the operation's trail.

There is no lock, so that a signal handler, a ``__del__`` or a forked child can record at any time:
the append of a bounded deque and the step of an iterator are single operations.

Values are frozen when they are recorded. Exact scalars of bounded size are kept, and rendered when
somebody looks. Anything else is rendered at once, so that a crumb keeps no object of the program
alive.
"""

from __future__ import annotations

import sys

# `threading.local` is this class, and `threading` takes longer to import.
from _thread import _local, get_ident  # pyright: ignore[reportPrivateUsage]
from time import time_ns

from corectx.lowlevel import get_current, listeners, notify_crumb, raised_by_signal
from statecrumbs._crumb import (
    NOWHERE,
    SYSTEM_FIELDS,
    freeze_data,
    freeze_event,
    name_text,
    names_one_another,
    place_of,
    rendered_data,
    to_crumbs,
)
from statecrumbs._options import options
from statecrumbs._ring import Ring, copied
from statecrumbs._trail import trail_of, trails_around
from statecrumbs._values import safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from corectx import Frame
    from statecrumbs._crumb import Crumb, Label, Record
    from statecrumbs._trail import Ticks
    from statecrumbs._values import Scalar

# The fast path takes crumbs of at most this many values, each string of at most 128 characters, or
# fewer and longer ones: 1,024 characters together. At four bytes a character that is 4 KiB. Larger
# ones are rendered within their bounds.
_FAST_VALUES = 8
_FAST_STRING = 128
_LARGE = 1024  # bytes of a dict of values, in characters: its trail is weighed
_STR = frozenset((str,))

# The fast path takes these events. For each: the event itself, kept in place of equal strings, and
# the names of values that came with it before and are no secrets. Bounded, since an event may be
# made of input from outside.
_KNOWN = 1024
_known: dict[str, tuple[str, set[str]]] = {}


_ring = Ring(options.max_crumbs)
# Its `here` is what the current thread records with, once `_here` was called in there. Exactly a
# `threading.local` (without the import of threading): a subclass would be slower to look into.
_thread = _local()


def _here() -> tuple[Callable[[Record], None], Iterator[None], str]:
    """Return the append of the thread's ring, its count of crumbs outside of frames, its name."""
    local = _thread  # before the ring, in whose place another one may come meanwhile
    try:
        return local.here  # type: ignore[no-any-return]
    except AttributeError:
        local.member = member = _ring.join()
        local.here = here = member.append, member.ticks, _look_up_thread_name()
        return here


def thread_name() -> str:
    """Return the name of the current thread, looked up once a thread, without a lock."""
    return _here()[2]


def set_thread_name(name: str) -> None:
    """Let the crumbs of the current thread have the thread `name`."""
    append, ticks, _ = _here()
    _thread.here = append, ticks, name_text(name)


def _look_up_thread_name() -> str:
    # Not `current_thread()`: for a thread that Python did not start it makes an object under a
    # lock, which a signal handler or a finalizer must not wait for.
    threading = sys.modules.get("threading")
    if threading is None:  # then nobody has started a thread
        return "MainThread"
    ident = get_ident()
    thread = getattr(threading, "_active", {}).get(ident)
    try:
        return f"Thread-{ident}" if thread is None else name_text(safe_text(thread.name))
    except BaseException as error:  # a subclass may have a `name` that raises anything
        if raised_by_signal(error):
            raise
        return f"Thread-{ident}"


# It is given each record that is in memory: the black box, where there is one. It takes records
# unrendered, since it renders them in less time than it takes to make the text for observers.
_mirror: Callable[[Record], None] | None = None
_mirrors: tuple[Callable[[Record], None], ...] = ()
_has_failed = False


# Stands for an event that was not given by position. (A name among the `data` may be "event".)
_BY_NAME: Any = ...


def crumb(  # noqa: C901, PLR0912 - inline, for speed
    event: str = _BY_NAME, /, **data: Any
) -> None:
    """Record the `event` and its `data`, with the time, the thread and the ambient context.

    Never raises, except for an exception that a signal handler of the program raises meanwhile. An
    event that is not a string, or is empty, is not recorded. It may also be given by its name,
    ``event=``; beside another event, that is data like any other.
    """
    try:
        known, names = _known[event]
        for name in data:  # noqa: PLC0206 - faster than items()
            if name in names:
                value = data[name]
                kind = type(value)
                if kind is str:
                    if len(value) <= 128:  # noqa: PLR2004 - _FAST_STRING; a literal is faster
                        continue
                    if len(value) * len(data) <= 1024:  # noqa: PLR2004
                        continue
                elif kind is int:
                    if value.bit_length() <= 64:  # noqa: PLR2004
                        continue
                elif value is None or kind is float or kind is bool:
                    continue
            break
        else:
            remember, ticks, thread = _thread.here
            frame = get_current()
            if frame is None:
                record = (time_ns(), known, data, NOWHERE, thread)
                remember(record)
                next(ticks)
            else:
                append, ticks, place = frame.label or _label(frame)
                record = (time_ns(), known, data, place, thread)
                remember(record)
                append(record)
                next(ticks)
            if _mirror is not None:
                _mirror(record)
            if listeners.crumb:
                notify_crumb(frame, record[0], known, rendered_data(data))
            return
    # The lease of the trail ended with this crumb: see `_trail`.
    except StopIteration:
        if type(event) is str and _STR.issuperset(map(type, data)):
            lease_end = frame, ticks, record  # pyright: ignore[reportPossiblyUnboundVariable]
            _finish(*lease_end)
            return
    # An event or a thread that was not seen before, or an event that is no string.
    except (KeyError, AttributeError, TypeError):
        pass
    except BaseException as error:
        # The only code of the program that can run here is the hash of a subclass of str. Without
        # one, the error is a Ctrl-C that came just now, or a failure of ours.
        if type(event) is str and all(type(name) is str for name in data):
            if not isinstance(error, Exception):
                raise
            _report(error)
            return
        if raised_by_signal(error):
            raise
    _crumb_checked(event, data)


def _crumb_checked(event: object, data: dict[str, Any]) -> None:
    """Record a crumb that the fast path does not know, after a full check."""
    if event is _BY_NAME:
        event = data.pop("event", None)
    # No code of the program runs for this: neither its `__class__` nor its `__len__`.
    if not issubclass(type(event), str):
        return
    text = str.__str__(event)  # pyright: ignore[reportArgumentType]  # does not know issubclass
    if not text:
        return
    try:
        # No call of a dict's method where a subscript does, here and below: without a GIL it takes
        # the dict's lock. A child would hang that is forked while a thread waits for that.
        try:
            frozen_event, _ = _known[text]  # then nothing in it is cut or redacted
        except KeyError:
            frozen_event = freeze_event(text)
        frozen_data = freeze_data(data)
        remember, ticks, thread = _here()
        frame = get_current()
        if frame is None:
            record = (time_ns(), frozen_event, frozen_data, NOWHERE, thread)
            remember(record)
            next(ticks)
        else:
            append, ticks, place = frame.label or _label(frame)
            record = (time_ns(), frozen_event, frozen_data, place, thread)
            remember(record)
            append(record)
            _count(frame, ticks, frozen_data)
        if _mirror is not None:
            _mirror(record)
        if listeners.crumb:
            notify_crumb(frame, record[0], frozen_event, rendered_data(frozen_data))
        if frozen_event == text:
            _learn(frozen_event, data, frozen_data)
    except Exception as error:
        _report(error)


def _count(frame: Frame, ticks: Ticks, data: dict[str, Scalar]) -> None:
    """Take a tick for a crumb that was appended to its trail, and weigh it if it is large."""
    if next(ticks, None) is None:
        _renew_lease(frame, ticks)
    elif sum(len(value) for value in data.values() if isinstance(value, str)) > _LARGE:
        trail_of(frame).weigh_large()


def _finish(frame: Frame | None, spent: Ticks, record: Record) -> None:
    """Do the rest of the fast path for a `record` that found its lease at the end."""
    try:
        if frame is not None:
            _renew_lease(frame, spent)
        if _mirror is not None:
            _mirror(record)
        if listeners.crumb:
            notify_crumb(frame, record[0], record[1], rendered_data(record[2]))
    except Exception as error:
        _report(error)


def _renew_lease(frame: Frame, spent: Ticks) -> None:
    trail = trail_of(frame)
    if trail.ticks is spent:
        trail.renew(spent)
    else:  # it was renewed for another frame of the operation
        trail.take_tick()
    label = frame.label
    if label is not None:
        frame.label = (label[0], trail.ticks, label[2])


def _learn(event: str, data: dict[str, Any], frozen: dict[str, Scalar]) -> None:
    """Let the fast path take this event the next time, with the names that it may take.

    Those stand in `frozen` as in `data`, and are no names of secrets.
    """
    try:
        _, names = _known[event]
    except KeyError:
        if len(_known) >= _KNOWN:
            return
        _, names = _known.setdefault(event, (event, set()))
    redactor = options.redactor
    for name in data:
        if (
            len(names) < _FAST_VALUES
            and type(name) is str
            and name not in names
            and len(name) <= _FAST_STRING
            and name in frozen
            and name not in SYSTEM_FIELDS
            and not (redactor is not None and redactor.is_sensitive(name))
            and not (len(data) > 1 and names_one_another(name, {*names, *data}))
        ):
            names.add(name)


def _label(frame: Frame) -> Label:
    """Make the label of `frame` at its first crumb: its trail, and the place of its crumbs."""
    trail = trail_of(frame)
    place, lasting = place_of(frame)
    label = (trail.records.append, trail.ticks, place)
    if lasting:
        frame.label = label
    return label


def records() -> list[Record]:
    """Return the records in the ring, oldest first."""
    return _ring.records()


def snapshot() -> list[Crumb]:
    """Return the crumbs in the ring, oldest first; the dicts are the caller's own."""
    return to_crumbs(records())


def trail() -> list[Crumb]:
    """Return the crumbs of the current operation, oldest first; empty outside of one."""
    frame = get_current()
    return [] if frame is None else to_crumbs(copied(trail_of(frame).records))


def clear() -> None:
    """Forget the crumbs in the ring, and those of the current operation."""
    _ring.clear()
    for around in trails_around(get_current()):
        around.clear()


def collect(frame: Frame | None) -> tuple[list[Crumb], int]:
    """Return the crumbs for a crash dump of `frame`, in time order, and how many are missing.

    They are the ring, and the trails of the operation and of those around it, without duplicates.
    Missing are the crumbs of the operation that were pushed out; for no frame, those of no frame.
    """
    ring = records()
    in_ring = set(map(id, ring))
    inherited: list[Crumb] = []
    trails = list(trails_around(frame))
    older: list[Record] = []
    for around in trails:
        inherited[:0] = around.inherited
        older += [record for record in copied(around.records) if id(record) not in in_ring]
    # The ring drops its oldest first: a record that only a trail has is older than all in the ring.
    older.sort(key=lambda record: record[0])
    shown = older + ring
    if trails:
        kept = len(trails[0].records)
        dropped = trails[0].recorded() - kept
    else:
        kept = sum(record[3] is NOWHERE for record in ring)
        dropped = _ring.unframed() - kept
    return inherited + to_crumbs(shown), max(dropped, 0)


def reconfigure() -> None:
    """Take over the options in force: the size of the ring, the names of secrets."""
    if _ring.bound not in (options.max_crumbs, None):  # None: a test collects all
        exchange_ring(Ring(options.max_crumbs, _ring.records(), unframed=_ring.unframed()))
    _known.clear()


def mirror_to(mirror: Callable[[Record], None]) -> None:
    """Give each record to `mirror` from now on, beside the other mirrors."""
    _use_mirrors(*_mirrors, mirror)


def stop_mirroring(mirror: Callable[[Record], None]) -> None:
    """Give no more records to `mirror`."""
    _use_mirrors(*(each for each in _mirrors if each != mirror))


def _use_mirrors(*mirrors: Callable[[Record], None]) -> None:
    global _mirror, _mirrors

    def all_of_them(record: Record) -> None:
        for mirror in mirrors:
            mirror(record)

    _mirrors = mirrors
    _mirror = all_of_them if len(mirrors) > 1 else next(iter(mirrors), None)


def exchange_ring(ring: Ring) -> Ring:
    """Record into `ring` from now on; return the one before."""
    global _ring, _thread
    before, _ring = _ring, ring
    _thread = _local()  # each thread finds the new ring at its next crumb
    return before


def _report(error: BaseException) -> None:
    """Log the first failure of ours, and go on; raise an exception that is the program's own."""
    global _has_failed
    if raised_by_signal(error):
        raise error
    if _has_failed:
        return
    _has_failed = True
    import logging

    logging.getLogger("statecrumbs").error(
        "A crumb could not be recorded; further failures are not logged.", exc_info=error
    )
