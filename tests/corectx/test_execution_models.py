"""One contract, under every way in which Python runs a function."""

from __future__ import annotations

import gc

import pytest

from corectx import Site, current, enter, failed_frame, leave, scope, start
from tests.corectx import work
from tests.corectx.execution_models import ACROSS_PROCESSES, ALLOWED, MODELS, SWALLOWING

TASK = Site("task", "import", flow="bom_sync")


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    """Return the name of one execution model and its `call`."""
    with MODELS[request.param]() as call:
        yield request.param, call


@pytest.fixture
def ambient():
    """Be inside a task, inside a scope; return what is seen from there."""
    token = enter(start(TASK))
    with scope(order=7, customer="bob"):
        yield work.look()
    leave(token)


def reaches(model: str, ambient: work.Seen) -> work.Seen:
    """Return what of `ambient` a model hands over."""
    if model not in ACROSS_PROCESSES:
        return ambient
    return ambient._replace(values={ALLOWED: ambient.values[ALLOWED]})


def without_own(seen: work.Seen) -> work.Seen:
    """Take away the values that generator bodies of the models have of their own."""
    own = ("generator", "held")
    return seen._replace(values={k: v for k, v in seen.values.items() if k not in own})


def test_the_work_sees_the_frame_of_whoever_started_it(model, ambient):
    name, call = model
    before = current()
    assert without_own(call(work.look)) == reaches(name, ambient)
    assert current() is before


def test_the_work_sees_nothing_where_nothing_was_ambient(model):
    _, call = model
    assert without_own(call(work.look)) == work.NOTHING


def test_the_next_work_does_not_see_the_frame_of_the_last(model):
    _, call = model
    for order in (1, 2):
        token = enter(start(TASK, values={"order": order}))
        assert call(work.look).values["order"] == order
        leave(token)
    assert without_own(call(work.look)) == work.NOTHING


def test_a_scope_inside_the_work_ends_inside_the_work(model, ambient):
    name, call = model
    before, inside, after = call(work.look_in_a_scope)
    assert inside == before._replace(values={**before.values, "inner": "yes"})
    assert after == before
    assert without_own(before) == reaches(name, ambient)


def test_what_the_work_leaves_suspended_is_gone_once_it_is_collected(model, ambient):
    name, call = model
    if name in ACROSS_PROCESSES:
        return  # a generator cannot be sent back
    before = current()
    kept = call(work.leave_a_generator_suspended)
    with scope(later="yes"):
        kept.clear()
        gc.collect()
        assert work.look().values["later"] == "yes"
    assert current() is before


def test_what_the_work_raises_keeps_its_frame(model, ambient):
    name, call = model
    if name in SWALLOWING:
        return  # nobody gets the exception
    before = current()
    with pytest.raises(ValueError, match="broken") as caught:
        call(work.fail)
    frame = failed_frame(caught.value)
    assert (frame.name, frame.flow, frame.correlation_id) == (
        "parse",
        "bom_sync",
        ambient.correlation_id,
    )
    assert current() is before
