"""`penstock.testing` in users' own tests."""

from __future__ import annotations

import pytest

import penstock
from corectx.lowlevel import listeners
from penstock import flow, generate_dag
from penstock.testing import captured_steps, isolated_registry


def test_captured_steps_are_those_that_ran_in_the_block():
    with isolated_registry():
        f, g = flow("f"), flow("g")

        @f.step
        def divide(number):
            return 1 / number

        @g.entrypoint
        def other():
            return divide(1)

        @f.entrypoint
        def begin(number):
            other()
            return divide(number)

    begin(1)
    with captured_steps() as ran, pytest.raises(ZeroDivisionError) as caught:
        begin(0)
    begin(1)
    assert ran.names() == ["begin", "other", "divide", "divide"]
    assert ran.names("g") == ["other"]
    first, second = ran.of("divide")
    assert (first.flow, first.kind, first.has_ended, first.exception) == ("f", "step", True, None)
    assert second.exception is caught.value
    assert first.flow_id == second.flow_id == ran.calls[0].flow_id
    assert listeners.entered == ()


def test_a_step_that_did_not_end_is_known():
    with isolated_registry(), captured_steps() as ran:

        @flow("f").entrypoint
        def begin():
            return ran.of("begin")[0].has_ended

        assert begin() is False
        assert ran.calls[0].has_ended


def test_an_isolated_registry_is_the_one_that_drawings_show():
    with isolated_registry() as registry:
        flow("mine").entrypoint(name="begin")(lambda: None)
        assert list(registry.flows) == ["mine"]
        assert "begin" in generate_dag("mine")
        with isolated_registry() as inner:
            assert inner.flows == {}
        assert penstock.flow("mine").steps
    with pytest.raises(KeyError, match="mine"):
        generate_dag("mine")


def test_the_registry_comes_back_after_a_failure():
    from penstock._declare import registry_in_use

    before = registry_in_use()
    with pytest.raises(ValueError, match="no"), isolated_registry():
        raise ValueError("no")
    assert registry_in_use() is before
