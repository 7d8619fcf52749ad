"""The parts that sibling packages need on their hot paths: prefer the names of `corectx` itself.

`CURRENT` is the one context variable, and `get_current` and `set_current` are its methods: call
these rather than ``CURRENT.get()``, which CPython compiles to something slower in a module that
imports `CURRENT`. `listeners` holds the observers' methods, so that
``if listeners.entered: notify_entered(frame)`` costs one truth test where there is none.
"""

from __future__ import annotations

from corectx._current import CURRENT, get_current, set_current
from corectx._failures import note_failure
from corectx._frame import NO_VALUES, remote
from corectx._functions import around, kind_of
from corectx._observers import (
    add_no_failures,
    listeners,
    notify_crumb,
    notify_entered,
    notify_left,
)
from corectx._reports import report_once
from corectx._signals import raised_by_signal

__all__ = [
    "CURRENT",
    "NO_VALUES",
    "add_no_failures",
    "around",
    "get_current",
    "kind_of",
    "listeners",
    "note_failure",
    "notify_crumb",
    "notify_entered",
    "notify_left",
    "raised_by_signal",
    "remote",
    "report_once",
    "set_current",
]
