"""The correlation ID is the trace ID, and a trace goes on in other processes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context, trace
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from corectx import (
    HEADER,
    Site,
    correlation_id,
    enter,
    extract,
    inject,
    leave,
    new_correlation_id,
    scope,
    start,
)
from penstock import flow
from penstock_otel import instrument
from penstock_otel._tracing import from_traceparent, to_traceparent, trace_id_for

from .conftest import traced

TASK = Site("task", "shop.ship")


def trace_of(span):
    return f"{span.context.trace_id:032x}"


@pytest.fixture
def take(registry):
    @flow("orders").entrypoint
    def take():
        return correlation_id()

    return take


def test_a_trace_that_begins_with_a_flow_has_the_flows_id(spans, take):
    assert take() == trace_of(spans["take"])
    assert spans["take"].parent is None
    assert "penstock.correlation_id" not in spans["take"].attributes


def test_a_flow_that_begins_in_a_trace_has_the_traces_id(spans, take):
    with spans.tracer.start_as_current_span("main") as main:
        with scope(order=7):
            flow_id = take()
        assert flow_id == take() == f"{main.get_span_context().trace_id:032x}"


def test_a_flow_that_begins_in_the_trace_of_a_caller_elsewhere_has_its_id(spans, take):
    remote = SpanContext(0xA5, 0xB6, is_remote=True, trace_flags=TraceFlags(1))
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(remote)))
    assert int(take(), 16) == 0xA5
    context.detach(token)
    assert spans["take"].parent == remote


def test_a_span_that_has_ended_is_no_active_trace(spans, take):
    ended = spans.tracer.start_span("request before")
    ended.end()
    token = context.attach(trace.set_span_in_context(ended))
    flow_id = take()
    context.detach(token)
    assert trace_of(ended) != flow_id == trace_of(spans["take"])
    assert spans["take"].parent is None


@pytest.mark.parametrize("given_id", ["0" * 32, "order-4711", "A" * 32, "f" * 31, "x" * 128])
def test_an_id_that_is_no_trace_id_gives_the_same_trace_in_every_process(spans, given_id):
    for _ in range(2):
        leave(enter(start(TASK, correlation_id=given_id)))
    first, second = spans.finished
    assert first.context.trace_id == second.context.trace_id == trace_id_for(given_id) != 0
    assert first.attributes["penstock.correlation_id"] == given_id


def test_a_frame_that_came_with_an_id_keeps_it_in_another_trace(spans):
    with spans.tracer.start_as_current_span("main") as main:
        leave(enter(start(TASK, correlation_id="order-4711")))
    assert spans["shop.ship"].context.trace_id == main.get_span_context().trace_id
    assert spans["shop.ship"].attributes["penstock.correlation_id"] == "order-4711"


def sent_inside(*, by_hand=None):
    """The headers of a message that a request sends from inside a scope."""
    token = enter(start(Site("request", "GET")))
    with scope(route="orders/"):
        if by_hand is None:
            headers = inject({})
        else:
            with by_hand.start_as_current_span("publish"):
                headers = inject({})
    leave(token)
    return headers


def test_what_another_process_does_is_inside_of_the_span_that_sent_it(spans):
    headers = sent_inside()
    leave(enter(extract(headers).child(TASK)))
    assert spans.parents() == {"GET": None, "shop.ship": "GET"}
    assert spans["shop.ship"].parent.is_remote


def test_a_span_by_hand_around_the_sending_is_the_parent(spans):
    headers = sent_inside(by_hand=spans.tracer)
    leave(enter(extract(headers).child(TASK)))
    assert spans.parents() == {"GET": None, "publish": "GET", "shop.ship": "publish"}


def test_a_task_that_goes_on_with_a_chain_links_to_steps_in_other_processes(spans, registry):
    @flow("orders").entrypoint
    def take():
        return inject({})

    @flow("orders").step(after=["take", "pack"])
    def ship():
        pass

    token = enter(extract(take()).child(Site("task", "shop.ship", "orders")))
    ship()
    leave(token)
    assert [link.context.span_id for link in spans["ship"].links] == [spans["take"].context.span_id]


def test_without_a_traceparent_the_trace_is_still_that_of_the_correlation(spans):
    frame = extract({"X-Correlation-ID": new_correlation_id()}).child(TASK)
    leave(enter(frame))
    assert trace_of(spans["shop.ship"]) == frame.correlation_id
    assert spans["shop.ship"].parent is None


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        [],
        "",
        "00",
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"ff-{'1' * 32}-{'1' * 16}-01",
        f"00-{'A' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'1' * 16}-01\n",
        f"00-{'1' * 32}-{'1' * 16}-01-more",
    ],
)
def test_a_traceparent_that_is_none_is_ignored(spans, bad):
    fields = {"id": "1" * 32, "parent": "2" * 16, "traceparent": bad}
    leave(enter(extract({HEADER: json.dumps(fields)}).child(TASK)))
    assert spans["shop.ship"].parent is None
    assert trace_of(spans["shop.ship"]) == "1" * 32


@given(
    st.builds(
        SpanContext,
        st.integers(1, 2**128 - 1),
        st.integers(1, 2**64 - 1),
        st.just(True),
        st.builds(TraceFlags, st.integers(0, 255)),
    )
)
def test_a_traceparent_says_the_whole_span(span):
    assert from_traceparent(to_traceparent(span)) == span


def test_the_senders_sampling_decision_travels(registry):
    sender, receiver = traced(sampler=ALWAYS_OFF), traced(sampler=ParentBased(ALWAYS_OFF))
    end = instrument(sender.provider)
    unsampled = sent_inside()
    end()
    end = instrument(receiver.provider)
    leave(enter(extract(unsampled).child(TASK)))
    end()
    assert sender.names() == receiver.names() == []
    assert json.loads(unsampled[HEADER])["traceparent"].endswith("-00")


def test_the_sampler_decides_about_a_trace_that_begins(registry):
    traces = traced(sampler=ParentBased(TraceIdRatioBased(0.5)))
    end = instrument(traces.provider)
    for first in "07f":
        leave(enter(start(Site("task", first), correlation_id=f"{1:016x}{first * 16}")))
    end()
    assert traces.names() == ["0", "7"]


def test_the_providers_own_generator_still_serves_everybody_else(take):
    class Counting(RandomIdGenerator):
        def __init__(self):
            self.made = 0

        def generate_trace_id(self):
            self.made += 1
            return self.made

        def generate_span_id(self):
            self.made += 1
            return self.made

    traces = traced(id_generator=Counting())
    end = instrument(traces.provider)
    flow_id = take()
    with traces.tracer.start_as_current_span("theirs"):
        pass
    end()
    assert trace_of(traces["take"]) == flow_id
    assert traces["theirs"].context.trace_id < 100


def test_an_id_that_was_chosen_is_not_said_to_be_random(spans, take):
    take()
    assert not spans["take"].context.trace_flags & 0x02
