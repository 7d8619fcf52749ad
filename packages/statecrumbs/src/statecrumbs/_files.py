"""Write files that only their owner may read: dumps, exports, pages."""

from __future__ import annotations

import os
import stat
from _thread import get_ident
from itertools import count


def write_private(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` in one step: readers see all of it or the old file. Mode 0600.

    A pipe or a device is never replaced, but written to. Raises an OSError that names `path`.
    """
    named = os.fspath(path)
    path = os.path.abspath(path)
    if _is_stream(path):
        # Not blocking: a pipe without a reader is an error, and no reason to wait for ever.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NONBLOCK", 0))
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
        _write(descriptor, text)
        return
    # The number is for a signal that comes just now and makes this thread dump there too.
    temporary = f"{path}.{os.getpid()}.{get_ident()}.{_next_number()}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write(descriptor, text)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, named) from error


_next_number = count().__next__


def _is_stream(path: str) -> bool:
    """Return whether other programs read along at `path`; root could replace even /dev/null."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    # /dev/stdout is a link, perhaps to a regular file that other programs have open.
    return not stat.S_ISREG(mode) or (path.startswith("/dev/") and os.path.islink(path))


def _write(descriptor: int, text: str) -> None:
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.write("\n")
