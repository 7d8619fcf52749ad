"""Freeze what a crumb is given: bounded text for everything but small exact scalars.

This is the slow path of recording: unknown names, long strings, and values of any other type.
"""

from __future__ import annotations

from statecrumbs._options import options
from statecrumbs._records import NOWHERE, Rendered
from statecrumbs._redact import REDACTED
from statecrumbs._render import jsonable, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from corectx import Frame
    from statecrumbs._records import Place, Scalar

SYSTEM_FIELDS = frozenset(("event", "ts", "thread", "context", "frame"))

_MAX_EVENT = 256  # characters
_MAX_KEY = 128  # characters
_MAX_VALUES = 64
_MAX_VALUE = 1024  # characters of one value's text
_MAX_CRUMB = (
    4096  # of all of them; a character outside ASCII counts as the 4 bytes that it may take
)


def freeze_event(event: str) -> str:
    """Return `event`, an exact string, in bounded length and as any file takes it."""
    return str(jsonable(event, options.redactor, limit=_MAX_EVENT))


def freeze_data(data: Mapping[str, object]) -> dict[str, Scalar]:
    """Return `data` with its names made safe and each value as an exact scalar or `Rendered`.

    A name that is a system field's gets an underscore appended. What exceeds the bounds of a crumb
    is left out, and the last entry says how much that is.
    """
    frozen: dict[str, Scalar] = {}
    room = _MAX_CRUMB
    # Exact strings: a name of a subclass of str may have a `__hash__` and an `__eq__` of its own.
    given = [(str.__str__(name), value) for name, value in data.items()]
    names = {name for name, _ in given}
    for done, (name, value) in enumerate(given):
        if done == _MAX_VALUES or room < len("..."):
            frozen["..."] = Rendered(f"({len(data) - done} more)")
            break
        key = _freeze_key(name, names, frozen)
        frozen[key] = text = _freeze_value(key, value, room)
        room -= len(key) + _cost(text)
    return frozen


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
            lasting = lasting and is_scalar(value)
        context[name_text(key)] = shown
        room -= len(key) + _cost(shown)
    return (context, facts_of(frame)), lasting


def is_scalar(value: object) -> bool:
    """Tell whether `value` is an exact scalar, without asking its class, which may answer."""
    kind = type(value)
    return value is None or kind is str or kind is int or kind is float or kind is bool


def facts_of(frame: Frame) -> dict[str, str]:
    """Return the name of the nearest frame that has one, with its flow and correlation ID."""
    named: Frame | None = frame
    while named is not None and named.kind == "scope":
        named = named.parent
    if named is None:
        return NOWHERE[1]
    facts = {"kind": named.kind}
    if named.name is not None:
        facts["name"] = name_text(named.name)
    if named.flow is not None:
        facts["flow"] = name_text(named.flow)
    if named.correlation_id is not None:
        facts["correlation_id"] = clip(named.correlation_id, _MAX_KEY)
    return facts


def name_text(name: str) -> str:
    """Return a `name`, of a value, a frame or a thread, bounded: somebody may make one of a URL."""
    if type(name) is str and len(name) <= _MAX_KEY and name.isascii() and name.isidentifier():
        return name
    return str(jsonable(name, options.redactor, limit=_MAX_KEY))


def _freeze_key(name: str, names: Collection[str], taken: Collection[str]) -> str:
    """Return `name` as a key that is not `taken`, nor another one of the `names`."""
    key = name_text(name)
    while key in SYSTEM_FIELDS or key in taken or (key != name and key in names):
        key += "_"
    return key


def _freeze_value(key: str, value: object, room: int) -> Scalar:
    redactor = options.redactor
    if redactor is not None and redactor.is_sensitive(key):
        return Rendered(REDACTED)
    text = render(value, redactor, limit=min(_MAX_VALUE, room))
    if _cost(text) > room:
        text = text[: room // 4]
    return Rendered(text)


def _cost(value: Scalar) -> int:
    text = value if isinstance(value, str) else str(value)
    return len(text) if text.isascii() else 4 * len(text)


def clip(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, as a string that any file takes."""
    if len(text) > limit:
        text = text[: limit - 3] + "..."
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
