"""The worker's part of the flow `bom_import`: store a document's components as parts.

Plain Celery tasks; each sends the next. `flow_task` adds two things: the request's ID travels with
the task, and the map shows the task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from celery import Task

from examples.bom_service.models import Import, Part
from penstock import flow
from penstock.contrib.celery import flow_task

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

log: BoundLogger = structlog.get_logger("bom_service.worker")


class ImportTask(Task):
    """A task of an import. If the task fails, the import has failed."""

    def on_failure(self, exc: Exception, task_id: str, args: Any, *_: object) -> None:  # noqa: ARG002 - Celery calls it
        """Store the failure in the database."""
        Import.objects.filter(pk=args[0]).update(state=Import.State.FAILED)


@flow("bom_import")
@flow_task(after="receive_bom", base=ImportTask)
def store_parts(bom_id: int) -> None:
    """Stores its components as parts."""
    bom = Import.objects.get(pk=bom_id)
    components = bom.document["components"]
    log.info("storing_parts", bom=bom.name, parts=len(components))
    Part.objects.bulk_create(
        Part(bom=bom, ref=each["bom-ref"], name=each["name"], version=each.get("version"))
        for each in components
    )
    Import.objects.filter(pk=bom_id).update(state=Import.State.STORED)
    link_parts.delay(bom_id)


@flow("bom_import")
@flow_task(after="store_parts", base=ImportTask)
def link_parts(bom_id: int) -> None:
    """Links each part to those that it needs."""
    bom = Import.objects.get(pk=bom_id)
    parts = {part.ref: part for part in bom.parts.all()}
    needs = [
        (parts[each["ref"]].pk, parts[ref].pk)
        for each in bom.document["dependencies"]
        for ref in each.get("dependsOn", [])
        if each["ref"] in parts and ref in parts  # the root is not a part
    ]
    link = Part.needs.through
    link.objects.bulk_create(link(from_part_id=part, to_part_id=need) for part, need in needs)
    Import.objects.filter(pk=bom_id).update(state=Import.State.DONE)
    log.info("parts_linked", bom=bom.name, links=len(needs))
