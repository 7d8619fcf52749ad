"""A run belongs to its operation: steps that are called after the entrypoint returned are in it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading

import pytest

import corectx
from corectx import (
    HEADER,
    Site,
    _observers,
    attach,
    bind,
    detach,
    enter,
    extract,
    inject,
    leave,
    start,
)
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
    assert frame.is_ambiguous


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
    monkeypatch.setattr(_observers, "_logged", set())  # an earlier test may have caused it
    caplog.set_level(logging.WARNING)
    set_flow_context_value("order", 1)
    set_flow_context_value("order", 2)
    (record,) = [each for each in caplog.records if each.name == "corectx"]
    assert "set_flow_context_value('order', ...)" in record.getMessage()
