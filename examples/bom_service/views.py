"""The web process's part of the flow `bom_import`: take a document, send a task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse

from examples.bom_service.models import Import
from examples.bom_service.tasks import store_parts
from penstock import current_flow_id, entrypoint, flow

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

log: BoundLogger = structlog.get_logger("bom_service.web")


class BadDocument(Exception):  # noqa: N818 - the name describes the document
    """A document that cannot be imported: the client's error."""


@flow("bom_import")
@entrypoint
def receive_bom(request: HttpRequest, name: str) -> HttpResponse:
    """Takes a CycloneDX document."""
    log.info("document_received", name=name, size=len(request.body))
    try:
        document = parse(request.body)
    except BadDocument as error:
        log.warning("document_refused", name=name, reason=str(error))
        return JsonResponse({"error": str(error)}, status=400)
    bom = Import.objects.create(name=name, document=document, flow_id=current_flow_id())
    log.info("import_queued", bom=bom.pk)
    store_parts.delay(bom.pk)
    return JsonResponse({"import": bom.pk}, status=202)


def parse(body: bytes) -> dict[str, Any]:
    """Return the CycloneDX document in `body`; raise `BadDocument` for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadDocument("it is not JSON") from error
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise BadDocument("it is not CycloneDX")
    return document
