"""One crumb: the values given to `crumb()`, the record that is kept, the dict that people see.

A record is a tuple ``(time_ns, event, data, place, thread)``: Unix time in nanoseconds; the event;
its data, which are `Rendered` text or kept values; the place where it was recorded; the name of the
thread.

`freeze_event` and `freeze_data` are the slow path of recording: for unknown events and names, and
for long values.
"""

from __future__ import annotations

import sys
from time import gmtime

from corectx.lowlevel import raised_by_signal
from statecrumbs._options import options
from statecrumbs._redact import REDACTED, RELATED_KINDS
from statecrumbs._values import (
    HARMLESS,
    Rendered,
    class_of,
    encodable,
    fit,
    is_fixed,
    jsonable,
    keep_text,
    render,
    safe_text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import Any, TypeAlias

    from corectx import Frame
    from statecrumbs._redact import Redactor
    from statecrumbs._values import Keepers, Scalar

    Crumb: TypeAlias = dict[str, Any]
    # By the address of a mapping of ambient values: the mapping, and its values ready to be shown.
    Contexts: TypeAlias = dict[int, tuple[Mapping[str, object], dict[str, Scalar]]]
    Record: TypeAlias = tuple[int, str, dict[str, Any], "Place", str]
    # In the `recorder_cache` of a frame: the records of its trail, the ticks, and the place.
    RecorderCache: TypeAlias = tuple[deque[Record], Iterator[Any], "Place"]


class Place:
    """The ambient values and the identity of a frame, ready to be shown; either may be empty.

    `fragment` is there if a black box has encoded them.
    """

    __slots__ = ("context", "fragment", "identity")
    fragment: str

    def __init__(self, context: dict[str, Scalar], identity: dict[str, str]) -> None:
        self.context = context
        self.identity = identity


SYSTEM_FIELDS = frozenset(("event", "ts", "thread", "context", "frame"))

MAX_EVENT = 256  # characters
_MAX_KEY = 128  # characters
_SHORT = 128  # characters of a string whose text is within all bounds
MAX_VALUES = 64
MAX_KEPT = 1024  # characters of all that is kept of a crumb's values
_WORD = 64  # bits of an int
_CONTEXTS = 16  # mappings of ambient values that an operation has at a time
_MAX_VALUE = 1024  # characters of one value's text
_MAX_CRUMB = 4096  # of all of them; a character outside ASCII counts as the 4 bytes it may take


_NOBODY: dict[str, str] = {}
NOWHERE = Place({}, _NOBODY)


class Message(str):
    """An event that is a message to people, such as a log record's: not redacted yet."""

    __slots__ = ()


# --- given values -> record


def freeze_event(event: str) -> str:
    """Return `event`, an exact string, in bounded length and as any file takes it."""
    return str(jsonable(event, options.redactor, limit=MAX_EVENT))


def shown_event(event: str) -> str:
    """Return the event of a record as people see it; a `Message` is kept as it is until then."""
    return event if type(event) is str else freeze_event(str.__str__(event))


def freeze_data(
    data: Mapping[str, object],
    keepers: Keepers | None = None,
    *,
    room: int = _MAX_CRUMB,
    reserved: frozenset[str] = SYSTEM_FIELDS,
) -> dict[str, Any]:
    """Return `data` with its names made safe and each value kept by `keepers`, or `Rendered`.

    A name that is `reserved` gets an underscore appended. Values that do not fit into about
    `room` bytes are left out, and the last entry counts them.
    """
    frozen: dict[str, Any] = {}
    redactor = options.redactor
    kinds = 0
    # Exact strings: a name of a subclass of str may have a `__hash__` and an `__eq__` of its own.
    given = [(str.__str__(name), value) for name, value in data.items()]
    names = {name for name, _ in given}
    share = MAX_KEPT // min(len(given) or 1, MAX_VALUES)
    for done, (name, value) in enumerate(given):
        if done == MAX_VALUES or room < len("..."):
            frozen["..."] = Rendered(f"({len(data) - done} more)")
            break
        key = _freeze_key(name, names, frozen, reserved)
        if redactor is not None:
            if redactor.is_sensitive(key):
                frozen[key] = Rendered(REDACTED)
                room -= len(key) + len(REDACTED)
                continue
            kinds |= redactor.field_kind(key)
        # A character of what is kept may take 4 of its text.
        kept = None if keepers is None or 4 * share > room else _kept(value, share, keepers)
        if kept is not None:
            frozen[key] = kept
            room -= 4 * (len(kept) if type(kept) is str else share)
            continue
        if type(value) is Rendered:  # by the fast path, which another value is too long for
            text = str.__str__(value)
        else:
            text = render(value, redactor, limit=max(0, min(_MAX_VALUE, room)))
        text = _bounded(text, max(0, room))
        frozen[key] = Rendered(text)
        room -= len(key) + (len(text) if text.isascii() else 4 * len(text))
    if redactor is not None and kinds in RELATED_KINDS:
        scrubbed = redactor.scrub_fields(rendered_data(frozen))
        frozen = {name: Rendered(text[:_MAX_VALUE]) for name, text in scrubbed.items()}
    return frozen


def _kept(value: Any, share: int, keepers: Keepers) -> Any:
    """Return a value to keep in place of `value` until somebody looks, or None to render it now."""
    kind = class_of(value)
    if kind is str:
        return value if len(value) <= share else keep_text(value, share)
    if kind is int:
        return value if value.bit_length() <= _WORD else None
    if kind is float or kind is bool:
        return value
    if id(kind) in keepers.refused:  # most classes of programs
        return None
    try:
        return keepers.of(kind)(value, share)
    except (LookupError, AttributeError, RecursionError):  # it lacks what others of its kind have
        return None


def is_related(name: str, names: Collection[str]) -> bool:
    """Return whether the value of `name` and another of the same crumb tell what is a secret.

    Such values have to be looked at together: crumb("env", name="DB_PASSWORD", value="..."). So has
    the object of a name like `card`, whose fields have harmless names.
    """
    redactor = options.redactor
    kind = 0 if redactor is None else redactor.field_kind(name)
    if redactor is None or not kind:
        return False
    return kind in RELATED_KINDS or any(
        kind | redactor.field_kind(each) in RELATED_KINDS for each in names
    )


def place_of(frame: Frame, contexts: Contexts | None = None) -> tuple[Place, bool]:
    """Return the place of a crumb inside `frame`, and whether the next crumb may have the same one.

    It may if no ambient value can change. Otherwise the values are rendered anew for each crumb.
    `contexts` remembers rendered values, since frames share them.
    """
    values = frame.values
    if not values:
        return Place(NOWHERE.context, identity_of(frame)), True
    # By the address of the mapping. The entry keeps the mapping alive, so no other one has it.
    remembered = None if contexts is None else contexts.get(id(values))
    if remembered is not None:
        return Place(remembered[1], identity_of(frame)), True
    context, lasting = _shown(values)
    if contexts is not None and lasting:
        if len(contexts) >= _CONTEXTS:
            contexts.clear()
        contexts[id(values)] = values, context
    return Place(context, identity_of(frame)), lasting


def _shown(values: Mapping[str, object]) -> tuple[dict[str, Scalar], bool]:
    """Return the ambient `values` ready to be shown, and whether none of them can change."""
    context: dict[str, Scalar] = {}
    strings: set[str] = set()
    redactor = options.redactor
    lasting = True
    room = _MAX_CRUMB
    kinds = 0
    for done, (name, value) in enumerate(values.items()):
        key = str.__str__(name)
        if done == MAX_VALUES or room < len("..."):
            context["..."] = f"({len(values) - done} more)"
            break
        if redactor is not None and redactor.is_sensitive(key):
            shown: Scalar = REDACTED
        else:
            shown = jsonable(value, redactor, limit=min(_MAX_VALUE, room))
            lasting = lasting and (_is_scalar(value) or is_fixed(value))
            if redactor is not None:
                kinds |= redactor.field_kind(key)
        key = name_text(key)
        context[key] = shown
        if issubclass(type(value), str):
            strings.add(key)
        room -= len(key) + _cost(shown)
    if redactor is not None and kinds in RELATED_KINDS:
        texts = {
            key: repr(shown) if key in strings else str(shown) for key, shown in context.items()
        }
        for key, text in redactor.scrub_fields(texts).items():
            if text != texts[key]:
                context[key] = text.strip("'\"")[:_MAX_VALUE]
    return context, lasting


def _is_scalar(value: object) -> bool:
    """Return whether `value` is an exact scalar, without asking its class, which may lie."""
    kind = type(value)
    return value is None or kind is str or kind is int or kind is float or kind is bool


def identity_of(frame: Frame) -> dict[str, str]:
    """Return the name of the nearest frame that has one, with its flow and correlation ID."""
    named: Frame | None = frame
    while named is not None and named.kind == "scope":
        named = named.parent
    if named is None:
        return _NOBODY
    identity = {"kind": named.kind}
    if named.name is not None:
        identity["name"] = name_text(named.name)
    if named.flow is not None:
        identity["flow"] = name_text(named.flow)
    if named.correlation_id is not None:
        identity["correlation_id"] = fit(named.correlation_id, _MAX_KEY)
    return identity


def name_text(name: str) -> str:
    """Return a bounded `name` of a value, a frame or a thread: programs make names of URLs."""
    if type(name) is str and len(name) <= _MAX_KEY and name.isascii() and name.isidentifier():
        return name
    return str(jsonable(name, options.redactor, limit=_MAX_KEY))


def thread_name_of(ident: int) -> str:
    """Return the name of the thread with this `ident`, without a lock."""
    # Not `current_thread()`: for a thread that Python did not start it makes an object under a
    # lock, which a signal handler or a finalizer must not wait for.
    threading = sys.modules.get("threading")
    if threading is None:  # then nobody has started a thread
        return "MainThread"
    thread = getattr(threading, "_active", {}).get(ident)
    try:
        return f"Thread-{ident}" if thread is None else name_text(safe_text(thread.name))
    except BaseException as error:  # a subclass may have a `name` that raises anything
        if raised_by_signal(error):
            raise
        return f"Thread-{ident}"


def _freeze_key(
    name: str, names: Collection[str], taken: Collection[str], reserved: frozenset[str]
) -> str:
    """Return `name` as a key that is not `reserved`, not `taken`, nor another of the `names`."""
    key = name_text(name)
    while key in reserved or key in taken or (key != name and key in names):
        key += "_"
    return key


def _cost(value: Scalar) -> int:
    """Return how much of a crumb's room `value` takes."""
    text = value if isinstance(value, str) else str(value)
    return len(text) if text.isascii() else 4 * len(text)


# --- record -> crumb


def rendered_data(data: dict[str, Any]) -> dict[str, str]:
    """Return the data of a record as text: the `repr` of each value, secrets blanked."""
    texts: dict[str, str] = {}
    _render(data, texts, options.redactor)
    return texts


def rendered_value(name: str, value: Any) -> str:
    """Return one of the data of a record as `rendered_data` does, a long string in less time."""
    redactor = options.redactor
    if type(value) is not str or len(value) <= _SHORT:
        return rendered_data({name: value})[name]
    if redactor is not None and redactor.is_sensitive(name):
        return REDACTED
    return render(value, redactor, limit=_MAX_VALUE)


def _render(data: dict[str, Any], texts: dict[str, str], redactor: Redactor | None) -> None:
    """Add the data of a record to `texts`."""
    for key, value in data.items():
        kind = type(value)
        if kind is int or value is None:
            texts[key] = repr(value)
        elif kind is Rendered:
            texts[key] = str.__str__(value)
        elif kind is float or kind is bool:
            texts[key] = repr(value)
        # It was kept raw. Its key was checked when it was recorded, perhaps with other options.
        elif redactor is not None and redactor.is_sensitive(key):
            texts[key] = REDACTED
        elif kind is not str:
            room = _MAX_CRUMB // len(data)
            text = render(value, redactor, limit=min(_MAX_VALUE, room))
            texts[key] = _bounded(text, room)
        elif len(value) <= HARMLESS and value.isalnum() and value.isascii():
            texts[key] = f"'{value}'"
        elif len(value) > _SHORT:
            texts[key] = render(value, redactor, limit=_MAX_VALUE)
        else:
            texts[key] = _quoted(value, redactor)


def _quoted(text: str, redactor: Redactor | None) -> str:
    """Return the `repr` of a short `text`, scrubbed; without quotes at most 4 bytes a character."""
    shown = encodable(repr(text if redactor is None else redactor.scrub(text)))
    if len(shown) > 4 * len(text) + 2 and not text.isprintable():  # of escapes
        return fit(shown, 4 * len(text) + 2)
    return shown


def _bounded(text: str, room: int) -> str:
    """Return `text` cut to `room`; a character outside ASCII takes 4 of it."""
    return text[:room] if text.isascii() else text[: room // 4]


def to_crumbs(records: Iterable[Record], *, is_own: bool = True) -> list[Crumb]:
    """Return `records` as the dicts that `snapshot` and the dumps consist of, in the same order.

    If these are not the caller's own, they share the dicts of their places with one another.
    """
    redactor, has_time, has_thread = (
        options.redactor,
        options.include_timestamp,
        options.include_thread,
    )
    crumbs: list[Crumb] = []
    for time_ns, event, data, place, thread in records:
        crumb: Crumb = {"event": event if type(event) is str else shown_event(event)}
        if has_time:
            crumb["ts"] = timestamp(time_ns)
        if has_thread:
            crumb["thread"] = thread
        if context := place.context:
            crumb["context"] = dict(context) if is_own else context
        if frame := place.identity:
            crumb["frame"] = dict(frame) if is_own else frame
        _render(data, crumb, redactor)
        crumbs.append(crumb)
    return crumbs


# The second of the last timestamp, and its text.
_second: tuple[int, str] = (-1, "")


def timestamp(time_ns: int) -> str:
    """Return Unix time in nanoseconds as ISO 8601 in UTC, with microseconds."""
    global _second
    # Without `datetime`: a signal handler may come in the middle of its import.
    seconds = time_ns // 1_000_000_000
    second, text = _second
    if second != seconds:
        at = gmtime(seconds)
        text = (
            f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}"
            f"T{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
        )
        _second = seconds, text
    # A second more, so that its fraction has all nine digits; `format` would take twice as long.
    fraction = str(time_ns % 1_000_000_000 + 1_000_000_000)
    return f"{text}.{fraction[1:7]}+00:00"
