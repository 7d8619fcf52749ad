"""The registry knows what is declared, where, and what became of it."""

from __future__ import annotations

import functools
import importlib.util
import pathlib
import runpy
import sys
import textwrap
import threading
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corectx import current
from penstock import entrypoint, flow, step
from penstock._check import check
from penstock._declare import Registry, Step, _registry
from penstock.testing import isolated_registry
from tests.penstock.declared import placed

pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write the source of a module and import it, anew each time; return it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions within one second
    loaded = {}

    def load(source, name="shop"):
        (tmp_path / f"{name}.py").write_text(
            "from penstock import entrypoint, flow, step\n" + textwrap.dedent(source)
        )
        importlib.invalidate_caches()
        known = loaded.get(name)
        loaded[name] = importlib.reload(known) if known else importlib.import_module(name)
        return loaded[name]

    yield load
    for name in loaded:
        sys.modules.pop(name, None)


def test_a_step_knows_where_it_is_written(registry, module):
    module('''
        @flow("orders")
        @entrypoint
        def place(order):
            """Take an order.

            Then go on.
            """

        class Desk:
            @flow("orders")
            @step(after=place)
            def charge(self): ...
    ''')
    place, charge = registry.flows["orders"].steps.values()
    assert pathlib.Path(place.file).name == "shop.py"
    assert (place.line, place.module, place.qualname) == (3, "shop", "place")
    assert place.doc.startswith("Take an order.\n")
    assert (charge.line, charge.qualname, charge.doc) == (12, "Desk.charge", None)
    assert charge.where == f"{charge.file}:12"


def test_a_partial_has_the_description_of_its_function(registry):
    def send(to):
        """Send a mail."""

    flow("mails").step(functools.partial(send, "ann"))
    flow("mails").step(name="blank")(functools.partial(lambda to: None, "ann"))
    assert {name: step.doc for name, step in registry.flows["mails"].steps.items()} == {
        "send": "Send a mail.",
        "blank": None,
    }


def test_a_step_that_is_not_written_in_python_has_the_place_of_its_declaration(registry, module):
    module('flow("c").step(print)')
    [builtin] = registry.flows["c"].steps.values()
    assert (builtin.name, builtin.module, builtin.qualname) == ("print", "shop", "print")
    assert pathlib.Path(builtin.file).name == "shop.py"


def test_a_reloaded_module_replaces_its_steps_that_are_not_written_in_python(registry, module):
    module("""
        import functools
        flow("c").step(name="old")(print)
        flow("c").step(name="parted")(functools.partial(max, 1))
    """)
    module('flow("c").step(name="new")(print)')
    assert list(registry.flows["c"].steps) == ["new"]


def test_a_reloaded_module_replaces_its_own_steps(registry, module):
    first = """
        @flow("orders")
        @entrypoint
        def place(): ...

        @flow("orders")
        @step(after="place")
        def charge(): ...

        @step
        def forgotten(): ...

        @flow("orders")
        def neither(): ...

        @flow("mails")
        class Mails:
            '''Letters.'''
            @entrypoint
            def send(self): ...
    """
    module(first)
    module('@flow("orders").step\ndef elsewhere(): ...', name="other")
    assert set(registry.flows) == {"orders", "mails"}
    module("""
        @flow("orders")
        @entrypoint
        def accept(): ...
    """)
    assert set(registry.flows) == {"orders"}
    assert set(registry.flows["orders"].steps) == {"accept", "elsewhere"}
    assert registry.unclaimed == registry.loose == registry.conflicts == []
    assert flow("mails").doc is None
    module(first)
    assert set(registry.flows["orders"].steps) == {"place", "charge", "elsewhere"}
    assert flow("mails").doc == "Letters."


DECLARING = """
    @flow("orders")
    class Orders:
        '''Orders.'''
        @entrypoint
        def place(self): ...

    @step
    def forgotten(): ...
"""


