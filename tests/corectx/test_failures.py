"""`failed_frame`: the innermost frame that an exception left, whatever happened to it since."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import gc
import pickle
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from corectx import Frame, Site, _failures, bind, current, enter, failed_frame, leave, scope, start
from corectx.lowlevel import around, keep_with_failures, note_failure

TASK = Site("task", "import")
STEP = Site("step", "parse")


class Work:
    """A frame as a context manager, as `enter` and `leave` are used by other packages."""

    def __init__(self, frame):
        self.frame = frame

    def __enter__(self):
        self.token = enter(self.frame)
        return self.frame

    def __exit__(self, exc_type, exc, traceback):
        leave(self.token, exc)


def caught_in(*frames, error=None):
    """Raise an exception through several frames, the last one innermost; return it."""
    try:
        _raise_in(frames, error or ValueError("broken"))
    except BaseException as raised:
        return raised


def _raise_in(frames, error):
    if not frames:
        raise error
    with Work(frames[0]):
        _raise_in(frames[1:], error)


def test_the_innermost_frame_wins():
    task = start(TASK)
    step = task.child(STEP)
    assert failed_frame(caught_in(task, step)) is step


def test_the_innermost_frame_wins_where_an_operation_is_inside_another():
    # A request or task is a root, whoever calls it.
    outer, task = start(TASK), start(TASK)
    step = task.child(STEP)
    error = caught_in(outer, task, step)
    assert task.parent is None
    assert failed_frame(error) is step


def test_scopes_are_frames_too():
    with pytest.raises(ValueError) as caught, scope(a=1), scope(b=2) as inner:
        raise ValueError("broken")
    assert failed_frame(caught.value) is inner


def test_an_exception_that_left_no_frame_has_none():
    assert failed_frame(ValueError("broken")) is None
    assert failed_frame(None) is None
    with scope(a=1):
        error = caught_in()
    assert failed_frame(error) is None


def test_an_exception_that_is_raised_again_keeps_its_frame():
    task = start(TASK)
    step = task.child(STEP)

    def handling():
        with Work(task):
            try:
                _raise_in([step], ValueError("broken"))
            finally:
                assert current() is task

    with pytest.raises(ValueError) as caught:
        handling()
    assert failed_frame(caught.value) is step


def test_an_exception_that_is_raised_again_later_keeps_its_frame_inside_the_operation():
    task = start(TASK)
    step = task.child(STEP)
    with Work(task):
        error = caught_in(step)
    with pytest.raises(ValueError), Work(task):
        raise error
    assert failed_frame(error) is step


def test_an_exception_made_from_another_has_a_frame_of_its_own():
    task = start(TASK)
    inner, outer = task.child(STEP), task.child(STEP)

    def translating():
        with Work(task), Work(outer):
            try:
                _raise_in([inner], ValueError("broken"))
            except ValueError as error:
                raise KeyError("unknown") from error

    with pytest.raises(KeyError) as caught:
        translating()
    assert failed_frame(caught.value) is outer
    assert failed_frame(caught.value.__cause__) is inner


def test_an_exception_object_that_is_used_again_forgets_the_operation_before():
    error = ValueError("made once")
    for _ in range(2):
        task = start(TASK)
        assert failed_frame(caught_in(task, error=error)) is task


def test_a_retry_that_fails_again_names_the_last_try():
    error = ValueError("made once")
    task = start(TASK)
    with Work(task):
        tries = [task.child(STEP), task.child(STEP)]
        for each in tries:
            caught_in(each, error=error)
    assert failed_frame(error) is tries[1]


def test_an_exception_from_a_thread_keeps_its_frame():
    task = start(TASK)
    step = task.child(STEP)

    def failing():
        raise caught_in(step)

    with pytest.raises(ValueError) as caught, Work(task), ThreadPoolExecutor(1) as pool:
        pool.submit(bind(failing)).result()
    assert failed_frame(caught.value) is step


def test_an_exception_of_an_operation_started_in_a_thread_keeps_its_frame():
    task = start(TASK)
    part = start(TASK, parent=task)

    def failing():
        raise caught_in(part)

    with pytest.raises(ValueError) as caught, Work(task), ThreadPoolExecutor(1) as pool:
        pool.submit(failing).result()
    assert failed_frame(caught.value) is part


def test_an_exception_from_a_generator_keeps_its_frame_in_the_consumer():
    frames = []

    def opening():
        frames.append(current().child(STEP))
        return frames[-1]

    def body():
        yield
        raise ValueError("broken")

    with scope(maker="on"):
        generator = around(body, opening)()
        next(generator)
    with pytest.raises(ValueError) as caught, scope(consumer="on"):
        next(generator)
    assert failed_frame(caught.value) is frames[0]


def test_closing_a_generator_marks_nothing():
    closing = []

    @scope(step="on")
    def body():
        try:
            with scope(order=7):
                yield
        except GeneratorExit as error:
            closing.append(error)
            raise

    generator = body()
    next(generator)
    generator.close()
    assert failed_frame(closing[0]) is None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 or newer: exception groups")
def test_a_group_and_each_exception_in_it_have_frames_of_their_own():
    task = start(TASK)
    steps = [task.child(STEP), task.child(STEP)]

    async def failing(step):
        with Work(step):
            await asyncio.sleep(0)
            raise ValueError("broken")

    async def main():
        with Work(task):
            async with asyncio.TaskGroup() as group:
                for step in steps:
                    group.create_task(failing(step))

    with pytest.raises(BaseException) as caught:
        asyncio.run(main())
    assert failed_frame(caught.value) is task
    assert [failed_frame(each) for each in caught.value.exceptions] == steps
    assert [failed_frame(each) for each in caught.value.subgroup(ValueError).exceptions] == steps


class SlottedError(Exception):
    """An exception with slots; it has a ``__dict__`` all the same."""

    __slots__ = ("code",)


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """An exception whose attributes cannot be set."""

    code: int


class NoAttributesError(Exception):
    """An exception that refuses new attributes."""

    def __setattr__(self, name, value):
        raise TypeError(f"no attribute {name}")

    __delattr__ = __setattr__


class WildError(Exception):
    """An exception that answers to everything."""

    def __getattr__(self, name):
        return f"made up: {name}"


@pytest.mark.parametrize(
    "error", [SlottedError(), FrozenError(5), NoAttributesError(), WildError(), SystemExit(1)]
)
def test_every_kind_of_exception_can_be_marked(error):
    task = start(TASK)
    assert failed_frame(caught_in(task, error=error)) is task


@pytest.mark.parametrize(
    "raised", [ValueError("no"), AttributeError("no"), SystemExit(7)], ids=repr
)
def test_an_exception_whose_class_refuses_its_dict_is_raised_as_it_is(raised):
    class HiddenError(Exception):
        @property
        def __dict__(self):
            raise raised

    error, task = HiddenError(), start(TASK)
    assert caught_in(task, error=error) is error
    assert failed_frame(error) is task


@pytest.mark.parametrize("strange", [None, 5, "text", (), {}.keys()], ids=repr)
def test_an_exception_whose_class_has_another_dict_is_raised_as_it_is(strange):
    class StrangeError(Exception):
        __dict__ = strange

    error, task = StrangeError(), start(TASK)
    assert caught_in(task, error=error) is error
    assert failed_frame(error) is task


def test_a_pickled_exception_names_its_frame_without_its_values():
    task = start(TASK, values={"secret": "s3cret"})
    data = pickle.dumps(caught_in(task))
    assert b"s3cret" not in data
    frame = failed_frame(pickle.loads(data))  # noqa: S301 - our own
    assert isinstance(frame, Frame)
    assert (frame.kind, frame.name, frame.values) == ("remote", "import", {})
    assert (frame.correlation_id, frame.id) == (task.correlation_id, task.id)


def test_a_copied_exception_keeps_the_very_frame():
    task = start(TASK, values={"lock": threading.Lock()})
    error = caught_in(task)
    for copied in (copy.copy(error), copy.deepcopy(error)):
        assert copied is not error
        assert failed_frame(copied) is task


@pytest.mark.parametrize(
    "mark",
    [{}, {"name": 5}, {"kind": "step", "new": "fact"}, {5: 6}, "text", 7, ["id"], None],
    ids=repr,
)
def test_a_mark_that_is_not_ours_is_harmless(mark):
    error = ValueError("broken")
    error._corectx_frame = mark
    frame = failed_frame(error)
    assert frame is None or frame.name is None
    task = start(TASK)
    assert isinstance(failed_frame(caught_in(task, error=error)), Frame)


def test_a_failure_can_be_noted_by_hand():
    task = start(TASK)
    error = ValueError("broken")
    note_failure(task, error)
    assert failed_frame(error) is task


class Value:
    """An object of the program, which can be watched."""


@pytest.fixture
def alone(monkeypatch):
    """Have no flight recorder, which another test may have imported."""
    monkeypatch.setattr(_failures, "_kept_keys", ())
    monkeypatch.setattr(_failures, "_freeze", None)


def fail_with(value, opened=scope):
    """Raise inside frames that have `value`; return the exception without its traceback."""
    error = ValueError("broken")
    with contextlib.suppress(ValueError), opened(value=value, order=7), scope(inner=value):
        raise error
    return error.with_traceback(None)


def in_a_step(**values):
    return Work(start(TASK, values=values).child(STEP))


def in_another_operation(**values):
    return Work(start(TASK, parent=start(TASK, values=values)))


@pytest.mark.parametrize("opened", [scope, in_a_step, in_another_operation])
@pytest.mark.usefixtures("alone")
def test_an_exception_that_somebody_keeps_keeps_no_value_alive(opened):
    value = Value()
    gone = weakref.ref(value)
    kept = fail_with(value, opened)
    del value
    gc.collect()
    assert gone() is None
    assert failed_frame(kept).values == {"order": 7}


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator"])
def test_not_even_with_the_traceback_of_a_decorated_function(kind):
    value = Value()
    gone = weakref.ref(value)
    frames = [start(TASK, values={"value": value})]

    def failing():
        raise ValueError("broken")

    async def failing_coroutine():
        raise ValueError("broken")

    def failing_generator():
        raise ValueError("broken")
        yield

    function = {
        "function": failing,
        "coroutine": failing_coroutine,
        "generator": failing_generator,
    }[kind]
    call = around(function, frames.pop)
    run = {"coroutine": lambda: call().send(None), "generator": lambda: next(call())}
    with pytest.raises(ValueError) as caught:
        run.get(kind, call)()
    del value
    gc.collect()
    assert gone() is None
    assert failed_frame(caught.value).name == "import"


def test_the_frame_of_a_kept_exception_has_its_identity_and_those_around_it():
    task = start(TASK, values={"value": Value()})
    step = task.child(Site("step", "parse", "orders"))
    error = caught_in(task, step).with_traceback(None)
    before = [each.identity() for each in (step, task)]
    del task, step
    gc.collect()
    frame = failed_frame(error)
    assert [each.identity() for each in (frame, frame.parent)] == before
    assert frame.parent.parent is None
    assert frame.store is frame.parent.store


def test_a_frame_around_a_failed_one_is_itself_as_long_as_it_is_there():
    task = start(TASK)
    with Work(task):
        error = caught_in(task.child(STEP)).with_traceback(None)
    gc.collect()
    assert failed_frame(error).parent is task


@pytest.mark.usefixtures("alone")
def test_what_the_flight_recorder_keeps_goes_with_the_exception():
    keep_with_failures("trail", lambda frame: dict.fromkeys(frame.values, "frozen"))
    task = start(TASK, values={"value": Value()})
    with Work(task):
        error = caught_in(task.child(STEP)).with_traceback(None)
        # It comes after the failure of the step, and before the end of the operation.
        task.store["trail"] = ["crumb"]
        task.store["other"] = Value()
    caught_in(task, error=error).with_traceback(None)
    del task
    gc.collect()
    frame = failed_frame(error)
    assert frame.name == "parse"
    assert frame.values == {"value": "frozen"}
    assert frame.store == {"trail": ["crumb"]}


def test_a_deep_recursion_of_frames_can_fail():
    frame = start(TASK)
    for _ in range(20_000):
        frame = frame.child(STEP)
    error = caught_in(frame).with_traceback(None)
    del frame
    gc.collect()
    assert failed_frame(error).name == "parse"
