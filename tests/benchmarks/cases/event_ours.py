"""An event inside a request, with its ID."""

from frameworks.structlog_event import time_event

from corectx import Site, attach, start
from penstock.contrib.structlog import flow_processor

attach(start(Site("request", "POST /orders")))
time_event(flow_processor)
