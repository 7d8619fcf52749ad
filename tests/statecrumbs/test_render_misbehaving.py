from __future__ import annotations

import dataclasses
import gc
import importlib.util
import re
import sys
import types
import weakref

import pytest

from statecrumbs import clear, crumb, snapshot
from statecrumbs._recorder import record_message
from statecrumbs._values import jsonable, render
from tests.statecrumbs.shown import (
    Described,
    Order,
    Slotted,
    redactor,
    show,
)

RAISED = [
    ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, RecursionError, MemoryError,
    BaseException, StopIteration,
]  # fmt: skip


class Raises:
    def __init__(self, error):
        self.error = error

    def __repr__(self):
        raise self.error


@pytest.mark.parametrize("error", RAISED)
def test_a_repr_that_raises_anything_gives_unserializable(error):
    assert show(Raises(error)) == "<unserializable>"
    assert show([1, Raises(error)]) == "[1, <unserializable>]"
    assert show(Order(1, Raises(error))) == "Order(number=1, items=<unserializable>)"
    assert jsonable(Raises(error), redactor, 100) == "<unserializable>"


def test_a_repr_that_returns_no_string_gives_unserializable():
    class Wrong:
        def __repr__(self):
            return 5

    class Missing:
        __repr__ = None

    assert show(Wrong()) == show(Missing()) == "<unserializable>"


class Text(str):
    """Has no methods that could be used."""

    __slots__ = ()

    def __str__(self):
        raise AssertionError

    __len__ = __getitem__ = isascii = encode = __format__ = startswith = lower = __str__


def test_a_repr_that_returns_a_subclass_of_str_gives_an_exact_one():
    class Wrong:
        def __repr__(self):
            return Text("secret=hunter2 ok")

    text = show(Wrong())

    assert type(text) is str
    assert text == "secret=[redacted] ok"


def test_names_that_are_of_a_subclass_of_str_become_exact_ones():
    named = types.SimpleNamespace()
    vars(named)[Text("token")] = 4711

    assert show(named) == "namespace(token='[redacted]')"
    assert type(show(type(Text("Name"), (), {})())) is str
    assert type(jsonable(Text("alice"), redactor, 100)) is str


def test_a_repr_that_recurses_for_ever_gives_unserializable():
    class Loop:
        def __repr__(self):
            return f"Loop({self!r})"

    assert show(Loop()) == "<unserializable>"


def test_a_repr_that_renders_itself_ends():
    class Recorded:
        def __repr__(self):
            return f"Recorded({show([Recorded()])})"

    assert show(Recorded()) == "Recorded([Recorded([Recorded([...])])])"


def test_a_repr_that_returns_a_long_text_is_cut():
    class Long:
        def __repr__(self):
            return "y" * 1_000_000

    assert re.fullmatch(r"y{900,}\.\.\. \(999\d{3} more\)", show(Long()))


def test_lone_surrogates_are_escaped():
    class Undecodable:
        def __repr__(self):
            return "\udcff!"

    for value in (Undecodable(), [Undecodable()], types.SimpleNamespace(**{"\ud800": 1})):
        show(value).encode()
    assert show(Undecodable()) == "\\udcff!"
    assert jsonable("a\udcff", redactor, 100) == "a\\udcff"
    assert jsonable("é", redactor, 100) == "é"


def descend(depth, at_the_bottom):
    return descend(depth - 1, at_the_bottom) if depth else at_the_bottom()


def deepest():
    depth = sys.getrecursionlimit()
    while True:
        try:
            descend(depth, int)
        except RecursionError:
            depth -= 1
        else:
            return depth


def test_rendering_at_the_bottom_of_the_stack_does_not_raise():
    bottom = deepest()
    value = {"a": [Described(x=1)]}

    # render and jsonable, which are called there, need a stack frame each.
    rendered = {descend(bottom - left, lambda: show(value)) for left in range(5, 60)}
    dumped = {descend(bottom - left, lambda: jsonable(value, redactor)) for left in range(5, 60)}

    assert rendered == dumped
    assert rendered >= {"<unserializable>", "{'a': [<Described 1>]}"}


@pytest.mark.parametrize(
    "record",
    [
        lambda: crumb("deep", value=Described(x=1)),
        lambda: record_message("deep", {"value": Described(x=1)}),
    ],
    ids=["crumb", "message"],
)
def test_recording_at_the_bottom_of_the_stack_does_not_raise(record):
    bottom = deepest()
    clear()

    # The lambda, the function that it calls, and the one that does the work need a frame each.
    for left in range(5, 60):
        descend(bottom - left, record)
    assert snapshot()[-1]["event"] == "deep"


def test_a_failure_of_ours_is_not_the_programs(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("statecrumbs._values.Renderer", fail)

    assert render([1], redactor) == jsonable([1], redactor) == "<unserializable>"
    assert jsonable("x" * 2000, redactor) == "<unserializable>"
    assert render([1], redactor, limit=5) == "<unse"


class Meta(type):
    def answer(cls, *_):
        raise AssertionError

    __hash__ = __eq__ = __len__ = __getattribute__ = __instancecheck__ = answer
    __repr__ = __call__ = __subclasscheck__ = answer


def refuse(*_):
    pytest.fail("ran the code of a value")


SPECIAL = """
    __getattribute__ __getattr__ __len__ __iter__ __next__ __bool__ __eq__ __str__ __format__
    __contains__ __getitem__ __dir__ __reduce__ __index__ __int__ __fspath__ __sizeof__
""".split()

Touchy = type.__call__(
    Meta,
    "Touchy",
    (),
    dict.fromkeys(SPECIAL, refuse) | {"__hash__": None, "__class__": property(refuse)},
)


def test_no_code_of_a_value_runs_but_its_repr():
    value = object.__new__(Touchy)

    text = show([value, {"a": value}, Order(1, value), ValueError(value), Described(value=value)])

    assert re.sub("0x[0-9a-f]+", "0x", text) == (
        f"[{object.__repr__(value)}, {{'a': {object.__repr__(value)}}}, Order(number=1, items="
        f"{object.__repr__(value)}), ValueError({object.__repr__(value)}), <Described 1>]"
    ).replace(hex(id(value)), "0x")


def test_a_property_of_a_dataclass_is_not_run():
    @dataclasses.dataclass
    class Computed:
        x: int
        y: int = 0

    Computed.y = property(lambda _: pytest.fail("ran a property"))
    value = Computed.__new__(Computed)

    assert show(value).endswith("Computed(x=<not stored>, y=<not stored>)")


def test_a_field_that_is_not_stored_is_shown_as_such():
    value = Slotted.__new__(Slotted)

    assert show(value) == "Slotted(x=<not stored>)"


def test_a_lazy_module_is_not_loaded(tmp_path):
    (tmp_path / "slow.py").write_text("raise AssertionError('loaded')")
    spec = importlib.util.spec_from_file_location("slow", tmp_path / "slow.py")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert "object at 0x" in show([module])


def test_a_rendered_value_is_not_kept_alive():
    value = Described(items=[1])
    gone = weakref.ref(value)

    text = show({"a": [value]})
    jsonable(value, redactor, 100)
    del value
    gc.collect()

    assert gone() is None
    assert text == "{'a': [<Described 1>]}"


def test_a_class_is_not_kept_alive():
    def render_one():
        local = dataclasses.make_dataclass("Local", ["x"])
        show([local(1), local])
        return weakref.ref(local)

    gone = render_one()
    gc.collect()

    assert gone() is None
