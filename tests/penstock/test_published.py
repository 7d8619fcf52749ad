"""Calls that the documents of penstock 0.1.0 show work, or say what to write instead."""

from __future__ import annotations

import contextlib
import logging

import pytest

import penstock
from penstock import configure, entrypoint, flow, generate_dag, get_flow_context, step
from penstock.backends import TracingBackend
from penstock.testing import isolated_registry


@pytest.fixture
def shop():
    """A flow as 0.1.0 knew it: a class."""
    with isolated_registry():

        @flow("orders")
        class Orders:
            @entrypoint
            def receive(self):
                return self.ship()

            @step(after="receive")
            def ship(self):
                return penstock.current_flow_id()

        yield Orders()
    configure()


def test_one_backend_is_given_by_its_name(shop, caplog):
    configure(backend="logging")
    with caplog.at_level(logging.INFO, "penstock"):
        flow_id = shop.receive()
    ended = caplog.records[-1]
    assert (ended.flow, ended.step, ended.correlation_id) == ("orders", "receive", flow_id)
    assert ended.duration_ms == ended.duration * 1000


def test_the_backend_otel_and_its_class_are_there(shop):
    from penstock.backends import OTelBackend

    configure(backend="otel")
    configure(backend=OTelBackend())
    configure(backend="auto")


def test_a_drawing_is_written_into_a_markdown_file(shop, tmp_path):
    generate_dag("orders", format="mermaid", output=str(tmp_path / "flow.md"))
    generate_dag("orders", output=str(tmp_path / "x.md"))
    drawn = "graph TD\n    receive --> ship\n"
    assert (tmp_path / "flow.md").read_text() == (tmp_path / "x.md").read_text() == drawn


def test_an_unknown_flow_is_a_key_error(shop):
    with pytest.raises(KeyError):
        generate_dag("no such flow")


def test_the_celery_signals_may_be_installed():
    from penstock.contrib.celery import install_celery_signals

    assert install_celery_signals() is None


def test_a_backend_with_spans_hears_what_to_write_instead():
    class Mine(TracingBackend):
        @contextlib.contextmanager
        def span(self, step_name, flow_name, **attrs):
            yield

        def get_correlation_id(self):
            return "1"

    with pytest.raises(TypeError, match=r"'.*Mine' now needs entered\(frame\) and left\(frame"):
        configure(backend=Mine())


def test_a_backend_of_today_may_have_a_method_span():
    class Mine(TracingBackend):
        def entered(self, frame): ...

        def left(self, frame, exc): ...

        def span(self): ...

    configure(Mine())
    configure()


def test_an_entrypoint_with_the_name_of_a_flow_hears_what_to_write_instead():
    with pytest.raises(TypeError, match=r"Write @flow\('orders'\) above @entrypoint"):
        entrypoint("orders")


def test_a_fork_of_the_context_is_not_needed():
    with isolated_registry():

        @flow("orders").entrypoint
        def receive():
            context = get_flow_context()
            context.set_value("order", 7)
            assert (context.get_value("order"), context.metadata) == (7, {"order": 7})
            context.delete_value("order")
            assert not hasattr(context, "fork")
            with pytest.raises(AttributeError, match="reaches other processes by itself"):
                context.fork()

        receive()


def test_a_step_outside_of_its_flow_is_a_plain_call(shop):
    assert shop.ship() is None
