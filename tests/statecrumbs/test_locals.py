"""The variables of a failing traceback: opt-in, bounded, redacted, and gone afterwards."""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import weakref

import pytest

import statecrumbs
from statecrumbs._reading import load
from tests.statecrumbs.dump_schema import check_dump
from tests.statecrumbs.programs import run


@pytest.fixture
def dumps():
    """The dumps of reported exceptions, with variables."""
    found = []
    statecrumbs.enable(on_crash=found.append, locals=True)
    yield found
    statecrumbs.disable()


class Thing:
    """Something to hold on to."""


class Failure(Exception):  # noqa: N818 - it is no error
    """An exception that can be weakly referenced."""


def fail():
    raise Failure


def execute(source, namespace, file="/srv/app.py"):
    exec(compile(source, file, "exec"), namespace)  # noqa: S102 - the code is ours


def calls_of(dump):
    return dump[-1]["exception"]["traceback"]


def locals_of(dump, function):
    (found,) = [call for call in calls_of(dump) if call["function"] == function]
    return found["locals"]


def test_a_dump_has_no_variables_unless_they_are_asked_for():
    found = []
    statecrumbs.enable(on_crash=found.append)

    def fail(order):
        raise ValueError(order)

    try:
        with pytest.raises(ValueError, match="5") as raised:
            fail(5)
        statecrumbs.report(raised.value)
    finally:
        statecrumbs.disable()
    assert all("locals" not in call for call in calls_of(found[0]))


def test_arguments_and_variables_are_shown_without_modules_functions_and_classes(dumps):
    def fail(event, context=None):
        total = 3.5
        module, function, cls = os, fail, Thing
        raise ValueError(event, context, module, function, cls, total)

    with pytest.raises(ValueError, match="paid") as raised:
        fail("paid")
    statecrumbs.report(raised.value)
    check_dump(dumps[0])
    assert locals_of(dumps[0], "fail") == {"event": "'paid'", "context": "None", "total": "3.5"}


@pytest.mark.parametrize(
    ("module", "is_own"),
    [
        ("penstock._calls", False),
        ("penstock_otel", False),
        ("corectx", False),
        ("penstock_shop.calls", True),
        ("corectx2", True),
        (None, True),
    ],
)
def test_calls_of_this_project_are_not_the_programs_own(dumps, module, is_own):
    namespace = {"__name__": module}
    execute("def work(order):\n    raise ValueError(order)", namespace, "/home/me/src/work.py")

    def sell(order):
        namespace["work"](order)

    with pytest.raises(ValueError, match="5") as raised:
        sell(5)
    statecrumbs.report(raised.value)
    shown = {call["function"] for call in calls_of(dumps[0]) if "locals" in call}
    assert shown >= {"sell"}
    assert ("work" in shown) is is_own


def test_huge_values_are_shown_in_part_and_fit_in_8_kib_together(dumps):
    def dive(depth, blob, items, text):
        many = {f"key{n}": "é" * 500 for n in range(1000)}
        if depth:
            dive(depth - 1, blob, items, text)
        raise ValueError(many)

    with pytest.raises(ValueError, match="key") as raised:
        dive(20, bytes(50_000_000), [None] * 3_000_000, '"\\' * 10_000)
    statecrumbs.report(raised.value)
    shown = [call["locals"] for call in calls_of(dumps[0]) if "locals" in call]
    assert len(shown) >= 4
    assert len(json.dumps(shown, ensure_ascii=False).encode()) <= 2 * 8192  # quotes are escaped
    size = sum(len(text.encode()) for call in shown for item in call.items() for text in item)
    assert 4096 < size <= 8192
    assert all("more)" in shown[-1][name] for name in ("blob", "items"))


def test_variables_that_do_not_fit_are_counted(dumps):
    source = "\n".join(f"v{n} = {n}" for n in range(500)) + "\nraise ValueError"
    with pytest.raises(ValueError, match=r"^$") as raised:
        execute(source, {})
    statecrumbs.report(raised.value)
    shown = calls_of(dumps[0])[-1]["locals"]
    assert shown["..."] == f"({500 - (len(shown) - 1)} more)"


def test_the_innermost_call_of_each_exception_gets_room_first(dumps):
    def wide(value):
        pad = {f"x{n}": "y" * 900 for n in range(9)}
        if value:
            wide(value - 1)
        raise KeyError(pad)

    def outer():
        pad = "z" * 2000
        try:
            wide(9)
        except KeyError as error:
            raise ValueError(pad) from error

    with pytest.raises(ValueError, match="z") as raised:
        outer()
    statecrumbs.report(raised.value)
    exception = dumps[0][-1]["exception"]
    assert "pad" in exception["traceback"][-1]["locals"]
    assert exception["cause"]["traceback"][-1]["locals"]["value"] == "0"
    # It stands in both tracebacks, and is shown once.
    assert "locals" not in exception["cause"]["traceback"][0]


