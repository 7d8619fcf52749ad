"""The promises of a trail: nothing is lost or told twice when its room changes."""

from __future__ import annotations

import contextlib
import gc
import sys

import pytest

import statecrumbs
from corectx import Site, attach, detach, start
from statecrumbs import _trail, crumb, trail
from statecrumbs._crumb import NOWHERE
from statecrumbs._recorder import exchange_ring
from statecrumbs._ring import Ring
from statecrumbs._trail import KEPT, Trail, trail_of
from statecrumbs.context import context

SITE = Site("task", "one_of_many")


@pytest.fixture(autouse=True)
def options_and_ring():
    before = exchange_ring(Ring(50))
    yield
    statecrumbs.disable()
    exchange_ring(before)


def record(frame, number):
    token = attach(frame)
    crumb("tick", number=number)
    detach(token)


def numbers(frame):
    token = attach(frame)
    try:
        return [int(each["number"]) for each in trail()]
    finally:
        detach(token)


def test_frames_of_one_operation_share_its_room_as_it_grows():
    with context(request=1):
        for number in range(0, 90, 3):
            crumb("tick", number=number)
            with context(step=2):
                crumb("tick", number=number + 1)
                crumb("tick", number=number + 2)
        assert [int(each["number"]) for each in trail()] == list(range(90))


def test_an_outer_frame_records_after_its_operation_was_cut():
    outer = start(SITE)
    inner = outer.child(Site("step", "inside"))
    record(outer, 0)
    for number in range(1, 40):
        record(inner, number)
    trail_of(outer).cut(KEPT)
    record(outer, 40)
    record(inner, 41)
    assert numbers(outer) == [37, 38, 39, 40, 41]
    assert trail_of(outer).recorded() == 42


def tick(lease, record):
    """Append `record` as a thread does that found the `lease`; tell whether it has ended."""
    records, ticks, *_ = lease
    records.append(record)
    return next(ticks, None) is None


def a_record(number):
    return number, "tick", {}, NOWHERE, "MainThread"


def test_a_crumb_that_comes_while_another_thread_cuts_is_kept_once():
    of_all = Trail(100)
    records = [a_record(number) for number in range(20)]
    lease = of_all.lease
    for each in records[:10]:
        assert not tick(lease, each)
    lease[0].append(records[10])  # before the cut, and its tick after it
    of_all.cut(8)
    assert next(lease[1], None) is None
    of_all.renew(lease[1], records[10])
    assert list(of_all.records) == records[3:11]
    assert tick(lease, records[11])  # all of it after the cut
    of_all.renew(lease[1], records[11])
    assert list(of_all.records)[-2:] == records[10:12]
    assert of_all.recorded() == 12


@pytest.mark.parametrize("moment", ["weighs", "has copied", "publishes"])
def test_a_crumb_of_a_signal_handler_in_the_middle_of_a_renewal_is_kept_once(moment):
    of_all = Trail(100)
    records = [a_record(number) for number in range(120)]
    for each in records[:8]:
        tick(of_all.lease, each)
    of_all.cut(KEPT)
    lease = of_all.lease  # in which all crumbs are replaced some times; the next has another deque

    def handle_signal():
        patch.undo()  # only once
        assert tick(lease, records[-1])
        of_all.renew(lease[1], records[-1])

    patch = pytest.MonkeyPatch()
    if moment == "weighs":
        patch.setattr(Trail, "weigh", lambda _: handle_signal())
    else:
        name = "copied" if moment == "has copied" else "_lease"
        function = getattr(_trail, name)

        def call(*arguments):
            found = function(*arguments)
            handle_signal()
            return found

        patch.setattr(_trail, name, call)
    for each in records[8:-1]:
        if tick(of_all.lease, each):
            of_all.renew(of_all.lease[1], each)
    kept = sorted(of_all.records)
    assert kept == records[-len(kept) :]
    assert len(kept) > 30
    assert of_all.recorded() == 120


def test_an_exception_of_a_signal_handler_in_a_renewal_ends_no_trail(monkeypatch):
    of_all = Trail(100)
    of_all.cut(KEPT)
    with monkeypatch.context() as patch:
        patch.setattr("statecrumbs._trail.repeat", lambda *_: 1 / 0)
        for number in range(6):
            each = a_record(number)
            if tick(of_all.lease, each):
                with pytest.raises(ZeroDivisionError):
                    of_all.renew(of_all.lease[1], each)
    for number in range(6, 30):
        each = a_record(number)
        if tick(of_all.lease, each):
            of_all.renew(of_all.lease[1], each)
    assert list(of_all.records) == [a_record(number) for number in range(30)]


def test_many_operations_with_few_crumbs_are_never_surveyed():
    """A survey looks at each of them: 20 of them made a new operation ten times as expensive."""
    statecrumbs.enable(on_crash="none")
    frames = [start(SITE) for _ in range(5_000)]
    record(frames[0], 0)
    lease = trail_of(frames[0]).lease
    for number in range(1, 4):
        for frame in frames:
            record(frame, number)
    assert trail_of(frames[0]).lease is lease
    assert numbers(frames[0]) == [0, 1, 2, 3]


def test_when_there_are_fewer_operations_trails_grow_again():
    statecrumbs.enable(on_crash="none", max_trails_bytes=2**20)
    frames = [start(SITE) for _ in range(400)]
    for number in range(100):
        for frame in frames:
            record(frame, number)
    survivor = frames.pop()
    kept = len(numbers(survivor))
    assert KEPT <= kept < 20
    del frame
    frames.clear()
    for number in range(100, 2_000):
        record(survivor, number)
    assert numbers(survivor) == list(range(1_900, 2_000))


def test_a_trail_whose_making_a_signal_handler_ended_goes_without_a_word(monkeypatch):
    def time_out():
        raise TimeoutError

    failures = []
    another = Trail(100)
    monkeypatch.setattr(sys, "unraisablehook", failures.append)
    monkeypatch.setattr(_trail._Survey, "first_room", time_out)
    with contextlib.suppress(TimeoutError):
        Trail(100)
    gc.collect()
    assert failures == []
    assert another.recorded() == 0
