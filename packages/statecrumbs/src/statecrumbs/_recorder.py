"""Record crumbs: one append of a small tuple to the ring, and one to the operation's trail.

There is no lock, so that a signal handler, a ``__del__`` or a forked child can record at any time:
the append of a bounded deque and the step of an iterator are single operations.

Values are frozen when they are recorded. Small values of well-known kinds, or copies of their
contents, are kept and rendered when somebody looks. All other values are rendered at once, so that
a crumb keeps no object of the program alive.
"""

from __future__ import annotations

# `threading.local` is this class, and `threading` takes longer to import.
from _thread import _local, get_ident  # pyright: ignore[reportPrivateUsage]
from time import time_ns

from corectx.lowlevel import (
    get_current,
    listeners,
    log_once,
    notify_crumb,
    raised_by_signal,
    when_listeners_change,
)
from statecrumbs._crumb import (
    MAX_EVENT,
    MAX_KEPT,
    MAX_VALUES,
    NOWHERE,
    SYSTEM_FIELDS,
    Message,
    freeze_data,
    freeze_event,
    is_related,
    name_text,
    rendered_data,
    shown_event,
    thread_name_of,
    to_crumbs,
)
from statecrumbs._options import options
from statecrumbs._ring import Ring, copied
from statecrumbs._trail import bound_trails, cache_of, renew_lease, trail_of, trails_around
from statecrumbs._values import keepers_for, name_of, safe_text, text_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, NoReturn, TypeAlias

    from corectx import Frame
    from statecrumbs._crumb import Crumb, Record
    from statecrumbs._trail import Ticks

    Plan: TypeAlias = tuple[str, set[str], int, int, Any, Any]

# The fast path takes a string of at most 16 characters, or one whose length times the number of
# values is at most 1,024. With four bytes a character the values then take at most 4 KiB. Longer
# strings go to `freeze_data`, which cuts them. `MAX_VALUES` times 16 characters are 1,024, too.
_LONGEST_NAME = 128
_LARGE = 1024  # bytes of a dict of values, in characters: its trail is weighed
_STR = frozenset((str,))

# The fast path takes these events. For each: the event itself, kept in place of equal strings, and
# the names of values that came with it before and are no secrets. Then, if the names were always
# the same and at most two: how many, the characters of each value, and both names. Bounded, since
# an event may be made of input from outside.
_KNOWN = 1024
_known: dict[str, Plan] = {}
_FEW = 2
_MANY = -1

_keepers = keepers_for(options.redactor)
_message_names: set[str] = set()  # those that came with messages


_ring = Ring(options.max_crumbs)
# Its `here` has the functions with which the current thread records, once it has called `_here`. It
# is exactly a `threading.local`, without the import of threading: a subclass would be slower.
_thread = _local()


def _here() -> tuple[Callable[[Record], None], Iterator[None], str]:
    """Return the append of the thread's ring, its count of crumbs outside of frames, its name."""
    local = _thread  # before the ring, in whose place another one may come meanwhile
    try:
        return local.here  # type: ignore[no-any-return]
    except AttributeError:
        local.member = member = _ring.join()
        local.here = here = member.append, member.ticks, thread_name_of(get_ident())
        return here


def thread_name() -> str:
    """Return the name of the current thread, looked up once a thread, without a lock."""
    return _here()[2]


def set_thread_name(name: str) -> None:
    """Let the crumbs of the current thread have the thread `name`."""
    append, ticks, _ = _here()
    _thread.here = append, ticks, name_text(name)


# The black box, if there is one. It is called with each record, unrendered, because it renders
# faster than the text for observers is made.
_mirrors: tuple[Callable[[Record], None], ...] = ()
# Each record goes to this, unless it is None: to the mirrors, and to the observers of crumbs. There
# is one variable, since to look at both of them takes longer.
_also: Callable[[Record], None] | None = None
_has_failed = False


# Stands for an event that was not given by position. (A name among the `data` may be "event".)
_BY_NAME: Any = ...