def test_a_module_that_is_reloaded_and_declares_nothing_has_no_steps(registry, module):
    module(DECLARING)
    orders = flow("orders")
    assert (list(orders.steps), orders.doc, len(registry.unclaimed)) == (["place"], "Orders.", 1)
    module("x = 1")
    assert (dict(orders.steps), orders.doc, registry.unclaimed) == ({}, None, [])
    assert dict(registry.flows) == dict(registry.declared()) == {}
    module(DECLARING)
    assert list(registry.declared()) == ["orders"]


@pytest.mark.parametrize("known", [types.ModuleType("plugin"), object(), importlib])
def test_the_steps_of_a_module_that_sys_modules_does_not_have_stay(
    registry, tmp_path, monkeypatch, known
):
    path = tmp_path / "plugin.py"
    path.write_text("from penstock import flow\nflow('orders').entrypoint(lambda: 0)")
    monkeypatch.setitem(sys.modules, "plugin", known)
    spec = importlib.util.spec_from_file_location("plugin", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert list(registry.flows) == list(registry.flows) == ["orders"]


def test_a_module_that_is_imported_again_replaces_its_own_steps(registry, module):
    source = """
        @flow("orders").entrypoint
        def place(): ...
    """
    module(source)
    del sys.modules["shop"]
    importlib.import_module("shop")
    assert list(registry.flows["orders"].steps) == ["place"]
    assert registry.conflicts == []


def test_a_function_that_is_made_often_is_one_step(registry):
    def make():
        @flow("made")
        @step
        def work(): ...

        @step
        def waiting(): ...

    for _ in range(3):
        make()
    assert list(registry.flows["made"].steps) == ["work"]
    assert [each.name for each in registry.unclaimed] == ["waiting"]
    assert registry.conflicts == []


def test_two_functions_of_one_name_are_kept_as_a_conflict(registry):
    def first(): ...

    def second(): ...

    flow("f").step(name="save")(second)
    flow("f").step(name="save")(first)
    [(chosen, other)] = registry.conflicts
    assert chosen is registry.flows["f"].steps["save"]
    assert [chosen.qualname.rpartition(".")[2], other.qualname.rpartition(".")[2]] == [
        "first",
        "second",
    ]


def test_a_file_that_is_run_and_imported_is_no_conflict(registry):
    named = {"kind": "step", "name": "a", "flow": "f", "qualname": "a", "file": "/x/shop.py"}
    here = placed(**named, module="__main__")
    there = placed(**named, module="shop")
    registry.add(here)
    registry.add(there)
    assert registry.conflicts == []
    assert registry.flows["f"].steps["a"] is there


def test_a_path_with_dots_is_the_same_file(registry, tmp_path):
    source = "@flow('f').entrypoint\ndef begin(): ..."
    for path, module in (("shop.py", "shop"), ("other/../shop.py", "__main__")):
        code = compile(source, str(tmp_path / path), "exec")
        exec(code, {"__name__": module, "__file__": path, "flow": flow})  # noqa: S102
    assert registry.conflicts == []
    assert registry.flows["f"].steps["begin"].file == str(tmp_path / "shop.py")


def test_partials_of_one_function_are_told_apart_by_what_they_are_bound_to(registry):
    def send(how, to, *, retry=False): ...

    step = flow("f").step(name="send")
    for _ in range(2):  # as an application factory does
        step(functools.partial(send, "mail", object()))
    assert registry.conflicts == []
    for other in (
        functools.partial(send, "sms", object()),
        functools.partial(send, "mail", object(), retry=True),
    ):
        step(other)
    assert len(registry.conflicts) == 2


def test_steps_in_no_flow_and_functions_of_no_kind_are_known(registry):
    @step(after="x")
    def nowhere(): ...

    @flow("f")
    def neither(): ...

    [unclaimed] = registry.unclaimed
    [loose] = registry.loose
    assert (unclaimed.name, unclaimed.flow, unclaimed.kind) == ("nowhere", "", "step")
    assert (loose.name, loose.flow, loose.kind) == ("neither", "f", "")
    assert registry.flows == {}
    flow("f")(nowhere)
    assert registry.unclaimed == []
    assert repr(flow("f")) == "<Flow 'f': nowhere>"


def test_a_flow_without_steps_is_not_listed(registry):
    assert repr(flow("empty")) == "<Flow 'empty': no steps>"
    assert "empty" not in registry.flows


def test_what_was_decorated_in_an_isolated_registry_works_afterwards(registry):
    with isolated_registry() as inner:

        @flow("f")
        @entrypoint
        def begin():
            return 7

    assert "f" in inner.flows
    assert "f" not in registry.flows
    assert begin() == 7


@given(st.permutations([("f", "a", 1), ("f", "a", 2), ("f", "b", 1), ("g", "a", 1), ("g", "c", 3)]))
def test_the_order_of_imports_makes_no_difference(declarations):
    registry = Registry()
    for name, function, number in declarations:
        registry.add(
            placed(kind="step", name=function, flow=name, module=f"m{number}", qualname=function)
        )
    chosen = {
        name: {each.name: each.module for each in flow.steps.values()}
        for name, flow in registry.flows.items()
    }
    assert chosen == {"f": {"a": "m1", "b": "m1"}, "g": {"a": "m1", "c": "m3"}}
    assert [(one.module, other.module) for one, other in registry.conflicts] == [("m1", "m2")]


def test_what_is_declared_while_another_thread_looks_is_neither_missed_nor_in_the_way(monkeypatch):
    """Modules may be imported late, in one thread, while others run steps that are observed."""

    class Busy(Registry):
        def flow(self, name):
            self.add(Step(kind="entrypoint", name="begin", flow=f"not {name}"))
            return super().flow(name)

    busy = Busy()
    busy.add(Step(kind="entrypoint", name="begin", flow="orders"))
    assert list(busy.flows) == ["orders"]
    assert list(busy.flows) == ["orders", "not orders"]

    def ranked_meanwhile(step):
        busy.add(Step(kind="step", name="ship", flow="orders"))
        return step.qualname

    monkeypatch.setattr(_registry, "_rank", ranked_meanwhile)
    busy.steps_of("orders")
    assert list(busy.steps_of("orders")) == ["begin", "ship"]


def test_a_step_that_another_thread_adds_while_a_module_is_replaced_stays():
    def step(name, execution):
        module = {"__file__": "shop.py", "__spec__": execution}
        return Step("step", name, "orders", module="shop", qualname=name, namespace=module)

    class Busy(Registry):
        def _remove(self, is_old):
            def is_old_meanwhile(each):
                self.add(step("ship", "second"))
                return is_old(each)

            super()._remove(is_old_meanwhile)

    busy = Busy()
    busy.add(step("charge", "first"))
    busy.add(step("pack", "first"))
    busy.add(step("charge", "second"))
    assert sorted(busy.steps_of("orders")) == ["charge", "ship"]


def create_app():
    """Declare as an application factory does, at each call."""
    shop = flow("shop")

    @shop.entrypoint
    def receive():
        return charge()

    @shop.step(after=receive)
    def charge():
        return current().site

    return receive


def test_code_that_declares_again_is_one_declaration(registry):
    first, second = create_app(), create_app()
    assert list(registry.flows["shop"].steps) == ["receive", "charge"]
    assert registry.conflicts == []
    assert first() is second() is registry.flows["shop"].steps["charge"]


def test_a_relative_and_an_absolute_path_are_one_file(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shop.py"
    path.write_text("from penstock import flow\n@flow('shop').entrypoint\ndef receive(): ...\n")
    runpy.run_path("shop.py", run_name="first")
    runpy.run_path(str(path), run_name="second")
    assert list(registry.flows["shop"].steps) == ["receive"]
    assert registry.conflicts == []


def test_two_functions_of_one_name_in_a_module_are_a_conflict(registry):
    shop = flow("shop")

    @shop.entrypoint
    def receive(): ...

    def declare_charge():
        @shop.step(after=receive)
        def charge():
            "First."

        return charge.__code__

    @shop.step(after=receive)
    def charge():
        "Copied, not renamed."

    declare_charge()
    [(chosen, other)] = registry.conflicts
    assert {chosen.qualname, other.qualname} == {charge.__qualname__, other.qualname}
    (problem,) = [each for each in check(registry) if each.kind == "conflict"]
    assert f":{chosen.line})" in problem.message
    assert problem.line == other.line


def test_the_implementations_of_a_generic_function_are_a_conflict(registry):
    shop = flow("shop")
    for_all = functools.singledispatch(lambda order: None)

    @for_all.register
    @shop.step
    def _(order: int): ...

    @for_all.register
    @shop.step
    def _(order: str): ...

    assert len(registry.conflicts) == 1


def test_one_function_with_another_after_is_a_conflict(registry):
    shop = flow("shop")
    for name in ("a", "b"):

        @shop.step(after=name)
        def charge(): ...

    assert len(registry.conflicts) == 1


def test_a_loop_that_declares_the_same_is_one_declaration(registry):
    shop = flow("shop")
    for _ in range(3):

        @shop.step(after="receive")
        def charge(): ...

    assert registry.conflicts == []


def test_two_functions_below_a_decorator_that_hides_their_names_are_a_problem(registry):
    def logged(function):
        def wrapper(*args):
            return function(*args)

        return wrapper

    def orders(): ...

    def refunds(): ...

    for function in (orders, refunds):
        flow("shop").step(logged(function))
    assert len(registry.conflicts) == 1


def test_in_a_notebook_the_later_function_replaces_the_earlier_one(registry):
    cell = """
from penstock import flow

@flow("shop").step(after={after!r})
def charge(): ...
"""
    namespace = {"__name__": "__main__"}
    for after in ("receive", "check"):
        exec(compile(cell.format(after=after), f"<cell {after}>", "exec"), namespace)  # noqa: S102
    assert registry.conflicts == []
    assert registry.flows["shop"].steps["charge"].after == ("check",)


CELLS = {
    "another flow": '@flow("sale").step\ndef charge(): ...',
    "another name": '@flow("shop").step(name="bill")\ndef charge(): ...',
    "no flow yet": "@step\ndef charge(): ...",
}


@pytest.mark.parametrize(
    ("cell", "steps", "unclaimed"),
    [
        ("another flow", {"shop": ["receive"], "sale": ["charge"]}, []),
        ("another name", {"shop": ["receive", "bill"]}, []),
        ("no flow yet", {"shop": ["receive"]}, ["charge"]),
    ],
)
def test_in_a_notebook_the_later_function_replaces_the_earlier_one_wherever_that_was(
    registry, cell, steps, unclaimed
):
    namespace = {"__name__": "__main__", "flow": flow, "step": step}
    for number, text in enumerate(
        [
            '@flow("shop").entrypoint\ndef receive(): ...',
            '@flow("shop").step\ndef charge(): ...',
            CELLS[cell],
        ]
    ):
        exec(compile(text, f"<cell {number}>", "exec"), namespace)  # noqa: S102
    assert {name: list(flow.steps) for name, flow in registry.flows.items()} == steps
    assert [step.name for step in registry.unclaimed] == unclaimed
    assert registry.conflicts == []


def test_a_function_that_is_changed_in_a_notebook_keeps_its_place_in_the_flow(registry):
    namespace = {"__name__": "__main__", "flow": flow}
    for number, name in enumerate(("first", "second", "first")):
        text = f"@flow('orders').step\ndef {name}():\n    return {number}\n"
        exec(compile(text, f"<cell {number}>", "exec"), namespace)  # noqa: S102
    assert list(flow("orders").steps) == ["first", "second"]


def test_one_cell_of_a_notebook_may_use_a_function_several_times(registry):
    cell = """
for name in ("mail", "sms"):
    @flow("refunds")
    @flow("shop").step(name=name)
    def send(): ...
"""
    exec(compile(cell, "<cell>", "exec"), {"__name__": "__main__", "flow": flow})  # noqa: S102
    assert list(registry.flows["shop"].steps) == ["mail", "sms"]
    assert list(registry.flows["refunds"].steps) == ["mail", "sms"]


def test_threads_that_declare_at_once_lose_nothing(registry):
    barrier = threading.Barrier(8)

    def declare(thread):
        barrier.wait()
        for number in range(50):
            flow("shop").step(name=f"{thread}-{number}")(lambda: None)
            flow("shop").step(name="shared")(declare)

    threads = [threading.Thread(target=declare, args=(each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registry.flows["shop"].steps) == 8 * 50 + 1
