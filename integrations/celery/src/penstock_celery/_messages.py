"""The frame that sends a task, in the headers of its message, and back.

One top-level header holds the frame, as `corectx.inject` writes it. It is written when Celery is
about to publish a message, whatever caused that: `delay`, a chain, a retry, `send_task`.

In an operation that only waits for work, such as a command, each flow is an operation of its own. A
task that begins a flow there gets a new correlation ID. A task that is a step joins the run that a
direct call of it would join.
"""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from celery import _state
from celery.signals import before_task_publish

from corectx import HEADER, Frame, Site, attach, detach, extract, start
from corectx.lowlevel import (
    SEPARATE,
    UNOPENED,
    BareFrame,
    arriving_id,
    from_header,
    get_current,
    is_ambiguous,
    latest_operation,
    to_header,
)
from penstock.lowlevel import declaration_of
from statecrumbs.lowlevel import MAX_OUTGOING_CRUMBS, inherit_crumbs, outgoing_crumbs

if TYPE_CHECKING:
    from collections.abc import Iterable

_OUTSIDE = Site("scope")  # outside of any frame
_SENDING = Site("scope")

# In the store of the waiting operation: the ID of the last group or chord, and its frame. The tasks
# of one group share an operation.
_GROUP = "penstock_celery.group"

CRUMBS_HEADER = "statecrumbs"  # beside the frame, with `configure(crumbs=...)`

# A field in our header, and a header of W3C by which others go on with the trace.
_TRACEPARENT = "traceparent"
TRACING = "opentelemetry.instrumentation.celery"

# A quote in a text has a backslash before it, so this matches a field only.
_TRACE_FIELD = re.compile(r'[{,]"traceparent":"([^"\\]*)"')
_decode = json.JSONDecoder().raw_decode


class Options:
    """Hold the checked options of `configure`, by their names."""

    __slots__ = ("crumbs", "values")

    def __init__(self) -> None:
        self.crumbs = 0
        self.values: frozenset[str] = frozenset()


options = Options()


def configure(*, crumbs: int | None = None, values: Iterable[str] | None = None) -> None:
    """Choose the data that travels with each task, beside its correlation ID and its place.

    Call it in the module of the Celery app, since it holds for sending and for receiving. An option
    that is not given stays as it was.

    crumbs (0)
        The number of the sender's last crumbs that travel: at most 100, and at most 16 KiB of them.
        A crash dump of the task shows them first.
    values (none)
        The keys of the scoped values that travel, as in ``corectx.inject(..., allow=...)``.

    Raises `TypeError` for a wrong type, `ValueError` for a number out of range.
    """
    if crumbs is not None:
        _check_number(crumbs)
    chosen = None if values is None else _checked_keys(values)
    if crumbs is not None:
        options.crumbs = crumbs
    if chosen is not None:
        options.values = chosen


def _check_number(crumbs: object) -> None:
    if not isinstance(crumbs, int) or isinstance(crumbs, bool):
        raise TypeError(f"crumbs= is a number of crumbs, not {crumbs!r}.")
    if not 0 <= crumbs <= MAX_OUTGOING_CRUMBS:
        raise ValueError(f"crumbs={crumbs} is out of range: 0 to {MAX_OUTGOING_CRUMBS}.")


def _checked_keys(values: Iterable[str]) -> frozenset[str]:
    if isinstance(values, (str, bytes)):
        raise TypeError(f"values= takes a collection of keys. Did you mean [{values!r}]?")
    keys: list[object] = list(values)
    for key in keys:
        if not isinstance(key, str):
            raise TypeError(f"values= takes the keys of scoped values, not {key!r}.")
    return frozenset(map(str, keys))


def connect() -> None:
    """Listen to Celery's signal."""
    before_task_publish.connect(
        _write_headers, weak=False, dispatch_uid="penstock_celery.before_task_publish"
    )


def _write_headers(headers: dict[str, Any], sender: object = None, **_: object) -> None:
    """Write the current frame into `headers`, which belong to the message of the task `sender`.

    A retry has the headers of the message before it, perhaps also in a nested dict. The nested dict
    may belong to the caller, so it is replaced and not changed.
    """
    active = get_current()
    frame = _frame_of_span(headers) if active is None else active
    if frame is None:
        return
    if SEPARATE in frame.store:
        frame = sending_frame(frame, sender, headers.get("group"))
    if frame is active:
        text = to_header(frame, allow=options.values)
    else:
        token = attach(frame)  # an observer may look at it
        text = to_header(frame, allow=options.values)
        detach(token)
    headers[HEADER] = text
    crumbs = outgoing_crumbs(options.crumbs) if options.crumbs else None
    if crumbs is None:
        headers.pop(CRUMBS_HEADER, None)
    else:
        headers[CRUMBS_HEADER] = crumbs
    if _TRACEPARENT in text:
        _write_trace(headers, text)
    nested: dict[str, Any] | None = headers.get("headers")
    if isinstance(nested, dict) and not nested.keys().isdisjoint((HEADER, CRUMBS_HEADER)):
        ours = {HEADER: headers[HEADER], CRUMBS_HEADER: crumbs}
        headers["headers"] = {
            key: ours.get(key, value)
            for key, value in nested.items()
            if key not in ours or ours[key]
        }


