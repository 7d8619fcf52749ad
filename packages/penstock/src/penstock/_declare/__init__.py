"""Declare that a function is in a flow, and which steps it comes after.

_registry  flow, entrypoint, step, and the registry that they fill
_flow      Flow and Declaration: decorate a function, and put it into flows
_step      Step: one function's place in one flow, and how it is read from the function

Each of them imports only those below it.
"""

from __future__ import annotations

from penstock._declare._flow import Declaration, Flow, declaration_of, declare
from penstock._declare._registry import (
    DeclaredFlow,
    Registry,
    entrypoint,
    flow,
    registry_in_use,
    replace_registry,
    step,
)
from penstock._declare._step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock._declare._flow import After as After

__all__ = [
    "Declaration",
    "DeclaredFlow",
    "Flow",
    "Registry",
    "Step",
    "declaration_of",
    "declare",
    "entrypoint",
    "flow",
    "registry_in_use",
    "replace_registry",
    "step",
]
