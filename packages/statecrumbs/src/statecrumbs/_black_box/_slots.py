"""One crumb as bytes in a slot: put together, shortened to fit, stored without a lock, decoded."""

from __future__ import annotations

import json
from binascii import crc32
from collections import deque
from functools import partial
from itertools import count, filterfalse
from json.encoder import encode_basestring as quote
from struct import Struct

from corectx.lowlevel import raised_by_signal
from statecrumbs._black_box import _format
from statecrumbs._crumb import shown_event, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    from statecrumbs._black_box._file import BoxFile
    from statecrumbs._crumb import Place, Record

    Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
    Store: TypeAlias = Callable[[Record], None]

_ATOMS = frozenset((int, float, bool, type(None)))

# Texts are kept quoted, since they come back all the time: a lookup takes a tenth of the work.
_NAMES = 256  # events and names of values
_THREADS = 256
_VALUES = 64  # strings that one name had
_LENGTH = 64  # characters of a string

_ESCAPED = bytes(range(32)) + b'"\\'  # what JSON escapes in a string

# A lone surrogate is not valid UTF-8. This error handler writes it as \udc80, which is the escape
# that JSON has for it, and it can occur within JSON strings only.
_SURROGATES = "backslashreplace"


class Names(dict[str, str]):
    """Each name as the beginning of a member of a JSON object, with a comma in front."""

    def __missing__(self, name: str) -> str:
        beginning = f",{quote(name)}:"
        if len(name) <= _LENGTH:
            if len(self) >= _NAMES:
                self.clear()
            self[name] = beginning
        return beginning


class Head(dict[str, str]):
    """The beginning of a payload by the event, for one thread; for None without a thread."""

    __slots__ = ("_thread",)

    def __init__(self, thread: str | None) -> None:
        self._thread = "" if thread is None else f',"thread":{quote(thread)}'

    def __missing__(self, event: str) -> str:
        head = f'{{"event":{quote(event)}{self._thread}'
        if len(event) <= _LENGTH:
            if len(self) >= _NAMES:
                self.clear()
            self[event] = head
        return head


class Heads(dict["str | None", Head]):
    """The beginnings of payloads for each thread."""

    def __missing__(self, thread: str | None) -> Head:
        head = Head(thread)
        if len(self) >= _THREADS:
            self.clear()
        self[thread] = head
        return head


class Values(dict[str, str]):
    """Each string that `name` had as a member of a JSON object, with a comma in front."""

    __slots__ = ("_name", "_render")

    def __init__(self, name: str, render: Callable[[str, Any], str]) -> None:
        self._name = name
        self._render = render

    def __missing__(self, value: str) -> str:
        text = self._render(self._name, value)
        if len(value) > _LENGTH:
            return _names[self._name] + _quoted(text)
        member = _names[self._name] + quote(text)
        if len(self) >= _VALUES:
            self.clear()
        self[value] = member
        return member


class Members(dict[str, Values]):
    """The values of each name. `render(name, value)` returns the text of a value, redacted."""

    __slots__ = ("render",)

    def __init__(self, render: Callable[[str, Any], str]) -> None:
        self.render = render

    def __missing__(self, name: str) -> Values:
        values = Values(name, self.render)
        if len(name) <= _LENGTH:
            if len(self) >= _NAMES:
                self.clear()
            self[name] = values
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


_names = Names()
_heads = Heads()


def _fragment_of(place: Place) -> str:
    """Return the part of a crumb that says where it was recorded; the place keeps it."""
    fragment = place.fragment = scope_fragment(place.context, place.identity or None)
    return fragment


def storing(  # noqa: C901, PLR0915 - inline, for speed
    box_file: BoxFile, members: Members, *, elsewhere: Store, on_problem: Callable[[str], object]
) -> Store:
    """Return the function that stores a record in `box_file`, a closure, for speed.

    In a process that was forked since, it calls `elsewhere` instead. `on_problem` is called with a
    sentence about damage to the file from outside.
    """
    file = box_file.map
    is_ours = box_file.mark
    names = _names
    heads = _heads
    render = members.render
    offsets = box_file.offsets
    slots = len(offsets)
    room = box_file.slot_size - _format.SLOT_HEAD.size
    # Fills a slot, in the order of its fields, and the rest of it with zeros.
    pack_into = Struct(f"{_format.SLOT_HEAD.format}{room}s").pack_into
    next_sequence = count(1).__next__
    # The slots that no thread writes in, the one completed longest ago first. A thread that takes
    # one has it alone until it gives it back, so that a thread that is held up in between never
    # overwrites a newer crumb, however many laps the others have made. Appends and pops of a deque
    # are thread-safe by its documentation.
    free = deque(offsets)
    give_back = free.append
    # Takes a slot and clears its first byte in one step ("x" is a zero byte), all in C, where
    # neither another thread nor a signal gets in between: the old crumb is to be gone by the time
    # that others overtake this writer.
    taken = filterfalse(partial(Struct("x").pack_into, file), iter(free.popleft, None))

    def store(record: Record) -> None:  # noqa: C901, PLR0912 - inline, for speed
        if not is_ours[0]:
            elsewhere(record)
            return
        try:
            ts_ns, event, data, place, thread = record
            try:
                scope = place.fragment
            except AttributeError:
                scope = _fragment_of(place)
            if type(event) is not str:
                event = shown_event(event)
            text = heads[thread][event] + scope
            for name in data:
                value = data[name]
                kind = type(value)
                if kind is str:
                    text += members[name][value]
                elif kind is int or kind in _ATOMS:
                    text = f'{text}{names[name]}"{value!r}"'
                else:
                    text += names[name] + _quoted(render(name, value))
            text += "}"
            try:
                payload = text.encode()
            except UnicodeEncodeError:
                payload = text.encode("utf-8", _SURROGATES)
            length = len(payload)
            flags = 0
            if length > room:
                payload = shorten(payload, room)
                length = len(payload)
                flags = _format.SHORTENED
            sequence = next_sequence()
            if not sequence % slots and (problem := box_file.problem()):
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
                pack_into(file, offset, 1, flags, length, checksum, sequence, ts_ns, payload)
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
    counted under the name "…", missing items by an item of that form. `room` is at least 232 bytes,
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
