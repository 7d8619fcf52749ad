"""One ID through everything that a real worker does, whatever its pool and its broker."""

from __future__ import annotations

from itertools import pairwise

import pytest
from celery import chain, chord, group, signature

from corectx import Site, attach, current, detach, start
from tests.celery import tasks
from tests.celery.conftest import running
from tests.celery.workers import PATIENCE

pytestmark = pytest.mark.timeout(120)

WORKERS = [
    ("prefork", "filesystem"),
    ("threads", "filesystem"),
    ("solo", "filesystem"),
    ("gevent", "filesystem"),
    ("prefork", "redis"),
    ("prefork", "rabbitmq"),
]


@pytest.fixture(scope="module", params=WORKERS, ids="-".join)
def worker(request):
    with running(*request.param) as (started, _):
        yield started
    # The frame of a task is current until the last receiver of its end, and not after.
    began = {(each["task_id"], each["frame"]) for each in started.said("prerun")}
    ended = {(each["task_id"], each["frame"]) for each in started.said("postrun")}
    assert ended <= began
    assert [each for each in started.said("received") if each["id"] is not None] == []


def get(result):
    return result.get(timeout=PATIENCE, interval=0.01)


def parent_of(place) -> str:
    """Return the ID of the frame in the process that sent the task."""
    *_, outermost = place["frames"]
    assert outermost["kind"] == "remote"
    return outermost["id"]


def task_frame(place) -> str:
    """Return the ID of the frame of the task itself."""
    (only,) = [frame["id"] for frame in place["frames"] if frame["kind"] == "task"]
    return only


def test_a_task_goes_on_with_the_operation_that_sent_it(worker, operation):
    result = tasks.where.delay()
    place = get(result)
    assert place["id"] == operation.correlation_id
    assert place["values"] == {"task_id": result.id}
    assert [(frame["kind"], frame["name"]) for frame in place["frames"]] == [
        ("entrypoint", "where"),
        ("task", "tests.celery.tasks.where"),
        ("remote", "GET /orders"),
    ]
    assert parent_of(place) == operation.id


@pytest.mark.parametrize(
    "send",
    [
        lambda: tasks.where_bound.delay(None),
        lambda: tasks.plain.delay(None),
        lambda: tasks.where.apply_async(countdown=0.01),
        lambda: tasks.where.apply_async(headers={"mine": "kept", "correlation_id": "mine"}),
        lambda: tasks.where.app.send_task("tests.celery.tasks.where"),
        lambda: signature("tests.celery.tasks.where").delay(),
    ],
    ids=["bound", "step on shared_task", "countdown", "headers", "send_task", "signature"],
)
def test_however_a_task_is_sent_it_has_the_id_and_the_parent(worker, operation, send):
    place = get(send())
    assert place["id"] == operation.correlation_id
    assert parent_of(place) == operation.id


def test_the_headers_that_a_caller_gives_stay_as_they_are(worker, operation):
    headers = {"mine": "kept"}
    get(tasks.where.apply_async(headers=headers))
    assert headers == {"mine": "kept"}


def test_a_task_that_nobody_sent_is_an_operation_of_its_own(worker):
    assert current() is None
    places = [get(tasks.where.delay()) for _ in range(2)]
    assert len({place["id"] for place in places}) == 2
    assert all(len(place["id"]) == 32 for place in places)
    assert places[0]["frames"][-1]["kind"] == "task"


@pytest.mark.parametrize("args", [("retrying",), ("autoretrying", 2)], ids=lambda args: args[0])
def test_each_retry_has_the_id_and_the_try_before_as_its_parent(worker, operation, args):
    name, *rest = args
    # Its result is not asked for: two processes write it, and that backend's files mix them up.
    result = getattr(tasks, name).delay(*rest)
    worker.wait_for("success", task_id=result.id)
    tries = worker.wait_for_all(3, "prerun", task_id=result.id)
    assert [each["id"] for each in tries] == [operation.correlation_id] * 3
    assert tries[0]["parent"] == operation.id
    assert all(later["parent"] == earlier["frame"] for earlier, later in pairwise(tries))
    retries = worker.wait_for_all(2, "retry", task_id=result.id)
    assert {each["frame"] for each in retries} == {each["frame"] for each in tries[:2]}


