"""One crumb as bytes in a slot: put together, shortened to fit, stored without a lock, decoded."""

from __future__ import annotations

import json
from collections import deque
from itertools import count
from json.encoder import encode_basestring as quote
from struct import Struct
from zlib import adler32

from corectx.lowlevel import raised_by_signal
from statecrumbs._black_box import _format
from statecrumbs._crumb import shown_event, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    from statecrumbs._black_box._file import BoxFile
    from statecrumbs._crumb import Record

    Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
    Store: TypeAlias = Callable[[Record], None]

_ATOMS = frozenset((int, float, bool, type(None)))

# Texts are kept quoted, since they come back all the time: a lookup takes a tenth of the work.
_NAMES = 256  # events and names of values
_THREADS = 256
_VALUES = 64  # strings that one name had
_LENGTH = 64  # characters of a string
_LONG_VALUES = 64  # longer strings, of all names together
_LONG = 1024  # characters of one

_ESCAPED = bytes(range(32)) + b'"\\'  # what JSON escapes in a string

# A lone surrogate is not valid UTF-8. This error handler writes it as \udc80, which is the escape
# that JSON has for it, and it can occur within JSON strings only.
_SURROGATES = "backslashreplace"


class Head(dict[str, str]):
    """The beginning of a payload by the event, for one thread; for None without a thread."""

    __slots__ = ("_thread",)

    def __init__(self, thread: str | None) -> None:
        self._thread = "" if thread is None else f',"thread":{quote(thread)}'

    def __missing__(self, event: str) -> str:
        shown = shown_event(event)
        head = f'{{"event":{quote(shown)}{self._thread}'
        if shown is event and len(event) <= _LENGTH:
            if len(self) >= _NAMES:
                self.clear()
            self[event] = head
        return head


class Values(dict[str, str]):
    """Each string that one name had as a member of a JSON object, with a comma in front."""

    __slots__ = ("_beginning", "_long", "_name", "_render")

    def __init__(
        self,
        name: str,
        beginning: str,
        render: Callable[[str, Any], str],
        long: dict[tuple[str, str], str],
    ) -> None:
        self._name = name
        self._beginning = beginning
        self._render = render
        self._long = long

    def __missing__(self, value: str) -> str:
        if len(value) > _LENGTH:
            return self._long_member(value)
        member = self._member(value)
        if len(self) >= _VALUES:
            self.clear()
        self[value] = member
        return member

    def _long_member(self, value: str) -> str:
        """Return the member of a long string. The search for secrets takes most of the time."""
        if len(value) > _LONG:
            return self._member(value)
        key = self._name, value
        member = self._long.get(key)
        if member is None:
            member = self._member(value)
            if len(self._long) >= _LONG_VALUES:
                self._long.clear()
            self._long[key] = member
        return member

    def _member(self, value: str) -> str:
        text = self._render(self._name, value)
        # JSON escapes control characters, too: a repr has none without a backslash.
        if '"' in text or "\\" in text:
            return self._beginning + quote(text)
        return f'{self._beginning}"{text}"'


class Pieces:
    """The pieces of payloads that come back all the time, ready to be put together.

    The dicts are exact ones: CPython looks those up faster than instances of a subclass. A piece
    that is missing there is made, and kept, by the method of that name. `render(name, value)`
    returns the text of a value, redacted.
    """

    __slots__ = ("_long", "beginnings", "heads", "render", "values")

    def __init__(self, render: Callable[[str, Any], str]) -> None:
        self.render = render
        self.heads: dict[str | None, Head] = {}
        """By the thread."""
        self.beginnings: dict[str, str] = {}
        """Each name as the beginning of a member of a JSON object, with a comma in front."""
        self.values: dict[str, Values] = {}
        """The strings that each name had."""
        self._long: dict[tuple[str, str], str] = {}

    def clear(self) -> None:
        """Ask `render` again: the names of secrets have changed."""
        self.heads.clear()
        self.values.clear()
        self._long = {}  # a thread may still put a text into the one before

    def payload(self, record: Record) -> bytes:
        """Return the payload of `record`, however long it is; keep its pieces for the next one."""
        _, event, data, place, thread = record
        try:
            scope = place.fragment
        except AttributeError:
            scope = place.fragment = scope_fragment(place.context, place.identity or None)
        text = self._head_of(thread)[event] + scope
        for name in data:
            value = data[name]
            kind = type(value)
            if kind is str:
                text += self._values_of(name)[value]
            elif kind in _ATOMS:
                text += f'{self._beginning_of(name)}"{value}"'
            else:
                text += self._beginning_of(name) + _quoted(self.render(name, value))
        text += "}"
        try:
            return text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", _SURROGATES)

    def _head_of(self, thread: str | None) -> Head:
        head = self.heads.get(thread)
        if head is None:
            head = Head(thread)
            if len(self.heads) >= _THREADS:
                self.heads.clear()
            self.heads[thread] = head
        return head

    def _beginning_of(self, name: str) -> str:
        beginning = self.beginnings.get(name)
        if beginning is None:
            beginning = f",{quote(name)}:"
            if len(name) <= _LENGTH:
                if len(self.beginnings) >= _NAMES:
                    self.beginnings.clear()
                self.beginnings[name] = beginning
        return beginning

    def _values_of(self, name: str) -> Values:
        values = self.values.get(name)
        if values is None:
            values = Values(name, self._beginning_of(name), self.render, self._long)
            if len(name) <= _LENGTH:
                if len(self.values) >= _NAMES:
                    self.values.clear()
                self.values[name] = values
        return values