def test_the_calls_of_libraries_are_not_shown(dumps):
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads('{"password": hunter2}')
    statecrumbs.report(raised.value)
    for call in calls_of(dumps[0]):
        assert ("locals" in call) == (call["file"] == __file__)


def test_a_program_that_is_installed_shows_its_calls(dumps):
    namespace = {}
    source = "def f(order):\n    raise ValueError"
    execute(source, namespace, "/x/site-packages/shop/app.py")
    reported = []
    try:
        namespace["f"](4711)
    except ValueError as error:
        error.__traceback__ = error.__traceback__.tb_next
        reported.append(statecrumbs.report(error))
    assert reported == [True]
    assert calls_of(dumps[0])[-1]["locals"] == {"order": "4711"}


def test_a_value_that_fails_or_interrupts_when_it_is_shown_costs_that_value_only(dumps):
    class Bad:
        def __init__(self, error):
            self.error = error

        def __repr__(self):
            raise self.error

    def fail():
        bad, exiting, good = Bad(KeyboardInterrupt()), Bad(SystemExit()), 1
        raise ValueError(good, id(bad), id(exiting))

    with pytest.raises(ValueError, match="1") as raised:
        fail()
    statecrumbs.report(raised.value)
    shown = locals_of(dumps[0], "fail")
    assert shown["good"] == "1"
    assert set(shown) == {"bad", "exiting", "good"}


def test_no_statement_is_executed_for_a_cursor_or_a_connection(dumps):
    statements = []
    connection = sqlite3.connect(":memory:")
    connection.set_trace_callback(statements.append)

    def fail(db):
        cursor = db.cursor()
        raise ValueError(str(id(cursor)))

    with pytest.raises(ValueError, match=r"[0-9]") as raised:
        fail(connection)
    statecrumbs.report(raised.value)
    connection.close()
    assert statements == []
    assert "sqlite3" in locals_of(dumps[0], "fail")["cursor"]


def test_nothing_is_kept_alive_not_even_in_a_cycle(dumps):
    def handle():
        thing = Thing()
        try:
            fail()
        except Failure as error:
            statecrumbs.report(error)
            gone = weakref.ref(thing)
            of_error = weakref.ref(error)
        del thing
        assert gone() is None
        return of_error

    gc.disable()
    try:
        assert handle()() is None
    finally:
        gc.enable()
    assert "thing" in locals_of(dumps[0], "handle")


def test_a_copy_of_the_variables_that_the_program_has_stays_as_it_is(dumps):
    def handle():
        order = 4711
        mine = locals()
        try:
            fail()
        except Failure as error:
            statecrumbs.report(error)
        return mine

    assert handle()["order"] == 4711
    assert locals_of(dumps[0], "handle")["order"] == "4711"


def test_the_variables_of_a_module_and_of_a_class_body_are_left_in_place(dumps):
    source = """
total = 3
class Shop:
    size = total
    try:
        raise ValueError
    except ValueError as error:
        report(error)
    again = size
"""
    namespace = {"report": statecrumbs.report}
    execute(source, namespace)
    assert namespace["Shop"].again == 3
    assert namespace["total"] == 3
    assert calls_of(dumps[0])[-1]["locals"]["size"] == "3"


def test_a_black_box_never_has_the_variables(tmp_path):
    result = run(
        tmp_path,
        """
        import statecrumbs
        statecrumbs.enable(black_box="boxes", locals=True)
        def charge(amount):
            account = "acme-4711"
            raise LookupError("no account")
        charge(12)
        """,
    )
    assert locals_of(result.dump, "charge") == {"amount": "12", "account": "'acme-4711'"}
    (box,) = (tmp_path / "boxes").glob("*.crumbs")
    assert b"acme-4711" not in box.read_bytes()
    assert load(str(box)).failure["exception"]["message"] == "no account"


def test_the_terminal_shows_them_under_the_line_of_each_call(tmp_path, capsys):
    from statecrumbs import cli

    result = run(
        tmp_path,
        """
        import statecrumbs
        statecrumbs.enable(locals=True)
        def charge(amount, password):
            raise LookupError("no account")
        charge(12, "hunter2")
        """,
    )
    (tmp_path / "log").write_text(result.stderr)
    assert cli.main(["read", str(tmp_path / "log")]) == 0
    shown = capsys.readouterr().out
    assert (
        "in charge\n"
        '      raise LookupError("no account")\n'
        "        amount = 12\n"
        "        password = [redacted]\n"
    ) in shown
