"""The messages: an update of each bill of materials (BOM), and some bad ones.

Every component of the running environment counts as a product with a BOM: itself and its
dependencies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import corectx

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLISH = corectx.Site("task", "publish_update")

# Bad values that a real topic has.
BAD_VALUES = (
    b'{"bom_id": "left-',  # truncated
    b'{"bom": "left-pad"}',  # from a producer with another schema
    b'{"bom_id": "left-pad"}',  # a BOM that the API does not know
)


class BadUpdate(Exception):  # noqa: N818 - the name describes the message
    """An update that can never succeed. The job skips it and continues."""


@dataclass(frozen=True)
class Message:
    """A message as Kafka's clients give it: a value of bytes, and headers."""

    offset: int
    value: bytes
    headers: list[tuple[str, bytes]]

    @property
    def payload(self) -> dict[str, Any]:
        """The value as a dict with a string `bom_id`; raises `BadUpdate` for any other value."""
        try:
            payload = json.loads(self.value)
        except (ValueError, RecursionError) as error:
            raise BadUpdate("it is not JSON") from error
        if not isinstance(payload, dict) or not isinstance(payload.get("bom_id"), str):
            raise BadUpdate("it has no bom_id")
        return payload


def updates_of(bom: dict[str, Any]) -> Iterator[Message]:
    """Yield an update for each component of `bom`, and the bad ones between them."""
    values = [json.dumps({"bom_id": each["name"]}).encode() for each in bom["components"]]
    distance = len(values) // len(BAD_VALUES)
    for number, bad in enumerate(BAD_VALUES):
        values.insert((number + 1) * distance, bad)
    for offset, value in enumerate(values):
        yield publish(offset, value)


def publish(offset: int, value: bytes) -> Message:
    """Return `value` as a producer sends it: the headers name the producer's operation."""
    headers = [("content-type", b"application/json")]
    token = corectx.attach(corectx.start(PUBLISH))
    corectx.inject(headers)
    corectx.detach(token)
    return Message(offset, value, headers)
