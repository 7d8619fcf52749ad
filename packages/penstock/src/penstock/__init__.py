"""Declare the flows in your code: one correlation ID through every step, and a map of them all.

Import from here what most programs need. The rest of the package:

    _arguments     checks of arguments, and hints: the nearest valid name, a path
    _declare/      flow, entrypoint, step: declarations of functions, and the registry
    _context       the run of a flow: its frames, and the values that its steps share
    _calls         what happens at a call of a step or an entrypoint
    _graph/        the graph of the flows
    _check         the problems of the declared flows
    _dag           generate_dag: a graph as a drawing, also with the evidence of what ran
    _crash_path    the step that failed and the path there, from a dump
    formats/       the formats of drawings
    _docs          pages and diagrams in Markdown
    _verify/       observe: counts of what ran, and the verdict
    _app           import a user's program by its name
    backends/      configure: the tracing backends that hear of the steps that run
    contrib/       middleware for ASGI and WSGI; Django, Celery, structlog, Sphinx, MkDocs
    cli            the command line; __main__ is ``python -m penstock``
    logging        a filter that puts the flow ID on log records
    testing        for tests of programs that use flows
    pytest_plugin  pytest --flow-coverage
    lowlevel       for packages that integrate a framework
"""

from __future__ import annotations

from os import environ as _environ

from penstock._context import (
    FlowContext,
    current_flow_id,
    get_flow_context,
    get_flow_context_value,
    set_flow_context_value,
)
from penstock._declare import Flow, entrypoint, flow, step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from penstock._dag import generate_dag
    from penstock._verify import observe
    from penstock.backends import configure

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


# A program that does not call these does not load them.
_LAZY = {
    "configure": "penstock.backends",
    "generate_dag": "penstock._dag",
    "observe": "penstock._verify",
}


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
