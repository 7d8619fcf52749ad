"""A span has a name, a place, events, links and a failure."""

from __future__ import annotations

import contextvars
import gc
import inspect
import weakref

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import penstock
from corectx import Site, correlation_id, current, enter, extract, inject, leave, scope, start
from penstock import flow
from penstock_otel import OTelBackend, instrument
from penstock_otel._records import operation_of
from statecrumbs import crumb

from .conftest import traced


def declare():
    """A flow of an orchestrator, two branches, a join, and a step that is nested in it."""
    orders = flow("orders")

    @orders.entrypoint
    def take(order):
        charge(order)
        reserve(order)
        return confirm(order)

    @orders.step(after="take")
    def charge(order):
        crumb("charging", order=order, password="hunter2")  # noqa: S106

    @orders.step(after="take")
    def reserve(order):
        pass

    @orders.step(after=["charge", "reserve"])
    def confirm(order):
        return send(order)

    @orders.step(after="confirm")
    def send(order):
        if order < 0:
            raise ValueError(f"no such order {order}: token=abc123")
        return correlation_id()

    return take


def test_each_step_is_a_span_inside_the_span_of_its_caller(spans):
    declare()(1)
    assert spans.parents() == {
        "take": None,
        "charge": "take",
        "reserve": "take",
        "confirm": "take",
        "send": "confirm",
    }
    assert {span.kind for span in spans.finished} == {SpanKind.INTERNAL}
    assert {span.status.status_code for span in spans.finished} == {StatusCode.UNSET}


def test_a_span_names_the_flow_the_step_and_the_code(spans):
    take = declare()
    take(1)
    _, line = inspect.getsourcelines(inspect.unwrap(take))
    assert dict(spans["take"].attributes) == {
        "penstock.flow": "orders",
        "penstock.step": "take",
        "code.function.name": f"{__name__}.declare.<locals>.take",
        "code.file.path": __file__,
        "code.line.number": line,
    }


def test_crumbs_are_events_with_their_redacted_data_and_their_time(spans):
    declare()(1)
    (event,) = spans["charge"].events
    assert event.name == "charging"
    assert dict(event.attributes) == {"order": "1", "password": "[redacted]"}
    assert spans["charge"].start_time <= event.timestamp <= spans["charge"].end_time
    assert not spans["take"].events


def test_crumbs_in_a_bare_scope_belong_to_the_step_around_it(spans):
    @flow("orders").entrypoint
    def take():
        with scope(order=7):
            crumb("scoped")

    take()
    assert [event.name for event in spans["take"].events] == ["scoped"]
    assert spans.names() == ["take"]


def test_a_crumb_outside_of_frames_is_an_event_of_the_span_that_is_current(spans):
    with spans.tracer.start_as_current_span("by hand"):
        crumb("plain", order=7)
    crumb("nowhere")
    assert [event.name for event in spans["by hand"].events] == ["plain"]


def test_of_very_many_crumbs_the_last_ones_are_kept(spans):
    @flow("orders").entrypoint
    def take():
        for number in range(1000):
            crumb("tick", number=number)

    take()
    numbers = [int(event.attributes["number"]) for event in spans["take"].events]
    assert numbers == list(range(872, 1000))


def test_a_step_with_several_predecessors_links_to_the_span_of_each(spans):
    declare()(1)
    linked = [link.context.span_id for link in spans["confirm"].links]
    assert linked == [spans["charge"].context.span_id, spans["reserve"].context.span_id]
    assert not spans["send"].links
    assert not spans["charge"].links


def test_links_go_to_the_latest_spans_and_not_to_those_of_another_run(spans):
    take = declare()
    take(1)
    take(2)
    runs = {}
    for span in spans.finished:
        runs.setdefault(span.context.trace_id, {})[span.name] = span
    assert len(runs) == 2
    for run in runs.values():
        expected = [run["charge"].context, run["reserve"].context]
        assert [link.context for link in run["confirm"].links] == expected


