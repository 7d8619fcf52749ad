"""Files that are complete whenever they are there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike


def write_atomically(path: str | PathLike[str], content: bytes, *, mode: int = 0o666) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, never a mix.

    The file keeps its permissions, or gets those of `mode` that the process allows. A symbolic link
    stays, and its target is replaced. A device or a pipe is written to directly. Raises the OSError
    that names `path`.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(path, "wb") as file:
            file.write(content)
        return
    # Beside the target, since a rename is atomic only within one file system.
    temporary = os.path.join(os.path.dirname(target), f".penstock-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
        if os.path.exists(target):
            os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except OSError as error:
        _remove(temporary)
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
