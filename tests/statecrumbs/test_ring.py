"""`Ring`: the last records of all threads, also where each thread has a ring of its own."""

from __future__ import annotations

import threading
from collections import deque

import pytest

from statecrumbs import _ring
from statecrumbs._ring import Ring, copied


def record(time_ns, event="it"):
    return (time_ns, event, {}, ({}, {}), "MainThread")


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.fixture(params=[True, False], ids=["shared", "one for each thread"])
def make_ring(request):
    return lambda *args, **options: Ring(*args, is_shared=request.param, **options)


def test_the_last_records_of_all_threads_come_in_time_order(make_ring):
    ring = make_ring(4)
    here = ring.join()
    there = threading.Event(), threading.Event()

    def record_in_between():
        member = ring.join()
        member.append(record(2))
        there[0].set()
        there[1].wait()
        member.append(record(4))

    here.append(record(1))
    thread = threading.Thread(target=record_in_between)
    thread.start()
    there[0].wait()
    here.append(record(3))
    there[1].set()
    thread.join()
    here.append(record(5))
    assert [each[0] for each in ring.records()] == [2, 3, 4, 5]


def test_the_records_of_one_thread_keep_their_order_when_the_clock_is_set_back():
    ring = Ring(10, is_shared=False)
    here = ring.join()
    in_a_thread(lambda: ring.join().append(record(60)))
    for time_ns in (50, 70, 10, 80):
        here.append(record(time_ns))
    assert [each[0] for each in ring.records()] == [50, 60, 70, 10, 80]


def test_what_ended_threads_recorded_stays(make_ring):
    ring = make_ring(5)
    for number in range(200):
        in_a_thread(lambda number=number: ring.join().append(record(number)))
    assert [each[0] for each in ring.records()] == [195, 196, 197, 198, 199]


def test_rings_of_ended_threads_do_not_pile_up():
    ring = Ring(5, is_shared=False)
    here = ring.join()
    for number in range(300):
        in_a_thread(lambda number=number: ring.join().append(record(number)))
    assert len(ring._threads) < 100
    here.append(record(300))
    assert ring.records()[-1][0] == 300


def test_a_record_that_was_there_at_the_beginning_is_the_oldest(make_ring):
    ring = make_ring(3, [record(1), record(2)])
    ring.join().append(record(3))
    ring.join().append(record(4))
    assert [each[0] for each in ring.records()] == [2, 3, 4]


def test_without_a_bound_nothing_is_dropped(make_ring):
    ring = make_ring(None)
    here = ring.join()
    for number in range(1000):
        here.append(record(number))
    assert len(ring.records()) == 1000


def test_the_records_outside_of_frames_are_counted_over_all_threads(make_ring):
    ring = make_ring(3, unframed=4)
    for _ in range(100):
        in_a_thread(lambda: next(ring.join().ticks))
    assert ring.unframed() == 104
    ring.clear()
    assert ring.unframed() == 0


def test_clearing_forgets_the_records_of_all_threads(make_ring):
    ring = make_ring(3, [record(1)])
    here = ring.join()
    here.append(record(2))
    in_a_thread(lambda: ring.join().append(record(3)))
    ring.clear()
    assert ring.records() == []
    here.append(record(4))
    assert [each[0] for each in ring.records()] == [4]


def test_a_copy_that_others_cannot_disturb_has_all(monkeypatch):
    monkeypatch.setattr(_ring, "_IS_COPY_ATOMIC", False)
    assert copied(deque(maxlen=5)) == []
    assert [each[0] for each in copied(deque(map(record, range(3)), 5))] == [0, 1, 2]