def _quoted(text: str) -> str:
    """Return a long `text` as a JSON string. Few need escapes, and to find that out is cheaper."""
    encoded = text.encode("utf-8", "surrogatepass")
    is_plain = len(encoded.translate(None, _ESCAPED)) == len(encoded)
    return f'"{text}"' if is_plain else quote(text)


def scope_fragment(
    context: Mapping[str, object] | None,
    frame: Mapping[str, object] | None,
) -> str:
    """Return the middle of a payload, which says where a crumb was recorded; keep it for the next.

    Both hold rendered and redacted JSON scalars; an empty `context` and a `frame` of None are left
    out.
    """
    fragment = ""
    if context:
        fragment += f',"context":{_dumps(context)}'
    if frame is not None:
        fragment += f',"frame":{_dumps(frame)}'
    return fragment


def members_fragment(members: Mapping[str, object]) -> str:
    """Return `members` as the middle of a payload, with a comma in front."""
    return f",{_dumps(members)[1:-1]}" if members else ""


def _dumps(value: object) -> str:
    # A float that JSON lacks becomes a string; anything else that it lacks was rendered before.
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        loaded = json.loads(json.dumps(value), parse_constant=str)
        return json.dumps(loaded, ensure_ascii=False, separators=(",", ":"))


def decode(payload: bytes, ts_ns: int) -> dict[str, Any] | None:
    """Return the crumb of a slot, None where no writer of ours wrote the slot."""
    try:
        crumb: dict[str, Any] = {"event": "", **json.loads(payload)}
        if type(crumb["event"]) is not str or not crumb["event"]:
            return None
        if ts_ns:
            crumb = {"event": crumb.pop("event"), "ts": timestamp(ts_ns), **crumb}
    except (ValueError, TypeError, RecursionError):
        return None
    return crumb


def storing(  # noqa: C901, PLR0915 - inline, for speed
    box_file: BoxFile, pieces: Pieces, *, elsewhere: Store, on_problem: Callable[[str], object]
) -> Store:
    """Return the function that stores a record in `box_file`, a closure, for speed.

    In a process that was forked since, it calls `elsewhere` instead. `on_problem` is called with a
    sentence about damage to the file from outside.
    """
    file = box_file.map
    is_ours = box_file.mark
    heads = pieces.heads
    beginnings = pieces.beginnings
    values = pieces.values
    render = pieces.render
    atoms = _ATOMS
    room = box_file.slot_size - _format.SLOT_HEAD.size - _format.SLOT_END
    next_sequence = count(1).__next__
    # The slots that no thread writes in, the one completed longest ago first. A thread that takes
    # one has it alone until it gives it back, so that a thread that is held up in between never
    # overwrites a newer crumb, however many laps the others have made. None stands before the last
    # slot of a lap. Appends and pops of a deque are thread-safe by its documentation.
    *others, last = box_file.offsets
    lap = (*others, None, last)
    free: deque[int | None] = deque(lap)
    take = free.popleft
    give_back = free.append
    # These fill a slot, each for the payloads of 8 lengths. The rest of the slot is not touched, so
    # that more of the program's memory stays in the caches of the processor.
    packs: dict[int, Callable[..., None]] = {}

    def encode(record: Record) -> tuple[bytes, int, Callable[..., None]]:
        payload = pieces.payload(record)
        flags = 0
        if len(payload) > room:
            payload = shorten(payload, room)
            flags = _format.SHORTENED
        step = len(payload) >> 3
        if step not in packs:
            room_taken = _format.padded(len(payload))
            packs[step] = Struct(_format.SLOT.format(room_taken)).pack_into
        return payload, flags, packs[step]

    def store(record: Record) -> None:  # noqa: C901, PLR0912 - inline, for speed
        if not is_ours[0]:
            elsewhere(record)
            return
        try:
            ts_ns, event, data, place, thread = record
            try:
                text = ""
                for name in data:
                    value = data[name]
                    kind = type(value)
                    if kind is str:
                        text += values[name][value]
                    elif kind is int or kind in atoms:
                        text += f'{beginnings[name]}"{value}"'
                    else:
                        text += beginnings[name] + _quoted(render(name, value))
                payload = f"{heads[thread][event]}{place.fragment}{text}}}".encode()
                pack_into = packs[len(payload) >> 3]
                flags = 0
            # A piece that was not seen before, or was forgotten; a lone surrogate; too long.
            except (LookupError, AttributeError, UnicodeEncodeError) as error:
                # Nearly always raised right here; a signal handler has a call of its own.
                if getattr(error.__traceback__, "tb_next", None) and raised_by_signal(error):
                    raise
                payload, flags, pack_into = encode(record)
            try:
                offset = take()
                if offset is None:
                    offset = take()
                    give_back(None)
                    if problem := box_file.problem():
                        on_problem(problem)
                        return
            except IndexError:
                # More writers than slots, or slots lost to a KeyboardInterrupt just below. Two
                # writers in one slot are better than none: the checksum will tell.
                free.extend(lap)
                offset = take()
            try:
                # Not before it has a slot: a thread that is held up would store a crumb that newer
                # ones have pushed out.
                sequence = next_sequence()
                # In the order of the fields, so that the last one is there when all others are.
                pack_into(
                    file,
                    offset,
                    sequence,
                    adler32(payload, sequence),
                    len(payload),
                    flags,
                    ts_ns,
                    payload,
                    sequence,
                )
            finally:
                give_back(offset)
        except Exception as error:
            if raised_by_signal(error):
                raise
            return  # closed; or no memory, no stack: readers count the gap in the sequence

    return store


