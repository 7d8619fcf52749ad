"""The frame that sends a task, in the headers of its message, and back.

One top-level header holds the frame, as `corectx.inject` writes it. It is written when Celery is
about to publish, whoever asked for that: `delay`, a chain, a retry, `send_task`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery.signals import before_task_publish

from corectx import HEADER, Frame, current, extract, inject, start
from penstock_celery._options import options
from penstock_celery._sites import site_of
from statecrumbs.lowlevel import inherit_crumbs, outgoing_crumbs

if TYPE_CHECKING:
    from collections.abc import Mapping

CRUMBS_HEADER = "statecrumbs"  # beside the frame, with `configure(crumbs=...)`


def connect() -> None:
    """Listen to Celery's signal."""
    before_task_publish.connect(
        _write_headers, weak=False, dispatch_uid="penstock_celery.before_task_publish"
    )


def _write_headers(headers: dict[str, Any], **_: object) -> None:
    """Write the current frame into the headers of the message; these are the message's own.

    A retry comes with the headers of the message before, which may stand in a dict of their own:
    that one may be the caller's.
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
    """Return a frame for one execution of `task`: inside of what sent it, or the first of its own.

    What sent it is in the message's headers, which `request` has (a dict, or Celery's `Context`),
    unless `sender` tells.
    """
    site = site_of(task, request)
    values = {"task_id": task_id}
    if sender is None:
        sender = extract({HEADER: _header(request, HEADER)}, allow=options.values)
    if sender is not None and sender.correlation_id is not None:
        frame = sender.child(site, values)
    else:
        frame = start(site, parent=sender, values=values)
    crumbs = _header(request, CRUMBS_HEADER)
    if crumbs is not None:
        inherit_crumbs(frame, crumbs)
    return frame


def _header(request: Any, key: str) -> Any:
    """Return one header: it stands at the top, or with an older protocol in a dict of its own."""
    found = request.get(key)
    if found is None:
        nested: Mapping[str, Any] | None = request.get("headers")
        found = nested.get(key) if isinstance(nested, dict) else None
    return found
