"""`subscribe`: observers hear of every frame, and cannot break the program."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import signal
import threading
import weakref
from types import SimpleNamespace
from unittest import mock

import pytest

from corectx import Site, _failures, _observers, current, enter, leave, scope, start, subscribe
from corectx._observers import notify_entered, notify_left
from corectx.lowlevel import (
    around,
    listeners,
    notify_crumb,
    notify_ending,
    notify_renamed,
    treat_as_control_flow,
    when_listeners_change,
)

TASK = Site("task", "import")


class Diary:
    """An observer that notes what it hears."""

    def __init__(self):
        self.heard = []

    def entered(self, frame):
        self.heard.append(("entered", frame, current() is frame))

    def left(self, frame, exc):
        self.heard.append(("left", frame, exc))

    def crumb(self, *crumb):
        self.heard.append(("crumb", *crumb))

    def take(self):
        heard, self.heard = self.heard, []
        return heard


@pytest.fixture
def diary():
    observer = Diary()
    unsubscribe = subscribe(observer)
    yield observer
    unsubscribe()


def test_an_observer_hears_of_scopes_and_work_while_they_are_current(diary):
    with scope(order=7) as frame:
        task = start(TASK)
        leave(enter(task))
    assert diary.take() == [
        ("entered", frame, True),
        ("entered", task, True),
        ("left", task, None),
        ("left", frame, None),
    ]


def test_an_observer_hears_of_the_failure(diary):
    with pytest.raises(ValueError) as caught, scope(order=7) as frame:
        raise ValueError("broken")
    assert diary.take()[1] == ("left", frame, caught.value)


def function(error=None):
    if error:
        raise error


async def coroutine(error=None):
    await asyncio.sleep(0)
    function(error)


def generator(error=None):
    yield 1
    function(error)


async def async_generator(error=None):
    yield 1
    function(error)


async def exhaust(iterator):
    async for _ in iterator:
        pass


KINDS = {
    function: lambda called: called,
    coroutine: asyncio.run,
    generator: list,
    async_generator: lambda iterator: asyncio.run(exhaust(iterator)),
}


def decorated(kind):
    """Return a frame and a function of some kind that runs in it and fails on request."""
    frame = start(TASK)
    inside = around(kind, lambda: frame)
    return frame, lambda error=None: KINDS[kind](inside(error))


@pytest.mark.parametrize("kind", KINDS)
def test_an_observer_hears_of_decorated_calls(kind, diary):
    frame, run = decorated(kind)
    run()
    assert diary.take() == [("entered", frame, True), ("left", frame, None)]
    error = ValueError("broken")
    with pytest.raises(ValueError):
        run(error)
    assert diary.take()[1] == ("left", frame, error)


def test_that_a_generator_was_closed_is_no_failure(diary):
    @scope(step="on")
    def body():
        with scope(order=7):
            yield

    generator = body()
    next(generator)
    generator.close()
    assert [event[0] for event in diary.heard] == ["entered", "entered", "left", "left"]
    assert [event[2] for event in diary.take()[2:]] == [None, None]


def test_what_a_framework_raises_to_end_work_is_no_failure_once_that_is_told(diary, monkeypatch):
    monkeypatch.setattr(_failures, "_added", {})

    class Retry(Exception):  # noqa: N818 - as frameworks name it
        pass

    def heard():
        with pytest.raises(Retry), scope():
            raise Retry
        return diary.take()[-1][2]

    assert isinstance(heard(), Retry)
    treat_as_control_flow(Retry)
    treat_as_control_flow(Retry)
    assert heard() is None


def test_an_exception_whose_class_raises_when_it_is_asked_passes_as_it_is(diary):
    class PretendingError(Exception):
        @property
        def __class__(self):
            raise ValueError

    with pytest.raises(PretendingError), scope():
        raise PretendingError
    assert type(diary.take()[-1][2]) is PretendingError


def test_an_exception_whose_class_has_a_class_that_answers_nothing_passes_as_it_is(diary):
    class Silent(type):
        def __getattribute__(cls, name):
            raise ValueError

        def __hash__(cls):
            raise ValueError

        def __eq__(cls, other):
            raise ValueError

    class SilentError(Exception, metaclass=Silent):
        pass

    error = SilentError()
    with pytest.raises(BaseException) as raised, scope():
        raise error
    assert raised.value is error
    assert diary.take()[-1][2] is error


def test_a_generator_that_never_started_is_not_heard_of(diary):
    @scope(step="on")
    def body():
        yield

    body().close()
    assert diary.take() == []


def test_work_that_is_left_in_another_thread_is_heard_of(diary):
    task = start(TASK)
    token = enter(task)
    thread = threading.Thread(target=leave, args=(token,))
    thread.start()
    thread.join()
    assert [event[:2] for event in diary.take()] == [("entered", task), ("left", task)]
    leave(token)


def test_an_observer_hears_of_crumbs(diary):
    with scope(order=7) as frame:
        notify_crumb(frame, 1, "event", {"a": "1"})
    assert diary.take()[1] == ("crumb", frame, 1, "event", {"a": "1"})


def test_observers_are_told_in_order_and_left_in_the_reverse_order():
    order = []
    ends = [
        subscribe(
            SimpleNamespace(
                entered=lambda frame, name=name: order.append(f"entered {name}"),
                left=lambda frame, exc, name=name: order.append(f"left {name}"),
            )
        )
        for name in "ab"
    ]
    with scope(order=7):
        pass
    for end in ends:
        end()
    assert order == ["entered a", "entered b", "left b", "left a"]


def test_an_observer_may_have_any_of_the_methods():
    heard = []
    end = subscribe(SimpleNamespace(left=lambda frame, exc: heard.append(frame)))
    assert (len(listeners.entered), len(listeners.left)) == (0, 1)
    with scope(order=7) as frame:
        pass
    end()
    assert heard == [frame]


@pytest.mark.parametrize("observer", [object(), SimpleNamespace(entered=5), "text", None])
def test_what_cannot_hear_anything_is_refused(observer):
    with pytest.raises(TypeError, match="at least one of the methods entered, left, crumb"):
        subscribe(observer)


def test_an_observer_that_subscribes_twice_is_told_once():
    observer = Diary()
    ends = [subscribe(observer), subscribe(observer)]
    with scope(order=7):
        pass
    assert len(observer.take()) == 2
    ends[0]()
    with scope(order=7):
        pass
    assert observer.take() == []
    ends[1]()


def test_an_observer_may_end_and_come_back(diary):
    observer = Diary()
    for _ in range(2):
        end = subscribe(observer)
        end()
        end()
        with scope(order=7):
            pass
        assert observer.take() == []
    assert len(diary.take()) == 4


def test_observers_that_are_equal_are_two():
    class Equal(Diary):
        def __eq__(self, other):
            return True

        __hash__ = None

    observers = [Equal(), Equal()]
    ends = [subscribe(observer) for observer in observers]
    with scope(order=7):
        pass
    ends[0]()
    with scope(order=7):
        pass
    ends[1]()
    assert [len(observer.heard) for observer in observers] == [2, 4]


def test_a_hot_path_is_told_whenever_the_listeners_have_changed(monkeypatch):
    monkeypatch.setattr(_observers, "_followers", [])
    heard = []
    when_listeners_change(lambda: heard.append(len(listeners.crumb)))
    before = heard[0]

    class OfCrumbs:
        def crumb(self, frame, time_ns, event, data):
            pass

    unsubscribe = subscribe(OfCrumbs())
    assert heard[-1] == before + 1
    unsubscribe()
    assert heard[-1] == before


def test_threads_that_subscribe_at_the_same_time_are_all_heard():
    observers = [Diary() for _ in range(32)]
    barrier = threading.Barrier(len(observers))
    ends = []

    def subscribing(observer):
        barrier.wait()
        ends.append(subscribe(observer))

    threads = [threading.Thread(target=subscribing, args=(each,)) for each in observers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with scope(order=7):
        pass
    threads = [threading.Thread(target=end) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(observer.heard) for observer in observers] == [2] * 32
    assert listeners.entered == ()


class Broken:
    """An observer that fails at everything, being looked at included."""

    def entered(self, frame):
        raise ValueError("an observer's secret")

    left = crumb = None

    def __repr__(self):
        raise SystemExit("repr")

    __str__ = __repr__


def raising(error):
    def method(*_):
        raise error

    return method


class RefusingError(Exception):
    @property
    def __traceback__(self):
        raise SystemExit(7)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        SystemExit(1),
        GeneratorExit(),
        asyncio.CancelledError(),
        RefusingError(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("event", ["entered", "left", "crumb"])
def test_an_observer_that_raises_is_reported_once_and_breaks_nothing(event, error, reports, diary):
    end = subscribe(SimpleNamespace(**{event: raising(error)}))
    for _ in range(3):
        with scope(order=7) as frame:
            assert current() is frame
            notify_crumb(frame, 1, "event", {})
        assert current() is None
    end()
    assert len(diary.take()) == 9
    (record,) = reports()
    assert (record.levelname, record.exc_info[1]) == ("WARNING", error)
    assert "SimpleNamespace" in record.getMessage()


def test_an_observer_that_cannot_be_shown_is_reported(reports):
    end = subscribe(Broken())
    with scope(order=7):
        pass
    end()
    (record,) = reports()
    assert f"{__name__}.Broken raised ValueError" in record.getMessage()


@pytest.mark.parametrize(
    "observer",
    [
        mock.Mock(spec_set=["entered"], entered=mock.Mock(side_effect=ValueError)),
        SimpleNamespace(entered=functools.partial(raising(ValueError("x")))),
        SimpleNamespace(entered=type("Callable", (), {"__call__": raising(ValueError("x"))})()),
    ],
    ids=["mock", "partial", "object"],
)
def test_a_method_without_a_name_is_reported(observer, reports):
    end = subscribe(observer)
    for _ in range(2):
        with scope(order=7):
            pass
    end()
    assert len(reports()) == 1


def test_an_observer_that_came_back_is_reported_again(reports):
    observer = Broken()
    for _ in range(2):
        end = subscribe(observer)
        with scope(order=7):
            pass
        end()
    assert len(reports()) == 2


def test_a_log_handler_that_opens_scopes_does_not_go_round_for_ever(reports):
    class Handler(logging.Handler):
        def emit(self, record):
            with scope(handler="on"):
                pass

    handler = Handler()
    logging.getLogger("corectx").addHandler(handler)
    end = subscribe(Broken())
    with scope(order=7):
        pass
    end()
    logging.getLogger("corectx").removeHandler(handler)
    assert len(reports()) == 1


def test_a_log_handler_that_raises_breaks_nothing(reports):
    class Handler(logging.Handler):
        def emit(self, record):
            raise ValueError("a broken handler")

    handler = Handler()
    logging.getLogger("corectx").addHandler(handler)
    end = subscribe(Broken())
    with scope(order=7) as frame:
        assert current() is frame
    end()
    logging.getLogger("corectx").removeHandler(handler)
    reports()


# A user's Ctrl-C arrives wherever the program happens to be


@pytest.mark.parametrize("event", ["entered", "left"])
def test_ctrl_c_in_an_observer_passes_and_leaves_nothing(event):
    end = subscribe(SimpleNamespace(**{event: raising(KeyboardInterrupt())}))
    try:
        with pytest.raises(KeyboardInterrupt), scope(order=7):
            pass
        assert current() is None
        with pytest.raises(KeyboardInterrupt):
            leave(enter(start(TASK)))
        assert current() is None
        for kind in KINDS:
            with pytest.raises(KeyboardInterrupt):
                decorated(kind)[1]()
            assert current() is None
    finally:
        end()


@pytest.mark.parametrize("event", ["resumed", "suspended"])
@pytest.mark.parametrize("kind", [generator, async_generator])
def test_ctrl_c_while_a_generator_rests_or_goes_on_leaves_nothing(event, kind):
    end = subscribe(SimpleNamespace(**{event: raising(KeyboardInterrupt())}))

    async def stepping(iterator):
        with scope(consumer="on") as frame:
            with pytest.raises(KeyboardInterrupt):
                await iterator.asend(None)
            assert current() is frame

    try:
        if kind is generator:
            iterator = around(kind, lambda: start(TASK))()
            with scope(consumer="on") as frame:
                with pytest.raises(KeyboardInterrupt):
                    next(iterator)
                assert current() is frame
        else:
            asyncio.run(stepping(around(kind, lambda: start(TASK))()))
    finally:
        end()


def test_ctrl_c_in_one_observer_of_several_passes():
    end = subscribe(SimpleNamespace(crumb=raising(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        notify_crumb(None, 1, "event", {})
    end()


class Handler:
    """Signal handlers of every make that raise."""

    def __init__(self, error):
        self._error = error

    def method(self, number, frame):
        raise self._error

    def deeper(self, number, frame):
        self.method(number, frame)

    def __call__(self, number, frame):
        raise self._error


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="POSIX only: SIGALRM")
@pytest.mark.parametrize("event", ["entered", "left"])
@pytest.mark.parametrize("error", [SystemExit(3), TimeoutError()], ids=repr)
@pytest.mark.parametrize(
    "make",
    [
        lambda error: Handler(error).method,
        lambda error: Handler(error).deeper,
        Handler,
        lambda error: functools.partial(lambda error, *_: Handler(error)(*_), error),
    ],
    ids=["method", "deeper", "object", "partial"],
)
def test_what_a_signal_handler_raises_in_an_observer_passes(event, error, make, reports):
    """Otherwise a program that is told to end, or a task whose time is over, would go on."""
    earlier = signal.signal(signal.SIGALRM, make(error))
    interrupted = SimpleNamespace(**{event: lambda *_: signal.raise_signal(signal.SIGALRM)})
    end = subscribe(interrupted)
    try:
        with pytest.raises(type(error)), scope(order=7):
            pass
        assert current() is None
        with pytest.raises(type(error)):
            leave(enter(start(TASK)))
        assert current() is None
    finally:
        end()
        signal.signal(signal.SIGALRM, earlier)
    assert reports() == []


def end_in_time(_number, _frame):
    raise TimeoutError


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="POSIX only: SIGALRM")
@pytest.mark.parametrize("event", ["entered", "left"])
def test_what_a_signal_handler_raises_in_an_observer_keeps_no_frame_alive(event):
    """The work of a frame that is still there may still be in flight."""
    earlier = signal.signal(signal.SIGALRM, end_in_time)
    end = subscribe(SimpleNamespace(**{event: lambda *_: signal.raise_signal(signal.SIGALRM)}))
    frame = start(TASK)
    known = weakref.ref(frame)
    gc.disable()
    try:
        with contextlib.suppress(TimeoutError):
            leave(enter(frame))
        del frame
        assert known() is None
    finally:
        gc.enable()
        end()
        signal.signal(signal.SIGALRM, earlier)


def test_a_failure_in_the_standard_library_is_no_signal(reports):
    """The default handlers are members of an enumeration: calls of one are no handlers' calls."""
    end = subscribe(SimpleNamespace(entered=lambda _: signal.Handlers("no such handler")))
    with scope(order=7):
        pass
    end()
    assert len(reports()) == 1


