"""The folder of black boxes: the files in it, which of them are leftovers, and their bounds.

Other processes wrote these files, perhaps of other users. Only regular files of this
user or of root, and of a size that fits their header, are taken for boxes; nothing is followed, and
of 1,000 files only the headers are read.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from statecrumbs._black_box import _format
from statecrumbs._black_box._reader import open_file, read_header
from statecrumbs._endings import OVER

if TYPE_CHECKING:
    from typing import Final

    from statecrumbs._black_box._reader import Header
    from statecrumbs._endings import Ending

if sys.platform != "win32":
    import fcntl

# A service that dies every minute must not fill the disk: of the files whose deaths were told, so
# many stay.
KEPT: Final = 32

# Nor must a service that forks for every request: there are at most so many files, half a GiB. Only
# the files of living processes may be more.
MOST: Final = 1000


@dataclass(frozen=True)
class Leftover:
    """A file whose process is over, or ran on another machine."""

    header: Header
    ending: Ending
    modified_ns: int

    @property
    def is_over(self) -> bool:
        """Whether the process is known to have ended."""
        return self.ending in OVER

    @property
    def path(self) -> str:
        """The file."""
        return self.header.path

    def is_serious(self) -> bool:
        """Return whether work in flight or a failure is noted, by the header and the rows alone."""
        header = self.header
        if header.failures or header.hidden or header.exit_kind:
            return True
        try:
            with open_file(self.path, follow=False) as file:
                file.seek(header.size)
                return any(file.read(header.rows * header.row_size)[:: header.row_size or 1])
        except (_format.UnreadableError, OSError):
            return False

    @property
    def is_told(self) -> bool:
        """Whether the death was told, or telling it has killed a process."""
        return self.header.told != 0


def boxes_in(directory: str | os.PathLike[str]) -> list[str]:
    """Return the paths of the black boxes in `directory`, the oldest first.

    Raises UnreadableError when the folder cannot be read.
    """
    directory = os.fspath(directory)
    try:
        names = os.listdir(directory)
    except OSError as error:
        raise _format.UnreadableError(f"Cannot read {directory}: {error.strerror}.") from None
    # Their names begin with the time, so the order is the age.
    names = sorted(name for name in names if name.endswith(_format.SUFFIX))
    return [os.path.join(directory, name) for name in names]


def leftovers_in(directory: str) -> list[Leftover]:
    """Return the files of processes that do not run here, the oldest first; never raise OSError.

    Files that cannot be read, or are none of ours, are left alone.
    """
    try:
        paths = boxes_in(directory)
    except _format.UnreadableError:
        return []  # it may be writable only; or making a file in it will report the problem
    found = map(_look_at, paths)
    return [leftover for leftover in found if leftover is not None]


def _look_at(path: str) -> Leftover | None:
    try:
        with open_file(path, follow=False) as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "geteuid") and status.st_uid not in (os.geteuid(), 0):
                return None
            header = read_header(file, path)
    except (_format.UnreadableError, OSError):
        return None
    if status.st_size != header.total_size:
        return None
    ending = header.ending(0)
    if ending == "running":
        return None
    modified_ns = max(status.st_mtime_ns, header.created_ns, header.ended_ns)
    return Leftover(header, ending, modified_ns)


def make_room(directory: str) -> list[Leftover]:
    """Remove the oldest files of dead processes in `directory`, so that there is room for one more.

    Then there are at most MOST, unless more processes live. Files whose deaths were told go first.
    Return those of the removed ones that were never told and had work in flight or a failure.
    """
    try:
        surplus = len(boxes_in(directory)) + 1 - MOST
    except _format.UnreadableError:
        return []
    if surplus <= 0:
        return []
    over = [leftover for leftover in leftovers_in(directory) if leftover.is_over]
    over.sort(key=lambda leftover: not leftover.is_told)  # stable: among equals the oldest first
    untold = [each for each in over[:surplus] if not each.is_told and each.is_serious()]
    for leftover in over[:surplus]:
        remove(leftover.path)
    return untold


def remove(path: str) -> None:
    """Remove a box, and the stacks beside it, if that can be done."""
    for name in (path, path.removesuffix(_format.SUFFIX) + _format.STACKS_SUFFIX):
        try:
            os.unlink(name)
        except OSError:
            pass


class Claim:
    """The right of one process to tell a death; others that start now do not get it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: str) -> Claim | None:
        """Claim the box at `path`; None where it is told, claimed, or not writable."""
        flags = os.O_RDWR
        for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
            flags |= getattr(os, name, 0)
        try:
            claim = cls(os.open(path, flags))
        except OSError:
            return None
        try:
            if sys.platform != "win32":
                fcntl.flock(claim._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if claim._told() == 0:
                return claim
        except OSError:
            pass
        claim.release()
        return None

    def mark(self, told: int) -> None:
        """Write how far telling this death is."""
        try:
            os.lseek(self._descriptor, _format.TOLD_OFFSET, os.SEEK_SET)
            os.write(self._descriptor, bytes((told,)))
        except OSError:
            pass

    def release(self) -> None:
        """Give the claim back."""
        os.close(self._descriptor)

    def _told(self) -> int:
        os.lseek(self._descriptor, _format.TOLD_OFFSET, os.SEEK_SET)
        return os.read(self._descriptor, 1)[0]
