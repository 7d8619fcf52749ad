"""Log records as crumbs."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading

import pytest

import statecrumbs.logging
from corectx import subscribe
from statecrumbs import _recorder, crumb
from statecrumbs._black_box import Mirror, boxes_in, read
from statecrumbs.logging import CrumbHandler, as_caller_of
from statecrumbs.testing import captured_crumbs


@pytest.fixture
def log():
    """A logger of its own, without a parent: pytest's handlers do not get its records."""
    logger = logging.Logger("shop.orders", logging.DEBUG)  # noqa: LOG001
    logger.addHandler(CrumbHandler())
    return logger


def test_a_record_becomes_a_crumb_with_level_logger_and_extras(log):
    with captured_crumbs() as captured:
        log.warning("order %s failed", 4711, extra={"customer": "ann", "event": "mine"})
    (only,) = captured.crumbs
    assert only["event"] == "order 4711 failed"
    assert (only["level"], only["logger"]) == ("'WARNING'", "'shop.orders'")
    assert (only["customer"], only["event_"]) == ("'ann'", "'mine'")
    assert set(only) == {"event", "ts", "thread", "level", "logger", "customer", "event_"}


def test_an_exception_is_named(log):
    with captured_crumbs() as captured:
        try:
            raise LookupError("x")  # noqa: TRY301
        except LookupError:
            log.exception("failed")
    assert captured.crumbs[0]["exception"] == "'LookupError'"


def test_a_repr_that_logs_does_not_recurse(log):
    class Loud:
        def __repr__(self):
            log.info("inner")
            return "loud"

    with captured_crumbs() as captured:
        log.info("outer", extra={"value": Loud()})
    assert captured.events == ["outer"]
    assert captured.crumbs[0]["value"] == "loud"


def test_our_own_records_do_not_come_back():
    handler = CrumbHandler()
    with captured_crumbs() as captured:
        for name in ("statecrumbs", "corectx", "statecrumbs.x"):
            handler.handle(logging.LogRecord(name, 40, "", 0, "failed", (), None))
    assert captured.events == []


def test_a_record_with_wrong_arguments_is_recorded_all_the_same(log):
    with captured_crumbs() as captured:
        CrumbHandler().handle(logging.LogRecord("x", 40, "", 0, "%d items", ("a",), None))
    assert captured.events == ["%d items"]


class Rude:
    """Raises wherever it is shown."""

    def __init__(self, error):
        self.error = error

    def __str__(self):
        raise self.error

    __repr__ = __str__


@pytest.mark.parametrize("error", [ValueError("rude"), KeyboardInterrupt(), SystemExit(0)])
def test_a_message_that_raises_when_it_is_shown_is_recorded_all_the_same(log, error):
    with captured_crumbs() as captured:
        log.info(Rude(error))
        log.info("order %s", Rude(error))
        log.info("order %s", 1, extra={"customer": Rude(error)})
    assert captured.events == ["<unserializable>", "order %s", "order 1"]


def test_what_is_no_keyword_is_an_extra_all_the_same(log):
    with captured_crumbs() as captured:
        log.info("x", extra={1: 2, "": 3})
    (only,) = captured.crumbs
    assert (only["1"], only[""]) == ("2", "3")


def test_an_extra_does_not_hide_where_the_record_comes_from(log):
    with captured_crumbs() as captured:
        log.info("x", extra={"level": "mine", "logger": "mine", "exception": "mine"})
        try:
            raise LookupError("x")  # noqa: TRY301
        except LookupError:
            log.exception("failed", extra={"exception": "mine"})
    first, second = captured.crumbs
    assert (first["level"], first["logger"]) == ("'INFO'", "'shop.orders'")
    assert (first["level_"], first["logger_"]) == ("'mine'", "'mine'")
    assert first["exception"] == "'mine'"
    assert (second["exception"], second["exception_"]) == ("'LookupError'", "'mine'")


def test_an_extra_in_the_place_of_an_attribute_that_was_deleted_is_no_less(log):
    def exchange(record):
        del record.relativeCreated
        record.customer = "ann"
        return True

    log.addFilter(exchange)
    with captured_crumbs() as captured:
        log.info("x")
    assert captured.crumbs[0]["customer"] == "'ann'"


