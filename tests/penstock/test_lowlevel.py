"""The door for packages that integrate a framework."""

from __future__ import annotations

import pytest

from penstock import flow
from penstock.lowlevel import Declaration, declaration_of, declare


def test_a_function_is_declared_and_its_declaration_is_found(registry):
    def ship(order):
        return order

    shipped = declare(ship, "step", after="receive", name="send", call_kind="task")
    declaration = declaration_of(shipped)
    assert isinstance(declaration, Declaration)
    assert (declaration.wrapper, declaration.flows, declaration.begins) == (shipped, [], None)
    assert declaration_of(ship) is None
    flow("shop")(shipped)
    (step,) = registry.flows["shop"].steps.values()
    assert (step.name, step.after, step.call_kind) == ("send", ("receive",), "task")
    assert declaration.flows == ["shop"]


def test_an_entrypoint_begins_its_first_flow(registry):
    begin = declare(lambda: None, "entrypoint", name="begin", flow=flow("shop"))
    declaration = declaration_of(begin)
    assert declaration is not None
    assert declaration.begins == "shop"


def test_an_object_that_cannot_be_declared_is_refused(registry):
    with pytest.raises(TypeError, match="@step is for functions and methods, but got 7"):
        declare(7, "step")
