"""The parts that sibling packages need on their hot paths: prefer the names of `corectx` itself.

`CURRENT` is the one context variable; `listeners` holds the observers' methods, so that
``if listeners.entered: notify_entered(frame)`` costs one truth test where there is none.
"""

from __future__ import annotations

from corectx._failures import note_failure
from corectx._frame import CURRENT, NO_VALUES, remote
from corectx._functions import around, kind_of
from corectx._observers import listeners, notify_crumb, notify_entered, notify_left

__all__ = [
    "CURRENT",
    "NO_VALUES",
    "around",
    "kind_of",
    "listeners",
    "note_failure",
    "notify_crumb",
    "notify_entered",
    "notify_left",
    "remote",
]
