"""The runs of flows that an operation remembers until it ends.

A step may be called after its entrypoint has returned: after a commit, in a background task, while
a body is streamed. In the same operation it finds its run here. The store of the operation keeps
the runs, and a message from the operation carries them.

A run is the dict of the values that its steps share, by text. Under other keys it has what belongs
to the run itself, such as its ID, and data of observers. It knows no frame, so that the store is in
no reference cycle.
"""

from __future__ import annotations

from _weakref import ref  # as `weakref` has it, which takes longer to import

from corectx._frame import RunFrame, new_frame_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from corectx._frame import Frame, Run

    Store: TypeAlias = dict[str, Any]

# The keys in a run: its ID in other processes, made at the first use, and a mark that its frame may
# be in another run of the flow.
_ID, _UNSURE = object(), object()

# The keys in a store.
_RUN = "corectx.run:"  # and the name of a flow: its latest run
# By flow, the correlation ID and the store of its latest operation. Only an operation that waits
# for work has this key, such as a consumer of messages, and a scope outside of any operation: there
# each flow begins its own operation.
SEPARATE = "corectx.separate"
# In the store of such an operation: its correlation ID, and a weak reference to the first frame of
# the one that waits.
_WAITING = "corectx.waiting"
_AMBIGUOUS = "corectx.ambiguous"  # the flows that had several runs

_MOST_RUNS = 16  # flows of one operation; the oldest is forgotten
_MOST_MARKS = 2 * _MOST_RUNS  # of ambiguity: as many flows again, of which the run was forgotten


def run_key(flow: str) -> str:
    """Return the key of the latest run of `flow` in a store."""
    return _RUN + flow


def remember_run(store: Store, flow: str, run: Run, *, key: str | None = None) -> None:
    """Keep `run` as the latest run of `flow` in the operation that `store` belongs to.

    A caller that has the `run_key` of the flow saves the time to make it.
    """
    key = key or _RUN + flow
    if store.pop(key, None) is not None:
        mark_ambiguous(store, flow)
    store[key] = run  # at the end: the order of the keys is that of the runs
    if _WAITING in store:
        correlation_id, first = store[_WAITING]
        waiting = first()
        if waiting is not None:
            remember_run(waiting.store, flow, run, key=key)
            waiting.store[SEPARATE][flow] = correlation_id, store
    if len(store) > _MOST_RUNS:
        for oldest in list(runs_of(store))[:-_MOST_RUNS]:
            mark_ambiguous(store, oldest)
            store.pop(_RUN + oldest, None)
            store.get(SEPARATE, {}).pop(oldest, None)


def mark_ambiguous(store: Store, flow: str) -> None:
    """Note that the next run of `flow` in the operation of `store` will not be the only one."""
    flows: dict[str, None] = store.get(_AMBIGUOUS) or store.setdefault(_AMBIGUOUS, {})
    flows[flow] = None
    if len(flows) > _MOST_MARKS:
        for oldest in forgotten_flows(store)[:-_MOST_RUNS]:
            flows.pop(oldest, None)


def remember_operation(frame: Frame, flow: str, correlation_id: str | None, own: Store) -> None:
    """Keep the run of `flow` that has just begun in `frame`, whose operation waits for work.

    The run is in an operation of its own, with `correlation_id` and the store `own`. Later runs in
    that operation are kept too.
    """
    store = frame.store
    store.setdefault(SEPARATE, {})
    first = frame
    while first.parent is not None and first.parent.store is store:
        first = first.parent
    own[_WAITING] = correlation_id, ref(first)
    remember_run(own, flow, own.pop(_RUN + flow))


def latest_operation(store: Store, flow: str) -> tuple[str, Store] | None:
    """Return the correlation ID and the store of the latest run of `flow` in a waiting operation.

    Return None if the operation of `store` does not wait, or if the run came with a message.
    """
    operations: dict[str, tuple[str, Store]] | None = store.get(SEPARATE)
    return None if operations is None else operations.get(flow)


def latest_run(store: Store, flow: str) -> Run | None:
    """Return the latest run of `flow` in the operation that `store` belongs to, or None."""
    found: Run | None = store.get(_RUN + flow)
    return found


def is_ambiguous(store: Store, flow: str) -> bool:
    """Tell whether the operation that `store` belongs to had several runs of `flow`."""
    return flow in store.get(_AMBIGUOUS, ())


def forgotten_flows(store: Store) -> list[str]:
    """Return flows that had a run which the operation of `store` has forgotten, oldest first."""
    flows: dict[str, None] = store.get(_AMBIGUOUS, {})
    return [flow for flow in list(flows) if _RUN + flow not in store]


def runs_of(store: Store) -> dict[str, Run]:
    """Return the latest runs in the operation of `store` by their flows, oldest first."""
    size = len(_RUN)
    return {key[size:]: run for key, run in list(store.items()) if key.startswith(_RUN)}


def run_of(frame: Frame) -> Run | None:
    """Return the run of its own flow that `frame` is in, or None if nobody began one."""
    flow = frame.flow
    each = None if flow is None else frame
    while each is not None:
        if each.flow == flow:
            run = run_at(each)
            if run is not None:
                return run
        each = each.parent
    return None


def run_at(frame: Frame) -> Run | None:
    """Return the run that began or was joined in `frame` itself, or None.

    A task that begins a flow is in the latest run of it, also before and after its body.
    """
    if isinstance(frame, RunFrame):
        return frame.run
    flow = frame.site.flow
    return latest_run(frame.store, flow) if flow is not None and frame.kind == "task" else None


def run_id(run: Run) -> str:
    """Return the 16 hex digits that name `run` in other processes."""
    found: str = run.get(_ID) or run.setdefault(_ID, new_frame_id())
    return found


def named_run(id: str | None, *, is_unsure: bool = False) -> Run:  # noqa: A002 - as it travels
    """Return a run of another process, with the ID that it has there, or without an ID."""
    run: Run = {} if id is None else {_ID: id}
    if is_unsure:
        run[_UNSURE] = True
    return run


def unsure_run(run: Run) -> Run:
    """Return what a step joins that may be in `run`, or in another one: it shares no values."""
    run_id(run)
    return {**{key: run[key] for key in list(run) if type(key) is not str}, _UNSURE: True}


def is_unsure(run: Run) -> bool:
    """Tell whether a frame in `run` may be in another run of the same flow."""
    return _UNSURE in run


def values_of(run: Run) -> dict[str, Any]:
    """Return a copy of the values that the steps of `run` share."""
    return {key: value for key, value in list(run.items()) if isinstance(key, str)}