def test_a_link_may_go_to_a_step_of_another_flow(spans):
    @flow("billing").entrypoint
    def bill():
        pass

    @flow("orders").entrypoint
    def take():
        bill()
        ship()

    @flow("orders").step(after=["take", "billing:bill", "never"])
    def ship():
        pass

    take()
    linked = [link.context.span_id for link in spans["ship"].links]
    assert linked == [spans["take"].context.span_id, spans["bill"].context.span_id]


class ChordSite(Site):
    """The site of a task in a chord, with the attributes that penstock-celery gives it."""

    def __init__(self, name, part=None, after_parts=None):
        super().__init__("task", name)
        self.part = part
        self.after_parts = after_parts


def test_the_body_of_a_chord_links_to_each_task_of_the_header_by_what_both_know(spans):
    def run(site):
        token = enter(extract(sent).child(site))
        leave(token)

    take = enter(start(Site("request", "GET")))
    sent = inject({})
    leave(take)
    for number in range(2):
        run(ChordSite("pack", part=("group", number)))
    run(ChordSite("ship", after_parts=("group", 2)))
    run(ChordSite("bill", after_parts=("group", 100_000)))
    packed = {span.context.span_id for span in spans.finished if span.name == "pack"}
    assert len(packed) == 2
    assert {link.context.span_id for link in spans["ship"].links} == packed
    assert {link.context.trace_id for link in spans["ship"].links} == {
        spans["GET"].context.trace_id
    }
    assert len(spans["bill"].links) == 128


def test_an_exception_is_recorded_once_and_all_that_it_passes_are_errors(spans):
    with pytest.raises(ValueError, match="no such order"):
        declare()(-1)
    recorded = {span.name: [event.name for event in span.events] for span in spans.finished}
    assert recorded == {
        "send": ["exception"],
        "confirm": [],
        "take": [],
        "charge": ["charging"],
        "reserve": [],
    }
    failed = {span.name for span in spans.finished if span.status.status_code is StatusCode.ERROR}
    assert failed == {"send", "confirm", "take"}
    (event,) = spans["send"].events
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "no such order -1: token=[redacted]"
    assert "abc123" not in repr([dict(event.attributes), spans["take"].status.description])
    assert f'File "{__file__}", line ' in event.attributes["exception.stacktrace"]


def test_an_exception_out_of_a_bare_scope_is_recorded_on_the_step_around_it(spans):
    @flow("orders").entrypoint
    def take():
        with scope(order=7):
            raise KeyError("x") from OSError("first")

    with pytest.raises(KeyError):
        take()
    (event,) = spans["take"].events
    stacktrace = event.attributes["exception.stacktrace"]
    assert stacktrace.index("OSError: first") < stacktrace.index("KeyError: 'x'")


class HostileError(Exception):
    def __str__(self):
        raise SystemExit(3)


def test_an_exception_that_cannot_be_shown_still_ends_its_span(spans):
    @flow("orders").entrypoint
    def take():
        raise HostileError

    with pytest.raises(HostileError):
        take()
    assert spans["take"].status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_only_ends_the_work_is_no_error(spans, end):
    @flow("orders").entrypoint
    def take():
        raise end

    with pytest.raises(end):
        take()
    assert spans["take"].status.status_code is StatusCode.UNSET
    assert not spans["take"].events


def test_requests_and_tasks_are_spans_of_their_kind_named_when_they_end(spans):
    site = Site("request", "GET")
    frame = start(site)
    token = enter(frame)
    site.name = "GET /orders/<id>"
    leave(token)
    leave(enter(start(Site("task", "shop.ship"))))
    assert [(span.name, span.kind) for span in spans.finished] == [
        ("GET /orders/<id>", SpanKind.SERVER),
        ("shop.ship", SpanKind.CONSUMER),
    ]


@pytest.mark.parametrize(
    ("kind", "others"), [("request", SpanKind.SERVER), ("task", SpanKind.CONSUMER)]
)
def test_a_thing_that_has_a_span_already_gets_no_second_one(spans, kind, others):
    with spans.tracer.start_as_current_span("theirs", kind=others):
        token = enter(start(Site(kind, "ours", "orders")))
        crumb("seen")
        with spans.tracer.start_as_current_span("inner"):
            pass
        leave(token, ValueError("theirs to record"))
        crumb("after")
    assert spans.parents() == {"theirs": None, "inner": "theirs"}
    assert spans["theirs"].attributes["penstock.flow"] == "orders"
    assert [event.name for event in spans["theirs"].events] == ["seen", "after"]


