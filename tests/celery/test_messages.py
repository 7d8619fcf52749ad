"""Headers of a message: the sender writes the frame, and the receiver checks it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from celery import Celery
from celery.signals import before_task_publish

import corectx
import penstock_celery
from corectx import HEADER, Site, attach, detach, extract, scope, start
from corectx.lowlevel import SEPARATE, is_ambiguous, latest_run
from penstock import flow
from penstock.contrib.celery import flow_task
from penstock.testing import isolated_registry
from penstock_celery._messages import CRUMBS_HEADER, frame_of
from statecrumbs import crumb
from statecrumbs._trail import trail_of

TASK = SimpleNamespace(name="orders.pay", run=lambda: None)


@pytest.fixture
def configured():
    penstock_celery.configure(crumbs=5, values=["tenant"])
    yield
    penstock_celery.configure(crumbs=0, values=())


def published(headers):
    """Return what Celery's signal makes of the headers of a message."""
    before_task_publish.send(sender="orders.pay", headers=headers, body=((), {}, {}))
    return headers


def test_one_header_is_written_over_what_an_earlier_message_left(operation):
    headers = published({"id": "t-1", HEADER: '{"id":"stale"}'})
    assert set(headers) == {"id", HEADER}
    assert extract(headers).correlation_id == operation.correlation_id


def test_what_stands_in_a_nested_dict_is_replaced_in_a_copy_of_it(operation):
    nested = {HEADER: "stale", CRUMBS_HEADER: "stale", "mine": "kept"}
    headers = published({"headers": nested})
    assert nested == {HEADER: "stale", CRUMBS_HEADER: "stale", "mine": "kept"}
    assert headers["headers"] == {"mine": "kept", HEADER: headers[HEADER]}


def traced(**_): ...


traced.__module__ = "opentelemetry.instrumentation.celery"


@pytest.mark.parametrize("is_instrumented", [False, True], ids=["ours_alone", "instrumented"])
def test_the_span_in_our_header_is_named_to_other_tools_unless_they_name_it(
    operation, is_instrumented
):
    class Tracing:
        def sent(self, frame, fields):
            fields["traceparent"] = "of our span"

    end = corectx.subscribe(Tracing())
    if is_instrumented:
        before_task_publish.connect(traced, weak=False)
    try:
        headers = published({"traceparent": "of another"})
    finally:
        before_task_publish.disconnect(traced)
        end()
    assert json.loads(headers[HEADER])["traceparent"] == "of our span"
    assert headers["traceparent"] == ("of another" if is_instrumented else "of our span")


@pytest.mark.parametrize("allowed", [{}, {"traceparent": "a value"}])
@pytest.mark.parametrize("sent", [{}, {"traceparent": "00-1"}, {"of": '"traceparent":"no"'}])
def test_only_the_field_of_an_observer_is_named_to_other_tools(sent, allowed):
    class Sending:
        def sent(self, frame, fields):
            fields.update(sent)

    end = corectx.subscribe(Sending())
    penstock_celery.configure(values=allowed)
    token = attach(start(Site("step", ',"traceparent":"no"'), values=allowed))
    try:
        headers = published({})
    finally:
        detach(token)
        penstock_celery.configure(values=())
        end()
    assert headers.get("traceparent") == sent.get("traceparent")


@pytest.mark.parametrize(
    ("fields", "may_have"),
    [
        ({"Baggage": "a=1"}, True),
        ({"headers": {"Baggage": "a=1"}}, True),
        ({1: "a", "baggage": "a=1"}, True),
        ({"id": "t-1", "headers": {"mine": "kept"}}, False),
        ({"baggage": "a=1", "is_eager": True}, False),
    ],
)
def test_a_site_tells_whether_its_message_may_have_a_header(fields, may_have):
    site = frame_of(TASK, fields, "t-1").site
    assert site.may_have(["baggage"]) is may_have
    site.close()
    assert not site.may_have(["baggage"])


def test_without_a_frame_nothing_is_written():
    assert published({"mine": "kept"}) == {"mine": "kept"}


def test_without_being_told_neither_values_nor_crumbs_travel(operation):
    with scope(tenant="acme"):
        crumb("before")
        headers = published({})
    assert set(headers) == {HEADER}
    assert "acme" not in headers[HEADER]


def test_what_is_configured_travels(operation, configured):
    with scope(tenant="acme", user="ann"):
        crumb("before", card_number="4111")
        frame = frame_of(TASK, published({}), "t-1")
    assert dict(frame.values) == {"tenant": "acme", "task_id": "t-1"}
    assert [each["event"] for each in trail_of(frame).inherited] == ["before"]


@pytest.mark.parametrize("place", ["top", "nested"])
def test_the_header_is_found_at_the_top_and_in_a_nested_dict(operation, place):
    headers = published({})
    frame = frame_of(TASK, headers if place == "top" else {"headers": headers}, "t-1")
    assert frame.correlation_id == operation.correlation_id
    assert frame.parent.id == operation.id


@pytest.mark.parametrize(
    "header", [None, "", "{", "[]", b"\xff", 7, json.dumps({"id": "<script>"}), '{"id": null}']
)
def test_a_header_that_is_not_ours_starts_an_operation_of_its_own(header):
    frame = frame_of(TASK, {HEADER: header, "headers": 7}, "t-1")
    assert len(frame.correlation_id) == 32
    assert frame.name == "orders.pay"


