"""A log record that another thread writes has the flow and the thread of its caller."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import queue
import threading
from logging.handlers import QueueHandler, QueueListener

import pytest
import structlog

from corectx import Site, attach, detach, start
from penstock.contrib.structlog import flow_processor
from penstock.logging import FlowFilter
from penstock_structlog import crumb_processor
from statecrumbs.logging import CrumbHandler
from statecrumbs.testing import captured_crumbs

SITE = Site("request", "GET /orders")


def log_through(*handlers, filters=(), log=None):
    """Log from a thread "caller" in an operation, through a real listener to `handlers`."""
    records: queue.Queue = queue.Queue()
    sender = QueueHandler(records)
    for each in filters:
        sender.addFilter(each)
    logger = logging.getLogger("penstock-tests.queue")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers[:] = [sender]
    listener = QueueListener(records, *handlers)

    def run():
        token = attach(start(SITE, correlation_id="order-7"))
        logger.info("charged %s", 17)
        detach(token)

    listener.start()
    caller = threading.Thread(target=run, name="caller")
    caller.start()
    caller.join()
    listener.stop()


def writing(formatter):
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(formatter)
    return handler, output


def test_a_filter_on_the_queue_handler_reads_the_flow_in_the_callers_thread():
    handler, output = writing(logging.Formatter("%(flow_id)s %(threadName)s %(message)s"))
    log_through(handler, filters=[FlowFilter()])
    assert output.getvalue() == "order-7 caller charged 17\n"


def test_a_filter_behind_it_as_well_keeps_that():
    handler, output = writing(logging.Formatter("%(flow_id)s %(message)s"))
    handler.addFilter(FlowFilter())
    log_through(handler, filters=[FlowFilter()])
    assert output.getvalue() == "order-7 charged 17\n"


def test_a_crumb_of_a_record_has_the_thread_and_the_operation_of_its_caller():
    with captured_crumbs() as captured:
        log_through(CrumbHandler(), filters=[FlowFilter()])
    (crumb,) = captured.crumbs
    assert crumb["event"] == "charged 17"
    assert crumb["thread"] == "caller"
    assert crumb["frame"]["correlation_id"] == "order-7"


def test_without_the_filter_it_has_the_thread():
    with captured_crumbs() as captured:
        log_through(CrumbHandler())
    assert [crumb["thread"] for crumb in captured.crumbs] == ["caller"]


def test_the_processors_in_a_foreign_pre_chain_see_the_caller():
    handler, output = writing(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[flow_processor, crumb_processor],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    with captured_crumbs() as captured:
        log_through(handler, filters=[FlowFilter()])
    assert json.loads(output.getvalue())["flow_id"] == "order-7"
    (crumb,) = captured.crumbs
    assert (crumb["thread"], crumb["frame"]["correlation_id"]) == ("caller", "order-7")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_crumb_of_a_structlog_event_has_the_thread_of_its_caller(asynchronous):
    structlog.configure(
        processors=[flow_processor, crumb_processor, structlog.processors.JSONRenderer()],
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    logger = structlog.get_logger()

    async def run():
        token = attach(start(SITE, correlation_id="order-7"))
        await (logger.ainfo("charged") if asynchronous else asyncio.to_thread(logger.info, "a"))
        detach(token)

    caller = threading.Thread(target=asyncio.run, args=[run()], name="caller")
    with captured_crumbs() as captured:
        caller.start()
        caller.join()
    structlog.reset_defaults()
    (crumb,) = captured.crumbs
    assert crumb["frame"]["correlation_id"] == "order-7"
    assert (crumb["thread"] == "caller") is asynchronous
