"""Log records as crumbs."""

from __future__ import annotations

import logging

import pytest

from statecrumbs.logging import CrumbHandler
from statecrumbs.testing import captured_crumbs


@pytest.fixture
def log():
    logger = logging.getLogger("shop.orders")
    handler = CrumbHandler()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)
    logger.propagate = True


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