def test_protocol_one_has_the_header_too(operation):
    app = Celery("old", broker="memory://", set_as_current=False)
    app.conf.task_protocol = 1
    with app.connection_for_write() as connection:
        app.send_task("orders.pay", connection=connection)
        message = connection.default_channel.basic_get("celery", no_ack=True)
    assert extract(message.headers).correlation_id == operation.correlation_id
    app.close()


@pytest.mark.parametrize(
    ("facts", "part", "after_parts"),
    [
        ({"group_index": 3, "chord": {"task": "x"}}, ("g-1", 3), None),
        ({"group_index": None, "args": [[1, 2, 3]]}, None, ("g-1", 3)),
    ],
    ids=["header", "body"],
)
def test_a_task_of_a_chord_knows_its_place_in_it(facts, part, after_parts):
    site = frame_of(TASK, {"group": "g-1", **facts}, "t-1").site
    assert (site.part, site.after_parts) == (part, after_parts)


@pytest.mark.parametrize(
    "request_",
    [
        {"group": "g-1", "group_index": 3},  # of a plain group
        {"group": "g-1", "group_index": 3, "chord": {"task": "x"}, "retries": 1},
        {"group": "g-1", "args": []},  # a body that takes no results
        {"group": "g-1", "args": [7]},
        {"group": "g-1", "args": {"order": 1}},  # Celery takes it: the names are the arguments
        {"group": 7, "args": [[1]]},
        {"group": "g-1", "group_index": "3", "chord": {"task": "x"}},
    ],
)
def test_any_other_task_has_no_place_in_a_chord(request_):
    assert not hasattr(frame_of(TASK, request_, "t-1").site, "part")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"crumbs": "5"}, TypeError, "number of crumbs, not '5'"),
        ({"crumbs": True}, TypeError, "number of crumbs, not True"),
        ({"crumbs": 101}, ValueError, "crumbs=101 is out of range: 0 to 100"),
        ({"crumbs": -1}, ValueError, "out of range"),
        ({"values": "tenant"}, TypeError, r"Did you mean \['tenant'\]"),
        ({"values": [1]}, TypeError, "not 1"),
    ],
)
def test_a_wrong_option_is_refused_and_changes_nothing(given, error, message):
    with pytest.raises(error, match=message):
        penstock_celery.configure(**{"crumbs": 5, **given})
    assert penstock_celery._messages.options.crumbs == 0


def own_id():
    return corectx.correlation_id()


class Sent:
    """The operation of a command, and what the messages that it sends say of their operations."""

    def __init__(self):
        self.command = start(Site("command", "consume"))
        self.command.store[SEPARATE] = {}

    def ids(self, *names, group=None):
        """Return the correlation IDs of the messages of tasks with these names."""
        return [self.frame(name, group).correlation_id for name in names]

    def frame(self, name, group=None):
        headers = {"group": group}
        before_task_publish.send(sender=name, headers=headers, body=((), {}, {}))
        return extract(headers)


@pytest.fixture
def consumer():
    """Be inside a command that waits for work, with an app of four tasks."""
    with isolated_registry():
        orders = flow("orders")
        app = Celery("consumer", broker="memory://", set_as_current=False)

        @orders.entrypoint
        def handle():
            return corectx.correlation_id()

        orders(flow_task(app=app, name="shop.direct", shared=False)(own_id))
        orders(flow_task(app=app, name="shop.ship", after=handle, shared=False)(own_id))
        app.task(name="shop.plain", shared=False)(own_id)
        app.finalize()
        sent = Sent()
        sent.app, sent.handle = app, handle
        token = attach(sent.command)
        yield sent
        detach(token)
        app.close()


def test_a_task_that_begins_a_flow_gets_an_id_of_its_own_from_a_consumer(consumer):
    first, second = consumer.ids("shop.direct", "shop.direct")
    assert len({first, second, consumer.command.correlation_id}) == 3
    assert latest_run(consumer.frame("shop.direct").store, "orders") is None


def test_the_tasks_of_a_group_from_a_consumer_share_an_id(consumer):
    first, second = consumer.ids("shop.direct", "shop.direct", group="g-1")
    other = consumer.ids("shop.direct", group="g-2")
    assert first == second
    assert len({first, *other, consumer.command.correlation_id}) == 3


def test_a_step_that_a_consumer_sends_after_the_only_run_has_the_id_of_that(consumer):
    own = consumer.handle()
    frame = consumer.frame("shop.ship")
    assert frame.correlation_id == own
    assert latest_run(frame.store, "orders") is not None
    assert not is_ambiguous(frame.store, "orders")


def test_a_step_that_a_consumer_sends_after_several_runs_has_the_id_of_none(consumer):
    ids = {consumer.handle(), consumer.handle(), consumer.command.correlation_id}
    first, second = consumer.frame("shop.ship"), consumer.frame("shop.ship")
    assert len({*ids, first.correlation_id, second.correlation_id}) == 5
    assert is_ambiguous(first.store, "orders")
    assert is_ambiguous(second.store, "orders")


def test_what_is_in_no_run_has_the_id_of_the_consumer(consumer):
    assert set(consumer.ids("shop.ship", "shop.plain", "elsewhere.pay")) == {
        consumer.command.correlation_id
    }


def test_eager_tasks_in_a_consumer_have_the_same_ids_as_sent_ones(consumer):
    consumer.app.conf.task_always_eager = True
    own = consumer.handle()
    direct, ship, plain = (
        [consumer.app.tasks[f"shop.{name}"].delay().get() for _ in range(2)]
        for name in ("direct", "ship", "plain")
    )
    assert len({*direct, own, consumer.command.correlation_id}) == 4
    assert ship == [own, own]
    assert plain == [consumer.command.correlation_id] * 2
