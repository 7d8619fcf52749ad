"""Declare with `flow`, `entrypoint` and `step` that a function is in a flow, after other steps.

_registry     Flow and Registry: all flows that were declared
_declaration  Declaration: a decorated function, and the flows that claim it
_refusals     messages about functions and options that cannot be declared
_views        the classes and methods that a function of Django stands for
_step         Step: the place of one function in one flow; its name, file and line
_code         the code that a function runs, below its decorators

Each of them imports only those below it.
"""

from __future__ import annotations

from penstock._declare._code import name_of
from penstock._declare._declaration import Declaration, declaration_of, declare
from penstock._declare._refusals import not_a_name, refuse_options
from penstock._declare._registry import (
    DeclaredFlow,
    Flow,
    Registry,
    registry_in_use,
    replace_registry,
)
from penstock._declare._step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

    from penstock._declare._declaration import After as After
    from penstock._declare._declaration import Decorator, Function

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


def flow(name: str, *, doc: str | None = None) -> Flow:
    """Return the flow `name`, always the same object for the same name.

    It decorates functions and methods that are an `entrypoint` or a `step`, above these decorators
    or below them, and classes that have such methods; it has `entrypoint` and `step` itself, too.
    `doc` describes it in drawings and pages; otherwise the docstring of the decorated class does.
    """
    if callable(name):  # for programs without a type checker
        raise TypeError(
            f"@flow stands over {name_of(name)!r} without the name of a flow. Write @flow('NAME')."
        )
    if not name or not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(not_a_name(name, "The name of a flow"))
    if doc is not None:
        registry_in_use().set_doc(name, doc)
    return registry_in_use().flow(name)


if TYPE_CHECKING:

    @overload
    def entrypoint(function: Function, /) -> Function: ...
    @overload
    def entrypoint(*, after: After = None, name: str | None = None) -> Decorator: ...


def entrypoint(
    function: Any = None, /, *, after: After = None, name: str | None = None, **wrong: Any
) -> Any:
    """Declare that a flow begins with `function`; with or without parentheses.

    Each call joins the active correlation, or starts one. The default of `name` is the function's
    own name. `after` names the step of another flow that leads here, as "other_flow:step".
    """
    if wrong:
        refuse_options("entrypoint", wrong)
    return declare(function, "entrypoint", registry_in_use(), after, name)


if TYPE_CHECKING:

    @overload
    def step(function: Function, /) -> Function: ...
    @overload
    def step(*, after: After = None, name: str | None = None) -> Decorator: ...


def step(
    function: Any = None, /, *, after: After = None, name: str | None = None, **wrong: Any
) -> Any:
    """Declare `function` to be a step of a flow; with or without parentheses.

    `after` names its predecessors in a run: a step's name, "other_flow:step", the decorated
    function itself, or several of these. A dict of them has a label for each edge, which drawings
    show: ``after={"choose": "in stock"}``; None is no label. The default of `name` is the
    function's own name. If the flow does not run, a call is a plain call.
    """
    if wrong:
        refuse_options("step", wrong)
    return declare(function, "step", registry_in_use(), after, name)
