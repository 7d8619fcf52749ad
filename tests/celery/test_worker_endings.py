"""Workers of Celery with a black box: children that come and go are no deaths, a kill is one."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress

import pytest

from statecrumbs._black_box import DeathNotices, UnreadableError, read
from tests.celery.conftest import PORTS, reachable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="worker pools of POSIX")

APP = """
import os, time
import statecrumbs, penstock.contrib.celery
from celery import Celery
from penstock import flow
url = "redis://127.0.0.1:6379/12"
app = Celery("shop", broker=url, backend=url)
app.conf.task_default_queue = os.environ["QUEUE"]
statecrumbs.enable(black_box="boxes", on_crash="none")
@flow("f")
@penstock.contrib.celery.flow_task(app=app)
def ok():
    statecrumbs.crumb("worked")
@flow("f")
@penstock.contrib.celery.flow_task(app=app, time_limit=2)
def hang(seconds):
    time.sleep(seconds)
"""
CALLER = """
import sys
sys.argv = ["caller"]
import statecrumbs
statecrumbs.enable = lambda **_: None
import shop
"""

POOLS = {
    "prefork": ["-P", "prefork", "-c", "2"],
    "prefork_one_task_a_child": ["-P", "prefork", "-c", "1", "--max-tasks-per-child", "1"],
    "threads": ["-P", "threads", "-c", "2"],
    "solo": ["-P", "solo"],
}


class Worker:
    """A worker that runs in a folder of its own, with a queue of its own."""

    def __init__(self, folder, options, **environment):
        if not reachable("redis"):
            pytest.skip(f"redis does not answer on 127.0.0.1:{PORTS['redis']}")
        (folder / "shop.py").write_text(APP)
        self.folder = folder
        self.boxes = folder / "boxes"
        self.environment = {
            **os.environ,
            "QUEUE": f"endings-{uuid.uuid4().hex}",
            "PYTHONPATH": str(folder),
            "PYTHONWARNINGS": "ignore",
            **environment,
        }
        command = [sys.executable, "-m", "celery", "-A", "shop", "worker", *options]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def call(self, source):
        return subprocess.run(
            [sys.executable, "-c", CALLER + source],
            cwd=self.folder,
            env=self.environment,
            check=True,
            timeout=50,
        )

    def verify(self, evidence):
        """Return what ``penstock verify`` says of each flow."""
        command = [sys.executable, "-m", "penstock", "--app", "shop", "verify", "--json", evidence]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            timeout=50,
            check=False,
        )
        return json.loads(done.stdout)

    def read(self):
        found = []
        for path in sorted(self.boxes.glob("*.crumbs")):
            with suppress(UnreadableError):
                found.append(read(path))
        return found

    def until(self, condition, seconds=50):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [box for box in self.read() if condition(box)]
            if found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"{self.read()}\n{(self.folder / 'log').read_text()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=50)

    def kill_all(self):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=50)


@pytest.fixture
def start_worker(tmp_path):
    workers = []

    def start(options, **environment):
        workers.append(Worker(tmp_path, options, **environment))
        return workers[0]

    yield start
    for worker in workers:
        worker.kill_all()


@pytest.mark.parametrize("options", POOLS.values(), ids=POOLS.keys())
def test_an_ordinary_stop_is_told_as_no_death_and_leaves_nothing_after_the_next_start(
    start_worker, options, caplog
):
    worker = start_worker(options)
    worker.call("for _ in range(5): shop.ok.delay().get(timeout=40)")
    worker.stop()
    assert [box.ending for box in worker.read() if box.in_flight] == []
    caplog.set_level(logging.INFO, "statecrumbs")
    for program in {box.process["program"] for box in worker.read()}:
        DeathNotices(worker.boxes, program, None, 30).log()
    assert [each.message for each in caplog.records if each.levelno > logging.INFO] == []
    assert list(worker.boxes.iterdir()) == []


def test_a_child_that_has_done_its_tasks_leaves_no_box_and_all_of_its_evidence(start_worker):
    worker = start_worker(POOLS["prefork_one_task_a_child"], PENSTOCK_OBSERVE="evidence")
    worker.call("for _ in range(5): shop.ok.delay().get(timeout=40)")
    worker.stop()
    assert all(box.ending != "gone" or not box.crumbs for box in worker.read())
    flow = worker.verify("evidence")["f"]
    assert {step["name"]: step["runs"] for step in flow["steps"]} == {"ok": 5, "hang": 0}


def test_a_cold_shutdown_names_the_task_that_it_ended(start_worker):
    worker = start_worker(POOLS["prefork"])
    worker.call("shop.hang.apply_async((60,), time_limit=60)")
    box = worker.until(lambda box: "shop.hang" in [row.get("name") for row in box.in_flight])
    worker.process.send_signal(signal.SIGQUIT)
    worker.process.wait(timeout=50)
    found = worker.until(lambda each: each.path == box.path and each.ending != "running")
    assert found.ending in ("exited", "gone")
    assert [row["name"] for row in found.in_flight] == ["shop.hang", "hang"]


@pytest.mark.parametrize(("pool", "seconds"), [("solo", 60), ("threads", 3)])
def test_a_cold_shutdown_of_a_pool_that_cannot_end_a_task_is_no_death(start_worker, pool, seconds):
    """The task of "solo" fails by Celery's handler of the signal; that of "threads" goes on."""
    worker = start_worker(POOLS[pool])
    worker.call(f"shop.hang.apply_async(({seconds},), time_limit=60)")
    worker.until(lambda box: "shop.hang" in [row.get("name") for row in box.in_flight])
    worker.process.send_signal(signal.SIGQUIT)
    worker.process.wait(timeout=50)
    assert [box.ending for box in worker.read() if box.in_flight] == []


def test_a_child_that_is_killed_names_its_task(start_worker):
    worker = start_worker(POOLS["prefork"])
    worker.call("shop.hang.apply_async((60,), time_limit=60)")
    box = worker.until(lambda box: any(row.get("name") == "shop.hang" for row in box.in_flight))
    os.kill(box.process["pid"], signal.SIGKILL)
    found = worker.until(lambda each: each.path == box.path and each.ending == "gone")
    assert found.in_flight[0]["kind"] == "task"


def test_a_hard_time_limit_names_the_task_that_it_ended(start_worker):
    worker = start_worker(POOLS["prefork"])
    worker.call("shop.hang.delay(60)")
    # billiard sends SIGTERM, whose handler raises SystemExit, and then SIGKILL.
    box = worker.until(lambda box: box.ending in ("exited", "gone") and box.in_flight)
    assert "shop.hang" in [row["name"] for row in box.in_flight]
