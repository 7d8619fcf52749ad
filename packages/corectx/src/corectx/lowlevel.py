"""The door for other distributions: names of corectx that they need beside its public ones.

Prefer the names of `corectx` itself. These are for the hot paths of decorators and recorders, and
for integrations of frameworks. They keep their names and meaning within a minor version.

The current frame
    `CURRENT` is the one context variable, and `get_current` and `set_current` are its methods. Call
    these rather than ``CURRENT.get()``: CPython compiles that to something slower in a module that
    imports `CURRENT`.
Frames
    `around` puts a new frame around a function of any kind, and `kind_of` tells that kind.
    `imitate` does to a new wrapper of your own what `functools.wraps` does, and gives it the
    signature of its function; `keep_signature` does only the latter. If a plain function returned a
    `COROUTINE`, `carry_on` keeps its frame until that ends. `remote` makes a frame that stands for
    a frame in another process, and `NO_VALUES` is the empty mapping of values. `UNOPENED` is the
    `outer` of a frame that is not entered. A hot path makes a `BareFrame` and sets its attributes
    itself. `FrameText` is a text in a log record that knows the frame in which the record was made.
Headers
    `to_header` and `from_header` write and read the text of `corectx.HEADER` alone, without a
    search for the header in a carrier. `allow` is checked by the caller.
IDs
    `as_id` turns a valid text or a UUID into a correlation ID. `arriving_id` asks the observers for
    the ID of an operation that a request or a message begins: with tracing, that of its trace.
Operations
    The store of an operation remembers the latest run of each flow that began in it, as the dict of
    its values, by text. Under other keys an observer may keep data of its own in a run. A
    `RunFrame` has the run that began or was joined there, `run_at` returns that of a task too, and
    `run_of` that of any frame.
    `remember_run` keeps a run, `latest_run` returns it, `runs_of` returns all, and `is_ambiguous`
    tells whether there were several of a flow; then a step joins an `unsure_run`, as `is_unsure`
    tells. `run_id` is the name of a run in other processes, and `values_of` copies its values. A
    new store with one run is ``{run_key(flow): run}``. With ``{SEPARATE: {}}`` in the store the
    operation only waits for work, and each flow that begins in it is an operation of its own:
    `remember_operation` keeps the latest of each flow, and `latest_operation` returns its ID and
    its store. `new_trace_id` makes
    the correlation ID of a new operation where no observer is to choose it (`listeners.starting`).
Ends
    `note_failure` notes on an exception which frame it left, and `keep_with_failures` lets an entry
    of the operation's store go with it. `treat_as_control_flow` names exceptions that are no
    failures. `run_finalizer` calls a function that may run in a finalizer and may set context
    variables: on Python 3.10 and 3.11 that can crash the interpreter. A hot path asks ``collecting
    and in_collector()`` first, which costs a truth test.
Observers
    `listeners` holds the methods of all observers by event. Without observers, ``if
    listeners.entered: notify_entered(frame)`` costs one truth test. `when_listeners_change` calls a
    function at each change, so that a hot path has less to look at. Call `notify_renamed` when a
    site has learnt its name, `notify_suspended` and `notify_resumed` when work waits and goes on
    that is done in parts, such as the body of a response, and `notify_ending` when a framework
    announces that the process ends in an ordinary way.
Open frames
    An observer with a true `is_inlined` calls `note_open` in ``entered`` and `note_closed` in
    ``left``; then `open_frames` returns the frames that are open. A wrapper that `opens_inline`
    does not call such an observer if ``listeners.is_inlined``: it sets `Frame.since`, and tells
    only of an exception. `forget_open` begins anew. An observer that keeps frames until they are
    left says so with `search_for_lost`. Then `forget_lost` finds those that nobody will leave,
    also only among some.
Processes
    `process_mark` makes a mark that a forked child sees is not its own, also after a fork that ran
    no hook of Python (uWSGI).
Robustness
    `log_once` logs one kind of problem once. `raised_by_signal` tells whether a signal handler
    raised an exception. Such an exception must go on.
"""

from __future__ import annotations

from corectx._current import CURRENT, arriving_id, get_current, set_current
from corectx._failures import keep_with_failures, note_failure, treat_as_control_flow
from corectx._frame import (
    NO_VALUES,
    UNOPENED,
    BareFrame,
    FrameText,
    RunFrame,
    as_id,
    new_trace_id,
    remote,
)
from corectx._observers import (
    listeners,
    notify_crumb,
    notify_ending,
    notify_entered,
    notify_left,
    notify_renamed,
    notify_resumed,
    notify_suspended,
    when_listeners_change,
)
from corectx._process import (
    collecting,
    in_collector,
    log_once,
    process_mark,
    raised_by_signal,
    run_finalizer,
)
from corectx._wrap import COROUTINE, around, carry_on, imitate, keep_signature, kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corectx._headers import from_header, to_header
    from corectx._open import (
        forget_lost,
        forget_open,
        note_closed,
        note_open,
        open_frames,
        opens_inline,
        search_for_lost,
    )
    from corectx._runs import (
        SEPARATE,
        is_ambiguous,
        is_unsure,
        latest_operation,
        latest_run,
        remember_operation,
        remember_run,
        run_at,
        run_id,
        run_key,
        run_of,
        runs_of,
        unsure_run,
        values_of,
    )

__all__ = [
    "COROUTINE",
    "CURRENT",
    "NO_VALUES",
    "SEPARATE",
    "UNOPENED",
    "BareFrame",
    "FrameText",
    "RunFrame",
    "around",
    "arriving_id",
    "as_id",
    "carry_on",
    "collecting",
    "forget_lost",
    "forget_open",
    "from_header",
    "get_current",
    "imitate",
    "in_collector",
    "is_ambiguous",
    "is_unsure",
    "keep_signature",
    "keep_with_failures",
    "kind_of",
    "latest_operation",
    "latest_run",
    "listeners",
    "log_once",
    "new_trace_id",
    "note_closed",
    "note_failure",
    "note_open",
    "notify_crumb",
    "notify_ending",
    "notify_entered",
    "notify_left",
    "notify_renamed",
    "notify_resumed",
    "notify_suspended",
    "open_frames",
    "opens_inline",
    "process_mark",
    "raised_by_signal",
    "remember_operation",
    "remember_run",
    "remote",
    "run_at",
    "run_finalizer",
    "run_id",
    "run_key",
    "run_of",
    "runs_of",
    "search_for_lost",
    "set_current",
    "to_header",
    "treat_as_control_flow",
    "unsure_run",
    "values_of",
    "when_listeners_change",
]


def __getattr__(name: str) -> object:
    # A program that only records crumbs loads none of these modules.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from corectx import _open, _runs

    found: object = getattr(_open, name, None) or getattr(_runs, name, None)
    if found is None:
        from corectx import _headers

        found = getattr(_headers, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
