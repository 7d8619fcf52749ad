"""Keep the last crumbs in a file that survives the process: SIGKILL, a segfault, `os._exit`.

The rooms:

    _layout     the format of the file, byte by byte, for readers in any language
    _payload    one crumb as bytes: the parts of it, shortened to fit, and read again
    _process    what a process can say of itself, and what became of one
    _lock       a lock that tells other containers whether a file is in use
    _ring       the memory-mapped file of one process
    _slots      writing into it: by any thread, at any moment, without a lock
    _writer     BlackBox: one ring after the other, as the process forks
    _reader     read(): what one file holds
    _folder     recover(): what dead processes left in a folder; and that it does not fill up
"""

from __future__ import annotations

from statecrumbs._black_box._folder import boxes_in, recover
from statecrumbs._black_box._layout import SUFFIX, UnreadableError
from statecrumbs._black_box._payload import scope_fragment
from statecrumbs._black_box._reader import Recovered, is_black_box, read
from statecrumbs._black_box._writer import BlackBox

__all__ = [
    "SUFFIX",
    "BlackBox",
    "Recovered",
    "UnreadableError",
    "boxes_in",
    "is_black_box",
    "read",
    "recover",
    "scope_fragment",
]
