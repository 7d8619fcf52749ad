"""`check` finds everything that is wrong, once, and says where."""

from __future__ import annotations

import functools
import pathlib

import pytest

from penstock import entrypoint, flow, step
from penstock._check import check
from penstock._declare import Registry
from tests.penstock.declared import placed

pytestmark = pytest.mark.usefixtures("registry")


def declared(**flows):
    """Return a registry: per flow, step names with what they come after; "!" marks entrypoints."""
    registry = Registry()
    line = 0
    for name, steps in flows.items():
        for step_name, after in steps.items():
            line += 1
            registry.add(
                placed(
                    kind="entrypoint" if step_name.endswith("!") else "step",
                    name=step_name.rstrip("!"),
                    flow=name,
                    after=tuple(after),
                    module="shop",
                    qualname=step_name,
                    file="shop.py",
                    line=line,
                )
            )
    return registry


def found(**flows):
    return [str(problem) for problem in check(declared(**flows))]


def test_a_sound_registry_has_no_problems():
    assert (
        found(
            orders={"place!": [], "charge": ["place"], "send": ["charge", "place"]},
            mails={"begin!": ["orders:send"], "write": ["begin"], "late": ["orders:charge"]},
        )
        == []
    )


def test_an_unknown_predecessor_is_named_with_the_nearest_one():
    [problem] = found(f={"fetch_from_api!": [], "sync": ["fetch_form_api"]})
    assert problem == (
        "shop.py:2: Unknown step 'fetch_form_api' in after= of 'sync'. "
        "Did you mean 'fetch_from_api'?"
    )


def test_an_unknown_predecessor_that_another_flow_has_is_told_from_where():
    assert found(f={"a!": [], "b": ["ship"]}, g={"ship!": []}) == [
        "shop.py:2: Unknown step 'ship' in after= of 'b'. The flow 'g' has one: write 'g:ship'."
    ]


def test_an_unknown_step_of_another_flow_is_named():
    assert found(orders={"place!": []}, mails={"begin!": ["orders:plaec"]}) == [
        "shop.py:2: Unknown step 'orders:plaec' in after= of 'begin'. Did you mean 'orders:place'?"
    ]


def test_a_cycle_is_shown_with_its_path():
    assert found(f={"a!": [], "b": ["a", "d"], "c": ["b"], "d": ["c"]}) == [
        "shop.py:2: These come after each other: b -> c -> d -> b."
    ]


def test_a_step_after_itself_is_a_cycle():
    assert found(f={"a!": [], "b": ["a", "b"]}) == [
        "shop.py:2: These come after each other: b -> b."
    ]


def test_cycles_that_share_a_step_are_all_shown():
    assert found(f={"a!": ["b", "c"], "b": ["a"], "c": ["a"]}) == [
        "shop.py:1: These come after each other: a -> b -> a.",
        "shop.py:1: These come after each other: a -> c -> a.",
    ]


def test_a_cycle_through_two_flows_names_them():
    assert found(f={"a!": ["g:b"]}, g={"b!": ["f:a"]}) == [
        "shop.py:1: These come after each other: f:a -> g:b -> f:a."
    ]


def test_a_long_cycle_is_shortened():
    steps = {f"s{number:05}": [f"s{(number - 1) % 5000:05}"] for number in range(5000)}
    [problem] = [each for each in check(declared(f={"a!": [], **steps})) if each.kind == "cycle"]
    assert "s00005 -> (4989 more) -> s04995" in problem.message
    assert len(problem.message) < 200


def test_steps_that_no_entrypoint_leads_to_are_found():
    before = "No entrypoint of the flow 'f' leads to "
    assert found(f={"a!": [], "lost": [], "after_lost": ["lost"], "b": ["a", "lost"]}) == [
        f"shop.py:2: {before}'lost': it has no after= and is no entrypoint.",
        f"shop.py:3: {before}'after_lost': nothing leads to 'lost'.",
    ]


def test_one_mistake_is_one_problem():
    assert len(found(f={"a!": [], "b": ["x"], "c": ["b"]})) == 1
    assert found(f={"a": [], "b": ["a"]}) == [
        "shop.py:1: The flow 'f' has no entrypoint, so no run of it ever begins."
    ]


def test_what_is_decorated_by_half_is_found(registry):
    @step
    def alone(): ...

    @entrypoint
    def lonely(): ...

    @flow("f")
    def neither(): ...

    problems = {each.kind + " " + each.step: each.message for each in check(registry)}
    assert problems == {
        "no-flow alone": "The step 'alone' is in no flow. Put @flow(...) above it or over its "
        "class.",
        "no-flow lonely": "The entrypoint 'lonely' is in no flow. Put @flow(...) above it or over "
        "its class.",
        "no-kind neither": "'neither' is in the flow 'f', but is neither an @entrypoint nor a "
        "@step.",
    }


