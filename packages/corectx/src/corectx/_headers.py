"""The frame as headers: `inject` writes them when sending, `extract` reads them when receiving.

A carrier is a mapping of strings (HTTP headers, a Celery message's headers) or a list of
``(str, bytes)`` pairs (Kafka). One key, `HEADER`, holds a JSON object in ASCII::

    corectx: {"id": "4bf9...", "parent": "00f0...", "flow": "bom_sync", "step": "fetch_from_api"}

``id`` is the correlation ID, ``parent`` the 16 hex digits of the sending frame, ``flow`` and
``step`` its names, ``run`` the ID of its run of the flow, ``values`` the scoped values whose keys
the sender allowed. ``runs`` has the IDs of the latest runs of other flows in the operation, and
``ambiguous`` the flows that had several runs, if the frame may be in any of them. Both travel in
messages only: an HTTP request begins its own operation. The same holds for fields of observers
whose keys begin with `OF_RUNS`. In HTTP, `CORRELATION_HEADER` holds the
correlation ID alone, for programs without corectx.

A header that arrives is untrusted. Sizes are capped and every field is checked. A field that fails
its check is replaced or left out, and logged without its content.
"""

from __future__ import annotations

from corectx._current import get_current, new_correlation_id
from corectx._frame import NO_VALUES, RunFrame, Site, as_id, is_valid_id, remote
from corectx._observers import listeners, notify_received, notify_sent
from corectx._process import log_once
from corectx._runs import (
    forgotten_flows,
    is_ambiguous,
    is_unsure,
    mark_ambiguous,
    named_run,
    remember_run,
    run_id,
    run_of,
    runs_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
    from typing import Any, TypeVar

    from corectx._frame import Frame, Run

    Carrier = TypeVar("Carrier", bound="MutableMapping[str, Any] | list[tuple[str, bytes]]")

HEADER = "corectx"
CORRELATION_HEADER = "X-Correlation-ID"
OF_RUNS = "run:"  # at the beginning of an observer's key: the field is about a run

_MAX_HEADER = 8192  # bytes; the usual limit of an HTTP server for one header
_MAX_NAME = 256  # characters of a flow's or a step's name
_MAX_ADDED = 1024  # characters of a field that an observer adds
_MAX_VALUES = 32
_MAX_AMBIGUOUS = 33  # flows: those of the runs, as many that were forgotten, and the frame's own
_MAX_VALUE = 1024  # characters of one string value
_MAX_BITS = 64  # of one integer
_OF_FRAME = frozenset(("id", "parent", "flow", "step", "run"))  # no observer may set these fields
_HEX = "0123456789abcdef"
_FRAME_ID_LENGTH = 16

# From the first message on: the functions that quote a text, encode any value, decode a text, and
# match a header that has nothing but valid fields of the frame, in the order of `to_header`.
# `json.dumps` with separators and `json.loads` take twice the time of these for a header.
_codecs: list[Callable[..., Any]] = []


def inject(carrier: Carrier, *, http: bool = False, allow: Collection[str] = ()) -> Carrier:
    """Write the current frame into `carrier`, in place of an earlier one; return `carrier`.

    A scoped value travels only if its key is in `allow`, since it may be personal data, and only if
    it is a short printable string, a number, a boolean or None. With `http` the correlation ID is
    also written as `CORRELATION_HEADER`. Without a current frame nothing is written.
    """
    refuse_string(allow)
    frame = get_current()
    if frame is not None:
        write(frame, carrier, http=http, allow=allow)
    return carrier


def write(
    frame: Frame,
    carrier: MutableMapping[str, Any] | list[tuple[str, bytes]],
    *,
    http: bool = False,
    allow: Collection[str] = (),
) -> None:
    """Write `frame` into `carrier`, as `inject` does."""
    _put(carrier, HEADER, to_header(frame, http=http, allow=allow))
    # Check it here too: a line break in it would begin another header.
    if http and is_valid_id(frame.correlation_id):
        _put(carrier, CORRELATION_HEADER, str(frame.correlation_id))


def extract(
    carrier: Mapping[str, Any] | Iterable[tuple[str | bytes, Any]] | None,
    *,
    http: bool = False,
    allow: Collection[str] = (),
) -> Frame | None:
    """Return the frame that `carrier` holds, of kind "remote", or None if it holds none.

    Use it as a parent: ``extract(headers).child(site)``. Header names match in any case. A new ID
    replaces an invalid one, and other invalid fields are left out. The logger ``corectx`` logs the
    first of each kind, without its content. Only values whose keys are in `allow` are kept. With
    `http` the runs of flows in it are ignored.
    """
    refuse_string(allow)
    if carrier is None:  # Kafka clients give it for a message without headers
        return None
    text = _get(carrier, HEADER)
    if text is not None:
        frame = from_header(text, http=http, allow=allow)
        if frame is not None:
            return frame
    bare_id = _get(carrier, CORRELATION_HEADER)
    if bare_id is None:
        return None
    return remote(correlation_id=_checked_id(bare_id))


def to_header(frame: Frame, *, http: bool = False, allow: Collection[str] = ()) -> str:
    """Return the text of `HEADER` for `frame`, with the values in `allow`, which is no string."""
    if not _codecs:
        _make_codecs()
    quote = _codecs[0]
    flow = frame.flow
    text = f'"parent":{quote(frame.id)}'
    correlation_id = as_id(frame.correlation_id)  # without quotes and escapes
    if correlation_id is not None:
        text = f'"id":"{correlation_id}",{text}'
    if flow is not None:
        text += f',"flow":{quote(flow[:_MAX_NAME])}'
    named: Frame | None = frame
    while named is not None:
        name = named.site.name
        if name is not None:
            text += f',"step":{quote(name[:_MAX_NAME])}'
            break
        named = named.parent
    run = None if flow is None else run_of(frame)
    if run is not None:
        text += f',"run":{quote(run_id(run))}'
    if run is None and not (frame.store or listeners.sent or allow):
        return f"{{{text}}}"
    return _beside_others(text, frame, run, http, allow)


def _beside_others(
    text: str, frame: Frame, run: Run | None, http: bool, allow: Collection[str]
) -> str:
    """Return the header with the fields in `text`, and those of the operation and of others."""
    runs = {} if http else _runs_beside(frame, run)
    added: dict[str, object] = _added(frame, http) if listeners.sent else {}
    kept = _kept(frame.values, allow) if allow else None
    values: dict[str, object] = {"values": kept} if kept else {}
    whole = _with(text, {**added, **values, **runs})
    if len(whole) > _MAX_HEADER:
        log_once(
            "size",
            "The frame is larger than a header may be: values or observers' fields were left out.",
        )
        for extra in ({**values, **runs}, runs, values, added, {}):
            whole = _with(text, extra)
            if len(whole) <= _MAX_HEADER:
                break
    return whole


def _with(text: str, extra: dict[str, object]) -> str:
    """Return the JSON object with the fields `extra`, mostly texts, and those of the frame.

    `text` has those of the frame. They come last, so that they hold, whatever keys others add.
    """
    quote, encode, *_ = _codecs
    for key, each in extra.items():
        text = f"{quote(key)}:{quote(each) if isinstance(each, str) else encode(each)},{text}"
    return f"{{{text}}}"


def _make_codecs() -> None:
    from json import JSONDecoder, JSONEncoder
    from json.encoder import encode_basestring_ascii
    from re import compile as compile_

    encode = JSONEncoder(separators=(",", ":")).encode
    # Each group is as strict as the check of its field below, or more so: a name is in ASCII here.
    # One observer may have added one text, before the fields of the frame.
    text = rf'"([ !#-\[\]-~]{{0,{_MAX_ADDED}}})"'
    added = rf'"(?!(?:{"|".join(sorted(_OF_FRAME))})")([a-z0-9_.-]{{1,{_MAX_NAME}}})":{text}'
    frame_id = '"(?!0{16})([0-9a-f]{16})"'
    name = rf'"([ !#-\[\]-~]{{1,{_MAX_NAME}}})"'
    usual = compile_(
        rf'{{(?:{added},)?"id":"([A-Za-z0-9._-]{{1,128}})","parent":{frame_id}'
        rf'(?:,"flow":{name})?(?:,"step":{name})?(?:,"run":{frame_id})?}}'
    )
    _codecs[:] = encode_basestring_ascii, encode, JSONDecoder().raw_decode, usual.fullmatch


def _runs_beside(frame: Frame, own: Run | None) -> dict[str, object]:
    """Return the fields with the runs of the operation beside the run `own` of `frame` itself."""
    runs = runs_of(frame.store)
    if not runs and own is None:
        return {}
    ids = {
        flow: run_id(run)
        for flow, run in runs.items()
        if flow != frame.flow and len(flow) <= _MAX_NAME
    }
    ambiguous: list[str] = []
    if ids:
        ambiguous += [flow for flow in ids if is_ambiguous(frame.store, flow)]
        ambiguous += [flow for flow in forgotten_flows(frame.store) if len(flow) <= _MAX_NAME]
    if own is not None and is_unsure(own) and frame.flow is not None:
        ambiguous.append(frame.flow[:_MAX_NAME])
    fields: dict[str, object] = {"runs": ids} if ids else {}
    return {**fields, "ambiguous": ambiguous} if ambiguous else fields


def _added(frame: Frame, http: bool) -> dict[str, object]:
    """Return the texts that observers add to the headers of `frame`, by their own keys."""
    added: dict[Any, Any] = {}
    notify_sent(frame, added)
    return {
        key: text
        for key, text in added.items()
        if isinstance(key, str)
        and len(key) <= _MAX_NAME
        and isinstance(text, str)
        and len(text) <= _MAX_ADDED
        and key not in _OF_FRAME
        and not (http and key.startswith(OF_RUNS))
    }


def from_header(text: str, *, http: bool = False, allow: Collection[str] = ()) -> Frame | None:
    """Return the frame that `text` of a `HEADER` stands for, or None if it is no such text."""
    if not _codecs:
        _make_codecs()
    usual = _codecs[3](text)
    if usual is None:
        return _decode(text, allow, http)
    # With one match all is checked, which is most of the work.
    key, added, correlation_id, parent, flow, name, run = usual.groups()
    frame = RunFrame(Site("remote", name, flow), None, flow, correlation_id, NO_VALUES, {})
    frame._id = parent  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    frame.run = {} if run is None else named_run(run)
    if listeners.received:
        fields = {"id": correlation_id, "parent": parent, "flow": flow, "step": name, "run": run}
        arrived = {each: found for each, found in fields.items() if found is not None}
        notify_received(frame, arrived if key is None else {key: added, **arrived})
    return frame


def _decode(text: str, allow: Collection[str], http: bool) -> Frame | None:
    fields: dict[str, Any] | None = None
    if len(text) <= _MAX_HEADER:
        text = text.strip()
        try:
            fields, end = _codecs[2](text)
        except (ValueError, RecursionError):
            end = -1
        if end != len(text):
            fields = None
    if not isinstance(fields, dict):
        log_once("header", f"Ignored a {HEADER!r} header that was not written by inject().")
        return None
    parent, run, name = fields.get("parent"), fields.get("run"), fields.get("step")
    values: dict[str, object] | None = fields.get("values") if allow else None
    flow = _checked_name(fields["flow"]) if "flow" in fields else None
    ambiguous = [] if http or "ambiguous" not in fields else _ambiguous(fields)
    frame = remote(
        correlation_id=_checked_id(fields["id"]) if "id" in fields else None,
        id=parent if _is_frame_id(parent) else None,
        name=None if name is None else _checked_name(name),
        flow=flow,
        values=_kept(values, allow) if isinstance(values, dict) else None,
        run=named_run(run if _is_frame_id(run) else None, is_unsure=flow in ambiguous)
        if run is not None or ambiguous
        else None,
    )
    if http:
        fields = {key: value for key, value in fields.items() if not key.startswith(OF_RUNS)}
    elif "runs" in fields or ambiguous:
        _remember_runs(frame, fields, [each for each in ambiguous if each != flow])
    if listeners.received:
        notify_received(frame, fields)
    return frame


def _ambiguous(fields: dict[str, Any]) -> list[str]:
    """Return the flows that `fields` call ambiguous."""
    flows = fields.get("ambiguous")
    if not isinstance(flows, list):
        return []
    names = [_checked_name(flow) for flow in flows[:_MAX_AMBIGUOUS]]
    return [name for name in names if name is not None]


def _remember_runs(frame: Frame, fields: dict[str, Any], ambiguous: list[str]) -> None:
    """Keep the runs that `fields` name in the operation of the remote `frame`, oldest first."""
    runs = fields.get("runs")
    if isinstance(runs, dict) and isinstance(fields.get("ambiguous", []), list):
        for flow, id_ in runs.items():
            name = _checked_name(flow)
            if name is not None and _is_frame_id(id_):
                remember_run(frame.store, name, named_run(id_))
    for name in ambiguous:
        mark_ambiguous(frame.store, name)


def _checked_id(text: object) -> str:
    found = as_id(text)
    if found is None:
        log_once("id", "Replaced a correlation ID from outside that is not [A-Za-z0-9._-]{1,128}.")
        return new_correlation_id()
    return found


def _is_frame_id(text: object) -> bool:
    return (
        isinstance(text, str)
        and len(text) == _FRAME_ID_LENGTH
        and not text.strip(_HEX)
        and text.strip("0") != ""
    )


def _checked_name(name: object) -> str | None:
    if name is None or (isinstance(name, str) and len(name) <= _MAX_NAME and name.isprintable()):
        return name or None
    log_once("name", "Left out a flow's or step's name from outside: too long or unprintable.")
    return None


def _kept(values: Mapping[str, object], allow: Collection[str]) -> dict[str, object]:
    """Return the part of `values` that may travel; both sides use this rule."""
    allowed = {key: value for key, value in values.items() if key in allow}
    kept = {key: value for key, value in allowed.items() if _may_travel(value)}
    if len(kept) < len(allowed) or len(kept) > _MAX_VALUES:
        log_once(
            "values",
            f"Left out allowed values of a frame: at most {_MAX_VALUES} travel, and only numbers, "
            f"booleans, None and printable strings of at most {_MAX_VALUE} characters.",
        )
    return dict(list(kept.items())[:_MAX_VALUES])


def _may_travel(value: object) -> bool:
    """Tell whether `value` is a JSON scalar of bounded size, without running code of `value`."""
    if isinstance(value, str):
        return str.__len__(value) <= _MAX_VALUE and str.isprintable(value)
    if isinstance(value, float):
        return float.__sub__(value, value) == 0  # finite
    return value is None or (isinstance(value, int) and int.bit_length(value) <= _MAX_BITS)


def _put(carrier: MutableMapping[str, Any] | list[tuple[str, bytes]], key: str, text: str) -> None:
    if isinstance(carrier, list):
        carrier[:] = [pair for pair in carrier if not _is_named(pair[0], key)]
        carrier.append((key, text.encode("ascii")))
    else:
        size = len(key)
        for name in [
            name
            for name in carrier
            # A task message has about twenty headers. The length alone excludes most of them.
            if (type(name) is not str or len(name) == size) and name != key and _is_named(name, key)
        ]:
            del carrier[name]
        carrier[key] = text


def _get(carrier: Mapping[str, Any] | Iterable[tuple[str | bytes, Any]], key: str) -> str | None:
    """Return the text under `key` in any case; if there are several, the last text."""
    get = getattr(carrier, "get", None)
    found = get(key) if get is not None else None
    if found is None:
        items = getattr(carrier, "items", None)
        pairs: Any = items() if items is not None else carrier
        for name, value in pairs:
            if _is_named(name, key):
                found = value
    if isinstance(found, (bytes, bytearray)):
        return found[: _MAX_HEADER + 1].decode("latin-1")
    return found if isinstance(found, str) else as_id(found)  # kombu reads UUIDs back


def _is_named(name: object, key: str) -> bool:
    """Tell whether a header's `name` is `key` in any case; ASGI's names are bytes."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    return isinstance(name, str) and len(name) == len(key) and name.lower() == key.lower()


def refuse_string(allow: object) -> None:
    """Raise if `allow` is one key and not a collection of keys: it would allow its letters."""
    if isinstance(allow, (str, bytes)):
        raise TypeError(f"allow= takes a collection of keys, not {allow!r}. Write [{allow!r}].")
