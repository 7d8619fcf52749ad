"""One crumb as bytes: encode it cheaply, shorten it to fit a slot, decode it again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

# What is kept quoted, since it comes back all the time: looking it up takes a tenth of the work.
_NAMES = 256  # events, threads and names of values
_VALUES = 64  # strings that one name had
_LENGTH = 64  # characters of a string

_ATOMS = frozenset((int, float, bool, type(None)))

# A lone surrogate is not valid UTF-8. This error handler writes it as \udc80, which is JSON's own
# escape for it, and it can occur within JSON strings only.
_SURROGATES = "backslashreplace"


class _Names(dict[str, str]):
    """Each name as a JSON string."""

    def __missing__(self, name: str) -> str:
        quoted = quote(name)
        if len(name) <= _LENGTH:
            if len(self) >= _NAMES:
                self.clear()
            self[name] = quoted
        return quoted


class _Values(dict[str, str]):
    """Each string that `name` had as a member of a JSON object, with a comma in front."""

    __slots__ = ("_name", "_render")

    def __init__(self, name: str, render: Callable[[str, Any], str]) -> None:
        self._name = name
        self._render = render

    def __missing__(self, value: str) -> str:
        member = f",{quote(self._name)}:{quote(self._render(self._name, value))}"
        if len(value) <= _LENGTH:
            if len(self) >= _VALUES:
                self.clear()
            self[value] = member
        return member


class _Members(dict[str, _Values]):
    """The values of each name."""

    __slots__ = ("_render",)

    def __init__(self, render: Callable[[str, Any], str]) -> None:
        self._render = render

    def __missing__(self, name: str) -> _Values:
        values = _Values(name, self._render)
        if len(name) <= _LENGTH:
            if len(self) >= _NAMES:
                self.clear()
            self[name] = values
        return values


_names = _Names()


class Encoder:
    """Encodes crumbs as payloads, cheaply.

    `render(name, value)` returns the redacted text of a value. It must give the same text for the
    same string: it is not asked again about short ones. Numbers, booleans and None are not secret,
    so it is not asked about them at all; their text is their `repr`.
    """

    __slots__ = ("_members", "_render")

    def __init__(self, render: Callable[[str, Any], str]) -> None:
        self._members = _Members(render)
        self._render = render

    def encode(
        self, event: str, thread: str | None, scope: str, data: Mapping[str, object]
    ) -> bytes:
        """Encode one crumb as the payload of a slot.

        `scope` is a `scope_fragment`; a `thread` of None is left out. The names in `data` must
        differ from the system fields.
        """
        if thread is None:
            text = f'{{"event":{_names[event]}{scope}'
        else:
            text = f'{{"event":{_names[event]},"thread":{_names[thread]}{scope}'
        members = self._members
        for name in data:
            value = data[name]
            kind = type(value)
            if kind is str:
                text += members[name][value]  # type: ignore[index]  # it is a str
            elif kind in _ATOMS:
                text += f',{_names[name]}:"{value!r}"'
            else:
                text += f",{_names[name]}:{quote(self._render(name, value))}"
        try:
            return f"{text}}}".encode()
        except UnicodeEncodeError:
            return f"{text}}}".encode("utf-8", _SURROGATES)


def _as_it_is(_name: str, value: str) -> str:
    return value


# For data that is rendered and redacted already.
encode = Encoder(_as_it_is).encode


def scope_fragment(
    context: Mapping[str, object] | None,
    frame: Mapping[str, object] | None,
) -> str:
    """Return the middle of a payload that says where a crumb was recorded; cache it per frame.

    Both hold rendered and redacted JSON scalars; an empty `context` and a `frame` of None are left
    out.
    """
    fragment = ""
    if context:
        fragment += f',"context":{_dumps(context)}'
    if frame is not None:
        fragment += f',"frame":{_dumps(frame)}'
    return fragment


def encode_record(record: Mapping[str, object]) -> bytes:
    """Encode a whole `record` of a crash dump, such as its last one, as the payload of a slot."""
    untimed = {key: value for key, value in record.items() if key != "ts"}
    return _dumps(untimed).encode("utf-8", _SURROGATES)


def _dumps(value: object) -> str:
    # A float that JSON lacks becomes a string; anything else that it lacks was rendered before.
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        loaded = json.loads(json.dumps(value), parse_constant=str)
        return json.dumps(loaded, ensure_ascii=False, separators=(",", ":"))


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def isoformat(ts_ns: int) -> str:
    """Return nanoseconds since the epoch as ISO-8601 UTC with microseconds."""
    moment = _EPOCH + timedelta(microseconds=ts_ns // 1000)
    return moment.isoformat(timespec="microseconds")


def decode(payload: bytes, ts_ns: int) -> dict[str, Any] | None:
    """Return the crumb of a slot, or None where no writer of ours has written the slot."""
    try:
        crumb: dict[str, Any] = {"event": "", **json.loads(payload)}
        if type(crumb["event"]) is not str or not crumb["event"]:
            return None
        if ts_ns:
            crumb = {"event": crumb.pop("event"), "ts": isoformat(ts_ns), **crumb}
    except (ValueError, TypeError, RecursionError):
        return None
    return crumb


# What is left of a crumb that does not fit: its strings are cut to the longest of these lengths
# that makes it fit, and when none does, the first keys and list items are kept.
_CUTS = (1024, 512, 256, 128, 64, 32, 16)
_KEEP = (32, 16, 8, 4, 2, 1)
_LAST_RESORT = 16  # characters of the event, when nothing else is left


def shorten(payload: bytes, room: int) -> bytes:
    """Return `payload` as valid JSON of at most `room` bytes, with a mark at each cut.

    A cut string ends in "… (+1234)", the number of characters that are missing; missing keys are
    counted under the key "…", missing items by an item of that form. `room` is at least 240 bytes,
    as slots are.
    """
    record: dict[str, Json] = json.loads(payload)
    for length in _CUTS:
        shortened = _dumps(_cut_strings(record, length)).encode("utf-8", _SURROGATES)
        if len(shortened) <= room:
            return shortened
    # What tells a crumb from its neighbours stays, whatever else has to go.
    names: dict[str, Json] = {key: record[key] for key in ("event", "thread") if key in record}
    data: dict[str, Json] = {key: record[key] for key in record if key not in names}
    for keep in _KEEP:
        cut = {**names, **_first_members(data, keep)}
        shortened = _dumps(_cut_strings(cut, _CUTS[-1])).encode("utf-8", _SURROGATES)
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
    if len(text) <= length + 8:  # the mark itself would be longer than what it saves
        return text
    return f"{text[:length]}… (+{len(text) - length})"


def _first_members(members: dict[str, Json], keep: int) -> dict[str, Json]:
    kept = {key: _cut_members(members[key], keep) for key in list(members)[:keep]}
    if len(members) > keep:
        kept["…"] = f"+{len(members) - keep}"
    return kept


def _cut_members(value: Json, keep: int) -> Json:
    """Return `value` with the first `keep` members of each object and the last of each list."""
    if isinstance(value, dict):
        return _first_members(value, keep)
    if isinstance(value, list):
        # The last lines of a traceback are the ones that matter.
        last = [_cut_members(item, keep) for item in value[-keep:]]
        return [f"… (+{len(value) - keep})", *last] if len(value) > keep else last
    return value