def test_a_span_of_another_kind_is_a_parent_and_is_not_taken(spans):
    with spans.tracer.start_as_current_span("theirs", kind=SpanKind.CLIENT):
        leave(enter(start(Site("request", "GET"))))
    assert spans.parents() == {"theirs": None, "GET": "theirs"}


def test_a_task_inside_a_task_does_not_take_the_span_of_the_outer_one(spans):
    with spans.tracer.start_as_current_span("outer", kind=SpanKind.CONSUMER):
        outer = enter(start(Site("task", "send")))
        leave(enter(outer[0].child(Site("task", "inner"))))
        leave(outer)
    assert spans.parents() == {"outer": None, "inner": "outer"}


def test_an_adopted_span_that_ends_before_the_frame_is_left_as_it_is(spans):
    theirs = spans.tracer.start_span("theirs", kind=SpanKind.SERVER)
    from opentelemetry import trace

    with trace.use_span(theirs, end_on_exit=False):
        token = enter(start(Site("request", "GET")))
        theirs.end()
        crumb("streamed")
        leave(token)
    assert spans.parents() == {"theirs": None, "crumbs": "theirs"}
    assert spans["theirs"].events == ()


def test_nothing_is_made_unless_it_was_asked_for(registry):
    traces = traced()
    take = declare()
    take(1)
    assert traces.names() == []
    end = instrument(traces.provider)
    take(1)
    end()
    made = len(traces.finished)
    take(1)
    assert len(traces.finished) == made == 5


def test_configure_turns_it_on_and_off(registry):
    traces = traced()
    penstock.configure(OTelBackend(traces.provider))
    try:
        declare()(1)
    finally:
        penstock.configure()
    declare()(1)
    assert len(traces.finished) == 5


def test_two_backends_make_one_span_for_each_frame(spans):
    end = instrument(spans.provider)
    declare()(1)
    end()
    assert len(spans.finished) == 5
    assert len(spans["charge"].events) == 1


def test_without_an_sdk_nothing_happens(registry, caplog):
    end = instrument()
    assert declare()(1)
    end()
    assert caplog.records == []


def test_a_span_that_began_before_the_backends_changed_ends(registry):
    traces = traced()
    ends = [instrument(traces.provider)]

    @flow("orders").entrypoint
    def take():
        ends.pop()()
        ends.append(instrument(traces.provider))

    take()
    ends.pop()()
    assert traces.names() == ["take"]


class Broken:
    """A provider whose tracer fails."""

    def get_tracer(self, *args, **kwargs):
        raise RuntimeError("no tracer today")


def test_a_failing_sdk_does_not_break_the_program(registry, caplog):
    end = instrument(Broken())
    assert declare()(1)
    end()
    assert len([record for record in caplog.records if record.name == "corectx"]) == 1


def test_an_operation_that_runs_for_ever_remembers_only_what_is_open(spans):
    seen = []

    @flow("orders").entrypoint
    def take():
        for _ in range(100):
            charge()
        for number in range(2000):
            leave(enter(current().child(Site("step", f"step {number}", "orders"))))
        seen.append(operation_of(current()))
        assert list(seen[0].records) == [current()]

    @flow("orders").step
    def charge():
        pass

    take()
    assert seen[0].records == {}
    assert len(seen[0].steps) == 1024


def test_an_operation_that_is_over_is_collected_with_its_spans(registry):
    class Tracked(Site):
        __slots__ = ("__weakref__",)

    traces = traced()
    end = instrument(traces.provider)
    site = Tracked("request", "GET")
    gone = weakref.ref(site)
    enter_in = contextvars.copy_context()
    enter_in.run(enter, start(site))  # and never left
    del site, enter_in
    gc.collect()
    end()
    assert gone() is None
