"""Read recordings: from files, logs and pipes; for the terminal, live, and as a page.

_recording   Recording: what a black box or a dump has about one process
_content     a file, pipe or gzip stream, from its end, with bounded memory
_unwrap      the lines of a dump out of the lines of a log
_open_dump   one dump in a log, while its lines come in
_log         the dumps in the lines of a log, whole or cut, several at a time
_shipped     dumps that were written as lines for log shippers
_load        the recordings in files, folders, logs and pipes
_select      the crumbs of one ID, of one operation, of the last minutes
_timeline    several recordings as one time line
_exception   an exception of a dump as people read it
_terminal    recordings as people read them in a terminal
_follow      black boxes, followed while their processes write them
_ps          the processes in a folder, and their work in flight
_page/       a recording as one self-contained HTML page
"""

from __future__ import annotations

from statecrumbs._reading._follow import Tail, follow
from statecrumbs._reading._load import load, load_each
from statecrumbs._reading._ps import processes, show_processes
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


def render_page(recording: Recording) -> str:
    """Return `recording` as an HTML page that needs nothing else, and no network."""
    from statecrumbs._reading._page import render

    return render(recording)
