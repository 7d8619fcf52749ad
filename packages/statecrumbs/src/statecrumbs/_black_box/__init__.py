"""Keep the last crumbs in a file that survives the process: SIGKILL, a segfault, `os._exit`.

_format     the format of the file, byte by byte, for readers in any language
_ring       the memory-mapped file of one process, and its lock
_slots      one crumb as bytes in a slot: put together, stored, decoded
_writer     BlackBox: one ring after the other, as the process forks
_mirror     Mirror: the crumbs of the recorder into a BlackBox; the log of deaths
_reader     read(): the content of one file
_folder     recover(): the files that dead processes left, and their bounds
"""

from __future__ import annotations

from statecrumbs._black_box._folder import boxes_in, recover
from statecrumbs._black_box._format import SUFFIX, UnreadableError
from statecrumbs._black_box._mirror import Mirror, report_dead
from statecrumbs._black_box._reader import Recovered, is_black_box, read
from statecrumbs._black_box._slots import scope_fragment
from statecrumbs._black_box._writer import BlackBox

__all__ = [
    "SUFFIX",
    "BlackBox",
    "Mirror",
    "Recovered",
    "UnreadableError",
    "boxes_in",
    "is_black_box",
    "read",
    "recover",
    "report_dead",
    "scope_fragment",
]
