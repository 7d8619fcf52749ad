"""The door for packages that integrate a framework: declare its functions, find declarations.

`After` is the type of ``after=``: the name of a step, "other_flow:step", a decorated function, or
several of these. `Declaration` belongs to one decorated function: `flows` are the names of its
flows, `begins` is the flow that a call begins or None, `wrapper` is the decorated function.
`is_same_function` tells whether another one is of the same function, and `takes_name_of` whether it
is of another function with the same name, such as a copy. These names keep their meaning within a
minor version.
"""

from __future__ import annotations

from penstock._declare import Declaration, declaration_of, registry_in_use
from penstock._declare import declare as _declare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from penstock._declare import After as After  # noqa: PLC0414 - exported
    from penstock._declare import Flow

__all__ = ["Declaration", "declaration_of", "declare"]


def declare(
    function: Any,
    kind: str,
    *,
    after: After = None,
    name: str | None = None,
    flow: Flow | None = None,
    call_kind: str | None = None,
) -> Any:
    """Return `function`, declared as `kind`: "entrypoint" or "step"; its type is kept.

    The default of `name` is the function's own name. Without `flow` the function is in no flow
    until `penstock.flow` decorates it. `call_kind` overrides the kind of call that drawings and
    pages show, such as "task". Raises TypeError for an object that cannot be declared.
    """
    return _declare(
        function,
        kind,
        registry=registry_in_use(),
        after=after,
        name=name,
        flow=flow,
        call_kind=call_kind,
    )
