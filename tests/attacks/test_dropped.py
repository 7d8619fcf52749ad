"""Work that is suspended and dropped never crashes the interpreter, whenever it is collected."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import sys

import pytest

import corectx
from corectx import current, scope
from corectx.lowlevel import run_finalizer
from tests.attacks import dropped, interpreters

INTERPRETERS = interpreters.found()
THRESHOLDS = (7, 13, 700, 5, 11)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", dropped.KINDS)
@pytest.mark.parametrize("version", INTERPRETERS)
def test_the_collector_may_end_it_at_any_moment(version, kind, attacks):
    for threshold in (THRESHOLDS * attacks)[: attacks + 1]:
        done = interpreters.run(
            INTERPRETERS[version],
            *("-m", "tests.attacks.dropped", kind, str(threshold), str(3000 * attacks)),
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", ""), threshold


class Knot:
    """An object that only the cyclic collector ends; then it calls `function`."""

    def __init__(self, function):
        self.me = self
        self.function = function

    def __del__(self):
        self.function()


def collect(function):
    """Call `function` in a finalizer."""
    gc.collect()
    Knot(function)
    gc.collect()


@pytest.fixture(autouse=True)
def nothing_stays_current():
    token = corectx.attach(None)
    yield
    corectx.detach(token)


def test_a_finalizer_of_ours_may_set_context_variables():
    variable = contextvars.ContextVar("variable", default="before")
    seen = []

    def finish(value):
        variable.set(value)
        with scope(order=7):
            seen.append((variable.get(), dict(corectx.values())))

    collect(lambda: run_finalizer(finish, "after"))
    run_finalizer(seen.append, "called at once outside of the collector")
    assert seen == [("after", {"order": 7}), "called at once outside of the collector"]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.11 or older: has the fault")
def test_a_frame_that_a_finalizer_opens_is_not_current_there():
    seen = []

    def finish():
        with scope(order=7) as frame:
            seen.append((frame.values["order"], current()))

    collect(finish)
    assert seen == [(7, None)]


def test_the_body_of_a_collected_generator_ends_in_its_own_frame():
    seen = []

    @scope(order=7)
    def body():
        try:
            yield
        finally:
            seen.append(dict(corectx.values()))

    class Holding(Knot):
        pass

    knot = Holding(lambda: None)
    knot.generator = body()
    next(knot.generator)
    with scope(order="of another"):
        del knot
        gc.collect()
        assert dict(corectx.values()) == {"order": "of another"}
    assert seen == [{"order": 7}]


def test_observers_hear_of_the_end_of_collected_work():
    heard = []

    class Observer:
        def left(self, frame, exc):
            heard.append((frame.values["order"], current() is frame, exc))

    @scope(order=7)
    def body():
        yield

    knot = Knot(lambda: None)
    knot.generator = body()
    next(knot.generator)
    with contextlib.ExitStack() as stack:
        stack.callback(corectx.subscribe(Observer()))
        del knot
        gc.collect()
    assert heard == [(7, True, None)]
