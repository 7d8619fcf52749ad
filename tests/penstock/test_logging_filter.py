"""The filter puts flow ID, flow and step on every record, and never over the caller's own."""

from __future__ import annotations

import io
import logging
import logging.config
import logging.handlers
import queue

import pytest

import corectx
from corectx import Site
from penstock import current_flow_id, flow
from penstock.logging import FlowFilter

pytestmark = pytest.mark.usefixtures("ran")


@pytest.fixture
def log():
    """Give a logger below another one, and what the handler of that one wrote."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(flow_id)s %(flow)s %(step)s %(message)s"))
    handler.addFilter(FlowFilter())
    above = logging.getLogger("shop")
    above.addHandler(handler)
    above.setLevel(logging.DEBUG)
    above.propagate = False
    yield logging.getLogger("shop.orders"), out
    above.removeHandler(handler)
    above.propagate = True


def test_records_inside_a_flow_have_its_id_flow_and_step(log):
    logger, out = log
    f = flow("orders")

    @f.step
    def charge():
        with corectx.scope(card="visa"):
            logger.info("charging")

    @f.entrypoint
    def place():
        logger.info("placing")
        charge()
        return current_flow_id()

    flow_id = place()
    assert out.getvalue() == f"{flow_id} orders place placing\n{flow_id} orders charge charging\n"


def test_records_outside_have_a_dash(log):
    logger, out = log
    logger.info("hello")
    assert out.getvalue() == "- - - hello\n"


def test_records_of_a_request_have_its_id(log):
    logger, out = log
    token = corectx.attach(corectx.start(Site("request", "GET"), correlation_id="abc"))
    logger.info("hello")
    corectx.detach(token)
    assert out.getvalue() == "abc - - hello\n"


def test_a_step_of_another_process_is_not_taken_for_one_here(log):
    logger, out = log
    sender = corectx.extract({"corectx": '{"id":"abc","flow":"orders","step":"place"}'})
    token = corectx.attach(sender.child(Site("task", "t")))
    logger.info("hello")
    corectx.detach(token)
    assert out.getvalue() == "abc orders - hello\n"


def test_the_callers_own_value_stays(log):
    logger, out = log
    logger.info("hello", extra={"flow_id": "mine"})
    assert out.getvalue() == "mine - - hello\n"


def test_what_is_put_outside_can_be_chosen():
    record = logging.makeLogRecord({})
    assert FlowFilter(default=None).filter(record)
    assert record.flow_id is record.flow is record.step is None


def test_the_filter_can_be_configured_by_a_dict():
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"flow": {"()": "penstock.logging.FlowFilter", "default": "none"}},
        }
    )


def test_a_queue_carries_what_was_true_when_the_record_was_made():
    records = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(records)
    handler.addFilter(FlowFilter())

    @flow("f").entrypoint
    def begin():
        handler.handle(logging.makeLogRecord({"msg": "hello"}))
        return current_flow_id()

    flow_id = begin()
    record = records.get()
    assert FlowFilter().filter(record)
    assert (record.flow_id, record.step) == (flow_id, "begin")
