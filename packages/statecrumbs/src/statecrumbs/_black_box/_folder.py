"""The folder of black boxes: which processes left a file, and which files are removed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from statecrumbs._black_box import _format
from statecrumbs._black_box._reader import open_file, read, read_header

if TYPE_CHECKING:
    from typing import Final

    from statecrumbs._black_box._reader import Header, Recovered

# A service that dies every minute must not fill the disk: so many of the reported files stay.
KEPT: Final = 32

# Nor must a service that forks for every request: there are at most so many files, half a GiB. Only
# the files of living processes may be more.
MOST: Final = 1000

_OVER: Final = ("gone", "pid reused", "exception")


def boxes_in(directory: str | os.PathLike[str]) -> list[str]:
    """Return the paths of the black boxes in `directory`, the oldest first.

    Raises UnreadableError when the folder cannot be read.
    """
    directory = os.fspath(directory)
    try:
        names = os.listdir(directory)
    except OSError as error:
        raise _format.UnreadableError(f"Cannot read {directory}: {error.strerror}.") from None
    names = sorted(name for name in names if name.endswith(_format.SUFFIX))
    return [os.path.join(directory, name) for name in names]


def recover(directory: str | os.PathLike[str], *, keep: int = KEPT) -> list[Recovered]:
    """Return the files of dead processes in `directory` that no earlier call has returned.

    Each file is marked, so that it is returned once; the oldest marked ones beyond `keep` are
    removed. Files of live processes, of other hosts and containers, and files that cannot be read
    are left alone. Raises UnreadableError when the folder cannot be read.
    """
    recovered: list[Recovered] = []
    reported: list[str] = []
    for path in boxes_in(directory):
        try:
            with open_file(path) as file:
                header = read_header(file, path)
            if header.is_reported:
                reported.append(path)
            elif _is_over(header):
                recovered.append(read(path))
                _mark_reported(path)
                reported.append(path)
        except _format.UnreadableError:
            continue
    for path in reported[: max(0, len(reported) - keep)]:
        _remove(path)
    return recovered


def make_room(directory: str) -> None:
    """Remove the oldest files of dead processes in `directory`, so that there is room for one more.

    Then there are at most MOST, unless more processes live. Files that were not reported yet are
    removed too. Does nothing in a folder that cannot be read.
    """
    try:
        listed = os.listdir(directory)
    except OSError:
        return  # it may be writable only; or making the file will report the problem
    # Their names begin with the time, so the order is the age.
    names = sorted(name for name in listed if name.endswith(_format.SUFFIX))
    surplus = len(names) + 1 - MOST
    for name in names if surplus > 0 else ():
        path = os.path.join(directory, name)
        try:
            with open_file(path) as file:
                is_over = _is_over(read_header(file, path))
        except _format.UnreadableError:
            continue
        if is_over:
            _remove(path)
            surplus -= 1
            if not surplus:
                return


def _is_over(header: Header) -> bool:
    return header.died() in _OVER


def _mark_reported(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return  # not writable for us; it is reported again next time
    try:
        os.lseek(descriptor, _format.REPORTED_OFFSET, os.SEEK_SET)
        os.write(descriptor, b"\x01")
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
