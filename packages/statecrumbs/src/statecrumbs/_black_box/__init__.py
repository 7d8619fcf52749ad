"""Keep the last crumbs in a file that survives the process: SIGKILL, a segfault, `os._exit`.

_format   the format of the file, byte by byte, for readers in any language
_file     BoxFile: the file of one process, memory-mapped and locked
_stacks   Stacks: the file beside it, into which faulthandler writes
_slots    one crumb as bytes in a slot: put together, stored, decoded
_rows     the open frames in its rows: written and read
_writer   BlackBox: one file after the other, as the process forks
_mirror   Mirror: the crumbs of the recorder, and the open frames, into a BlackBox
_header   the header of one file, and the ending of its process
_reader   read(): the content of one file
_folder   the files that dead processes left, and their bounds
_notices  DeathNotices: a process of the same program logs each death once
"""

from __future__ import annotations

from statecrumbs._black_box._folder import boxes_in, is_absent
from statecrumbs._black_box._format import SUFFIX, UnreadableError
from statecrumbs._black_box._mirror import Mirror
from statecrumbs._black_box._notices import DeathNotices
from statecrumbs._black_box._reader import Recovered, is_black_box, read, read_in_flight
from statecrumbs._black_box._slots import scope_fragment
from statecrumbs._black_box._writer import BlackBox

__all__ = [
    "SUFFIX",
    "BlackBox",
    "DeathNotices",
    "Mirror",
    "Recovered",
    "UnreadableError",
    "boxes_in",
    "is_absent",
    "is_black_box",
    "read",
    "read_in_flight",
    "scope_fragment",
]
