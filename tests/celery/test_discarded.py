"""Tasks that are revoked, expire or are terminated have their ID to the end."""

from __future__ import annotations

import uuid

import pytest

from tests.celery import tasks
from tests.celery.conftest import running
from tests.celery.workers import PATIENCE

pytestmark = pytest.mark.timeout(120)

RUN = "tests.celery.tasks.where"


def test_the_log_of_a_discarded_task_has_its_id(operation):
    options = {"logs": True}
    with running("solo", "filesystem", "-l", "info", **options) as (started, _):
        result = tasks.where.apply_async(expires=-1)
        logged = started.wait_for("log", message=f"Discarding revoked task: {RUN}[{result.id}]")
    assert logged["id"] == operation.correlation_id


def test_a_task_that_is_terminated_has_its_id(operation):
    options = {"worker_enable_remote_control": True}
    with running("prefork", "redis", **options) as (started, app):
        result = tasks.hanging.apply_async()
        started.wait_for("prerun", task_id=result.id)
        app.control.revoke(result.id, terminate=True)
        revoked = started.wait_for("revoked", task_id=result.id)
    assert (revoked["id"], revoked["terminated"]) == (operation.correlation_id, True)


def test_a_task_that_was_revoked_has_its_id(operation):
    options = {"worker_enable_remote_control": True}
    with running("solo", "redis", **options) as (started, app):
        # Redis drops a message to all workers that comes before they listen. A worker says that it
        # is ready, and listens only then.
        started.wait_for("prerun", task_id=tasks.where.delay().id)
        task_id = uuid.uuid4().hex
        assert app.control.revoke(task_id, reply=True, timeout=PATIENCE, limit=1)
        tasks.where.apply_async(task_id=task_id)
        revoked = started.wait_for("revoked", task_id=task_id)
    assert revoked["id"] == operation.correlation_id
    assert not revoked["terminated"]


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_receivers_of_the_end_of_a_task_see_its_id(operation, pool):
    with running(pool) as (started, _):
        result = tasks.where.delay()
        ended = started.wait_for("postrun", task_id=result.id)
    assert (ended["id"], ended["parent"]) == (operation.correlation_id, operation.id)
