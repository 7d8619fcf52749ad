"""Count the steps that run, and compare the counts with the declared flows.

_observe    observe(): begin to count, in this process and in its children
_counter    StepCounter: hears of each step, counts it, and sees the steps before it
_totals     the counts of one step, and its durations
_runs       the open runs, and the starts in them that one process alone cannot explain
_journal    the file of one process: its format, and how it is written
_merge      the files of processes that have ended as one file
_read       the files of many processes as one `Evidence`
_otlp       exported spans as `Evidence`
_verdict    evidence against the graph of the flows; on a drawing, as a table and as JSON

A program that is observed loads only the first five.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from penstock._verify._journal import is_evidence_file
    from penstock._verify._observe import Observation, observe
    from penstock._verify._otlp import read_spans
    from penstock._verify._read import Evidence, EvidenceError, Start, read
    from penstock._verify._totals import Totals
    from penstock._verify._verdict import Verdict, as_json, as_text, overlay, verify

__all__ = [
    "Evidence",
    "EvidenceError",
    "Observation",
    "Start",
    "Totals",
    "Verdict",
    "as_json",
    "as_text",
    "is_evidence_file",
    "observe",
    "overlay",
    "read",
    "read_spans",
    "verify",
]

_MODULES = {
    "Evidence": "_read",
    "EvidenceError": "_read",
    "Observation": "_observe",
    "Start": "_read",
    "Totals": "_totals",
    "Verdict": "_verdict",
    "as_json": "_verdict",
    "as_text": "_verdict",
    "is_evidence_file": "_journal",
    "observe": "_observe",
    "overlay": "_verdict",
    "read": "_read",
    "read_spans": "_otlp",
    "verify": "_verdict",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found
