"""One crumb: the values given to `crumb()`, the record that is kept, the dict that people see.

A record is a tuple ``(time_ns, event, data, place, thread)``: Unix time in nanoseconds; the event;
its data, exact scalars or `Rendered` text; where it was recorded; the name of the thread.

`freeze_event` and `freeze_data` are the slow path of recording: for unknown names, long strings,
and values of any other type.
"""

from __future__ import annotations

from time import gmtime

from statecrumbs._options import options
from statecrumbs._redact import LABEL, REDACTED, RELATED_KINDS, VALUE
from statecrumbs._values import encodable, fit, jsonable, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from typing import Any, TypeAlias

    from corectx import Frame
    from statecrumbs._values import Scalar

    Crumb: TypeAlias = dict[str, Any]
    # The ambient values and the identity of the frame, both ready to be shown; either may be empty.
    Place: TypeAlias = tuple[dict[str, Scalar], dict[str, str]]
    Record: TypeAlias = tuple[int, str, dict[str, Scalar], Place, str]
    # The recorder keeps this in the `label` of a frame: append to the trail, its ticks, place.
    Label: TypeAlias = tuple[Callable[[Record], None], Iterator[Any], Place]

SYSTEM_FIELDS = frozenset(("event", "ts", "thread", "context", "frame"))
NOWHERE: Place = ({}, {})

_MAX_EVENT = 256  # characters
_MAX_KEY = 128  # characters
_SHORT = 128  # characters of a string whose text is within all bounds
_MAX_VALUES = 64
_MAX_VALUE = 1024  # characters of one value's text
_MAX_CRUMB = 4096  # of all of them; a character outside ASCII counts as the 4 bytes it may take


class Rendered(str):
    """Text that stands for a value: rendered, redacted and bounded already."""

    __slots__ = ()


# --- given values -> record


def freeze_event(event: str) -> str:
    """Return `event`, an exact string, in bounded length and as any file takes it."""
    return str(jsonable(event, options.redactor, limit=_MAX_EVENT))


def freeze_data(data: Mapping[str, object]) -> dict[str, Scalar]:
    """Return `data` with its names made safe and each value as an exact scalar or `Rendered`.

    A name of a system field gets an underscore appended. Values beyond the bounds of a crumb are
    left out, and the last entry counts them.
    """
    frozen: dict[str, Scalar] = {}
    redactor = options.redactor
    room = _MAX_CRUMB
    kinds = 0
    # Exact strings: a name of a subclass of str may have a `__hash__` and an `__eq__` of its own.
    given = [(str.__str__(name), value) for name, value in data.items()]
    names = {name for name, _ in given}
    for done, (name, value) in enumerate(given):
        if done == _MAX_VALUES or room < len("..."):
            frozen["..."] = Rendered(f"({len(data) - done} more)")
            break
        key = _freeze_key(name, names, frozen)
        if redactor is not None and redactor.is_sensitive(key):
            text = REDACTED
        else:
            if redactor is not None:
                kinds |= redactor.field_kind(key)
            text = render(value, redactor, limit=min(_MAX_VALUE, room))
            if not text.isascii() and 4 * len(text) > room:
                text = text[: room // 4]
        frozen[key] = Rendered(text)
        room -= len(key) + (len(text) if text.isascii() else 4 * len(text))
    if redactor is not None and kinds in RELATED_KINDS:
        texts = {name: str(value) for name, value in frozen.items()}
        scrubbed = redactor.scrub_fields(texts)
        frozen = {name: Rendered(text[:_MAX_VALUE]) for name, text in scrubbed.items()}
    return frozen


def names_one_another(name: str, names: Collection[str]) -> bool:
    """Return whether the value of `name` may be the name of another value of the same crumb.

    Such values have to be looked at together: crumb("env", name="DB_PASSWORD", value="...").
    """
    redactor = options.redactor
    if redactor is None:
        return False
    kind = redactor.field_kind(name)
    other = LABEL if kind & VALUE else VALUE if kind & LABEL else 0
    return bool(other) and any(redactor.field_kind(each) & other for each in names)


def place_of(frame: Frame) -> tuple[Place, bool]:
    """Return where a crumb inside `frame` is recorded, and whether that holds for the next one too.

    It does where all ambient values are exact scalars: another value may change, so it is rendered
    anew for each crumb.
    """
    context: dict[str, Scalar] = {}
    redactor = options.redactor
    lasting = True
    room = _MAX_CRUMB
    values = frame.values
    for done, (name, value) in enumerate(values.items()):
        key = str.__str__(name)
        if done == _MAX_VALUES or room < len("..."):
            context["..."] = f"({len(values) - done} more)"
            break
        if redactor is not None and redactor.is_sensitive(key):
            shown: Scalar = REDACTED
        else:
            shown = jsonable(value, redactor, limit=min(_MAX_VALUE, room))
            lasting = lasting and _is_scalar(value)
        context[name_text(key)] = shown
        room -= len(key) + _cost(shown)
    return (context, identity_of(frame)), lasting


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
        return NOWHERE[1]
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


def _freeze_key(name: str, names: Collection[str], taken: Collection[str]) -> str:
    """Return `name` as a key that is not `taken`, nor another one of the `names`."""
    key = name_text(name)
    while key in SYSTEM_FIELDS or key in taken or (key != name and key in names):
        key += "_"
    return key


def _cost(value: Scalar) -> int:
    """Return how much of a crumb's room `value` takes."""
    text = value if isinstance(value, str) else str(value)
    return len(text) if text.isascii() else 4 * len(text)


# --- record -> crumb


def rendered_data(data: dict[str, Scalar]) -> dict[str, str]:
    """Return the data of a record as text: the `repr` of each value, secrets blanked."""
    redactor = options.redactor
    texts: dict[str, str] = {}
    for key, value in data.items():
        if type(value) is Rendered:
            texts[key] = str.__str__(value)
        elif type(value) is str and redactor is not None:
            # It was kept raw. Its key was checked when it was recorded, perhaps with other options.
            if redactor.is_sensitive(key):
                texts[key] = REDACTED
            elif len(value) > _SHORT:
                texts[key] = render(value, redactor, limit=_MAX_VALUE)
            else:
                texts[key] = encodable(redactor.scrub(repr(value)))
        elif type(value) is str and len(value) > _SHORT:
            texts[key] = render(value, None, limit=_MAX_VALUE)
        else:
            texts[key] = encodable(repr(value))
    return texts


def to_crumb(record: Record) -> Crumb:
    """Return `record` as the dict that `snapshot` and the dumps consist of."""
    time_ns, event, data, (context, frame), thread = record
    crumb: Crumb = {"event": event}
    if options.include_timestamp:
        crumb["ts"] = timestamp(time_ns)
    if options.include_thread:
        crumb["thread"] = thread
    if context:
        crumb["context"] = dict(context)
    if frame:
        crumb["frame"] = dict(frame)
    crumb.update(rendered_data(data))
    return crumb


def to_crumbs(records: Iterable[Record]) -> list[Crumb]:
    """Return `records` as crumbs, in the same order."""
    return [to_crumb(record) for record in records]


def timestamp(time_ns: int) -> str:
    """Return Unix time in nanoseconds as ISO 8601 in UTC, with microseconds."""
    # Without `datetime`: a signal handler may come in the middle of its import.
    seconds, rest = divmod(time_ns, 1_000_000_000)
    at = gmtime(seconds)
    return (
        f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}"
        f"T{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}.{rest // 1000:06}+00:00"
    )
