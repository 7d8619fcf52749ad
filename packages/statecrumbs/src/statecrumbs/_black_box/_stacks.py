"""The file beside a black box into which faulthandler writes the stacks of all threads.

faulthandler writes in C at SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, and on demand at SIGTERM.
It is left alone where the program has enabled it itself.
"""

from __future__ import annotations

import os

from statecrumbs._black_box import _format

# The armed file. faulthandler is one for the process, and is inherited by forked children.
_armed: Stacks | None = None


class Stacks:
    """The file for the stacks of this process."""

    def __init__(self, box_path: str, *, at_sigterm: bool) -> None:
        """Make the file beside the black box at `box_path`, and arm faulthandler with it."""
        self.path = box_path.removesuffix(_format.SUFFIX) + _format.STACKS_SUFFIX
        self._at_sigterm = at_sigterm
        self._descriptor = -1
        self._pid = os.getpid()
        self._inode = 0
        self._arm()

    def _arm(self) -> None:
        global _armed
        import faulthandler

        if faulthandler.is_enabled() and _armed is None:
            return  # the program has a file of its own
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NOINHERIT"):
            flags |= getattr(os, name, 0)
        try:
            self._descriptor = os.open(self.path, flags, 0o600)
            self._inode = os.fstat(self._descriptor).st_ino
            faulthandler.enable(self._descriptor, all_threads=True)
            if self._at_sigterm and hasattr(faulthandler, "register"):
                from signal import SIGTERM

                faulthandler.register(SIGTERM, self._descriptor, all_threads=True, chain=True)
        except (OSError, ValueError, RuntimeError):
            return  # no file, no stacks; the black box itself has been made
        if _armed is not None:
            _armed.close_if_parents()
        _armed = self

    def close_if_parents(self) -> None:
        """Close the file of the process that this one was forked from."""
        if self._pid != os.getpid() and self.is_open():
            os.close(self._descriptor)

    def is_open(self) -> bool:
        """Return whether the descriptor is still this file: a daemon closes all of them."""
        if self._descriptor < 0:
            return True
        try:
            return os.fstat(self._descriptor).st_ino == self._inode
        except OSError:
            return False

    def arm_again(self) -> None:
        """Open the file anew where a program that closes all descriptors has closed it."""
        if not self.is_open():
            self._arm()

    def close(self, *, keep: bool) -> None:
        """Disarm faulthandler, and remove the file, unless it is to be kept and has a text."""
        global _armed
        if self._descriptor < 0 or self._pid != os.getpid():
            return
        import faulthandler

        if _armed is self:
            if self._at_sigterm and hasattr(faulthandler, "register"):
                from signal import SIGTERM

                faulthandler.unregister(SIGTERM)
            faulthandler.disable()
            _armed = None
        try:
            size = os.stat(self.path).st_size
            if self.is_open():  # else its number may be that of another file now
                os.close(self._descriptor)
            if not keep or not size:
                os.unlink(self.path)
        except OSError:
            pass
