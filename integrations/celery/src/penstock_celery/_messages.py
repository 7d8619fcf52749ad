"""The frame that sends a task, in the headers of its message, and back.

One top-level header holds the frame, as `corectx.inject` writes it. It is written when Celery is
about to publish a message, whatever caused that: `delay`, a chain, a retry, `send_task`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from celery.signals import before_task_publish

from corectx import HEADER, Frame, Site, current, extract, inject, start
from corectx.lowlevel import arriving_id
from penstock.lowlevel import declaration_of
from statecrumbs.lowlevel import MAX_OUTGOING_CRUMBS, inherit_crumbs, outgoing_crumbs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CRUMBS_HEADER = "statecrumbs"  # beside the frame, with `configure(crumbs=...)`


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


def _write_headers(headers: dict[str, Any], **_: object) -> None:
    """Write the current frame into `headers`, which belong to the message.

    A retry has the headers of the message before it, perhaps also in a nested dict. That dict may
    be the caller's, so it is replaced and not changed.
    """
    if current() is None:
        return
    inject(headers, allow=options.values)
    crumbs = outgoing_crumbs(options.crumbs)
    if crumbs is None:
        headers.pop(CRUMBS_HEADER, None)
    else:
        headers[CRUMBS_HEADER] = crumbs
    nested: dict[str, Any] | None = headers.get("headers")
    if isinstance(nested, dict) and not nested.keys().isdisjoint((HEADER, CRUMBS_HEADER)):
        ours = {HEADER: headers[HEADER], CRUMBS_HEADER: crumbs}
        headers["headers"] = {
            key: ours.get(key, value)
            for key, value in nested.items()
            if key not in ours or ours[key]
        }


def frame_of(task: Any, request: Any, task_id: str, *, sender: Frame | None = None) -> Frame:
    """Return a frame for one execution of `task`: inside the sender's frame, or a first frame.

    The sender's frame is `sender`, or is read from the headers of the message in `request`, a dict
    or Celery's `Context`.
    """
    site = site_of(task, request)
    values = {"task_id": task_id}
    if sender is None:
        sender = extract({HEADER: _header(request, HEADER)}, allow=options.values)
    if sender is not None and sender.correlation_id is not None:
        frame = sender.child(site, values)
    else:
        frame = start(site, correlation_id=arriving_id(site), parent=sender, values=values)
    crumbs = _header(request, CRUMBS_HEADER)
    if crumbs is not None:
        inherit_crumbs(frame, crumbs)
    return frame


def _header(request: Any, key: str) -> Any:
    """Return one header: it is at the top, or with an older protocol in a nested dict."""
    found = request.get(key)
    if found is None:
        nested: Mapping[str, Any] | None = request.get("headers")
        found = nested.get(key) if isinstance(nested, dict) else None
    return found


class TaskSite(Site):
    """Open the frame of one execution of a task.

    `headers` and `describe` are for a tracing backend: the headers of the message, and attributes
    by OpenTelemetry's conventions for messaging. Only a task of a chord has `part` and
    `after_parts`, one of them None. For the header, `part` is the ID of that header and the number
    of the task, by which other processes know it. For the body, `after_parts` is that ID and the
    number of results that arrived.
    """

    __slots__ = ("_request", "_task", "after_parts", "part")
    part: tuple[str, int] | None
    after_parts: tuple[str, int] | None

    def __init__(self, task: Any, request: Any, flow: str | None) -> None:
        super().__init__("task", task.name, flow)
        self._task: Any = task
        self._request: Any = request

    def headers(self) -> dict[str, str]:
        """Return the headers of the message that are text; an eager task has none."""
        if self._request is None or self._request.get("is_eager"):
            return {}
        found: dict[str, str] = {}
        fields: Any = self._request if isinstance(self._request, dict) else vars(self._request)
        for source in (fields.get("headers"), fields):
            if isinstance(source, dict):
                texts = cast("dict[str, object]", source)
                found.update((key, text) for key, text in texts.items() if isinstance(text, str))
        return found

    def describe(self) -> dict[str, Any]:
        """Return the attributes of the message; an eager task has none.

        Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
        """
        if self._request is None or self._request.get("is_eager"):
            return {}
        delivery: Any = self._request.get("delivery_info") or {}
        return {
            "messaging.system": _system(self._task.app),
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": delivery.get("routing_key"),
            "messaging.message.id": self._request.get("id"),
        }

    def close(self) -> None:
        """Let go of the request: a frame that is remembered must not keep it alive."""
        self._task = self._request = None


def close_site(frame: Frame) -> None:
    """Let the site of a task that has ended go of its request."""
    if isinstance(frame.site, TaskSite):
        frame.site.close()


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


def _system(app: Any) -> str:
    url = app.conf.broker_read_url or app.conf.broker_url or "amqp"
    first = url if isinstance(url, str) else next(iter(url), "amqp")
    scheme = first.partition(":")[0].partition("+")[0]
    return _SYSTEMS.get(scheme, scheme)


def site_of(task: Any, request: Any) -> TaskSite:
    """Return the site for one execution of `task`; `request` is Celery's `Context` or a dict.

    If the task begins a flow, its frame is in that flow too: a chain sends the next task after the
    body has returned.
    """
    declaration = declaration_of(task.run)
    flow = None if declaration is None else declaration.begins
    group: object = request.get("group")
    site = TaskSite(task, request, flow)
    # A retry is inside the first try, which other processes know.
    if not isinstance(group, str) or request.get("retries"):
        return site
    number: object = request.get("group_index")
    if number is None:
        # Celery gives the body the ID of its header as a group, and the results as an argument.
        args = request.get("args")
        # A message from elsewhere may have a mapping of arguments instead.
        results: object = args[0] if isinstance(args, (list, tuple)) and args else None
        if isinstance(results, (list, tuple)):
            site.part = None
            site.after_parts = (group, len(cast("list[object]", results)))
    elif isinstance(number, int) and request.get("chord") is not None:
        site.part = (group, number)
        site.after_parts = None
    return site
