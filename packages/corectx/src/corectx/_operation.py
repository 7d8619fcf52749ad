"""The runs of flows that an operation remembers until it ends.

A step that is called after its entrypoint has returned, in the same operation, finds its run here:
after a commit, in a background task, while a body is streamed. The store of the operation has them,
and a message that is sent from the operation carries them.

A run is the dict of the values that its steps share. It knows no frame, so that the store is in no
reference cycle.
"""

from __future__ import annotations

from corectx._frame import new_frame_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Run: TypeAlias = dict[str, Any]

# The keys in a store: the latest run of each flow; the flows that had several; the IDs by which
# other processes know the runs, by flow, made when they are asked for.
RUNS = "corectx.runs"
# In the store of an operation that only waits for work, such as a consumer of messages: each flow
# that begins in it is an operation of its own.
SEPARATE = "corectx.separate"
_AMBIGUOUS = "corectx.ambiguous"
_IDS = "corectx.run_ids"

_MOST_RUNS = 16  # flows of one operation; the oldest goes


def remember_run(
    store: dict[str, Any],
    flow: str,
    run: Run,
    *,
    id: str | None = None,  # noqa: A002 - the name that travels
    is_ambiguous: bool = False,
) -> None:
    """Keep `run` as the latest run of `flow` in the operation that `store` belongs to."""
    runs: dict[str, Run] = store.get(RUNS) or store.setdefault(RUNS, {})
    if runs.pop(flow, None) is not None or is_ambiguous:
        store.setdefault(_AMBIGUOUS, set()).add(flow)
    runs[flow] = run
    if id is not None:
        store.setdefault(_IDS, {})[flow] = id
    elif _IDS in store:
        store[_IDS].pop(flow, None)
    if len(runs) > _MOST_RUNS:
        try:
            runs.pop(next(iter(runs)), None)
        except (StopIteration, RuntimeError):  # another thread was here at the same time
            pass


def latest_run(store: dict[str, Any], flow: str) -> Run | None:
    """Return the latest run of `flow` in the operation that `store` belongs to, or None."""
    runs: dict[str, Run] | None = store.get(RUNS)
    return None if runs is None else runs.get(flow)


def is_ambiguous(store: dict[str, Any], flow: str) -> bool:
    """Tell whether the operation that `store` belongs to had several runs of `flow`."""
    return flow in store.get(_AMBIGUOUS, ())


def run_ids(store: dict[str, Any]) -> dict[str, str]:
    """Return the IDs of the latest runs by flow: 16 hex digits each."""
    runs: dict[str, Run] | None = store.get(RUNS)
    if not runs:
        return {}
    ids: dict[str, str] = store.setdefault(_IDS, {})
    return {flow: ids.get(flow) or ids.setdefault(flow, new_frame_id()) for flow in list(runs)}
