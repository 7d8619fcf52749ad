"""The least that recording can be: one append, of what a crumb consists of."""

import time
from collections import deque
from contextvars import ContextVar
from threading import get_ident

import pyperf

var: ContextVar[object] = ContextVar("var", default=None)
ring: deque[object] = deque(maxlen=50)
time_ns = time.time_ns


def crumb(event, /, **data):
    ring.append((time_ns(), event, data, var.get(), get_ident()))


pyperf.Runner().timeit("it", 'crumb("query_finished", rows=10, table="users")', globals=globals())