def crumb(  # noqa: C901, PLR0912, PLR0915 - inline, for speed
    event: str = _BY_NAME, /, **data: Any
) -> None:
    """Record the `event` and its `data`, with the time, the thread and the ambient context.

    Never raises, except for an exception that a signal handler of the program raises meanwhile. An
    event that is not a string, or is empty, is not recorded, which is logged once. The event may
    also be given by name, ``event=``; beside a positional event, ``event=`` is data.
    """
    try:
        known, names, few, room, first, second = _known[event]
        if len(data) != few:
            for name in data:  # noqa: PLC0206 - faster than items()
                if name in names:
                    value = data[name]
                    kind = type(value)
                    if kind is str:
                        # Literals are faster than names.
                        if len(value) <= 16 or len(value) * len(data) <= 1024:  # noqa: PLR2004
                            continue
                    elif kind is int:
                        if value.bit_length() <= 64:  # noqa: PLR2004
                            continue
                    elif value is None or kind is float or kind is bool:
                        continue
                    else:
                        # Keep what it holds, to render it when somebody looks.
                        value = _keepers[id(kind)](value, 1024 // len(data))
                        if value is None:
                            value = _keepers.render(data[name], 1024 // len(data))
                        data[name] = value
                        continue
                _give_up()
        # The same for one or two values: a loop would take as long as what is in it. To compare an
        # int below 2 ** 30 takes less time than to call its method.
        elif first is not None:
            value = data[first]
            kind = type(value)
            if kind is str:
                if len(value) > room:
                    _give_up()
            elif kind is int:
                if (value > 0x3FFFFFFF or value < -0x3FFFFFFF) and value.bit_length() > 64:  # noqa: PLR2004
                    _give_up()
            elif not (value is None or kind is float or kind is bool):
                value = _keepers[id(kind)](value, room)
                if value is None:
                    value = _keepers.render(data[first], room)
                data[first] = value
            if second is not None:
                value = data[second]
                kind = type(value)
                if kind is str:
                    if len(value) > room:
                        _give_up()
                elif kind is int:
                    if (value > 0x3FFFFFFF or value < -0x3FFFFFFF) and value.bit_length() > 64:  # noqa: PLR2004
                        _give_up()
                elif not (value is None or kind is float or kind is bool):
                    value = _keepers[id(kind)](value, room)
                    if value is None:
                        value = _keepers.render(data[second], room)
                    data[second] = value
        remember, ticks, thread = _thread.here
        frame = get_current()
        if frame is None:
            record = (time_ns(), known, data, NOWHERE, thread)
            remember(record)
            next(ticks)
        else:
            cache = frame.recorder_cache
            if cache is None:
                cache = cache_of(frame)
            of_trail, ticks, place = cache
            record = (time_ns(), known, data, place, thread)
            remember(record)
            of_trail.append(record)
            next(ticks)
        also = _also
        if also is not None:
            also(record)
        return
    # The lease of the trail ended with this crumb: see `_trail`.
    except StopIteration as error:
        if _is_of_handler(error):
            raise
        if type(event) is str and _STR.issuperset(map(type, data)):
            lease_end = frame, ticks, record  # pyright: ignore[reportPossiblyUnboundVariable]
            _finish(*lease_end)
            return
    # An event, a class or a thread that was not seen before, or an event that is no string; a value
    # too deep for the rest of the stack.
    except (LookupError, AttributeError, TypeError, RecursionError) as error:
        if _is_of_handler(error):
            raise
    except BaseException as error:
        # The only code of the program that can run here is the hash of a subclass of str. Without
        # one, the error is a Ctrl-C that came just now, or a failure of ours.
        if type(event) is str and all(type(name) is str for name in data):
            if not isinstance(error, Exception):
                raise
            _log_failure(error)
            return
        if raised_by_signal(error):
            raise
    _crumb_checked(event, data)


class _Unusual(LookupError):  # noqa: N818 - it is no error
    """A value that the fast path of a crumb does not take."""


def _give_up() -> NoReturn:
    """Leave the fast path for the full check."""
    raise _Unusual


def _is_of_handler(error: Exception) -> bool:
    """Tell whether a signal handler raised `error` in a crumb; nearly always the crumb itself did.

    A handler has a call of its own in the traceback, below that of the crumb.
    """
    traceback = error.__traceback__
    return (
        traceback is not None
        and traceback.tb_next is not None
        and type(error) is not _Unusual
        and raised_by_signal(error)
    )


def _crumb_checked(event: object, data: dict[str, Any]) -> None:
    """Record a crumb that the fast path does not know, after a full check."""
    if event is _BY_NAME:
        event = data.pop("event", None)
    # No code of the program runs for this: neither its `__class__` nor its `__len__`.
    is_text = issubclass(type(event), str)
    # Pyright does not know issubclass.
    text = str.__str__(event) if is_text else ""  # pyright: ignore[reportArgumentType]
    if not text:
        log_once(
            "event",
            "crumb() was called with "
            f"{'an empty text' if is_text else f'an object of {name_of(type(event))}'} as its "
            "event, and recorded nothing: write crumb('paid', order=7).",
        )
        return
    try:
        # Here and below there are subscripts and no calls of a dict's methods: without a GIL these
        # take the dict's lock. A child that is forked while a thread waits for it would hang.
        try:
            plan = _known[text]
            frozen_event = plan[0]  # nothing in it needs to be cut or redacted
        except KeyError:
            plan = None
            frozen_event = freeze_event(text)
        frozen_data = freeze_data(data, _keepers)
        _remember(frozen_event, frozen_data, is_large=_is_large(frozen_data))
        if frozen_event == text and (plan is None or not _is_learnt(plan, data)):
            _learn(frozen_event, data, frozen_data)
    except RecursionError:  # without a call, which would need more of the stack that is full
        pass
    except Exception as error:
        _log_failure(error)


def record_event(  # noqa: C901, PLR0912, PLR0915 - inline, for speed
    event: str, data: dict[str, Any], message_names: set[str] | None = None
) -> None:
    """Record a crumb as `crumb` does; the dict `data` is the recorder's own from now on.

    The `event` is an exact string. The names may be any objects, as loggers take them. With
    `message_names`, those that came with messages, the event is the text of one.
    """
    try:
        if message_names is None:
            plan = _known[event]
            kept = plan[0]
            names = plan[1]
        else:
            kept = Message(event)
            names = message_names
        room = MAX_KEPT // (len(data) or 1)
        for name in data:  # noqa: PLC0206 - faster than items()
            # No code of the program compares exact strings.
            if type(name) is str and name in names:
                value = data[name]
                kind = type(value)
                if kind is str:
                    if len(value) <= room:
                        continue
                elif kind is int:
                    if value.bit_length() <= 64:  # noqa: PLR2004
                        continue
                elif value is None or kind is float or kind is bool:
                    continue
                else:
                    value = _keepers[id(kind)](value, room)
                    if value is None:
                        value = _keepers.render(data[name], room)
                    data[name] = value
                    continue
            break
        else:
            remember, ticks, thread = _thread.here
            frame = get_current()
            if frame is None:
                record = (time_ns(), kept, data, NOWHERE, thread)
                remember(record)
                next(ticks)
            else:
                cache = frame.recorder_cache
                if cache is None:
                    cache = cache_of(frame)
                of_trail, ticks, place = cache
                record = (time_ns(), kept, data, place, thread)
                remember(record)
                of_trail.append(record)
                next(ticks)
            also = _also
            if also is not None:
                also(record)
            return
    except StopIteration as error:
        if _is_of_handler(error):
            raise
        lease_end = frame, ticks, record  # pyright: ignore[reportPossiblyUnboundVariable]
        _finish(*lease_end)
        return
    except (LookupError, AttributeError, RecursionError) as error:  # as in `crumb`
        if _is_of_handler(error):
            raise
    except Exception as error:
        _log_failure(error)
        return
    if not _STR.issuperset(map(type, data)):
        data = {safe_text(name): value for name, value in data.items()}
    if message_names is None:
        _crumb_checked(event, data)
    else:
        _message_checked(event, data)


def record_message(text: str, data: dict[str, Any]) -> None:
    """Record a crumb whose event is the `text` of a message to people, an exact string.

    It is not learnt, since programs make ever new ones, but kept, and scrubbed when somebody looks.
    """
    if len(text) <= MAX_EVENT:
        record_event(text, data, _message_names)
    else:
        _message_checked(text, data)


def _message_checked(text: str, data: dict[str, Any]) -> None:
    global _message_names
    try:
        frozen_data = freeze_data(data, _keepers)
        _remember(freeze_event(text), frozen_data, is_large=_is_large(frozen_data))
        _message_names = _learnt(_message_names, data, frozen_data)
    except RecursionError:  # as above
        pass
    except Exception as error:
        _log_failure(error)


def _remember(event: str, data: dict[str, Any], *, is_large: bool = False) -> None:
    """Record an event and data that are frozen."""
    try:
        remember, ticks, thread = _thread.here
    except AttributeError:
        remember, ticks, thread = _here()
    frame = get_current()
    if frame is None:
        record = (time_ns(), event, data, NOWHERE, thread)
        remember(record)
        next(ticks)
    else:
        of_trail, ticks, place = frame.recorder_cache or cache_of(frame)
        record = (time_ns(), event, data, place, thread)
        remember(record)
        of_trail.append(record)
        if next(ticks, None) is None:
            renew_lease(frame, ticks, record)
        elif is_large:
            trail_of(frame).weigh_large()
    also = _also
    if also is not None:
        also(record)


def _is_large(data: dict[str, Any]) -> bool:
    return sum(map(text_size, data.values())) > _LARGE


def _finish(frame: Frame | None, spent: Ticks, record: Record) -> None:
    """Do the rest of the fast path for a `record` that came at the end of its lease."""
    try:
        if frame is not None:
            renew_lease(frame, spent, record)
        also = _also
        if also is not None:
            also(record)
    except Exception as error:
        _log_failure(error)


def _is_learnt(plan: Plan, data: dict[str, Any]) -> bool:
    """Tell whether the fast path knows these names, in this number, and left for a value only."""
    _, names, few, _, first, second = plan
    return (
        _STR.issuperset(map(type, data))
        and names.issuperset(data)
        and (len(data) != few or (first in data and (second is None or second in data)))
    )


def _learn(event: str, data: dict[str, Any], frozen: dict[str, Any]) -> None:
    """Let the fast path take this event the next time, with the names that it may take."""
    given = [*data]
    try:
        _, before, few, _, first, second = _known[event]
    except KeyError:
        before, few = set(), len(given)
        first, second, *_ = *given, None, None
    names = _learnt(before, data, frozen)
    is_same = few == len(given) <= _FEW and _STR.issuperset(map(type, given))
    if not (is_same and names.issuperset(given) and {first, second}.issuperset(given)):
        few = _MANY
    if len(_known) >= _KNOWN:
        _known.clear()  # events from outside; the others are learnt again
    _known[event] = event, names, few, MAX_KEPT // max(few, 1), first, second


def _learnt(names: set[str], data: dict[str, Any], frozen: dict[str, Any]) -> set[str]:
    """Return a set of `names` and of the names in `data` that are safe for the fast path.

    A name is safe if it is the same in `frozen` and is no name of a secret. The set is new, since
    the fast path may be looking into the old one.
    """
    if any(type(name) is not str for name in data):
        return names  # a subclass may define what hashes and equals its names
    redactor = options.redactor
    every = {*names, *data}
    if len(every) > MAX_VALUES:  # names from outside; forget the earlier ones
        names, every = set(), {*data}
    return names | {
        name
        for name in data
        if name not in names
        and len(name) <= _LONGEST_NAME
        and name in frozen
        and name not in SYSTEM_FIELDS
        and not (redactor is not None and redactor.is_sensitive(name))
        and not is_related(name, every)
    }


def records() -> list[Record]:
    """Return the records in the ring, oldest first."""
    return _ring.records()


def unframed() -> int:
    """Return how many crumbs were recorded outside of frames, since the beginning or `clear`."""
    return _ring.unframed()


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


def reconfigure() -> None:
    """Take over the options in force: the size of the ring, the names of secrets."""
    global _keepers, _message_names
    if _ring.bound not in (options.max_crumbs, None):  # None: a test collects all
        exchange_ring(Ring(options.max_crumbs, _ring.records(), unframed=_ring.unframed()))
    bound_trails()
    _known.clear()
    _message_names = set()
    _keepers = keepers_for(options.redactor)


def mirror_to(mirror: Callable[[Record], None]) -> None:
    """Give each record to `mirror` from now on, beside the other mirrors."""
    _use_mirrors(*_mirrors, mirror)


def exchange_mirror(before: Callable[[Record], None], after: Callable[[Record], None]) -> None:
    """Give each record to `after` in place of `before`, if `before` is one of the mirrors."""
    if before in _mirrors:
        _use_mirrors(*(after if each == before else each for each in _mirrors))


def stop_mirroring(mirror: Callable[[Record], None]) -> None:
    """Give no more records to `mirror`."""
    _use_mirrors(*(each for each in _mirrors if each != mirror))


def _use_mirrors(*mirrors: Callable[[Record], None]) -> None:
    global _mirrors
    _mirrors = mirrors
    _choose()


def _choose() -> None:
    """Let `_also` be what is to be called with each record now."""
    global _also
    while True:  # again if another thread has changed the one or the other meanwhile
        mirrors, hearing = _mirrors, listeners.crumb
        calls = (*mirrors, _tell) if hearing else mirrors
        _also = _all_of(calls) if len(calls) > 1 else next(iter(calls), None)
        if mirrors is _mirrors and hearing is listeners.crumb:
            return


def _all_of(calls: Iterable[Callable[[Record], None]]) -> Callable[[Record], None]:
    def call_all(record: Record) -> None:
        for call in calls:
            call(record)

    return call_all


def _tell(record: Record) -> None:
    """Tell the observers of the crumb that was recorded right now."""
    time_ns, event, data, _, _ = record
    notify_crumb(get_current(), time_ns, shown_event(event), rendered_data(data))


when_listeners_change(_choose)


def exchange_ring(ring: Ring) -> Ring:
    """Record into `ring` from now on; return the one before."""
    global _ring, _thread
    before, _ring = _ring, ring
    _thread = _local()  # each thread finds the new ring at its next crumb
    return before


def _log_failure(error: BaseException) -> None:
    """Log the first failure of ours, and go on; raise an exception of a signal handler."""
    global _has_failed
    if raised_by_signal(error):
        try:
            raise error
        finally:
            del error  # its traceback holds this call: a cycle would keep what all of them hold
    if _has_failed:
        return
    _has_failed = True
    import logging

    logging.getLogger("statecrumbs").error(
        "A crumb could not be recorded; further failures are not logged.", exc_info=error
    )
