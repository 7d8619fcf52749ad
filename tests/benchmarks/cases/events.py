"""An event of structlog and a log record that become crumbs, against those alone."""

import logging

import structlog
from frameworks.pairs import least, show, statement

from corectx import Site, attach, start
from penstock_structlog import crumb_processor, flow_processor
from statecrumbs.logging import CrumbHandler


class Silent(logging.Handler):
    def emit(self, record):
        pass


def structlog_events(*processors):
    log = structlog.wrap_logger(
        structlog.ReturnLogger(),
        processors=[*processors, lambda logger, name, event: event["event"]],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    ).bind()
    return statement('log.info("shipped", order=4711)', log=log)


def records(name, *handlers):
    log = logging.getLogger(name)
    log.propagate = False
    log.setLevel(logging.INFO)
    for handler in handlers:
        log.addHandler(handler)
    # The number differs, as it does in what programs log.
    return statement('log.info("order %s was shipped", next(n))', log=log, n=iter(range(1 << 60)))


attach(start(Site("request", "POST /orders")))
show(
    structlog=least(structlog_events(flow_processor), structlog_events()),
    structlog_crumb=least(structlog_events(flow_processor, crumb_processor), structlog_events()),
    record=least(records("with", CrumbHandler()), records("alone", Silent())),
)
