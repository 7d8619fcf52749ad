"""Frames and scopes: what they hold, what they share, and that they do not change."""

from __future__ import annotations

import contextvars
import copy
import gc
import pickle
import uuid
import weakref
from collections import ChainMap
from types import MappingProxyType

import pytest

from corectx import (
    Site,
    attach,
    correlation_id,
    current,
    detach,
    enter,
    leave,
    scope,
    start,
    values,
)

TASK = Site("task", "import", flow="bom_sync")
STEP = Site("step", "parse")


def test_outside_of_any_frame_there_is_nothing():
    assert current() is None
    assert values() == {}
    assert correlation_id() is None


def test_scopes_merge_and_end():
    with scope(request_id="req-999", user="bob") as outer:
        assert values() == {"request_id": "req-999", "user": "bob"}
        with scope(user="eve", step="db") as inner:
            assert values() == {"request_id": "req-999", "user": "eve", "step": "db"}
            assert current() is inner
            assert inner.parent is outer
        assert values() == {"request_id": "req-999", "user": "bob"}
    assert values() == {}


def test_any_name_can_be_a_key():
    with scope(self=1, values=2, frame=3, **{"not a name": 4}):
        assert values() == {"self": 1, "values": 2, "frame": 3, "not a name": 4}


def test_a_scope_without_values_shares_those_around_it():
    with scope(order=7) as outer, scope() as inner:
        assert inner is not outer
        assert inner.values is outer.values


def test_values_cannot_be_changed():
    given = {"order": 7}
    with scope(**given):
        given["order"] = 8
        assert values() == {"order": 7}
        with pytest.raises(TypeError):
            values()["order"] = 8
    with pytest.raises(TypeError):
        values()["order"] = 8


def test_one_scope_serves_many_times_and_inside_itself():
    again = scope(order=7)
    with again as first:
        with again as second:
            assert second.parent is first
            assert values() == {"order": 7}
        assert current() is first
    assert current() is None
    with again as third:
        assert third is not first


def test_a_bare_scope_has_no_correlation_until_work_begins_in_it():
    with scope(order=7) as frame:
        assert correlation_id() is None
        task = start(TASK, parent=frame)
        token = enter(task)
        assert correlation_id() == task.correlation_id
        assert values() == {"order": 7}
        leave(token)
        assert correlation_id() is None


def test_an_operation_has_an_id_a_store_and_a_flow_that_its_parts_share():
    task = start(TASK, values={"order": 7})
    step = task.child(STEP, {"part": 1})
    assert (task.kind, task.name, task.flow, task.parent) == ("task", "import", "bom_sync", None)
    assert (step.kind, step.name, step.flow, step.parent) == ("step", "parse", "bom_sync", task)
    assert step.correlation_id == task.correlation_id
    assert step.store is task.store
    assert step.values == {"order": 7, "part": 1}
    assert task.values == {"order": 7}
    assert start(TASK).correlation_id != task.correlation_id
    assert start(TASK).store is not task.store


def test_a_site_may_begin_another_flow():
    task = start(TASK)
    assert task.child(Site("entrypoint", "sync", flow="parts")).flow == "parts"


def test_anything_with_the_three_attributes_is_a_site():
    class Step:
        kind, name, flow = "step", "parse", "bom_sync"

    assert start(Step()).name == "parse"
    assert start(Step).flow == "bom_sync"


def test_an_operation_takes_a_valid_id_from_outside():
    assert start(TASK, correlation_id="order-7").correlation_id == "order-7"


def test_a_uuid_is_an_id():
    given = uuid.uuid4()
    assert start(TASK, correlation_id=given).correlation_id == given.hex


def test_an_object_that_is_no_id_is_one_clear_error():
    with pytest.raises(TypeError, match="a text or a UUID, not an object of type 'int'"):
        start(TASK, correlation_id=7)


@pytest.mark.parametrize("value", ["", "a b", "x" * 129, "a\n"])
def test_an_operation_refuses_another_id(value):
    with pytest.raises(ValueError, match="A correlation ID is 1 to 128 characters") as caught:
        start(TASK, correlation_id=value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "given", [{"a": 1}, MappingProxyType({"a": 1}), ChainMap({"a": 1}, {"b": 2})], ids=type
)
def test_values_may_come_from_any_mapping(given):
    task = start(TASK, values=given)
    assert task.values == dict(given)
    assert task.child(STEP, given).values == dict(given)
    with scope(**given) as frame:
        assert frame.values == dict(given)


def test_a_repr_shows_no_values():
    secret = "s3cret"  # noqa: S105
    frame = start(TASK, values={"password": secret})
    for text in (repr(frame), repr(scope(password=secret)), str(frame.identity())):
        assert secret not in text
    assert repr(scope(a=1, b=2)) == "scope(a=..., b=...)"
    assert repr(frame) == (
        "<Frame kind='task' name='import' flow='bom_sync' "
        f"correlation_id={frame.correlation_id!r} id={frame.id!r}>"
    )
    assert repr(TASK) == "Site('task', 'import', flow='bom_sync')"


def test_a_frame_is_pickled_as_facts_and_copied_as_itself():
    frame = start(TASK, values={"secret": object()})
    assert pickle.loads(pickle.dumps(frame)) == frame.identity()  # noqa: S301 - our own
    assert copy.copy(frame) is frame
    assert copy.deepcopy([frame])[0] is frame


def test_attached_frames_nest():
    first, second = start(TASK), start(TASK)
    one = attach(first)
    two = attach(second)
    again = attach(first)
    nothing = attach(None)
    assert current() is None
    detach(nothing)
    assert current() is first
    detach(again)
    assert current() is second
    detach(two)
    assert current() is first
    detach(one)
    assert current() is None


def test_what_is_left_twice_is_left_once():
    task = start(TASK)
    token = enter(task)
    inner = enter(task.child(STEP))
    leave(inner)
    leave(inner)
    assert current() is task
    leave(token)
    leave(token)
    detach(token)
    assert current() is None


def test_work_that_is_entered_twice_is_no_trap():
    task = start(TASK)
    outer = enter(task)
    inner = enter(task)
    with scope(order=7):
        leave(outer)
    leave(inner)
    leave(outer)
    assert current() is None


def test_a_callback_that_schedules_itself_holds_on_to_no_earlier_run():
    # Each run begins in a copy of the context of the run before.
    def run(left):
        token = enter(start(TASK))
        seen.append(weakref.ref(Thing(token[0].store)))
        context = contextvars.copy_context()
        leave(token)
        return (context, left - 1) if left else None

    class Thing:
        def __init__(self, store):
            store["thing"] = self

    seen = []
    context, left = contextvars.copy_context(), 20
    while left:
        context, left = context.run(run, left)
    gc.collect()
    assert sum(reference() is not None for reference in seen) <= 2


def test_a_finished_operation_is_gone_without_the_garbage_collector():
    class Thing:
        pass

    gc.disable()
    try:
        thing = Thing()
        seen = weakref.ref(thing)
        token = enter(start(TASK, values={"thing": thing}))
        with scope(order=7):
            assert current().id
        leave(token)
        del token, thing
        assert seen() is None
    finally:
        gc.enable()
