"""The door for other distributions: what they need of corectx beside its public names.

Prefer the names of `corectx` itself. These are for the hot paths of decorators and recorders, and
for integrations of frameworks. They keep their names and meaning within a minor version.

The current frame
    `CURRENT` is the one context variable, and `get_current` and `set_current` are its methods. Call
    these rather than ``CURRENT.get()``: CPython compiles that to something slower in a module that
    imports `CURRENT`.
Frames
    `around` puts a new frame around a function of any kind, `kind_of` tells that kind, `remote`
    makes a frame that stands for a frame in another process, and `NO_VALUES` is the empty mapping
    of values.
IDs
    `as_id` turns a valid text or a UUID into a correlation ID. `arriving_id` asks the observers for
    the ID of an operation that a request or a message begins: with tracing, that of its trace.
Operations
    The store of an operation remembers the latest run of each flow that began in it, as the dict of
    its values. `remember_run` keeps one, `latest_run` returns it, `is_ambiguous` tells whether
    there were several, and `run_ids` are their names in other processes. A new store with one run
    is ``{RUNS: {flow: run}}``. With the key `SEPARATE` in the store, each flow that begins in the
    operation is an operation of its own. `new_trace_id` makes the correlation ID of a new
    operation where no observer is to choose it (`listeners.starting`).
Ends
    `note_failure` notes on an exception which frame it left, and `keep_with_failures` lets an entry
    of the operation's store go with it. `treat_as_control_flow` names exceptions that are no
    failures. `run_finalizer` calls a function that may run in a finalizer and may set context
    variables: on Python 3.10 and 3.11 that can crash the interpreter.
Observers
    `listeners` holds the methods of all observers by event, so that ``if listeners.entered:
    notify_entered(frame)`` costs one truth test where there is none. `notify_renamed` is called
    once a site has learnt its name, `notify_ending` where a framework announces that the process
    ends in an ordinary way.
Processes
    `process_mark` makes a mark that a forked child sees is not its own, also after a fork that ran
    no hook of Python (uWSGI).
Robustness
    `log_once` logs one kind of problem once. `raised_by_signal` tells an exception of a signal
    handler, which must go on, from an exception of the code that it interrupted.
"""

from __future__ import annotations

from corectx._collector import run_finalizer
from corectx._current import CURRENT, arriving_id, get_current, set_current
from corectx._failures import keep_with_failures, note_failure
from corectx._frame import NO_VALUES, as_id, new_trace_id, remote
from corectx._observers import (
    listeners,
    log_once,
    notify_crumb,
    notify_ending,
    notify_entered,
    notify_left,
    notify_renamed,
    raised_by_signal,
)
from corectx._operation import RUNS, SEPARATE, is_ambiguous, latest_run, remember_run, run_ids
from corectx._outcome import treat_as_control_flow
from corectx._process import process_mark
from corectx._wrap import around, kind_of

__all__ = [
    "CURRENT",
    "NO_VALUES",
    "RUNS",
    "SEPARATE",
    "around",
    "arriving_id",
    "as_id",
    "get_current",
    "is_ambiguous",
    "keep_with_failures",
    "kind_of",
    "latest_run",
    "listeners",
    "log_once",
    "new_trace_id",
    "note_failure",
    "notify_crumb",
    "notify_ending",
    "notify_entered",
    "notify_left",
    "notify_renamed",
    "process_mark",
    "raised_by_signal",
    "remember_run",
    "remote",
    "run_finalizer",
    "run_ids",
    "set_current",
    "treat_as_control_flow",
]