def test_telling_nobody_is_nothing():
    frame = start(TASK)
    notify_entered(frame)
    notify_left(frame, None)
    notify_crumb(frame, 1, "event", {})


def test_an_observer_that_ignores_scopes_makes_none_dearer():
    heard = []

    class Observer:
        ignores_scopes = True

        def entered(self, frame):
            heard.append(frame.kind)

    end = subscribe(Observer())
    try:
        with scope(x=1):
            assert heard == []
        leave(enter(start(Site("request"))))
        assert heard == ["request"]
        other = subscribe(type("Other", (), {"entered": lambda *_: None})())
        with scope(x=1):
            assert heard == ["request", "scope"]
        other()
    finally:
        end()


def test_observers_hear_of_names_that_are_learnt_late_and_of_an_end_that_is_announced():
    heard = []

    class Observer:
        def renamed(self, frame):
            heard.append(frame.name)

        def ending(self, *, is_final):
            heard.append(is_final)

    end = subscribe(Observer())
    try:
        notify_renamed(start(Site("request", "GET /orders")))
        notify_ending(is_final=False)
        notify_ending(is_final=True)
    finally:
        end()
    notify_ending(is_final=True)
    assert heard == ["GET /orders", False, True]


@pytest.mark.parametrize("event", ["renamed", "ending"])
def test_an_observer_that_fails_at_these_is_logged_once(event, reports):
    def fail(*_, **__):
        raise ValueError("x")

    end = subscribe(type("Observer", (), {event: fail})())
    try:
        for _ in range(2):
            notify_renamed(start(Site("request")))
            notify_ending(is_final=True)
    finally:
        end()
    assert len(reports()) == 1
