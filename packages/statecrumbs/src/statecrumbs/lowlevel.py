"""The functions that integrations need: crumbs in messages, exceptions as data, safe text.

Other distributions import these names only, never a module with an underscore.

Crumbs that travel with a message
    `outgoing_crumbs` makes the header at the sender, and `inherit_crumbs` reads it at the receiver.
    Call `forget_inherited_duplicates` before a dump if both may be the same process.
Log records
    `record_event` records a crumb with a dict of values that belongs to the recorder from then on.
    If another thread handles a log record, `as_caller_of` and `as_thread` give the crumbs of a
    block the thread of the caller, and the operation if it is known.
An exception
    `describe_exception` returns it with its traceback and causes as data. `summarize_exception`
    returns one line. Both are redacted and bounded.
Work in flight
    `note_trace` gives an open frame the IDs of its trace and span, for the black box.
Objects of the program
    `safe_text` returns `str(value)`, or other text if that raises. `class_name` returns the name of
    a class without asking its metaclass.
"""

from __future__ import annotations

from statecrumbs._in_flight import note_trace
from statecrumbs._recorder import record_event
from statecrumbs._values import name_of as class_name
from statecrumbs._values import safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs._crash import describe_exception, summarize_exception
    from statecrumbs._sent_crumbs import (
        MAX_OUTGOING_CRUMBS,
        forget_inherited_duplicates,
        inherit_crumbs,
        outgoing_crumbs,
    )
    from statecrumbs.logging import as_caller_of, as_thread

__all__ = [
    "MAX_OUTGOING_CRUMBS",
    "as_caller_of",
    "as_thread",
    "class_name",
    "describe_exception",
    "forget_inherited_duplicates",
    "inherit_crumbs",
    "note_trace",
    "outgoing_crumbs",
    "record_event",
    "safe_text",
    "summarize_exception",
]

_OF_EXCEPTIONS = ("describe_exception", "summarize_exception")


def __getattr__(name: str) -> object:
    # Few integrations need all of these, so each is imported when it is first asked for.
    if name in _OF_EXCEPTIONS:
        from statecrumbs import _crash

        found: object = getattr(_crash, name)
    elif name in ("as_caller_of", "as_thread"):
        from statecrumbs import logging

        found = getattr(logging, name)
    elif name in __all__:
        from statecrumbs import _sent_crumbs

        found = getattr(_sent_crumbs, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
