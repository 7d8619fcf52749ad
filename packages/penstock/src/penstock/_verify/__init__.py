"""Count the steps that run, and compare the counts with the declared flows.

_observe    observe(): count in this process and in its children, and write the counts
_counter    StepCounter: hears of each step, counts it, and sees the steps before it
_totals     the counts of one step, and its durations
_runs       the open runs, and the starts in them that one process alone cannot explain
_file       the file of one process: its format, its lines, and how it is read
_evidence   the files of many processes as one `Evidence`, or merged into one file
_otlp       exported spans as `Evidence`
_verdict    evidence against the graph of the flows; on a drawing, as a table and as JSON

A program that is observed loads only the first five.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from penstock._verify._evidence import Evidence, Start, read
    from penstock._verify._file import EvidenceError, is_evidence_file
    from penstock._verify._observe import Observation, observe
    from penstock._verify._otlp import read_spans
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
    "Evidence": "_evidence",
    "EvidenceError": "_file",
    "Observation": "_observe",
    "Start": "_evidence",
    "Totals": "_totals",
    "Verdict": "_verdict",
    "as_json": "_verdict",
    "as_text": "_verdict",
    "is_evidence_file": "_file",
    "observe": "_observe",
    "overlay": "_verdict",
    "read": "_evidence",
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
