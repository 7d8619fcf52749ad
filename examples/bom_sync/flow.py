"""The flow `bom_sync`: store an updated bill of materials (BOM) as parts in the database.

Three plain functions; each calls the next. The decorators give one ID to all work for a message, in
any process, and a map that is never out of date. The crumbs cost little while all is well, and show
the details when the program dies.
"""

from __future__ import annotations

import logging

from examples.bom_sync.client import BomApi
from examples.bom_sync.messages import BadUpdate, Message
from examples.bom_sync.store import Part, PartStore
from penstock import current_flow_id, entrypoint, flow, step
from statecrumbs import crumb

log = logging.getLogger("bom_sync")

api = BomApi()
db = PartStore()


@flow("bom_sync")
@entrypoint
def handle_kafka_message(msg: Message) -> bool:
    """Receives BOM update from Kafka."""
    crumb("update_received", offset=msg.offset, value=msg.value)
    log.info("update %d received", msg.offset)
    try:
        fetch_from_api(msg.payload["bom_id"])
    except BadUpdate as error:
        crumb("update_skipped", error=error)
        log.warning("update %d skipped: %s", msg.offset, error)
        return False
    return True


@flow("bom_sync")
@step(after="handle_kafka_message")
def fetch_from_api(bom_id: str) -> None:
    """Fetches full BOM data from external API."""
    crumb("fetching", bom_id=bom_id)
    parts = api.get_bom(bom_id)
    log.info("got %s, parts: %d", bom_id, len(parts))
    sync_to_database(parts)


@flow("bom_sync")
@step(after="fetch_from_api")
def sync_to_database(parts: list[Part]) -> None:
    """Syncs BOM parts to local database."""
    crumb("storing", parts=[part["name"] for part in parts])
    db.bulk_upsert(parts, flow_id=current_flow_id())
    log.info("stored, parts: %d", len(parts))
