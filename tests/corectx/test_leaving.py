"""Frames are left in any order, in any place: nothing raises, and in the end nothing is left."""

from __future__ import annotations

import contextvars
import gc
import random
import threading

import hypothesis
import hypothesis.stateful
import pytest
from hypothesis import strategies as st

from corectx import Site, attach, current, detach, enter, leave, scope, start
from corectx.lowlevel import remote

STEP = Site("step", "parse")
TASK = Site("task", "import")


def in_a_thread(function, *args):
    """Do it in another thread, where nothing is ambient."""
    failures = []

    def run():
        try:
            function(*args)
        except BaseException as error:
            failures.append(error)

    # In an empty context, also where a thread would inherit this one.
    thread = threading.Thread(target=contextvars.Context().run, args=(run,))
    thread.start()
    thread.join()
    assert failures == []


def in_a_copied_context(function, *args):
    """Do it in a copy of this context, as a task does that was started here."""
    contextvars.copy_context().run(function, *args)


def in_an_empty_context(function, *args):
    """Do it in a context that knows nothing."""
    contextvars.Context().run(function, *args)


PLACES = [in_a_thread, in_a_copied_context, in_an_empty_context]


def obeying(kind):
    """Return a started generator that does in its body what it is sent."""

    def body():
        while True:
            function, *args = yield
            # Called by this very code: leaving asks who its caller is.
            function(*args)

    def body_in_a_scope():
        with scope(generator="suspended"):
            yield from body()

    generator = {
        "bare": body,
        "with": body_in_a_scope,
        "decorated": scope(generator="decorated")(body),
        "decorated, with": scope(generator="decorated")(body_in_a_scope),
    }[kind]()
    next(generator)
    return generator


class AnyOrder(hypothesis.stateful.RuleBasedStateMachine):
    """Open, leave, suspend and close in any order; `teardown` checks that nothing is left."""

    def __init__(self):
        super().__init__()
        self.base = attach(None)
        self.random = random.Random(0)
        self.leavers = []
        self.generators = []
        self.shared = scope(shared="yes")

    @hypothesis.stateful.initialize(seed=st.integers())
    def choose_the_order_of_leaving(self, seed):
        self.random.seed(seed)

    # The place of an operation: here, or the body of a generator.

    def do(self, data, function, *args):
        where = data.draw(st.integers(-1, len(self.generators) - 1))
        if where < 0:
            function(*args)
        else:
            try:
                self.generators[where].send((function, *args))
            except ValueError as error:
                if "already executing" not in str(error):
                    raise
                # It closed the generator that it runs in.
                del self.generators[where]

    @hypothesis.stateful.rule(data=st.data(), how=st.sampled_from(["new", "shared"]))
    def open_a_scope(self, data, how):
        def operation():
            manager = self.shared if how == "shared" else scope(number=len(self.leavers))
            manager.__enter__()
            self.leavers.append((manager.__exit__, None, None, None))

        self.do(data, operation)

    @hypothesis.stateful.rule(
        data=st.data(), kind=st.sampled_from(["child", "root", "remote"]), pair=st.booleans()
    )
    def open_a_frame(self, data, kind, pair):
        def operation():
            outer = current()
            if kind == "child" and outer is not None:
                frame = outer.child(STEP)
            elif kind == "remote":
                frame = remote(correlation_id="there").child(STEP)
            else:
                frame = start(TASK)
            if pair:
                self.leavers.append((leave, enter(frame)))
            else:
                self.leavers.append((detach, attach(frame)))

        self.do(data, operation)

    @hypothesis.stateful.precondition(lambda self: self.leavers)
    @hypothesis.stateful.rule(data=st.data())
    def leave_any(self, data):
        chosen = data.draw(st.integers(0, len(self.leavers) - 1))
        self.do(data, *self.leavers[chosen])

    @hypothesis.stateful.precondition(lambda self: self.leavers)
    @hypothesis.stateful.rule(data=st.data(), place=st.sampled_from(PLACES))
    def leave_elsewhere(self, data, place):
        before = current()
        function, *args = data.draw(st.sampled_from(self.leavers))
        if place is in_a_copied_context and function in (leave, detach):
            # That is the end of the frame; what is opened inside it here and left after it, against
            # all order, may come back to it.
            return
        place(function, *args)
        assert current() is before

    @hypothesis.stateful.precondition(lambda self: len(self.generators) < 4)
    @hypothesis.stateful.rule(
        data=st.data(),
        kind=st.sampled_from(["bare", "with", "decorated", "decorated, with"]),
    )
    def suspend_a_generator(self, data, kind):
        before = current()
        generator = obeying(kind)
        if kind != "with":
            assert current() is before
        self.generators.append(generator)

    @hypothesis.stateful.precondition(lambda self: self.generators)
    @hypothesis.stateful.rule(data=st.data(), how=st.sampled_from(["close", "drop", "throw"]))
    def end_a_generator(self, data, how):
        chosen = data.draw(st.integers(0, len(self.generators) - 1))
        generator = self.generators.pop(chosen)

        def operation():
            nonlocal generator
            if how == "close":
                generator.close()
            elif how == "throw":
                with pytest.raises(KeyError):
                    generator.throw(KeyError("thrown"))
            else:
                generator = None
                gc.collect()

        self.do(data, operation)

    @hypothesis.stateful.rule()
    def use_a_scope_as_it_is_meant(self):
        before = current()
        with scope(meant="yes") as frame:
            assert current() is frame
        assert current() is before

    def teardown(self):
        last = [(generator.close,) for generator in self.generators] + self.leavers
        self.random.shuffle(last)
        for function, *args in last:
            function(*args)
        left = current()
        detach(self.base)
        assert left is None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("open_", "close"), [(enter, leave), (attach, detach)])
def test_what_is_left_elsewhere_first_is_left_here_exactly(place, open_, close):
    with scope(order=7) as outer:
        token = open_(start(TASK))
        with scope(part=1) as inner:
            place(close, token)
            assert current() is inner
        close(token)
        assert current() is outer
    assert current() is None


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = hypothesis.settings(max_examples=60, stateful_step_count=30, deadline=None)
