"""A lock that shows that a file is in use, also to those who cannot see the process.

Processes of another container cannot be told by their IDs. A flock(2) can: it belongs to the open
file, which the mapping of a process keeps open until it ends, however it ends. Nobody waits for it.
"""

from __future__ import annotations

import os
import sys

if sys.platform != "win32":
    import fcntl


def take(descriptor: int) -> None:
    """Lock the file, if that can be done here."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass  # a file system without locks: `is_taken` will tell


def is_taken(path: str | os.PathLike[str]) -> bool:
    """Tell whether somebody, perhaps this process, has the file at `path` locked."""
    if sys.platform == "win32":
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared: several readers that ask at the same time are not in each other's way.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
