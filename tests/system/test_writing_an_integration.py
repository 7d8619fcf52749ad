"""The integration in docs/writing-an-integration.md works, and needs only doors."""

from __future__ import annotations

import importlib
import sys

import pytest

from corectx import current, subscribe
from penstock.testing import captured_steps, isolated_registry
from statecrumbs import crumb
from statecrumbs.testing import captured_crumbs
from tests.system import house, readme

PAGE = readme.ROOT / "docs" / "writing-an-integration.md"


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Write the files of the page; return them by name. The framework and the program are fresh."""
    for section in readme.sections_of(PAGE):
        for block in section.blocks:
            if block.file is not None:
                (tmp_path / block.file).write_text(block.text)
    paths = {path.stem: path for path in tmp_path.glob("*.py")}
    assert set(paths) == {"ferry", "penstock_ferry", "shop"}
    monkeypatch.syspath_prepend(tmp_path)
    yield paths
    for name in paths:
        sys.modules.pop(name, None)


@pytest.fixture
def shop(modules):
    with isolated_registry():
        yield importlib.import_module("shop")


def test_it_imports_public_names_and_doors_only(modules):
    doors = {"corectx", "corectx.lowlevel", "penstock.lowlevel"}
    doors |= {"statecrumbs", "statecrumbs.lowlevel"}
    imported = {name for name, _ in house.imports("penstock_ferry", modules["penstock_ferry"], {})}
    assert imported == doors | {"ferry"}


def work_all(ferry):
    while ferry.queue:
        ferry.work()


def test_a_job_that_a_job_sends_is_in_the_same_operation(shop):
    shop.attempts.append("before")  # then it is not deferred
    with captured_steps() as ran:
        shop.ferry.send("pay", 4711)
        work_all(shop.ferry)
    assert ran.names() == ["pay", "ship"]
    assert len({step.frame.correlation_id for step in ran.calls}) == 1
    assert current() is None


def test_two_jobs_in_one_worker_share_nothing(shop):
    frames = []

    class Observer:
        def entered(self, frame):
            if frame.kind == "task":
                frames.append(frame)

    unsubscribe = subscribe(Observer())
    shop.attempts.append("before")
    for order in (1, 2):
        shop.ferry.send("pay", order)
    shop.ferry.work()
    unsubscribe()
    first, second = frames
    assert first.correlation_id != second.correlation_id
    assert first.flow == second.flow == "orders"
    shop.ferry.queue.clear()


def test_a_deferred_job_has_not_failed(shop):
    heard = []

    class Observer:
        def left(self, frame, exc):
            heard.append((frame.name, exc))

    unsubscribe = subscribe(Observer())
    shop.ferry.send("ship", 4711)
    shop.ferry.work()
    unsubscribe()
    assert heard == [("ship", None)]
    assert len(shop.ferry.queue) == 1
    shop.ferry.queue.clear()


@pytest.mark.parametrize("headers", [{}, {"corectx": "nonsense", "statecrumbs": "[["}])
def test_a_job_with_the_headers_of_others_runs_with_a_new_id(shop, headers):
    shop.attempts.append("before")
    shop.ferry.send("pay", 4711)
    (job,) = shop.ferry.queue
    job.headers = headers
    with captured_crumbs() as crumbs:
        crumb("outside")
        shop.ferry.work()
    paying = crumbs.crumbs[-1]
    assert (paying["event"], paying["frame"]["flow"]) == ("paying", "orders")
    assert len(paying["frame"]["correlation_id"]) == 32
    shop.ferry.queue.clear()
