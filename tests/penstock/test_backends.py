"""`configure` says who hears of the steps that run, and the default is nobody."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import pytest

import corectx
import penstock
from corectx.lowlevel import listeners
from penstock import configure, flow
from penstock.backends import LoggingBackend, TracingBackend


@pytest.fixture(autouse=True)
def silent_again(registry):
    yield
    configure()
    assert listeners.entered == listeners.left == ()


class Backend:
    def __init__(self):
        self.heard = []

    def entered(self, frame):
        self.heard.append(f"+{frame.name}")

    def left(self, frame, exc):
        self.heard.append(f"-{frame.name}" if exc is None else f"!{frame.name}")


@pytest.fixture
def run():
    """Run a flow of two steps, of which the second may fail; its failure is handled."""
    f = flow("orders")

    @f.step
    def charge(error):
        if error is not None:
            raise error

    @f.entrypoint
    def place(error=None):
        try:
            charge(error)
        except ValueError:
            pass

    return place


def test_nobody_hears_by_default(run, caplog):
    caplog.set_level(logging.DEBUG)
    run()
    assert listeners.entered == ()
    assert caplog.records == []


@pytest.mark.parametrize("declare", ["step", "entrypoint"])
def test_a_failure_that_nobody_hears_of_is_named_all_the_same(declare):
    f = flow("f")

    @getattr(f, declare)
    def work():
        raise ValueError

    @f.entrypoint
    def begin():
        work()

    with pytest.raises(ValueError) as caught:
        begin()
    assert corectx.failed_frame(caught.value).name == "work"
    assert corectx.current() is None


@pytest.mark.parametrize("backends", [(), ("auto",)])
def test_auto_and_nothing_turn_everything_off(run, backends):
    backend = Backend()
    configure(backend)
    configure(*backends)
    run()
    assert backend.heard == []


def test_a_backend_of_ones_own_hears_everything_in_order(run):
    backend: TracingBackend = Backend()
    configure(backend)
    run(ValueError())
    assert backend.heard == ["+place", "+charge", "!charge", "-place"]


def test_several_backends_hear_at_once(run, caplog):
    caplog.set_level(logging.INFO, "penstock")
    first, second = Backend(), Backend()
    configure(first, "logging", second)
    run()
    assert first.heard == second.heard == ["+place", "+charge", "-charge", "-place"]
    assert len(caplog.records) == 4


def test_configuring_again_replaces_what_was_there(run):
    first, second = Backend(), Backend()
    configure(first)
    configure(second)
    configure(second)
    run()
    assert first.heard == []
    assert len(second.heard) == 4


def test_the_logging_backend_logs_start_end_duration_and_outcome(run, caplog):
    caplog.set_level(logging.INFO, "penstock")
    configure("logging")
    run()
    records = [
        (each.name, each.levelname, each.kind, each.flow, each.step, each.outcome)
        for each in caplog.records
    ]
    assert records == [
        ("penstock", "INFO", "entrypoint", "orders", "place", "started"),
        ("penstock", "INFO", "step", "orders", "charge", "started"),
        ("penstock", "INFO", "step", "orders", "charge", "done"),
        ("penstock", "INFO", "entrypoint", "orders", "place", "done"),
    ]
    assert len({each.flow_id for each in caplog.records}) == 1
    assert caplog.messages[0] == "orders.place started"
    charge, place = (each.duration for each in caplog.records[2:])
    assert 0 < charge < place
    assert caplog.messages[3] == f"orders.place done in {place:.6f} s"


def test_the_logging_backend_warns_of_failures_without_their_message(run, caplog):
    caplog.set_level(logging.WARNING, "penstock")
    configure("logging")
    run(ValueError("the customer's name"))
    [record] = caplog.records
    assert (record.levelname, record.outcome, record.step) == ("WARNING", "failed", "charge")
    assert record.getMessage() == f"orders.charge failed in {record.duration:.6f} s: ValueError"


def test_a_cancelled_step_is_no_failure(caplog):
    caplog.set_level(logging.INFO, "penstock")
    configure("logging")

    @flow("f").entrypoint
    async def begin():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(begin())
    assert (caplog.records[-1].levelname, caplog.records[-1].outcome) == ("INFO", "cancelled")


def test_a_log_handler_may_run_steps_itself(run, caplog):
    """Otherwise their records would run steps, whose records would run steps."""

    @flow("sending").entrypoint
    def send(record):
        sent.append((record.flow, record.outcome))

    caplog.set_level(logging.INFO, "penstock")
    configure("logging")
    sent = []
    handler = logging.Handler()
    handler.emit = send
    logger = logging.getLogger("penstock")
    logger.addHandler(handler)
    try:
        run()
        run()
    finally:
        logger.removeHandler(handler)
    assert sent == [("orders", outcome) for outcome in ("started", "started", "done", "done") * 2]


def test_the_level_of_the_logging_backend_can_be_chosen(run, caplog):
    caplog.set_level(logging.DEBUG, "penstock")
    configure(LoggingBackend(logging.DEBUG))
    run()
    assert {each.levelname for each in caplog.records} == {"DEBUG"}


def test_requests_and_scopes_are_not_logged_as_steps(caplog):
    caplog.set_level(logging.DEBUG)
    configure("logging")
    with corectx.scope(a=1):
        corectx.leave(corectx.enter(corectx.start(corectx.Site("request", "GET"))))
    assert caplog.records == []


def test_a_step_that_began_before_the_backend_was_there_is_not_logged(caplog):
    caplog.set_level(logging.INFO, "penstock")

    @flow("f").entrypoint
    def begin():
        configure("logging")

    begin()
    assert caplog.records == []


def test_a_backend_that_fails_breaks_nothing(run, caplog):
    class Broken(Backend):
        def entered(self, frame):
            raise RuntimeError("broken")

    configure(Broken())
    run()
    run()
    assert [each.name for each in caplog.records] == ["corectx"]


MISUSES = {
    "an unknown name": (
        "loging",
        ValueError,
        "Unknown tracing backend 'loging'. Did you mean 'logging'?",
    ),
    "a class": (Backend, TypeError, "'Backend' is a class: call it"),
    "an object without the methods": (7, TypeError, "but 7 has not; see penstock.backends"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_what_is_no_backend_is_refused_and_changes_nothing(run, misuse):
    wrong, error, message = MISUSES[misuse]
    backend = Backend()
    configure(backend)
    with pytest.raises(error, match=message):
        configure(wrong, "logging")
    run()
    assert len(backend.heard) == 4


def test_otel_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "penstock.backends.otel", raising=False)
    monkeypatch.setitem(sys.modules, "penstock_otel", None)
    with pytest.raises(ImportError, match=r'Run: pip install "penstock\[otel\]"'):
        configure("otel")


def test_otel_uses_the_backend_of_its_package(run, monkeypatch):
    import types

    package = types.ModuleType("penstock_otel")
    package.OTelBackend = Backend
    monkeypatch.delitem(sys.modules, "penstock.backends.otel", raising=False)
    monkeypatch.setitem(sys.modules, "penstock_otel", package)
    configure("otel")
    run()
    monkeypatch.delitem(sys.modules, "penstock.backends.otel")
    assert listeners.left[0].__self__.heard == ["+place", "+charge", "-charge", "-place"]


def test_importing_penstock_loads_no_backend_and_no_drawing():
    code = (
        "import sys, penstock; "
        "print(sys.modules.keys() & {'logging', 'penstock._dag', 'penstock.backends'}); "
        "print(callable(penstock.generate_dag), 'generate_dag' in dir(penstock)); "
        "penstock.nothing"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.stdout == "set()\nTrue True\n"
    assert "AttributeError: module 'penstock' has no attribute 'nothing'" in result.stderr
    assert penstock.generate_dag is penstock.generate_dag
