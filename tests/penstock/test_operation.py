"""A run belongs to its operation: steps that are called after the entrypoint returned are in it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
import weakref

import pytest

import corectx
from corectx import (
    HEADER,
    Site,
    _process,
    attach,
    bind,
    detach,
    enter,
    extract,
    inject,
    leave,
    start,
)
from corectx.lowlevel import SEPARATE, is_unsure
from penstock import (
    current_flow_id,
    flow,
    get_flow_context_value,
    set_flow_context_value,
)


@pytest.fixture
def request_frame():
    """Be inside a request; give its frame."""
    frame = start(Site("request", "GET /orders"))
    token = enter(frame)
    yield frame
    leave(token)


@pytest.fixture
def shop(registry):
    """Return the flow that the tests declare."""
    return flow("shop")


def place(frame):
    """Return the flow and the name of a frame."""
    return (frame.flow, frame.name)


def test_a_step_after_the_entrypoint_returned_joins_its_run(ran, request_frame, shop):
    @shop.entrypoint
    def receive():
        set_flow_context_value("order", 4711)

    @shop.step(after=receive)
    def charge():
        assert place(corectx.current()) == ("shop", "charge")
        return ship()

    @shop.step(after=charge)
    def ship():
        return current_flow_id(), get_flow_context_value("order")

    receive()
    assert charge() == (request_frame.correlation_id, 4711)
    assert ran.names("shop") == ["receive", "charge", "ship"]
    assert ran.of("charge")[0].frame.parent is request_frame


def test_the_values_that_are_bound_there_reach_the_late_step(ran, request_frame, shop):
    @shop.entrypoint
    def receive():
        pass

    @shop.step(after=receive)
    def charge():
        return dict(corectx.values())

    receive()
    with corectx.scope(user="bob"):
        assert charge() == {"user": "bob"}


async def in_async(receive, charge):
    await receive()
    return await charge()


def test_async_steps_and_generators_join_it_too(ran, request_frame, shop):
    @shop.entrypoint
    async def receive():
        pass

    @shop.step(after=receive)
    async def charge():
        return place(corectx.current())

    @shop.step(after=receive)
    def lines():
        yield place(corectx.current())

    assert asyncio.run(in_async(receive, charge)) == ("shop", "charge")
    assert list(lines()) == [("shop", "lines")]


def test_of_several_runs_the_latest_is_joined_and_the_step_is_ambiguous(ran, request_frame, shop):
    @shop.entrypoint
    def receive(order):
        set_flow_context_value("order", order)

    @shop.step(after=receive)
    def charge():
        return get_flow_context_value("order", "unknown")

    receive(1)
    receive(2)
    assert charge() == "unknown"
    frame = ran.of("charge")[0].frame
    assert is_unsure(frame.run)


def test_callbacks_that_are_bound_in_their_runs_belong_to_these(ran, request_frame, shop):
    callbacks = []

    @shop.entrypoint
    def receive(order):
        set_flow_context_value("order", order)
        callbacks.append(bind(charge))

    @shop.step(after=receive)
    def charge():
        return get_flow_context_value("order")

    for order in range(3):
        receive(order)
    assert [callback() for callback in callbacks] == [0, 1, 2]


def test_a_context_that_was_copied_in_a_run_keeps_that_run_after_it_ended(ran, request_frame, shop):
    contexts = []

    @shop.entrypoint
    def receive(order):
        set_flow_context_value("order", order)
        contexts.append(contextvars.copy_context())

    @shop.step(after=receive)
    def charge():
        return get_flow_context_value("order")

    receive(1)
    receive(2)
    assert [context.run(charge) for context in contexts] == [1, 2]


def test_another_operation_does_not_find_the_run(ran, shop):
    @shop.entrypoint
    def receive():
        pass

    @shop.step(after=receive)
    def charge():
        return corectx.current()

    first, second = start(Site("request", "GET")), start(Site("request", "GET"))
    token = attach(first)
    receive()
    detach(token)
    token = attach(second)
    assert charge() is second
    detach(token)
    assert ran.names("shop") == ["receive"]


@pytest.fixture
def consumer():
    """Be inside an operation that waits for work; give its frame."""
    frame = start(Site("command", "consume"))
    frame.store[SEPARATE] = {}
    token = attach(frame)
    yield frame
    detach(token)


def test_a_step_after_the_only_run_of_a_consumer_joins_the_operation_of_that_run(
    ran, consumer, shop
):
    @shop.entrypoint
    def receive():
        set_flow_context_value("order", 4711)
        return current_flow_id()

    @shop.step(after=receive)
    def charge():
        return current_flow_id(), get_flow_context_value("order"), ship()

    @shop.step(after=charge)
    def ship():
        return current_flow_id()

    own = receive()
    assert charge() == (own, 4711, own)
    assert own != consumer.correlation_id
    assert ran.of("charge")[0].frame.parent is consumer


def test_a_step_after_several_runs_of_a_consumer_shares_the_operation_of_none(ran, consumer, shop):
    @shop.entrypoint
    def receive(order):
        set_flow_context_value("order", order)
        return current_flow_id()

    @shop.step(after=receive)
    def charge():
        return current_flow_id(), get_flow_context_value("order", "unknown"), ship()

    @shop.step(after=charge)
    def ship():
        return current_flow_id()

    ids = {receive(1), receive(2), consumer.correlation_id}
    late = [charge(), charge()]
    assert [(order, own == inner) for own, order, inner in late] == [("unknown", True)] * 2
    assert len({*ids, *(own for own, _, _ in late)}) == 5
    assert [is_unsure(call.frame.run) for call in ran.of("charge")] == [True, True]


def test_a_step_after_a_consumers_run_joins_it_where_another_flow_was_around_it(
    ran, consumer, shop
):
    @shop.entrypoint
    def receive(order):
        set_flow_context_value("order", order)
        return current_flow_id()

    @shop.step(after=receive)
    def charge():
        return current_flow_id(), get_flow_context_value("order", "unknown")

    @flow("audit").entrypoint
    def audit(order):
        return receive(order)

    own = audit(1)
    assert charge() == (own, 1)
    other = audit(2)
    late, order = charge()
    assert order == "unknown"
    assert len({own, other, late, consumer.correlation_id}) == 4
    assert [is_unsure(call.frame.run) for call in ran.of("charge")] == [False, True]


def test_a_consumer_keeps_no_more_than_16_operations_alive(consumer, registry):
    for number in range(20):
        flow(f"flow-{number}").entrypoint(name="receive")(lambda: None)()
    assert len(consumer.store[SEPARATE]) == 16


def test_a_step_after_the_run_joins_it_in_a_bare_scope_too(ran, shop):
    @shop.entrypoint
    def receive(order):
        set_flow_context_value("order", order)
        return current_flow_id()

    @shop.step(after=receive)
    def charge():
        return current_flow_id(), get_flow_context_value("order", "unknown")

    with corectx.scope(user="bob"):
        first = receive(1)
        with corectx.scope(line=1):
            assert charge() == (first, 1)
        second = receive(2)
        late, order = charge()
    assert order == "unknown"
    assert len({first, second, late}) == 3
    assert [is_unsure(call.frame.run) for call in ran.of("charge")] == [False, True]
    with corectx.scope(user="eve"):
        assert charge() == (None, "unknown")


def test_the_operations_in_a_scope_are_freed_with_it(shop):
    class Value:
        pass

    @shop.entrypoint
    def receive():
        value = Value()
        set_flow_context_value("order", value)
        return weakref.ref(value)

    gc.collect()
    gc.disable()
    try:
        with corectx.scope(user="bob"):
            alive = receive()
            assert alive() is not None
        assert alive() is None
    finally:
        gc.enable()


def test_a_message_that_is_sent_after_the_run_carries_it(ran, request_frame, shop):
    @shop.entrypoint
    def receive():
        pass

    @shop.step(after=receive)
    def charge():
        return place(corectx.current())

    receive()
    headers = inject({})
    result = []

    def consume():
        arrived = extract(headers)
        with_task = attach(arrived.child(Site("task", "charge")))
        result.append(charge())
        detach(with_task)

    thread = threading.Thread(target=consume)
    thread.start()
    thread.join()
    assert HEADER in headers
    assert result == [("shop", "charge")]


def test_a_function_in_two_flows_joins_the_one_that_ran(ran, request_frame, registry):
    orders, refunds = flow("orders"), flow("refunds")

    @orders.entrypoint
    def receive():
        pass

    @refunds
    @orders.step(after=receive)
    def audit():
        return corectx.current().flow

    receive()
    assert audit() == "orders"
    assert [place(call.frame) for call in ran.of("audit")] == [("orders", "audit")]


def test_values_that_are_set_outside_of_any_operation_are_warned_of_once(
    registry, caplog, monkeypatch
):
    monkeypatch.setattr(_process, "_logged", set())  # an earlier test may have caused it
    caplog.set_level(logging.WARNING)
    set_flow_context_value("order", 1)
    set_flow_context_value("order", 2)
    (record,) = [each for each in caplog.records if each.name == "corectx"]
    assert "set_flow_context_value('order', ...)" in record.getMessage()
