"""Write crumbs into the slots of a ring: by any thread, at any moment, without a lock."""

from __future__ import annotations

from binascii import crc32
from collections import deque
from functools import partial
from itertools import count, filterfalse
from json.encoder import encode_basestring as quote
from struct import Struct

from corectx.lowlevel import raised_by_signal
from statecrumbs._black_box import _layout as layout
from statecrumbs._black_box._payload import SURROGATES, Names, shorten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from statecrumbs._black_box._payload import Members
    from statecrumbs._black_box._ring import Ring

    # event, thread, scope, data, time in ns: see BlackBox.write
    Write: TypeAlias = Callable[[str, "str | None", str, Mapping[str, object], int], object]

_ATOMS = frozenset((int, float, bool, type(None)))

_names = Names()


def writer(  # noqa: C901, PLR0915 - inline, for speed
    ring: Ring, members: Members, *, elsewhere: Write, on_problem: Callable[[str], object]
) -> Write:
    """Return the function that writes a crumb into `ring`, a closure, for speed.

    In a process that was forked since, it calls `elsewhere` instead. What somebody else did to the
    file is told to `on_problem`.
    """
    file = ring.map
    is_ours = ring.mark
    names = _names
    render = members.render
    offsets = ring.offsets
    slots = len(offsets)
    room = ring.slot_size - layout.SLOT_HEAD.size
    # Fills a slot, in the order of its fields; what is left of it becomes zero.
    store = Struct(f"{layout.SLOT_HEAD.format}{room}s").pack_into
    next_sequence = count(1).__next__
    # The slots that nobody writes in, the one completed longest ago first. Whoever takes one has it
    # alone until it is given back, so a thread that is held up in between never overwrites a newer
    # crumb, however many laps the others have made. Appends and pops of a deque are thread-safe by
    # its documentation.
    free = deque(offsets)
    give_back = free.append
    # Takes a slot and clears its first byte in one step ("x" is a zero byte), all in C, where
    # neither another thread nor a signal gets in between: the old crumb is to be gone by the time
    # that others overtake this writer.
    taken = filterfalse(partial(Struct("x").pack_into, file), iter(free.popleft, None))

    def write(  # noqa: C901, PLR0912 - inline, for speed
        event: str, thread: str | None, scope: str, data: Mapping[str, object], ts_ns: int
    ) -> None:
        if not is_ours[0]:
            elsewhere(event, thread, scope, data, ts_ns)
            return
        try:
            text = ""
            for name in data:
                value = data[name]
                kind = type(value)
                if kind is str:
                    text += members[name][value]  # type: ignore[index]  # it is a str
                elif kind in _ATOMS:
                    text += f',{names[name]}:"{value!r}"'
                else:
                    text += f",{names[name]}:{quote(render(name, value))}"
            if thread is None:
                text = f'{{"event":{names[event]}{scope}{text}}}'
            else:
                text = f'{{"event":{names[event]},"thread":{names[thread]}{scope}{text}}}'
            try:
                payload = text.encode()
            except UnicodeEncodeError:
                payload = text.encode("utf-8", SURROGATES)
            length = len(payload)
            flags = 0
            if length > room:
                payload = shorten(payload, room)
                length = len(payload)
                flags = layout.SHORTENED
            sequence = next_sequence()
            if not sequence % slots and (problem := ring.problem()):
                on_problem(problem)
                return
            checksum = crc32(payload, sequence)
            try:
                offset = next(taken)
            except IndexError:
                # More writers than slots, or slots lost to a KeyboardInterrupt just below. Two
                # writers in one slot are better than none: the checksum will tell.
                free.extend(offsets)
                offset = next(taken)
            try:
                store(file, offset, 1, flags, length, checksum, sequence, ts_ns, payload)
            finally:
                give_back(offset)
        except Exception as error:
            if raised_by_signal(error):
                raise
            return  # closed; or no memory, no stack: readers count the gap in the sequence

    return write
