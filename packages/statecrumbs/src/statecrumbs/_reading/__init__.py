"""Read recordings: from files and logs, for the terminal, live, and as a page.

_recording   Recording: a black box, a dump, or the dump in a log
_terminal    a recording as people read it in a terminal
_follow      black boxes, followed while their processes write them
_ps          the processes in a folder, and their work in flight
_page/       a recording as one self-contained HTML page
"""

from __future__ import annotations

from statecrumbs._reading._follow import Tail, follow_file, follow_folder
from statecrumbs._reading._ps import processes, show_processes
from statecrumbs._reading._recording import Recording, load
from statecrumbs._reading._terminal import painter, show

__all__ = [
    "Recording",
    "Tail",
    "follow_file",
    "follow_folder",
    "load",
    "painter",
    "processes",
    "render_page",
    "show",
    "show_processes",
]


def render_page(recording: Recording) -> str:
    """Return `recording` as an HTML page that needs nothing else, and no network."""
    from statecrumbs._reading._page import render

    return render(recording)