def is_tracing(receiver: object) -> bool:
    """Tell whether OpenTelemetry's instrumentation connected `receiver` to a signal of Celery."""
    return getattr(receiver, "__module__", None) == TRACING


def _write_trace(headers: dict[str, Any], text: str) -> None:
    """Name the span in our header also for a worker that only knows OpenTelemetry's headers.

    The instrumentation of OpenTelemetry does so itself, with its propagator.
    """
    if any(is_tracing(receiver) for _, receiver in before_task_publish.receivers):
        return
    if '":{' in text:
        # There are values or runs, which may have the same key.
        fields, _ = _decode(text)  # in half the time of `json.loads`
        traceparent = fields.get(_TRACEPARENT)
    else:
        found = _TRACE_FIELD.search(text)
        traceparent = None if found is None else found[1]
    if traceparent is not None:
        headers[_TRACEPARENT] = traceparent


def _frame_of_span(headers: dict[str, Any]) -> Frame | None:
    """Return a frame in the trace of the active span, for a sender that has a span and no frame."""
    traced = None if _has_header(headers) else arriving_id(_OUTSIDE)
    return None if traced is None else start(_OUTSIDE, correlation_id=traced)


def _has_header(headers: dict[str, Any]) -> bool:
    """Tell whether a frame is in `headers` already, perhaps in a nested dict."""
    nested: object = headers.get("headers")
    return headers.get(HEADER) is not None or (
        isinstance(nested, dict) and cast("dict[str, Any]", nested).get(HEADER) is not None
    )


def sending_frame(current: Frame, task: Any, group: object) -> Frame:
    """Return the frame that sends `task`, an object or a name, while `current` is the frame.

    `group` is the ID of the group that the task is part of, or None.
    """
    if SEPARATE not in current.store:
        return current
    declaration = declaration_of(
        getattr(_named(task) if isinstance(task, str) else task, "run", None)
    )
    if declaration is None:
        return current
    if declaration.begins is not None:
        known: Any = current.store.get(_GROUP)
        if group is not None and known is not None and known[0] == group:
            return known[1]  # type: ignore[no-any-return]  # a store holds anything
        frame = start(_SENDING, parent=current)
        if group is not None:
            current.store[_GROUP] = group, frame
        return frame
    for flow in declaration.flows:
        operation = latest_operation(current.store, flow)
        if operation is None:
            continue
        if is_ambiguous(current.store, flow):
            frame = start(_SENDING, parent=current)
            frame.store = current.store  # the message says that there were several runs
        else:
            frame = start(_SENDING, correlation_id=operation[0], parent=current)
            frame.store = operation[1]
        return frame
    return current


def _named(name: str) -> Any:
    """Return the task `name` of any app of this program, or None."""
    state: Any = _state
    for app in state._get_active_apps():  # noqa: SLF001 - the signal does not tell the app
        task = app._tasks.get(name)  # noqa: SLF001 - `tasks` would make the tasks of all apps
        if task is not None:
            return task
    return None


def frame_of(task: Any, request: Any, task_id: str, *, sender: Frame | None = None) -> Frame:
    """Return a frame for one execution of `task`: inside the sender's frame, or a first frame.

    The sender's frame is `sender`, or is read from the headers of the message in `request`, a dict
    or Celery's `Context`.
    """
    fields: dict[str, Any] = request if isinstance(request, dict) else vars(request)
    site = site_of(task, fields)
    nested = fields.get("headers")  # where an older protocol has the headers
    if sender is None:
        header = fields.get(HEADER)
        if header is None and isinstance(nested, dict):
            header = nested.get(HEADER)
        if type(header) is str:
            sender = from_header(header, allow=options.values)
        elif header is not None:
            sender = extract({HEADER: header}, allow=options.values)
    values = {"task_id": task_id}
    if sender is not None and sender.correlation_id is not None:
        # As `sender.child(site, values)`, without its calls.
        frame: Frame = BareFrame()
        frame.site = site
        frame.parent = sender
        frame.flow = site.flow or sender.flow
        frame.correlation_id = sender.correlation_id
        frame.values = MappingProxyType(sender.values | values)
        frame.store = sender.store
        frame.outer = UNOPENED
        frame.recorder_cache = None
    else:
        frame = start(site, correlation_id=arriving_id(site), parent=sender, values=values)
    crumbs = fields.get(CRUMBS_HEADER)
    if crumbs is None and isinstance(nested, dict):
        crumbs = nested.get(CRUMBS_HEADER)
    if crumbs is not None:
        inherit_crumbs(frame, crumbs)
    return frame


