"""Dump the crumbs when the program, a thread or a task ends by an exception, or at a signal.

_hooks        the hooks of the interpreter, asyncio and multiprocessing, and the signal
_report       which problems are reported, and where the dump of one goes
_dump         the content of a dump: crumbs, work in flight, stacks of threads and asyncio tasks
_text         the JSON text of a dump
_exceptions   an exception, its causes, and the variables of its calls as data
"""

from __future__ import annotations

from statecrumbs._crash._exceptions import describe_exception, summarize_exception
from statecrumbs._crash._hooks import listen, report_last_exception, unwatch, watch
from statecrumbs._crash._report import note_failures_with, prepare, report, report_once

__all__ = [
    "describe_exception",
    "listen",
    "note_failures_with",
    "prepare",
    "report",
    "report_last_exception",
    "report_once",
    "summarize_exception",
    "unwatch",
    "watch",
]