def test_conflicting_names_are_found_with_both_places(registry, monkeypatch):
    monkeypatch.chdir(pathlib.Path(__file__).parent)
    f = flow("f")

    @f.entrypoint(name="save")
    def save_here(): ...

    @f.entrypoint(name="save")
    def save_there(): ...

    [problem] = check(registry)
    assert problem.kind == "conflict"
    assert "Two functions are the step 'save' of the flow 'f'" in problem.message
    assert "save_there here" in problem.message
    assert f"save_here (test_check.py:{problem.line - 3})" in problem.message


def test_functions_that_one_wrapper_hides_are_found_with_both_places(registry, monkeypatch):
    monkeypatch.chdir(pathlib.Path(__file__).parent)
    f = flow("f")

    def audited(function):
        def wrapper():
            function()

        return wrapper

    @f.entrypoint
    @audited
    def receive(): ...

    @f.step(after="begin")
    @audited
    def charge(): ...

    [problem] = [each for each in check(registry) if each.kind == "conflict"]
    assert "wrapper of charge here, and that of receive (test_check.py:" in problem.message
    places = (problem.line, int(problem.message.partition("test_check.py:")[2].partition(")")[0]))
    source = pathlib.Path(__file__).read_text().splitlines()
    assert [source[line + 1].strip() for line in places] == [
        "def charge(): ...",
        "def receive(): ...",
    ]


class Audited:
    """Decorate a function, without functools.update_wrapper."""

    def __init__(self, function):
        self.function = function

    def __call__(self):
        return self.function()


class Channel:
    def __init__(self, *names):
        self.names = [*names]

    def __call__(self): ...

    def send(self): ...


def deliver(names): ...


def test_functions_that_an_object_hides_are_found_with_both_places(registry, monkeypatch):
    monkeypatch.chdir(pathlib.Path(__file__).parent)
    f = flow("f")

    @f.entrypoint
    @Audited
    def receive(): ...

    @f.step(after="begin")
    @Audited
    def charge(): ...

    [problem] = [each for each in check(registry) if each.kind == "conflict"]
    assert "Audited of charge here, and that of receive (test_check.py:" in problem.message


@pytest.mark.parametrize(
    "make",
    [
        Channel,
        lambda name: Channel(name).send,
        lambda name: functools.partial(deliver, [name]),
        lambda name: functools.partial(deliver, names={name}),
        lambda name: functools.partial(Channel(name).send),
    ],
)
def test_objects_of_one_name_are_found_with_the_places_that_declare_them(
    registry, monkeypatch, make
):
    monkeypatch.chdir(pathlib.Path(__file__).parent)
    f = flow("f")
    f.entrypoint(make("mail"))
    f.entrypoint(make("mail"))  # declared again
    f.entrypoint(make("sms"))

    [problem] = check(registry)
    assert problem.kind == "conflict"
    assert problem.file == __file__
    source = pathlib.Path(__file__).read_text().splitlines()
    shown = int(problem.message.partition("(test_check.py:")[2].partition(")")[0])
    assert [source[line - 1].strip() for line in (shown, problem.line)] == [
        'f.entrypoint(make("mail"))',
        'f.entrypoint(make("sms"))',
    ]


def test_everything_is_found_in_one_run():
    registry = declared(
        f={"a!": [], "b": ["aa"], "c": ["c", "a"], "d": []}, g={"e": []}, h={"x!": []}
    )
    registry.add(placed(kind="step", name="x", flow="h", module="y", qualname="y", file="y.py"))
    registry.add_waiting(placed(kind="step", name="u", file="u.py", line=1))
    registry.add_waiting(placed(kind="", name="l", flow="f", file="l.py", line=1))
    assert sorted(each.kind for each in check(registry)) == [
        "conflict",
        "cycle",
        "no-entrypoint",
        "no-flow",
        "no-kind",
        "unknown-after",
        "unreachable",
    ]


def test_the_problems_are_in_the_order_of_their_places():
    names = {f"s{number}": ["?"] for number in range(20)}
    lines = [each.line for each in check(declared(f={"a!": [], **names}))]
    assert lines == sorted(lines)


def test_a_chain_of_ten_thousand_steps_is_checked():
    steps = {f"s{number}": [f"s{number - 1}"] for number in range(1, 10_000)}
    assert found(f={"s0!": [], **steps}) == []
