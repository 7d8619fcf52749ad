"""The messages of the main example: what their headers tell, and which values are refused."""

from __future__ import annotations

import pytest

import corectx
from examples.bom_sync.messages import BAD_VALUES, BadUpdate, Message, updates_of

BOM = {"components": [{"name": f"part-{number}"} for number in range(7)]}


def test_each_message_has_headers_like_those_of_kafka_with_an_operation_of_its_own():
    messages = list(updates_of(BOM))
    frames = [corectx.extract(message.headers) for message in messages]

    for message, frame in zip(messages, frames, strict=True):
        assert [type(part) for pair in message.headers for part in pair] == [str, bytes] * 2
        assert (frame.kind, frame.name) == ("remote", "publish_update")
        assert corectx.is_valid_id(frame.correlation_id)
    assert len({frame.correlation_id for frame in frames}) == len(messages)
    assert corectx.current() is None


def test_there_is_an_update_of_every_component_in_order_and_each_bad_one_between_them():
    messages = list(updates_of(BOM))

    assert [message.offset for message in messages] == list(range(7 + len(BAD_VALUES)))
    good = [message for message in messages if message.value not in BAD_VALUES]
    assert [message.payload["bom_id"] for message in good] == [f"part-{n}" for n in range(7)]
    assert [message.value for message in messages if message not in good] == list(BAD_VALUES)
    assert messages[0] in good


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "it is not JSON"),
        (b'{"bom_id": "left-', "it is not JSON"),
        (b"\xff\xfe\xfa", "it is not JSON"),
        pytest.param(b"[" * 100_000, "it is not JSON", id="deeper than Python's stack"),
        (b'["bom_id"]', "it has no bom_id"),
        (b'{"bom_id": 7}', "it has no bom_id"),
        (b"{}", "it has no bom_id"),
    ],
)
def test_a_value_that_is_no_update_is_refused_with_the_reason(value, reason):
    with pytest.raises(BadUpdate, match=f"^{reason}$"):
        _ = Message(0, value, []).payload
