"""The last crumbs of the sender, in a header of a message: rendered, redacted, few and small.

The header is a JSON list, oldest first, of crumbs as `statecrumbs.snapshot` returns them. The frame
of each also names the process that recorded it, as ``"origin": "PID@HOST"``.

A header that arrives is untrusted: each part is checked, and invalid parts are left out. This
module is imported by `statecrumbs.lowlevel` when it is first used.
"""

from __future__ import annotations

import json
import os
import re
from math import isfinite
from typing import Any, cast

from corectx import current
from statecrumbs._crumb import SYSTEM_FIELDS, to_crumbs
from statecrumbs._options import options
from statecrumbs._process import host_name
from statecrumbs._recorder import snapshot
from statecrumbs._redact import REDACTED
from statecrumbs._trail import trail_of, trails_around
from statecrumbs._values import jsonable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corectx import Frame

MAX_OUTGOING_CRUMBS = 100

# All headers of a RabbitMQ message share one frame of 128 KiB.
_MAX_HEADER = 16 * 1024  # characters; it is ASCII
_MAX_FIELDS = 64  # of one crumb
_MAX_TEXT = 1024  # characters of one value
_MAX_NAME = 256  # characters of an event or of a key
_MAX_BITS = 64  # of one integer
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00\Z", re.ASCII)
_FRAME_FIELDS = ("kind", "name", "flow", "correlation_id", "origin")


def outgoing_crumbs(number: int) -> str | None:
    """Return a header with the last `number` crumbs of the current operation, None for none.

    Crumbs that the operation has from an earlier sender count too. `number` is at most
    `MAX_OUTGOING_CRUMBS`. The header is ASCII. The oldest crumbs are left out so that it has at
    most 16 KiB.
    """
    if number == 0:
        return None
    here = _here()
    crumbs: list[dict[str, Any]] = []
    for trail in trails_around(current()):
        own = to_crumbs(list(trail.records.copy())[-number:])
        for crumb in own:
            _set_origin(crumb, here)
        crumbs[:0] = [*trail.inherited, *own]
    texts: list[str] = []
    room = _MAX_HEADER - len("[]")
    for crumb in reversed(crumbs[-number:]):
        text = json.dumps(crumb, separators=(",", ":"))
        # A message is JSON itself, which escapes these once more.
        room -= len(text) + text.count('"') + text.count("\\") + len(",")
        if room < 0:
            break
        texts.append(text)
    return f"[{','.join(reversed(texts))}]" if texts else None


def inherit_crumbs(frame: Frame, header: object) -> None:
    """Put the crumbs of a `header` that arrived into the trail of `frame`, before its own.

    The header is untrusted, of any type. Invalid parts of it are left out.
    """
    trail_of(frame).inherited[:] = _checked(header)


def _checked(header: object) -> list[dict[str, Any]]:
    if not isinstance(header, str) or len(header) > _MAX_HEADER:
        return []
    try:
        crumbs: Any = json.loads(header)
    except (ValueError, RecursionError):
        return []
    if not isinstance(crumbs, list):
        return []
    last = cast("list[object]", crumbs)[-MAX_OUTGOING_CRUMBS:]
    checked = map(_checked_crumb, last)
    return [crumb for crumb in checked if crumb is not None]


def forget_inherited_duplicates(frame: Frame) -> None:
    """Drop inherited crumbs of `frame` that this process recorded and still has in its ring.

    Call it before a dump of `frame`, which also shows the ring.
    """
    inherited = trail_of(frame).inherited
    here = _here()
    if any(crumb["frame"]["origin"] == here for crumb in inherited):
        shown = snapshot()
        for crumb in shown:
            _set_origin(crumb, here)
        inherited[:] = [crumb for crumb in inherited if crumb not in shown]


def _here() -> str:
    return f"{os.getpid()}@{host_name()}"


def _set_origin(crumb: dict[str, Any], origin: str) -> None:
    """Put `origin` into the frame of `crumb`, which stands before the data of the user."""
    if "frame" in crumb:
        crumb["frame"]["origin"] = origin
        return
    data = {key: crumb.pop(key) for key in list(crumb) if key not in SYSTEM_FIELDS}
    crumb["frame"] = {"origin": origin}
    crumb.update(data)


def _checked_crumb(given: Any) -> dict[str, Any] | None:
    crumb = _mapping(given)
    event = crumb.get("event")
    if not isinstance(event, str) or not event:
        return None
    checked: dict[str, Any] = {"event": _text(event, _MAX_NAME)}
    ts = crumb.get("ts")
    if isinstance(ts, str) and _TIMESTAMP.match(ts):
        checked["ts"] = ts
    if isinstance(crumb.get("thread"), str):
        checked["thread"] = _text(crumb["thread"], _MAX_NAME)
    context = _checked_context(crumb.get("context"))
    if context:
        checked["context"] = context
    checked["frame"] = _checked_frame(crumb.get("frame"))
    for key, value in crumb.items():
        if key not in SYSTEM_FIELDS and isinstance(value, str):
            checked[_text(key, _MAX_NAME)] = _value(key, value)
    return checked


def _mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is a JSON object of bounded size, else an empty one."""
    if not isinstance(value, dict):
        return {}
    members = cast("dict[str, Any]", value)
    return members if len(members) <= _MAX_FIELDS else {}


def _checked_context(context: Any) -> dict[str, Any]:
    return {
        _text(key, _MAX_NAME): _value(key, value)
        for key, value in _mapping(context).items()
        if value is None
        or isinstance(value, str)
        or (isinstance(value, int) and value.bit_length() <= _MAX_BITS)
        or (isinstance(value, float) and isfinite(value))
    }


def _checked_frame(frame: Any) -> dict[str, str]:
    given = _mapping(frame)
    checked = {
        key: _text(given[key], _MAX_NAME)
        for key in _FRAME_FIELDS
        if isinstance(given.get(key), str)
    }
    # The origin is always shown, also if the sender left it out.
    return {"origin": "unknown", **checked} if "origin" not in checked else checked


def _value(key: str, value: Any) -> Any:
    """Return `value` bounded, and redacted if its name is that of a secret in this process."""
    redactor = options.redactor
    if redactor is not None and redactor.is_sensitive(key):
        return REDACTED
    return _text(value, _MAX_TEXT) if isinstance(value, str) else value


def _text(text: str, limit: int) -> str:
    return str(jsonable(text, options.redactor, limit=limit))