# Steps that shorten a crumb until it fits: its strings are cut to so many characters, its lists to
# so many of the last items, its objects to so many of the first members.
_STEPS = (
    (1024, 64, 64),
    (512, 32, 64),
    (256, 16, 64),
    (128, 8, 64),
    (64, 8, 32),
    (32, 4, 16),
    (16, 4, 8),
    (16, 2, 4),
    (16, 1, 2),
    (16, 1, 1),
)
_LAST_RESORT = 16  # characters of the event, when nothing else is left


def shorten(payload: bytes, room: int) -> bytes:
    """Return `payload` as valid JSON of at most `room` bytes, with a mark at each cut.

    A cut string ends in "… (+1234)", the number of characters that are missing; missing members are
    counted under the name "…", missing items by an item of that form. `room` is at least 223 bytes,
    as slots have.
    """
    record: dict[str, Json] = json.loads(payload)
    # The event and the thread tell a crumb from its neighbours, so they stay.
    names: dict[str, Json] = {key: record[key] for key in ("event", "thread") if key in record}
    others: dict[str, Json] = {key: record[key] for key in record if key not in names}
    for length, items, members in _STEPS:
        cut = {**names, **_cut_object(others, items, members)}
        shortened = _dumps(_cut_strings(cut, length)).encode("utf-8", _SURROGATES)
        if len(shortened) <= room:
            return shortened
    event = {"event": _cut(str(record["event"]), _LAST_RESORT), "…": "all"}
    return _dumps(event).encode("utf-8", _SURROGATES)


def _cut_strings(value: Json, length: int) -> Json:
    """Return `value` with each string in it, keys included, cut to `length` characters."""
    if isinstance(value, str):
        return _cut(value, length)
    if isinstance(value, dict):
        return {_cut(key, length): _cut_strings(value[key], length) for key in value}
    if isinstance(value, list):
        return [_cut_strings(item, length) for item in value]
    return value


def _cut(text: str, length: int) -> str:
    if len(text) <= length + 8:  # the mark would be longer than the text it saves
        return text
    return f"{text[:length]}… (+{len(text) - length})"


def _cut_object(value: dict[str, Json], items: int, members: int) -> dict[str, Json]:
    kept = {key: _cut_members(value[key], items, members) for key in list(value)[:members]}
    if len(value) > members:
        kept["…"] = f"+{len(value) - members}"
    return kept


def _cut_members(value: Json, items: int, members: int) -> Json:
    """Return `value` with the first members of each object and the last items of each list."""
    if isinstance(value, dict):
        return _cut_object(value, items, members)
    if isinstance(value, list):
        # The last lines of a traceback are the ones that matter.
        last = [_cut_members(item, items, members) for item in value[-items:]]
        return [f"… (+{len(value) - items})", *last] if len(value) > items else last
    return value
