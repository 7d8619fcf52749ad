"""Dump the crumbs when the program, a thread or a task ends by an exception, or at a signal.

_hooks        the hooks of the interpreter, asyncio and multiprocessing
_signals      the dump of a running process at a signal
_dump         a dump: made and delivered
_exceptions   an exception and its causes as data
_running      where each thread and asyncio task is
"""

from __future__ import annotations

from statecrumbs._crash._dump import note_failures_with, prepare, report
from statecrumbs._crash._exceptions import describe, in_short
from statecrumbs._crash._hooks import report_last_exception, unwatch, watch
from statecrumbs._crash._signals import listen

__all__ = [
    "describe",
    "in_short",
    "listen",
    "note_failures_with",
    "prepare",
    "report",
    "report_last_exception",
    "unwatch",
    "watch",
]