def test_the_names_of_very_many_loggers_are_not_all_kept():
    handler = CrumbHandler()
    with captured_crumbs() as captured:
        for number in range(3_000):
            handler.handle(logging.makeLogRecord({"msg": "x", "name": f"shop.{number}"}))
    assert len(captured.events) == 3_000
    assert len(statecrumbs.logging._others) <= 1_024


@pytest.mark.parametrize("odd", [True, (), (1, 2, 3), "x", (None, None, None), ValueError("x")])
def test_a_record_that_somebody_made_by_hand_raises_nothing(odd):
    with captured_crumbs() as captured:
        CrumbHandler().handle(
            logging.makeLogRecord({"msg": "x", "name": None, "exc_info": odd, "levelname": 7})
        )
    assert captured.events == ["x"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_names_that_raise_when_they_are_shown_raise_nothing(error):
    def fail(_self):
        raise error

    bad = type("Bad", (), {"__str__": fail})()
    nameless = type("Nameless", (type,), {"__name__": property(fail)})("Lost", (Exception,), {})
    record = logging.makeLogRecord({"msg": "x", "name": bad, "exc_info": (nameless, None, None)})
    vars(record)[bad] = 1
    with captured_crumbs() as captured:
        CrumbHandler().handle(record)
    (only,) = captured.crumbs
    assert (only["event"], only["exception"]) == ("x", "'Lost'")
    assert (only["logger"], only["<unserializable>"]) == ("'<unserializable>'", "1")


def test_secrets_in_a_record_are_blanked(log):
    with captured_crumbs() as captured:
        log.info("login token=%s", "hunter2", extra={"password": "hunter2", "author": "ann"})
    assert captured.crumbs[0]["author"] == "'ann'"
    assert "hunter2" not in str(captured.crumbs)


def test_a_crumb_that_an_extra_records_is_no_recursion(log):
    class Records:
        def __repr__(self):
            crumb("from inside")
            return "records"

    with captured_crumbs() as captured:
        log.info("outer", extra={"value": Records()})
    assert captured.events == ["from inside", "outer"]


def test_messages_do_not_push_out_what_is_known_of_events(log):
    crumb("query_finished", rows=1)
    for number in range(3_000):
        log.info("line %s", number)
    assert "query_finished" in _recorder._known
    assert "line 1" not in _recorder._known


def test_a_message_is_redacted_for_everybody_who_looks(log, tmp_path):
    seen = []

    class Observer:
        def crumb(self, frame, time_ns, event, data):
            seen.append(event)

    unsubscribe = subscribe(Observer())
    mirror = Mirror(tmp_path)
    try:
        with captured_crumbs() as captured:
            for _ in range(2):
                log.info("login with password=%s", "hunter2-raw")
        (path,) = boxes_in(tmp_path)
        seen += [each["event"] for each in (*captured.crumbs, *read(path).crumbs)]
    finally:
        mirror.close()
        unsubscribe()
    assert seen == ["login with password=[redacted]"] * 6


def test_a_long_message_is_shortened(log):
    with captured_crumbs() as captured:
        log.info("x" * 1_000)
    assert captured.crumbs[0]["event"].startswith("x" * 200)
    assert len(captured.crumbs[0]["event"]) <= 256


def test_a_filter_of_the_handler_counts():
    logger = logging.Logger("shop.orders", logging.DEBUG)  # noqa: LOG001
    handler = CrumbHandler()
    handler.addFilter(lambda record: "secret" not in record.msg)
    logger.addHandler(handler)
    with captured_crumbs() as captured:
        logger.info("a secret")
        logger.info("a line")
    assert [each["event"] for each in captured.crumbs] == ["a line"]


@pytest.mark.skipif(sys.platform != "linux", reason="libc's fork is called without Python's hooks")
def test_a_record_in_a_child_that_a_server_forked_is_of_its_caller_itself():
    reader, writer = os.pipe()
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        record = logging.makeLogRecord({"thread": threading.get_ident(), "process": os.getpid()})
        os.write(writer, type(as_caller_of(record)).__name__.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, "rb") as answer:
        assert answer.read() == b"nullcontext"
