"""The folder of black boxes: the files in it, which of them are leftovers, and their bounds.

Other processes wrote these files, perhaps of other users. Only regular files of this
user or of root, and of a size that fits their header, are taken for boxes; nothing is followed, and
of 1,000 files only the headers are read.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property, partial
from time import time_ns
from typing import TYPE_CHECKING

from corectx.files import open_regular
from statecrumbs._black_box import _format
from statecrumbs._black_box._file import is_held, is_locked
from statecrumbs._black_box._header import open_file, read_header
from statecrumbs._endings import OVER
from statecrumbs._process import here

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO, Final

    from statecrumbs._black_box._header import Header
    from statecrumbs._endings import Ending

if sys.platform != "win32":
    import fcntl

# A service that dies every minute must not fill the disk: so many files stay whose deaths were
# logged.
KEPT: Final = 32

# A service that forks for every request must not fill the disk either: there are at most so many
# files, half a GiB. Only the files of living processes may be more.
MOST: Final = 1000

_UNFINISHED_FOR: Final = 3600 * 10**9  # ns
# The name of a box; somebody else may keep files of the same ending.
_NAME: Final = re.compile(rf"\d{{8}}T\d{{6}}\.\d{{6}}Z-\d+{re.escape(_format.SUFFIX)}")


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

    @cached_property
    def is_serious(self) -> bool:
        """Whether work in flight or a failure is noted, by the header and the rows alone."""
        header = self.header
        if header.failures or header.hidden or header.exit_kind:
            return True
        try:
            with open_file(self.path, follow=False) as file:
                file.seek(header.size)
                return any(file.read(header.rows * header.row_size)[:: header.row_size or 1])
        except _format.UnreadableError:
            return False

    @property
    def is_logged(self) -> bool:
        """Whether the death was logged, or reading it has killed a process."""
        return self.header.told != 0


@dataclass
class Contents:
    """The content of a folder.

    `leftovers` are the oldest first. `boxes` is how many files are boxes of this user, those of
    living processes too. `unfinished` are the paths of files whose makers died long ago.
    """

    leftovers: list[Leftover] = field(default_factory=list)
    boxes: int = 0
    unfinished: list[str] = field(default_factory=list)


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


def is_absent(path: str) -> bool:
    """Return whether the box at `path` is still being made, or was removed.

    One that was not finished within an hour is neither: its process has died.
    """
    try:
        with open_file(path) as file:
            age = time_ns() - os.fstat(file.fileno()).st_mtime_ns
            # The first bytes are written last.
            return age < _UNFINISHED_FOR and not any(file.read(len(_format.MAGIC)))
    except _format.UnreadableError:
        return not os.path.lexists(path)


def look_into(directory: str) -> Contents:
    """Return the content of the folder; never raise OSError.

    Files that cannot be read, or are none of ours, are left alone.
    """
    contents = Contents()
    try:
        paths = boxes_in(directory)
    except _format.UnreadableError:
        return contents  # it may be writable only; or making a file in it will report the problem
    own = here()
    for path in paths:
        _look_at(path, own, contents)
    return contents


def _look_at(path: str, own: Mapping[str, str], contents: Contents) -> None:
    """Add the file at `path` to `contents`."""
    try:
        with open_file(path, follow=False) as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "geteuid") and status.st_uid not in (os.geteuid(), 0):
                return
            try:
                header = read_header(file, path)
            except _format.UnreadableError:
                if _is_unfinished(file, path, status.st_mtime_ns):
                    contents.unfinished.append(path)
                return
            if status.st_size != header.total_size:
                return
            ending = header.ending(0, own, partial(is_held, file.fileno()))
    except _format.UnreadableError:
        return
    contents.boxes += 1
    if ending != "running":
        modified_ns = max(status.st_mtime_ns, header.created_ns, header.ended_ns)
        contents.leftovers.append(Leftover(header, ending, modified_ns))


def _is_unfinished(file: BinaryIO, path: str, modified_ns: int) -> bool:
    """Return whether a process died while it made this file, long ago.

    A stopped process could go on to make it. So it must be old, and nobody may have it locked.
    """
    if time_ns() - modified_ns < _UNFINISHED_FOR or not _NAME.fullmatch(os.path.basename(path)):
        return False
    file.seek(0)
    return not any(file.read(_format.HEADER_SIZE)) and not is_locked(path)


def make_room(directory: str, known: Contents | None = None) -> list[Leftover]:
    """Remove the oldest files of dead processes in `directory`, so that there is room for one more.

    `known` is what `look_into` returned just now, if it was asked.
    Then there are at most MOST, unless more processes live. Files that are none of ours do not
    count. Files whose deaths were logged go first. Return the removed files whose deaths were never
    logged and had work in flight or a failure.
    """
    contents = known
    if contents is None:
        try:
            if len(boxes_in(directory)) < MOST:
                return []
        except _format.UnreadableError:
            return []
        contents = look_into(directory)
    surplus = contents.boxes + 1 - MOST
    if surplus <= 0:
        return []
    over = [leftover for leftover in contents.leftovers if leftover.is_over]
    over.sort(key=lambda leftover: not leftover.is_logged)  # stable: among equals the oldest first
    unlogged = [each for each in over[:surplus] if not each.is_logged and each.is_serious]
    for leftover in over[:surplus]:
        remove(leftover.path)
    return unlogged


def remove(path: str) -> None:
    """Remove a box, and the stacks beside it, if that can be done."""
    for name in (path, path.removesuffix(_format.SUFFIX) + _format.STACKS_SUFFIX):
        try:
            os.unlink(name)
        except OSError:
            pass


class Claim:
    """The right of one process to log a death; others that start now do not get it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self._times = status.st_atime_ns, status.st_mtime_ns

    @classmethod
    def take(cls, path: str) -> Claim | None:
        """Claim the box at `path`; None if it is logged, claimed or not writable."""
        try:
            claim = cls(open_regular(path, os.O_RDWR))
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
        """Note in the file how far the log of this death is."""
        try:
            os.lseek(self._descriptor, _format.TOLD_OFFSET, os.SEEK_SET)
            os.write(self._descriptor, bytes((told,)))
            # The time of the last change is a sign of life of the dead process, not of this one.
            if os.utime in os.supports_fd:
                os.utime(self._descriptor, ns=self._times)
        except OSError:
            pass

    def release(self) -> None:
        """Give the claim back."""
        os.close(self._descriptor)

    def _told(self) -> int:
        os.lseek(self._descriptor, _format.TOLD_OFFSET, os.SEEK_SET)
        return os.read(self._descriptor, 1)[0]
