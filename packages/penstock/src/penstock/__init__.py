"""Declare the flows in your code: one correlation ID through every step, and a map of them all.

What is imported from here is all that most programs need; the rest is in

    _decorators  flow, entrypoint, step; what they do at a call is in _calls
    _registry    Step, Flow, Registry: what is declared, filled by the decorators
    _written     a function's name, file, line and docstring
    _context     current_flow_id, and the values that the steps of a run share
    _backends    configure(): who hears of the steps that run; the backends are in backends/
    _check       what is wrong with the flows that are declared
    _observe     observe(): what really runs; _evidence/ counts it, and _verify compares
    _graph       the graph of the flows, and its algorithms; _dag and formats draw it
    logging      a filter that puts the flow ID on log records
    contrib/     middleware for ASGI and WSGI; Django, Celery and structlog, where installed
    testing      for tests of programs that use flows
"""

from __future__ import annotations

from os import environ as _environ

from penstock._backends import configure
from penstock._context import (
    FlowContext,
    current_flow_id,
    get_flow_context,
    get_flow_context_value,
    set_flow_context_value,
)
from penstock._decorators import entrypoint, flow, step
from penstock._registry import Flow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from penstock._dag import generate_dag
    from penstock._observe import observe

__all__ = [
    "Flow",
    "FlowContext",
    "configure",
    "current_flow_id",
    "entrypoint",
    "flow",
    "generate_dag",
    "get_flow_context",
    "get_flow_context_value",
    "observe",
    "set_flow_context_value",
    "step",
]


# What is for looking at the program; one that just runs does not load it.
_LAZY = {"generate_dag": "penstock._dag", "observe": "penstock._observe"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(_LAZY[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if _environ.get("PENSTOCK_OBSERVE"):  # also in child processes, before they declare anything
    __getattr__("observe")(_environ["PENSTOCK_OBSERVE"])