def test_the_tasks_of_a_chain_are_parents_in_turn_and_in_one_flow(worker, operation):
    last = chain(tasks.where.s(), tasks.where_bound.s(), tasks.plain.s())()
    places = [get(result) for result in (last.parent.parent, last.parent, last)]
    assert {place["id"] for place in places} == {operation.correlation_id}
    assert parent_of(places[0]) == operation.id
    assert parent_of(places[1]) == task_frame(places[0])
    assert parent_of(places[2]) == task_frame(places[1])
    assert [place["frames"][0]["name"] for place in places] == ["where", "where_bound", "plain"]
    assert [place["frames"][0]["kind"] for place in places] == ["entrypoint", "step", "step"]


def test_the_tasks_of_a_group_have_one_parent(worker, operation):
    places = get(group(tasks.where.s() for _ in range(3))())
    assert {place["id"] for place in places} == {operation.correlation_id}
    assert {parent_of(place) for place in places} == {operation.id}


def test_the_body_of_a_chord_has_the_id(worker, operation):
    result = chord([tasks.where.s(), tasks.where.s()])(tasks.where_bound.s())
    body = get(result)
    headers = get(result.parent)
    assert {place["id"] for place in [body, *headers]} == {operation.correlation_id}
    assert {parent_of(place) for place in headers} == {operation.id}


def test_a_link_has_the_task_before_as_its_parent(worker, operation):
    linked = tasks.where_bound.s()
    linked.freeze()
    first = get(tasks.where.apply_async(link=linked))
    place = get(tasks.where.app.AsyncResult(linked.id))
    assert place["id"] == operation.correlation_id
    assert parent_of(place) == task_frame(first)


def test_an_errback_has_the_failed_task_as_its_parent(worker, operation):
    result = tasks.failing.apply_async(link_error=tasks.errback.s())
    with pytest.raises(LookupError):
        get(result)
    failed = worker.wait_for("prerun", task_id=result.id)
    said = worker.wait_for("errback", id=operation.correlation_id)
    assert failed["frame"] in (said["frame"], said["parent"])


def test_a_replacement_has_the_task_that_it_replaces_as_its_parent(worker, operation):
    result = tasks.replaced.delay()
    place = get(result)
    assert place["id"] == operation.correlation_id
    replaced = worker.wait_for(
        "prerun", task="tests.celery.tasks.replaced", id=operation.correlation_id
    )
    assert parent_of(place) == replaced["frame"]


def test_a_task_that_starts_a_task_is_its_parent(worker, operation):
    outer = get(tasks.starting.delay())
    inner = get(tasks.where.app.AsyncResult(outer["started"]))
    assert inner["id"] == operation.correlation_id
    assert parent_of(inner) == outer["frames"][0]["id"]


def test_the_signals_of_success_and_failure_are_sent_in_the_frame(worker, operation):
    place = get(result := tasks.where.delay())
    assert worker.wait_for("success", task_id=result.id)["frame"] == task_frame(place)
    with pytest.raises(LookupError):
        get(result := tasks.failing.delay())
    failure = worker.wait_for("failure", task_id=result.id)
    assert failure["frame"] == worker.wait_for("prerun", task_id=result.id)["frame"]


@pytest.mark.parametrize("name", ["failing", "failing_unpicklably"])
def test_a_failing_task_dumps_its_trail_once(worker, operation, name):
    result = getattr(tasks, name).delay()
    with pytest.raises(Exception, match=r"in task|1"):
        get(result)
    worker.wait_for("postrun", task_id=result.id)
    (dump,) = worker.dumps(operation.correlation_id)
    last = dump[-1]
    assert last["event"] == "unhandled_exception"
    assert last["frame"]["name"] == f"tests.celery.tasks.{name}"
    assert last["context"] == {"task_id": result.id}
    mine = [each for each in dump[:-1] if each["context"] == {"task_id": result.id}]
    assert [each["event"] for each in mine] == ["about to fail"]
    assert "hunter2" not in str(dump)


@pytest.mark.parametrize(
    "name", ["retrying", "ignoring", "rejecting", "replaced", "failing_as_expected"]
)
def test_what_is_no_failure_dumps_nothing(worker, operation, name):
    result = getattr(tasks, name).delay()
    worker.wait_for("postrun", task_id=result.id)
    get(tasks.where.delay())
    assert worker.dumps(operation.correlation_id) == []


def test_two_operations_that_send_at_the_same_time_never_cross(worker):
    operations = [start(Site("request")) for _ in range(2)]
    sent = []
    for number in range(400):
        operation = operations[number % 2]
        token = attach(operation)
        sent.append((operation, tasks.where.apply_async()))
        detach(token)
    places = [(operation, get(result)) for operation, result in sent]
    assert all(place["id"] == operation.correlation_id for operation, place in places)
    assert all(parent_of(place) == operation.id for operation, place in places)
    assert len({task_frame(place) for _, place in places}) == 400
