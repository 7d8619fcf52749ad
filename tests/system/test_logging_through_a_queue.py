"""A log record that another thread writes has the flow and the thread of its caller."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import pickle
import queue
import threading
import uuid
from logging.handlers import MemoryHandler, QueueHandler, QueueListener

import pytest
import structlog

from corectx import Site, attach, detach, scope, start
from penstock.contrib.structlog import flow_processor
from penstock.logging import FlowFilter
from penstock_structlog import crumb_processor, values_processor
from statecrumbs import trail
from statecrumbs.logging import CrumbHandler
from statecrumbs.testing import captured_crumbs

SITE = Site("request", "GET /orders")


def log_through(*handlers, filters=(), site_values=None):
    """Log from a thread "caller" in an operation, through a real listener; return its frame."""
    records: queue.Queue = queue.Queue()
    sender = QueueHandler(records)
    for each in filters:
        sender.addFilter(each)
    logger = logging.getLogger("penstock-tests.queue")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers[:] = [sender]
    listener = QueueListener(records, *handlers)

    frame = start(SITE, correlation_id="order-7", values=site_values)

    def run():
        token = attach(frame)
        logger.info("charged %s", 17)
        detach(token)

    listener.start()
    caller = threading.Thread(target=run, name="caller")
    caller.start()
    caller.join()
    listener.stop()
    return frame


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


def test_a_uuid_that_a_record_has_is_the_id_of_its_caller():
    given = uuid.uuid4()
    record = logging.makeLogRecord({"msg": "charged", "flow_id": given, "thread": 1})
    with captured_crumbs() as captured:
        CrumbHandler().handle(record)
    assert captured.crumbs[0]["frame"]["correlation_id"] == given.hex


def test_without_the_filter_it_has_the_thread():
    with captured_crumbs() as captured:
        log_through(CrumbHandler())
    assert [crumb["thread"] for crumb in captured.crumbs] == ["caller"]


def test_the_processors_in_a_foreign_pre_chain_see_the_caller():
    handler, output = writing(chain(flow_processor, crumb_processor))
    with captured_crumbs() as captured:
        log_through(handler, filters=[FlowFilter()])
    assert json.loads(output.getvalue())["flow_id"] == "order-7"
    (crumb,) = captured.crumbs
    assert (crumb["thread"], crumb["frame"]["correlation_id"]) == ("caller", "order-7")


def chain(*processors):
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=processors,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )


def test_the_scoped_values_of_the_caller_pass_the_queue():
    handler, output = writing(chain(values_processor))
    with scope(user=7):
        log_through(handler, filters=[FlowFilter()], site_values={"order": 4711})
    assert json.loads(output.getvalue()) == {"event": "charged 17", "order": 4711}


@pytest.mark.parametrize("way", ["handler", "processor"])
def test_a_crumb_behind_the_queue_is_in_the_trail_of_its_caller(way):
    handler = CrumbHandler() if way == "handler" else writing(chain(crumb_processor))[0]
    with captured_crumbs() as captured:
        frame = log_through(handler, filters=[FlowFilter()])
    assert captured.crumbs[0]["frame"]["kind"] == "request"
    token = attach(frame)
    assert [crumb["event"] for crumb in trail()] == ["charged 17"]
    detach(token)


@pytest.fixture
def memory():
    """A logger whose handler writes two records together, by all processors and as crumbs."""
    handler, output = writing(chain(flow_processor, values_processor, crumb_processor))
    kept = MemoryHandler(2, flushLevel=100, target=handler)
    kept.addFilter(FlowFilter(default="none"))
    logger = logging.getLogger("penstock-tests.memory")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers[:] = [kept]
    return logger, output


def test_a_record_that_is_written_in_another_operation_stays_in_its_own(memory):
    logger, output = memory
    with captured_crumbs() as captured:
        for number in (1, 2):
            token = attach(start(SITE, correlation_id=f"order-{number}", values={"at": number}))
            logger.info("charged")
            detach(token)
    written = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [(each["flow_id"], each["at"]) for each in written] == [("order-1", 1), ("order-2", 2)]
    ids = [crumb["frame"]["correlation_id"] for crumb in captured.crumbs]
    assert ids == ["order-1", "order-2"]


def test_a_record_from_outside_that_is_written_in_an_operation_stays_outside(memory):
    logger, output = memory
    logger.info("started")
    with captured_crumbs() as captured:
        token = attach(start(SITE, correlation_id="order-1", values={"at": 1}))
        logger.info("charged")
        detach(token)
    written = [json.loads(line) for line in output.getvalue().splitlines()]
    assert written[0] == {"event": "started"}
    assert "frame" not in captured.crumbs[0]


def test_a_uuid_of_the_program_is_the_id_in_an_event():
    given = uuid.uuid4()
    handler, output = writing(chain(flow_processor))
    handler.handle(logging.makeLogRecord({"msg": "charged", "flow_id": given}))
    assert json.loads(output.getvalue())["flow_id"] == given.hex


def test_a_record_that_leaves_the_process_needs_no_package_of_ours():
    record = logging.makeLogRecord({"msg": "charged"})
    token = attach(start(SITE, correlation_id="order-1"))
    FlowFilter().filter(record)
    detach(token)
    pickled = pickle.dumps(vars(record))
    assert b"corectx" not in pickled
    assert type(pickle.loads(pickled)["flow_id"]) is str  # noqa: S301 - ours


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
