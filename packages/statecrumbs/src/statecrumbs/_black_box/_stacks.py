"""The file beside a black box with the stacks that faulthandler writes.

faulthandler writes in C at SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, and on demand at SIGTERM.
It is left alone where the program has enabled it itself.
"""

from __future__ import annotations

import os

from corectx.files import open_private
from statecrumbs._black_box import _format
from statecrumbs._black_box._file import identity_of

# The armed file: faulthandler is one for the process.
_armed: Stacks | None = None


class Stacks:
    """The file for the stacks of this process."""

    def __init__(self, box_path: str, *, at_sigterm: bool) -> None:
        """Make the file beside the black box at `box_path`, and arm faulthandler with it."""
        self.path = box_path.removesuffix(_format.SUFFIX) + _format.STACKS_SUFFIX
        self._at_sigterm = at_sigterm
        self._descriptor = -1
        self._pid = os.getpid()
        self._identity: tuple[int, int] | None = None
        self._arm()

    def _arm(self) -> None:
        global _armed
        import faulthandler

        if faulthandler.is_enabled() and _armed is None:
            return  # the program has a file of its own
        try:
            self._descriptor = open_private(self.path)
            self._identity = identity_of(self._descriptor)
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

    def silence(self) -> None:
        """Let go of the file. faulthandler is not changed: the program may use it by now."""
        try:
            if self.is_open():
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._descriptor, inheritable=False)
                os.close(nowhere)
                self._identity = identity_of(self._descriptor)
        except OSError:
            pass  # no descriptor is free, or there is no such device

    def is_open(self) -> bool:
        """Return whether the descriptor is still this file: a daemon closes all of them."""
        if self._descriptor < 0:
            return True
        return identity_of(self._descriptor) == self._identity

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


def _forget_parents() -> None:
    """Leave the file to the parent: a fault of this forked child is none of the parent."""
    if _armed is not None:
        _armed.silence()


if hasattr(os, "register_at_fork"):  # absent on Windows
    os.register_at_fork(after_in_child=_forget_parents)