class TaskSite(Site):
    """Open the frame of one execution of a task.

    `headers` and `describe` are for a tracing backend: the headers of the message, and attributes
    by OpenTelemetry's conventions for messaging. Only a task of a chord has `part` and
    `after_parts`, one of them None. For the header, `part` is the ID of that header and the number
    of the task, by which other processes know it. For the body, `after_parts` is that ID and the
    number of results that arrived.
    """

    __slots__ = ("_fields", "_task", "after_parts", "part")
    kind = "task"
    part: tuple[str, int] | None
    after_parts: tuple[str, int] | None

    def __init__(self, task: Any, fields: dict[str, Any], flow: str | None) -> None:
        self.name = task.name
        self.flow = flow
        self._task: Any = task
        self._fields: dict[str, Any] | None = fields

    def headers(self) -> dict[str, str]:
        """Return the headers of the message that are text, by their names in lower case.

        An eager task has none.
        """
        fields = self._fields
        if fields is None or fields.get("is_eager"):
            return {}
        nested: object = fields.get("headers")
        found = _texts(cast("dict[str, object]", nested)) if isinstance(nested, dict) else {}
        found.update(_texts(fields))
        return found

    def may_have(self, names: Iterable[str]) -> bool:
        """Tell whether `headers` may have one of `names`, in much less time."""
        fields = self._fields
        if fields is None or fields.get("is_eager"):
            return False
        nested: object = fields.get("headers")
        try:
            text = "\n".join((*fields, *nested) if isinstance(nested, dict) else fields).lower()
        except TypeError:  # a name that is no text
            return True
        return any(name in text for name in names)

    def describe(self) -> dict[str, Any]:
        """Return the attributes of the message; an eager task has none.

        Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
        """
        fields = self._fields
        if fields is None or fields.get("is_eager"):
            return {}
        delivery: Any = fields.get("delivery_info") or {}
        return {
            "messaging.system": _system(self._task.app),
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": delivery.get("routing_key"),
            "messaging.message.id": fields.get("id"),
        }

    def close(self) -> None:
        """Forget the request: the frame may live longer, and must not keep it alive."""
        self._task = self._fields = None


def _texts(headers: dict[str, object]) -> dict[str, str]:
    return {key.lower(): text for key, text in headers.items() if isinstance(text, str)}


# The names of OpenTelemetry's registry for schemes of broker URLs that have another name.
_SYSTEMS = {
    "amqp": "rabbitmq",
    "pyamqp": "rabbitmq",
    "py-amqp": "rabbitmq",
    "librabbitmq": "rabbitmq",
    "rediss": "redis",
    "sentinel": "redis",
    "sqs": "aws_sqs",
    "confluentkafka": "kafka",
    "gcpubsub": "gcp_pubsub",
    "azureservicebus": "servicebus",
}


# By app. Celery looks up a setting in several mappings, which takes longer than the whole span.
_known_systems: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def _system(app: Any) -> str:
    """Return the name of the broker's system, from the URL at the first task."""
    known = _known_systems.get(app)
    if known is None:
        known = _known_systems[app] = _read_system(app)
    return known


def _read_system(app: Any) -> str:
    url = app.conf.broker_read_url or app.conf.broker_url or "amqp"
    first = url if isinstance(url, str) else next(iter(url), "amqp")
    scheme = first.partition(":")[0].partition("+")[0]
    return _SYSTEMS.get(scheme, scheme)


def site_of(task: Any, fields: dict[str, Any]) -> TaskSite:
    """Return the site for one execution of `task`; `fields` are what its message brought.

    If the task begins a flow, its frame is in that flow too: a chain sends the next task after the
    body has returned.
    """
    declaration = declaration_of(task.run)
    flow = None if declaration is None else declaration.begins
    group: object = fields.get("group")
    site = TaskSite(task, fields, flow)
    # A retry is inside the first try, which other processes know.
    if not isinstance(group, str) or fields.get("retries"):
        return site
    number: object = fields.get("group_index")
    if number is None:
        # Celery gives the body the ID of its header as a group, and the results as an argument.
        args = fields.get("args")
        # A message from elsewhere may have a mapping of arguments instead.
        results: object = args[0] if isinstance(args, (list, tuple)) and args else None
        if isinstance(results, (list, tuple)):
            site.part = None
            site.after_parts = (group, len(cast("list[object]", results)))
    elif isinstance(number, int) and fields.get("chord") is not None:
        site.part = (group, number)
        site.after_parts = None
    return site
