"""Correlation IDs and frame IDs: valid for others, and never given out twice."""

from __future__ import annotations

import os
import re
import threading
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corectx import Site, _frame, is_valid_id, new_correlation_id, scope, start
from corectx.lowlevel import remote


def test_a_correlation_id_is_a_w3c_trace_id():
    for _ in range(500):
        assert re.fullmatch(r"[0-9a-f]{32}", new_correlation_id())


def test_a_frame_id_is_a_w3c_span_id_and_stays_the_same():
    with scope(order=7) as frame:
        assert re.fullmatch(r"[0-9a-f]{16}", frame.id)
        assert frame.id == frame.id
        assert frame.child(Site("step", "parse")).id != frame.id


def test_ids_are_never_zero(monkeypatch):
    # Four all-zero draws at the end of the batch, where they would be given out first.
    monkeypatch.setattr(_frame, "_pool", [])
    monkeypatch.setattr(os, "urandom", lambda size: b"\x01" * (size - 64) + b"\0" * 64)
    assert new_correlation_id() == "01" * 16
    assert _frame.new_frame_id() == "01" * 8


def test_half_a_zero_is_no_correlation_id_either(monkeypatch):
    monkeypatch.setattr(_frame, "_pool", [])
    monkeypatch.setattr(os, "urandom", lambda size: b"\x01" * (size - 16) + b"\0" * 8 + b"\x02" * 8)
    assert _frame.new_frame_id() == "01" * 8


def test_threads_draw_different_ids():
    barrier = threading.Barrier(8)
    drawn = []

    def draw():
        barrier.wait()
        drawn.append([new_correlation_id() for _ in range(1000)])

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each for several in drawn for each in several}) == 8000


def test_threads_that_ask_for_the_id_of_one_frame_get_the_same():
    for _ in range(50):
        frame = start(Site("task", "import"))
        barrier = threading.Barrier(4)
        answers = []

        def ask(frame=frame, barrier=barrier, answers=answers):
            barrier.wait()
            answers.append(frame.id)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(answers) == {frame.id}


def test_the_second_to_ask_for_an_id_gets_that_of_the_first(monkeypatch):
    # Another thread asks in the middle.
    frame = start(Site("task", "import"))
    in_between = []

    def interrupted():
        monkeypatch.undo()
        in_between.append(frame.id)
        return new_correlation_id()[:16]

    monkeypatch.setattr(_frame, "new_frame_id", interrupted)
    assert frame.id == in_between[0] == frame.id
    assert _frame._ids_in_making == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only: os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_draws_other_ids_than_its_parent():
    new_correlation_id()  # fills the pool that the children inherit
    reading, writing = os.pipe()
    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            os.write(writing, "".join(new_correlation_id() for _ in range(20)).encode())
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    drawn = [text[at : at + 32] for at in range(0, len(text), 32)]
    drawn += [new_correlation_id() for _ in range(200)]
    assert len(drawn) == 260
    assert len(set(drawn)) == 260


@given(st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True))
def test_what_matches_the_pattern_is_valid(text):
    assert is_valid_id(text)


@given(st.text() | st.binary() | st.integers() | st.none() | st.booleans())
def test_what_does_not_match_the_pattern_is_not_valid(value):
    matches = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,128}", value, re.ASCII)
    assert is_valid_id(value) == bool(matches)


@pytest.mark.parametrize(
    "value", ["", "a" * 129, "a\n", "a b", "é", "\u0661", "a/b", b"a", 1, None]
)
def test_an_invalid_id_is_refused(value):
    assert not is_valid_id(value)


def test_a_uuid_is_a_valid_id():
    assert is_valid_id(uuid.uuid4())


def test_a_uuid_is_the_id_of_a_frame_elsewhere_and_a_text_stays_as_it_is():
    made = uuid.uuid4()
    assert remote(correlation_id=made).correlation_id == made.hex
    assert remote(correlation_id=str(made)).correlation_id == str(made)
    site = Site("task", "shop.pack")
    assert start(site, correlation_id=made).correlation_id == made.hex
    assert start(site, correlation_id=str(made)).correlation_id == str(made)
