"""A signal handler's exception reaches the program, wherever it interrupts our code."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import weakref

import pytest

from corectx import subscribe
from statecrumbs import crumb
from statecrumbs.logging import CrumbHandler
from statecrumbs.testing import captured_crumbs
from tests.statecrumbs.black_boxes import finish, start

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="POSIX only: SIGALRM")


@pytest.fixture(params=[TimeoutError(), SystemExit(3)], ids=repr)
def error(request):
    """The exception that the handler of SIGALRM raises."""

    def handle(number, frame):
        raise request.param

    earlier = signal.signal(signal.SIGALRM, handle)
    yield type(request.param)
    signal.signal(signal.SIGALRM, earlier)


def arrive(*_):
    signal.raise_signal(signal.SIGALRM)


class Interrupted:
    def __repr__(self):
        arrive()

    __str__ = __repr__


class InterruptedText(str):
    __slots__ = ()

    def __hash__(self):
        arrive()
        return 0


@pytest.mark.parametrize(
    "record",
    [
        lambda: crumb("paid", order=Interrupted()),
        lambda: crumb("paid", orders=[{"order": Interrupted()}]),
        lambda: crumb(InterruptedText("paid")),
        lambda: CrumbHandler().emit(logging.makeLogRecord({"msg": Interrupted()})),
        lambda: CrumbHandler().emit(
            logging.makeLogRecord({"msg": "paid %s", "args": Interrupted()})
        ),
    ],
    ids=["value", "nested", "event", "message", "argument"],
)
def test_passes_where_the_code_of_a_value_is_interrupted(error, record):
    with captured_crumbs() as captured:
        with pytest.raises(error):
            record()
        crumb("after")
    assert captured.events[-1] == "after"


def test_what_passes_keeps_no_object_of_the_program_alive():
    def handle(_number, _frame):
        raise TimeoutError

    class Order:
        def __repr__(self):
            arrive()
            return "order"

    order = Order()
    known = weakref.ref(order)
    earlier = signal.signal(signal.SIGALRM, handle)
    gc.disable()
    try:
        with captured_crumbs(), contextlib.suppress(TimeoutError):
            crumb("paid", order=order)
        del order
        assert known() is None
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, earlier)


@pytest.mark.parametrize("event", ["known", "seen for the first time"])
def test_passes_where_recording_itself_is_interrupted(error, event):
    with captured_crumbs() as captured:
        crumb("known", order=7)
        end = subscribe(type("Observer", (), {"crumb": arrive})())
        with pytest.raises(error):
            crumb(event, order=7)
        end()
        crumb("after")
    assert captured.events[-1] == "after"


def test_a_time_limit_ends_a_program_that_does_nothing_but_record(tmp_path):
    """Celery's soft time limit is such an exception; here it arrives at a random moment, often."""
    program, reading = start(
        tmp_path,
        """
        import random, statecrumbs
        class Over(Exception): ...
        def over(*_):
            raise Over
        signal.signal(signal.SIGALRM, over)
        statecrumbs.enable(black_box=directory, on_crash="none")
        ended = 0
        for _ in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0005, 0.005), 0)
                end = time.monotonic() + 20
                while time.monotonic() < end:
                    for number in range(100):
                        statecrumbs.crumb("tick", number=number, more=[number])
            except Over:
                ended += 1
            else:
                break
        os.write(report, b"%d" % ended)
        """,
    )
    assert finish(program, reading)[:2] == (0, b"200")
