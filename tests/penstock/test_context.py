"""The steps of one run share values, and no other run sees them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading

import pytest

import corectx
from corectx import Site
from penstock import (
    FlowContext,
    current_flow_id,
    flow,
    get_flow_context,
    get_flow_context_value,
    set_flow_context_value,
)

pytestmark = pytest.mark.usefixtures("ran")


def test_steps_share_the_values_of_their_run():
    f = flow("f")

    @f.entrypoint
    def begin():
        set_flow_context_value("order", 7)
        write()
        return read()

    @f.step
    def write():
        set_flow_context_value("paid", True)

    @f.step
    def read():
        return get_flow_context().metadata

    assert begin() == {"order": 7, "paid": True}
    assert get_flow_context_value("order") is None


def test_a_nested_flow_reads_what_is_around_it_and_keeps_its_own():
    outer, inner = flow("outer"), flow("inner")

    @inner.entrypoint
    def begin_inner():
        seen = get_flow_context_value("who")
        set_flow_context_value("who", "inner")
        set_flow_context_value("own", 1)
        remember()
        return seen, get_flow_context_value("who"), get_flow_context().metadata

    @outer.step
    def remember():
        set_flow_context_value("remembered", True)

    @outer.entrypoint
    def begin_outer():
        set_flow_context_value("who", "outer")
        return begin_inner(), get_flow_context().metadata

    inside, outside = begin_outer()
    assert inside == ("outer", "inner", {"who": "inner", "own": 1, "remembered": True})
    assert outside == {"who": "outer", "remembered": True}


def test_runs_that_share_a_request_share_its_values_only():
    f = flow("f")

    @f.entrypoint
    def begin(number):
        set_flow_context_value("number", number)
        return get_flow_context_value("number"), get_flow_context_value("tenant")

    token = corectx.attach(corectx.start(Site("request", "GET")))
    set_flow_context_value("tenant", "a")
    assert [begin(1), begin(2)] == [(1, "a"), (2, "a")]
    assert get_flow_context_value("number", "none") == "none"
    corectx.detach(token)


def test_outside_of_everything_writing_does_nothing():
    set_flow_context_value("a", 1)
    assert get_flow_context() is None
    assert get_flow_context_value("a", "default") == "default"
    assert current_flow_id() is None


def test_current_flow_id_is_that_of_the_request_too():
    token = corectx.attach(corectx.start(Site("request", "GET"), correlation_id="abc"))
    assert current_flow_id() == "abc"
    assert get_flow_context().correlation_id == "abc"
    corectx.detach(token)


def test_a_context_can_be_read_written_and_shown():
    @flow("f").entrypoint
    def begin():
        context = get_flow_context()
        context.set_value("password", "hunter2")
        assert isinstance(context, FlowContext)
        assert context.correlation_id == current_flow_id()
        assert "password" in repr(context)
        assert "hunter2" not in repr(context)
        context.delete_value("password")
        with pytest.raises(KeyError):
            context.delete_value("password")
        return context.get_value("password", "gone")

    assert begin() == "gone"


def test_the_metadata_is_a_copy():
    @flow("f").entrypoint
    def begin():
        get_flow_context().metadata["a"] = 1
        return get_flow_context_value("a")

    assert begin() is None


def test_threads_of_one_run_write_together():
    barrier = threading.Barrier(8)

    @flow("f").entrypoint
    def begin():
        def write(number):
            barrier.wait()
            for each in range(50):
                set_flow_context_value(f"{number}-{each}", each)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(corectx.bind(write), range(8)))
        return get_flow_context().metadata

    assert len(begin()) == 400


def test_gathered_runs_do_not_mix():
    async def main():
        met = asyncio.Barrier(5) if hasattr(asyncio, "Barrier") else None

        @flow("f").entrypoint
        async def begin(number):
            set_flow_context_value("number", number)
            await (met.wait() if met else asyncio.sleep(0))
            return get_flow_context_value("number")

        return await asyncio.gather(*map(begin, range(5)))

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]
