"""The frame as headers: `inject` on the sending side, `extract` on the receiving one.

A carrier is a mapping of strings (HTTP headers, a Celery message's headers) or a list of
``(str, bytes)`` pairs (Kafka). One key, `HEADER`, holds a JSON object in ASCII::

    corectx: {"id":"4bf9...","parent":"00f0...","flow":"bom_sync","step":"fetch_from_api"}

``id`` is the correlation ID, ``parent`` the 16 hex digits of the sending frame, ``flow`` and
``step`` its names, ``values`` the scoped values whose keys the sender allowed. Where the carrier is
HTTP, `CORRELATION_HEADER` holds the correlation ID alone, for programs that know nothing of us.

What arrives is untrusted: sizes are capped, everything is checked, and what does not pass is
replaced or left out and reported without its content.
"""

from __future__ import annotations

from corectx._frame import CURRENT, remote
from corectx._ids import is_valid_id, new_correlation_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, MutableMapping
    from typing import Any, TypeVar

    from corectx._frame import Frame

    Carrier = TypeVar("Carrier", bound="MutableMapping[str, Any] | list[tuple[str, bytes]]")

HEADER = "corectx"
CORRELATION_HEADER = "X-Correlation-ID"

_MAX_HEADER = 8192  # bytes; the usual limit of an HTTP server for one header
_MAX_NAME = 256  # characters of a flow's or a step's name
_MAX_VALUES = 32
_MAX_VALUE = 1024  # characters of one string value
_HEX = frozenset("0123456789abcdef")

_reported: set[str] = set()


def inject(
    carrier: Carrier, *, http: bool = False, allow: Collection[str] = ()
) -> Carrier:
    """Write the current frame into `carrier`, replacing what an earlier one left; return `carrier`.

    Scoped values travel only when their key is in `allow`, and only JSON scalars: they may be
    personal data. With `http` the correlation ID is also written as `CORRELATION_HEADER`. Without a
    current frame nothing is written.
    """
    frame = CURRENT.get()
    if frame is None:
        return carrier
    _put(carrier, HEADER, _encode(frame, allow))
    if http and frame.correlation_id is not None:
        _put(carrier, CORRELATION_HEADER, frame.correlation_id)
    return carrier


def extract(
    carrier: Mapping[str, Any] | Iterable[tuple[str, bytes]], *, allow: Collection[str] = ()
) -> Frame | None:
    """Return the frame that `carrier` holds, of kind "remote", or None where it holds none.

    Use it as a parent: ``extract(headers).child(site)``. Header names match in any case. An ID that
    is not valid is replaced by a new one; other parts that do not pass are left out; the first of
    each kind is logged on the logger ``corectx``, without its content. Of the values that arrive only
    those whose keys are in `allow` are kept.
    """
    text = _get(carrier, HEADER)
    if text is not None:
        frame = _decode(text, allow)
        if frame is not None:
            return frame
    plain_id = _get(carrier, CORRELATION_HEADER)
    if plain_id is None:
        return None
    return remote(correlation_id=_checked_id(plain_id))


def _encode(frame: Frame, allow: Collection[str]) -> str:
    import json  # noqa: PLC0415 - not on the import path of a program that sends nothing

    fields: dict[str, object] = {"parent": frame.id}
    if frame.correlation_id is not None:
        fields["id"] = frame.correlation_id
    if frame.flow is not None:
        fields["flow"] = frame.flow[:_MAX_NAME]
    named: Frame | None = frame
    while named is not None and named.site.kind == "scope":
        named = named.parent
    if named is not None and named.name is not None:
        fields["step"] = named.name[:_MAX_NAME]
    allowed = {key: frame.values[key] for key in allow if key in frame.values}
    kept = {key: value for key, value in allowed.items() if _is_scalar(value)}
    if kept:
        fields["values"] = dict(list(kept.items())[:_MAX_VALUES])
    text = json.dumps(fields, separators=(",", ":"), default=str)
    if len(text) > _MAX_HEADER:
        del fields["values"]
        text = json.dumps(fields, separators=(",", ":"))
        _report("values", "The allowed values of a frame are larger than a header; left out.")
    return text


def _decode(text: str, allow: Collection[str]) -> Frame | None:
    import json  # noqa: PLC0415

    fields: Any = None
    if len(text) <= _MAX_HEADER:
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
    if not isinstance(fields, dict):
        _report(HEADER, f"Ignored a {HEADER!r} header that is not what inject() writes.")
        return None
    parent = fields.get("parent")
    if not (isinstance(parent, str) and len(parent) == 16 and _HEX.issuperset(parent)):  # noqa: PLR2004
        parent = None
    values = fields.get("values") if allow else None
    return remote(
        correlation_id=_checked_id(fields["id"]) if "id" in fields else None,
        id=parent,
        name=_checked_name(fields.get("step")),
        flow=_checked_name(fields.get("flow")),
        values=_checked_values(values, allow) if isinstance(values, dict) else None,
    )


def _checked_id(text: object) -> str:
    if is_valid_id(text):
        return str(text)
    _report("id", "Replaced a correlation ID from outside: allowed are 1 to 128 of A-Za-z0-9._-")
    return new_correlation_id()


def _checked_name(name: object) -> str | None:
    if name is None or (isinstance(name, str) and len(name) <= _MAX_NAME and name.isprintable()):
        return name
    _report("name", "Left out the name of a flow or step from outside: not printable, or too long.")
    return None


def _checked_values(values: dict[str, object], allow: Collection[str]) -> dict[str, object]:
    return {
        key: value
        for key, value in list(values.items())[:_MAX_VALUES]
        if key in allow and _is_scalar(value)
    }


def _is_scalar(value: object) -> bool:
    """Tell whether `value` is a JSON scalar of bounded size."""
    if isinstance(value, str):
        return len(value) <= _MAX_VALUE
    if isinstance(value, float):
        return value - value == 0  # finite
    return value is None or (isinstance(value, int) and value.bit_length() <= 64)  # noqa: PLR2004


def _put(carrier: MutableMapping[str, Any] | list[tuple[str, bytes]], key: str, text: str) -> None:
    if isinstance(carrier, list):
        carrier[:] = [pair for pair in carrier if pair[0].lower() != key.lower()]
        carrier.append((key, text.encode("ascii")))
    else:
        carrier[key] = text


def _get(carrier: Mapping[str, Any] | Iterable[tuple[str, bytes]], key: str) -> str | None:
    """Return the text under `key` in any case; the last one where there are several."""
    get = getattr(carrier, "get", None)
    found = get(key) if get is not None else None
    if found is None:
        items = getattr(carrier, "items", None)
        pairs = items() if items is not None else carrier
        for name, value in pairs:
            if isinstance(name, bytes):
                name = name.decode("latin-1")  # noqa: PLW2901 - ASGI's pairs
            if isinstance(name, str) and name.lower() == key.lower():
                found = value
    if isinstance(found, (bytes, bytearray)):
        return found[: _MAX_HEADER + 1].decode("latin-1")
    return found if isinstance(found, str) else None


def _report(kind: str, message: str) -> None:
    """Log the first of each kind; a flood of bad headers is not a flood of records."""
    import logging  # noqa: PLC0415

    first = kind not in _reported
    _reported.add(kind)
    logging.getLogger("corectx").log(logging.WARNING if first else logging.DEBUG, message)
