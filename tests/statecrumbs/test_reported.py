"""Dumps without a crash: of a message that the program reports, or logs as an error."""

from __future__ import annotations

import logging
import logging.config

import pytest

import statecrumbs
from corectx import Site, enter, leave, scope, start
from statecrumbs import crumb, report
from statecrumbs._crash import _report
from statecrumbs._reading import Recording, merged, render_page
from statecrumbs._reading._recording import from_dump
from statecrumbs._reading._terminal import show
from statecrumbs.logging import CrumbHandler
from tests.statecrumbs.dump_schema import check_dump

PER_MINUTE = 10


@pytest.fixture
def dumps(monkeypatch):
    """The dumps of this test, which begins a minute of its own."""
    monkeypatch.setattr(_report, "_counts", {})
    monkeypatch.setattr(_report, "monotonic", lambda: now[0])
    found = []
    statecrumbs.clear()
    statecrumbs.enable(on_crash=found.append)
    yield found
    statecrumbs.disable()


now = [0.0]


@pytest.fixture
def log(dumps):
    """A logger whose errors make dumps."""
    logger = logging.Logger("shop.orders", logging.DEBUG)  # noqa: LOG001
    logger.addHandler(CrumbHandler(dump_at="ERROR"))
    return logger


def test_a_message_dumps_the_crumbs_of_the_operation(dumps):
    with scope(order=4711):
        crumb("charging", amount=12)
        assert report("no answer from token=hunter2")
    (dump,) = dumps
    check_dump(dump)
    assert [each["event"] for each in dump] == ["charging", "reported"]
    assert dump[-1]["message"] == "no answer from token=[redacted]"
    assert dump[-1]["context"] == {"order": 4711}


def test_the_function_that_gets_a_dump_may_change_it(dumps):
    with scope(order=4711):
        crumb("first")
        crumb("second")
        assert report("it")
        (dump,) = dumps
        dump[0]["context"]["order"] = 0
        assert dump[1]["context"] == {"order": 4711}
        assert [each["context"] for each in statecrumbs.trail()] == [{"order": 4711}] * 2


def test_an_operation_is_dumped_once(dumps):
    with scope(order=1):
        assert report("first")
        with scope(item=2):
            assert not report("second, of the same operation")
    with scope(order=2):
        assert report("another operation")
    assert [dump[-1]["message"] for dump in dumps] == ["first", "another operation"]


def test_each_message_outside_of_any_operation_is_dumped(dumps):
    assert report("first")
    assert report("second")
    assert [dump[-1]["message"] for dump in dumps] == ["first", "second"]


def test_an_operation_with_a_crash_needs_no_message_but_a_crash_after_one_is_dumped(dumps):
    with scope(order=1):
        assert report(ValueError("crash"))
        assert not report("and then")
    with scope(order=2):
        assert report("first")
        assert report(ValueError("crash"))
    assert [dump[-1]["event"] for dump in dumps] == [
        "unhandled_exception",
        "reported",
        "unhandled_exception",
    ]


def test_at_most_so_many_messages_are_dumped_in_a_minute(dumps):
    for minute in (0, 60):
        now[0] = float(minute)
        assert [report(f"message {n}") for n in range(15)] == [True] * PER_MINUTE + [False] * 5
    assert len(dumps) == 2 * PER_MINUTE
    assert report(ValueError("a crash is always dumped"))


@pytest.mark.parametrize("options", [{"on_crash": "none"}, None])
def test_without_a_place_for_dumps_there_is_none_and_nothing_is_counted(dumps, options):
    if options is None:
        statecrumbs.disable()
    else:
        statecrumbs.enable(**options)
    assert not any(report("x") for _ in range(20))
    statecrumbs.enable(on_crash=dumps.append)
    assert report("x")


def test_what_is_neither_an_exception_nor_a_message_is_refused_with_one_sentence(dumps, capsys):
    assert not report(404)
    assert not report(None)
    said = capsys.readouterr().err
    assert "statecrumbs: report() takes an exception or a message, not 404.\n" in said
    assert dumps == []


def test_an_error_in_a_log_makes_a_dump_and_a_warning_does_not(dumps, log):
    with scope(order=4711):
        log.warning("slow")
        log.error("order %s failed", 4711)
        log.error("once more")
    (dump,) = dumps
    check_dump(dump)
    assert [each["event"] for each in dump] == ["slow", "order 4711 failed", "reported"]
    assert dump[-1]["message"] == "order 4711 failed"


def test_an_exception_in_a_log_is_the_dumps(dumps, log):
    with scope(order=4711):
        try:
            {}["missing"]
        except KeyError as error:
            log.exception("failed")
            again = report(error)
    assert not again
    (dump,) = dumps
    assert dump[-1]["exception"]["type"] == "KeyError"
    assert dump[-2]["event"] == "failed"


def test_a_handler_of_a_configuration_takes_the_level_by_its_name(dumps):
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"crumbs": {"()": "statecrumbs.logging.CrumbHandler", "dump_at": "ERROR"}},
            "loggers": {"shop.configured": {"handlers": ["crumbs"], "propagate": False}},
        }
    )
    logging.getLogger("shop.configured").error("late")
    assert [dump[-1]["message"] for dump in dumps] == ["late"]


def test_a_handler_without_a_level_for_dumps_makes_none(dumps):
    logger = logging.Logger("shop", logging.DEBUG)  # noqa: LOG001
    logger.addHandler(CrumbHandler())
    logger.critical("x")
    assert dumps == []


def test_an_error_that_the_receiver_of_dumps_logs_makes_no_other_dump(dumps, log):
    def receive(dump):
        dumps.append(dump)
        log.error("cannot send the dump")

    statecrumbs.enable(on_crash=receive)
    log.error("first")
    assert [dump[-1]["message"] for dump in dumps] == ["first"]


@pytest.mark.parametrize(
    ("level", "error", "text"),
    [("LOUD", ValueError, "'LOUD'"), (True, TypeError, "True"), (2.5, TypeError, "2.5")],
)
def test_a_level_that_is_none_is_refused(level, error, text):
    with pytest.raises(error, match=text):
        CrumbHandler(dump_at=level)


def test_a_reader_sees_the_message_first_and_the_neighbours_folded(dumps):
    request = start(Site("request", "GET /"), correlation_id="a" * 32)
    other = start(Site("request", "GET /other"), correlation_id="b" * 32)
    token = enter(other)
    crumb("neighbour")
    leave(token)
    token = enter(request)
    crumb("mine")
    report("no answer")
    leave(token)
    recording = from_dump("dump", dumps[0])
    shown = "\n".join(show(recording, lambda _role, text: text))
    assert shown.index("mine") < shown.index("no answer") < shown.index("Beside it")
    assert "reported" in shown
    assert "<title>no answer" in render_page(merged([recording]))


def test_a_crumb_of_the_program_with_this_name_is_none(dumps):
    crumbs = [{"event": "reported", "process": "'x'"}, {"event": "last"}]
    assert Recording("x", crumbs).failure is None
