"""The messages: an update of each bill of materials (BOM), and some that are bad.

Every component of the running environment counts as a product with a BOM: itself and what it
depends on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import corectx

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLISH = corectx.Site("task", "publish_update")

# What else comes in over the years.
BAD_VALUES = (
    b'{"bom_id": "left-',  # cut off
    b'{"bom": "left-pad"}',  # from a producer with ideas of its own
    b'{"bom_id": "left-pad"}',  # of a BOM that the API has never heard of
)


class BadUpdate(Exception):  # noqa: N818 - it says what the message is
    """An update that cannot be done, today or ever: it is skipped, and the job goes on."""


@dataclass(frozen=True)
class Message:
    """A message as the clients of Kafka give it: a value of bytes, and headers."""

    offset: int
    value: bytes
    headers: list[tuple[str, bytes]]

    @property
    def payload(self) -> dict[str, Any]:
        """The value as a dict, with a text as `bom_id`; otherwise raises `BadUpdate`."""
        try:
            payload = json.loads(self.value)
        except (ValueError, RecursionError) as error:
            raise BadUpdate("it is not JSON") from error
        if not isinstance(payload, dict) or not isinstance(payload.get("bom_id"), str):
            raise BadUpdate("it has no bom_id")
        return payload


def updates_of(bom: dict[str, Any]) -> Iterator[Message]:
    """Yield an update for each component of `bom`, and the bad ones here and there."""
    values = [json.dumps({"bom_id": each["name"]}).encode() for each in bom["components"]]
    distance = len(values) // len(BAD_VALUES)
    for number, bad in enumerate(BAD_VALUES):
        values.insert((number + 1) * distance, bad)
    for offset, value in enumerate(values):
        yield publish(offset, value)


def publish(offset: int, value: bytes) -> Message:
    """Return `value` as a producer sends it: in an operation of its own, named in the headers."""
    headers = [("content-type", b"application/json")]
    token = corectx.attach(corectx.start(PUBLISH))
    corectx.inject(headers)
    corectx.detach(token)
    return Message(offset, value, headers)
