"""BlackBox: mirrors the crumbs of this process, and of each child it forks, to a ring file."""

from __future__ import annotations

import os
import sys

from corectx.lowlevel import raised_by_signal
from statecrumbs._black_box import _format
from statecrumbs._black_box._folder import make_room
from statecrumbs._black_box._in_flight import RowTable
from statecrumbs._black_box._ring import Ring
from statecrumbs._black_box._slots import Members, members_fragment, writer
from statecrumbs._black_box._stacks import Stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Final

    from statecrumbs._black_box._slots import Write

# Half a MiB a process: the last 512 crumbs, nearly all of them whole. Larger slots make a write
# slower, since it touches more memory.
DEFAULT_SLOTS: Final = 512
DEFAULT_SLOT_SIZE: Final = 1024

_open_boxes: set[BlackBox] = set()
_has_hook = False


class BlackBox:
    """Mirrors crumbs into one ring file per process, in `directory`.

    Nothing here takes a lock, so that a signal handler, a ``__del__`` or a forked child can write
    at any moment. A forked child makes a file of its own when it first writes. A problem with a
    file costs one call of `on_error` with a sentence about it, and the black box: from then on
    `write` does nothing. Make one with `open`.
    """

    __slots__ = (
        "__weakref__",
        "_argv",
        "_directory",
        "_is_on",
        "_members",
        "_on_error",
        "_on_table",
        "_program",
        "_ring",
        "_rings",
        "_shape",
        "_signal_stacks",
        "_stacks",
        "_works_at_exit",
        "write",
    )

    def __init__(
        self,
        directory: str,
        shape: tuple[int, int],
        argv: tuple[str, ...],
        render: Callable[[str, Any], str],
        on_error: Callable[[str], object],
        program: str,
    ) -> None:
        self._directory = directory
        self._shape = shape
        self._argv = argv
        self._program = program
        self._on_table: Callable[[RowTable | None], object] | None = None
        self._works_at_exit: Callable[[], int] | None = None
        self._signal_stacks: bool | None = None
        self._stacks: Stacks | None = None
        self._members = Members(render)
        self._on_error = on_error
        self._is_on = [True]
        self._ring: Ring | None = None
        self._rings: dict[int, tuple[Ring, Write]] = {}
        self.write: Write = self._open_and_write
        """Write a crumb: ``write(event, thread, scope, data, ts_ns)``.

        `thread` may be None, `scope` is a `scope_fragment`, the names in `data` differ from the
        system fields, and `ts_ns` is the time in nanoseconds since the epoch, 0 for none. When this
        returns, the crumb survives the process. One that is longer than a slot is shortened and
        marked. Never raises an Exception: a crumb that could not be stored (no memory, say) leaves
        a gap in the sequence, which readers count.
        """

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str],
        *,
        slots: int = DEFAULT_SLOTS,
        slot_size: int = DEFAULT_SLOT_SIZE,
        argv: Iterable[str] = (),
        program: str = "",
        render: Callable[[str, Any], str],
        on_error: Callable[[str], object],
    ) -> BlackBox:
        """Make this process' file in `directory`, which is made too if only it is missing.

        `render(name, value)` returns the text of a value, redacted: always the same for the same
        string, since it is not asked again about short ones. It is not asked about numbers,
        booleans and None. `argv` must be redacted already. Raises ValueError for impossible sizes,
        and nothing else: `on_error` is called with a problem of the disk.
        """
        if slots < _format.MIN_SLOTS:
            raise ValueError(f"a black box has at least {_format.MIN_SLOTS} slots, not {slots}")
        if slot_size % 8 or not _format.MIN_SLOT_SIZE <= slot_size <= _format.MAX_SLOT_SIZE:
            raise ValueError(
                "the slots of a black box have a multiple of 8 bytes, from "
                f"{_format.MIN_SLOT_SIZE} to {_format.MAX_SLOT_SIZE}, not {slot_size}",
            )
        if slots * slot_size > _format.MAX_SIZE:
            raise ValueError(
                f"a black box has at most {_format.MAX_SIZE} bytes, not {slots} times {slot_size}",
            )
        # Absolute, for the children that are forked after a chdir().
        try:
            path = os.path.abspath(directory)
        except OSError:
            path = os.fspath(directory)  # the working directory was removed
        box = cls(path, (slots, slot_size), tuple(argv), render, on_error, program)
        try:
            os.mkdir(box._directory, 0o700)
        except OSError:
            pass  # it exists; or it cannot be made, which the next line finds out and reports
        box._open_ring()
        _open_boxes.add(box)
        _install_hook()
        # A child of a fork server gets here before it starts its work. Then multiprocessing forgets
        # the finalizers that were registered before.
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.register_after_fork(box, cls._close_with_multiprocessing)
        return box

    @property
    def is_on(self) -> bool:
        """Whether it is neither closed nor given up."""
        return bool(self._is_on)

    @property
    def path(self) -> str | None:
        """The file of this process; None while there is none."""
        ring = self._ring
        return ring.path if ring is not None and ring.is_ours() else None

    def track(
        self,
        on_table: Callable[[RowTable | None], object],
        works_at_exit: Callable[[], int],
    ) -> None:
        """Call `on_table` with the table of open frames of each file, this one and those to come.

        `works_at_exit` returns how many frames in it were in flight when the exit hooks run.
        """
        self._on_table, self._works_at_exit = on_table, works_at_exit
        if self._ring is not None and self._ring.is_ours():
            on_table(RowTable(self._ring))

    def write_stacks(self, *, at_sigterm: bool) -> None:
        """Let faulthandler write the stacks at a fault into a file beside each file of this box."""
        if self._signal_stacks != at_sigterm and self._stacks is not None:
            self._stacks.close(keep=False)
            self._stacks = None
        self._signal_stacks = at_sigterm
        ring = self._ring
        if ring is None or not ring.is_ours():
            return
        if self._stacks is None:
            self._stacks = Stacks(ring.path, at_sigterm=at_sigterm)
        else:
            self._stacks.arm_again()

    def reopen(self) -> None:
        """Make the file of this process, which was forked, before its first crumb."""
        ring = self._ring
        if ring is None or not ring.is_ours():
            try:
                self._open_ring()
            except Exception as error:
                if raised_by_signal(error):
                    raise  # no memory, no stack: perhaps next time

    def write_record(self, record: Mapping[str, Any], ts_ns: int) -> None:
        """Write a whole `record` of a dump, rendered and redacted, such as its last one."""
        others = {name: record[name] for name in record if name not in ("event", "ts", "thread")}
        scope = members_fragment(others)
        self.write(record["event"], record.get("thread"), scope, {}, ts_ns)

    def forget_rendered(self) -> None:
        """Ask `render` about all values again: the names of secrets have changed."""
        self._members.clear()

    def note_failure(self) -> None:
        """Note an unhandled exception in the file, which keeps it; the process may live on."""
        ring = self._ring
        if ring is not None and ring.is_ours():
            ring.note_failure()

    def close(self) -> None:
        """Stop writing, and remove the file, unless a failure was noted in it.

        A forked child that wrote nothing has no file to remove.
        """
        self._close(lambda: 0)

    def close_at_exit(self) -> None:
        """Stop writing because the exit hooks run: keep the file too where work is in flight."""
        self._close(self._works_at_exit or (lambda: 0))

    def _close(self, count_works: Callable[[], int]) -> None:
        ring = self._ring
        works = count_works() if ring is not None and ring.is_ours() else 0
        self._is_on.clear()
        self.write = _ignore
        self._ring = None
        self._rings.clear()
        _open_boxes.discard(self)
        if ring is not None and ring.is_ours():
            if self._on_table is not None:
                self._on_table(None)
            self._close_ring(ring, works)

    def _close_ring(self, ring: Ring, works: int) -> None:
        failures = ring.failures()
        keep = bool(failures or works)
        # If removing the file fails, it is taken for an ordinary end.
        ring.end(by_failure=bool(failures) and ring.ends_in_failure())
        ring.close()
        stacks, self._stacks = self._stacks, None
        if stacks is not None:
            stacks.close(keep=keep)
        if not keep:
            self._remove(ring)

    def _remove(self, ring: Ring) -> None:
        try:
            os.unlink(ring.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._on_error(f"Cannot remove the black box {ring.path}: {error.strerror}.")

    def _open_and_write(
        self, event: str, thread: str | None, scope: str, data: Mapping[str, object], ts_ns: int
    ) -> None:
        try:
            write = self._open_ring()
            if write is not None:
                write(event, thread, scope, data, ts_ns)
        except Exception as error:
            if raised_by_signal(error):
                raise
            return  # no memory, no stack: perhaps next time

    def _close_with_multiprocessing(self) -> None:
        """Close this box at the end of a child of multiprocessing, which does not run `atexit`."""
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            Finalize(None, self.close_at_exit, exitpriority=-100)

    def _open_ring(self) -> Write | None:
        """Make a file for this process; return its write function, None when the box is off."""
        if not self._is_on:
            return None
        pid = os.getpid()
        # Several threads of a child may get here at once: one ring wins, without a lock.
        opened = self._rings.get(pid)
        if opened is None:
            try:
                lost = make_room(self._directory)
                if lost:
                    self._on_error(
                        f"There were too many black boxes in {self._directory}: {len(lost)} were "
                        "removed although nobody was told that their process ended with work in "
                        "flight or after a failure."
                    )
                ring = Ring(self._directory, *self._shape, self._argv, self._program)
            except OSError as error:
                self._turn_off(
                    f"Cannot make a black box in {self._directory}: {error.strerror}; "
                    "crumbs are kept in memory only.",
                )
                return None
            write = writer(
                ring, self._members, elsewhere=self._open_and_write, on_problem=self._turn_off
            )
            opened = self._rings.setdefault(pid, (ring, write))
            if opened[0] is not ring:
                self._close_ring(ring, 0)
            else:
                self._close_with_multiprocessing()
                self._ring, self.write = opened
                if self._on_table is not None:
                    self._on_table(RowTable(ring))
                if self._signal_stacks is not None:
                    self._stacks = Stacks(ring.path, at_sigterm=self._signal_stacks)
        self._ring, self.write = opened
        if not self._is_on:  # closed meanwhile, by another thread
            self.close()
            return None
        return opened[1]

    def _turn_off(self, problem: str) -> None:
        try:
            self._is_on.pop()
        except IndexError:
            return  # another thread was faster, and has reported it
        self.write = _ignore
        self._ring = None
        self._rings.clear()
        if self._on_table is not None:
            self._on_table(None)
        self._on_error(problem)

    def forget_parent(self) -> None:
        """Close the file of the process that this one was just forked from."""
        ring = self._ring
        if ring is None or ring.is_ours():  # another hook was faster, and has written
            return
        self.write = self._open_and_write
        self._ring = None
        self._rings.clear()
        # At once, not when this child first writes: a daemon closes all descriptors, and closing
        # this one later would close another file that has got its number by then.
        ring.close()


def _ignore(
    event: str, thread: str | None, scope: str, data: Mapping[str, object], ts_ns: int
) -> None:
    """Write nothing: the black box is closed, or off."""


def _install_hook() -> None:
    global _has_hook
    if not _has_hook and hasattr(os, "register_at_fork"):
        _has_hook = True
        os.register_at_fork(after_in_child=_forget_parents)


def _forget_parents() -> None:
    for box in tuple(_open_boxes):
        box.forget_parent()
