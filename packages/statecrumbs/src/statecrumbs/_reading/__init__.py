"""Read recordings: from files, logs and pipes; for the terminal, live, and as a page.

_recording   Recording: what a black box or a dump has about one process
_content     a file, pipe or gzip stream, from its end, with bounded memory
_log/        the dumps in the lines of a log
_load        the recordings in files, folders, logs and pipes
_select      the crumbs of one ID, of one operation, of the last minutes
_timeline    several recordings as one time line, in the order of cause
_exception   an exception of a dump as people read it
_terminal    recordings as people read them in a terminal
_processes   the processes behind black boxes, listed and followed
_page/       a time line as one self-contained HTML page
"""

from __future__ import annotations

from statecrumbs._reading._load import load, load_each
from statecrumbs._reading._processes import Tail, follow, processes, show_processes
from statecrumbs._reading._recording import Recording
from statecrumbs._reading._select import Selection, since
from statecrumbs._reading._terminal import painter, show_timeline, timeline_lines
from statecrumbs._reading._timeline import Timeline, merged

__all__ = [
    "Recording",
    "Selection",
    "Tail",
    "Timeline",
    "follow",
    "load",
    "load_each",
    "merged",
    "painter",
    "processes",
    "render_page",
    "show_processes",
    "show_timeline",
    "since",
    "timeline_lines",
]


def render_page(timeline: Timeline) -> str:
    """Return `timeline` as an HTML page that needs nothing else, and no network."""
    from statecrumbs._reading._page import render

    return render(timeline)
