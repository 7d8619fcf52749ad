"""How tasks end that cannot tell it themselves, what of their sender travels, and beat."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
from billiard.exceptions import WorkerLostError
from celery.exceptions import TimeLimitExceeded
from kombu.exceptions import OperationalError

import penstock_celery
from corectx import current, scope
from statecrumbs import crumb
from statecrumbs._process import host_name
from statecrumbs._senders import senders, token_of
from tests.celery import tasks
from tests.celery.app import make_app
from tests.celery.conftest import running
from tests.celery.test_workers import get
from tests.celery.workers import ROOT
from tests.statecrumbs.dump_schema import check_dump

pytestmark = pytest.mark.timeout(120)

TRAVELS = {"crumbs": 3, "values": ["tenant"]}


@pytest.fixture(scope="module")
def worker():
    with running("prefork", penstock=TRAVELS, worker_lost_wait=0.01) as (started, _):
        penstock_celery.configure(**TRAVELS)
        yield started
        penstock_celery.configure(crumbs=0, values=())


def test_the_dump_of_a_task_names_the_process_that_sent_it(worker, operation):
    senders.watch()
    try:
        result = tasks.failing.delay()
    finally:
        senders.unwatch()
    with pytest.raises(Exception, match="in task"):
        get(result)
    worker.wait_for("postrun", task_id=result.id)
    (dump,) = worker.dumps(operation.correlation_id)
    check_dump(dump)
    assert dump[-1]["received"]["sender"] == token_of(f"{os.getpid()}@{host_name()}")


@pytest.mark.parametrize(
    ("task", "options", "error"),
    [
        ("hanging", {"time_limit": 0.3}, TimeLimitExceeded),
        ("dying", {}, WorkerLostError),
    ],
    ids=["hard time limit", "kill -9"],
)
def test_a_task_whose_process_is_killed_is_dumped_once_by_the_main_process(
    worker, operation, task, options, error
):
    crumb("asked for", order=1)
    result = getattr(tasks, task).apply_async(link_error=tasks.errback.s(), **options)
    with pytest.raises(error):
        get(result)
    failed = worker.wait_for("failure", task_id=result.id, exception=error.__name__)
    assert failed["id"] == operation.correlation_id
    assert failed["parent"] == operation.id
    assert failed["pid"] == worker.pid
    assert worker.wait_for("errback", id=operation.correlation_id)
    get(tasks.where.delay())
    (dump,) = worker.dumps(operation.correlation_id)
    check_dump(dump)
    assert dump[0]["event"] == "asked for"
    assert dump[-1]["exception"]["type"].endswith(error.__name__)
    assert dump[-1]["context"] == {"task_id": result.id}
    assert dump[-1]["frame"]["name"] == f"tests.celery.tasks.{task}"
    assert dump[-1]["process"]["pid"] == failed["pid"]


def test_the_crumbs_of_the_sender_are_shown_first_and_say_where_they_came_from(worker, operation):
    for number in range(5):
        crumb("in the web process", number=number, password="hunter2")  # noqa: S106
    result = tasks.passing_on.delay()
    failing = get(result)
    worker.wait_for("postrun", task_id=failing)
    (dump,) = worker.dumps(operation.correlation_id)
    check_dump(dump)
    pid = worker.wait_for("prerun", task_id=result.id)["pid"]
    assert [(each["event"], each["frame"].get("origin")) for each in dump[:2]] == [
        ("in the web process", f"{os.getpid()}@{platform.node()}")
    ] * 2
    mine = [each for each in dump if each["frame"]["correlation_id"] == operation.correlation_id]
    assert [each["event"] for each in mine[2:]] == [
        *("passed on", "about to fail", "unhandled_exception")
    ]
    # One child may have run both tasks; then it need not be told of its own crumb.
    same = worker.wait_for("prerun", task_id=failing)["pid"] == pid
    assert mine[2]["frame"].get("origin") == (None if same else f"{pid}@{platform.node()}")
    assert [each["number"] for each in dump[:2]] == ["3", "4"]
    assert dump[0]["password"] == "[redacted]"  # noqa: S105
    assert dump[0]["frame"]["name"] == "GET /orders"
    assert list(dump[0])[:4] == ["event", "ts", "thread", "frame"]


def test_a_task_that_expired_is_discarded_with_its_id(worker, operation):
    result = tasks.where.apply_async(expires=-1)
    revoked = worker.wait_for("revoked", task_id=result.id)
    assert (revoked["id"], revoked["parent"]) == (operation.correlation_id, operation.id)
    assert revoked["expired"] is True


def test_only_the_allowed_values_travel(worker, operation):
    with scope(tenant="acme", user="ann"):
        result = tasks.where.delay()
    place = get(result)
    assert place["values"] == {"tenant": "acme", "task_id": result.id}


def test_each_run_that_beat_sends_is_an_operation_of_its_own(worker, tmp_path):
    facts = {"task": "tests.celery.tasks.where", "parent": None}
    before = len(worker.said("prerun", **facts))
    beat = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", BEAT, str(tmp_path / "schedule")],
        cwd=ROOT,
        env={**os.environ, "TEST_BEAT": worker.config},
        stderr=subprocess.PIPE,
    )
    runs = worker.wait_for_all(before + 3, "prerun", **facts)
    beat.terminate()
    _, said = beat.communicate(timeout=60)
    assert beat.returncode == 0, said
    assert len({run["id"] for run in runs}) == len(runs)


BEAT = """
import json, os, sys
from tests.celery.app import make_app
app = make_app(json.loads(os.environ["TEST_BEAT"]))
app.conf.beat_schedule = {"often": {"task": "tests.celery.tasks.where", "schedule": 0.05}}
app.conf.beat_max_loop_interval = 0.05
app.Beat(schedule=sys.argv[1], loglevel="WARNING", quiet=True).run()
"""


def test_a_broker_that_is_down_leaves_the_callers_frame_as_it_was(operation):
    at_once = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    app = make_app(
        {
            "broker_url": "amqp://127.0.0.1:1//",
            "broker_transport_options": at_once,
            "task_publish_retry": False,
        }
    )
    headers = {"mine": "kept"}
    with pytest.raises(OperationalError):
        app.send_task("tests.celery.tasks.where", headers=headers)
    assert current() is operation
    assert headers == {"mine": "kept"}
    app.close()
