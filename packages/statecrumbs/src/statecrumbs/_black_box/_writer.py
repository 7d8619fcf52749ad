"""BlackBox: mirrors the crumbs of this process, and of each child it forks, to a file."""

from __future__ import annotations

import os
import sys

from corectx.files import make_private_folder
from corectx.lowlevel import raised_by_signal
from statecrumbs._black_box import _format
from statecrumbs._black_box._file import BoxFile
from statecrumbs._black_box._folder import make_room
from statecrumbs._black_box._rows import RowTable
from statecrumbs._black_box._slots import Pieces, members_fragment, storing
from statecrumbs._black_box._stacks import Stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Final

    from statecrumbs._black_box._folder import Contents
    from statecrumbs._black_box._slots import Store
    from statecrumbs._crumb import Record

# Half a MiB a process: the last 512 crumbs, nearly all of them whole. Larger slots make a write
# slower, since it touches more memory.
DEFAULT_SLOTS: Final = 512
DEFAULT_SLOT_SIZE: Final = 1024

_open_boxes: set[BlackBox] = set()
_has_hook = False


class BlackBox:
    """Mirrors crumbs into one file per process, in `directory`.

    Nothing here takes a lock, so that a signal handler, a ``__del__`` or a forked child can write
    at any moment. A forked child makes a file of its own when it first writes. A problem with a
    file costs one call of `on_error` with a sentence about it, and the black box: from then on
    nothing is written. Make one with `open`.
    """

    __slots__ = (
        "__weakref__",
        "_argv",
        "_directory",
        "_file",
        "_files",
        "_is_on",
        "_on_error",
        "_on_store",
        "_on_table",
        "_pieces",
        "_program",
        "_shape",
        "_signal_stacks",
        "_stacks",
        "_store",
        "_works_at_exit",
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
        self._pieces = Pieces(render)
        self._on_error = on_error
        self._is_on = [True]
        self._file: BoxFile | None = None
        self._files: dict[int, tuple[BoxFile, Store]] = {}
        self._on_store: Callable[[Store], object] | None = None
        self._store: Store = self._open_and_store

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
        contents: Contents | None = None,
    ) -> BlackBox:
        """Make this process' file in `directory`, which is made too if only it is missing.

        `render(name, value)` returns the text of a value, redacted. That of a string is a `repr`,
        without control characters, and always the same for the same string, since it is not asked
        again about those that come back. It is not asked about numbers, booleans and None. `argv`
        must be redacted already. `contents` is what is in the folder, if somebody has looked into
        it just now. Raises ValueError for impossible sizes, and nothing else: `on_error` is called
        with a problem of the disk.
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
        box._open_ring(contents)
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
        box_file = self._file
        return box_file.path if box_file is not None and box_file.is_ours() else None

    def call_with_store(self, on_store: Callable[[Store], object]) -> None:
        """Call `on_store` with the function that stores a record, and with each that replaces it.

        A thread of None and a time of 0 are left out. When the function returns, the crumb survives
        the process. One that is longer than a slot is shortened and marked. Never raises an
        Exception: a crumb that could not be stored (no memory, say) leaves a gap in the sequence,
        which readers count.
        """
        self._on_store = on_store
        on_store(self._store)

    def _use(self, store: Store) -> None:
        self._store = store
        if self._on_store is not None:
            self._on_store(store)

    def write(
        self, event: str, thread: str | None, scope: str, data: Mapping[str, object], ts_ns: int
    ) -> None:
        """Store a crumb whose place is a `scope_fragment`."""
        self._store((ts_ns, event, data, _Scope(scope), thread))  # type: ignore[arg-type]

    def track(
        self,
        on_table: Callable[[RowTable | None], object],
        works_at_exit: Callable[[], int],
    ) -> None:
        """Call `on_table` with the table of open frames of each file, this one and those to come.

        `works_at_exit` returns how many frames in it were in flight when the exit hooks run.
        """
        self._on_table, self._works_at_exit = on_table, works_at_exit
        if self._file is not None and self._file.is_ours():
            on_table(RowTable(self._file))

    def write_stacks(self, *, at_sigterm: bool) -> None:
        """Let faulthandler write the stacks at a fault into a file beside each file of this box."""
        if self._signal_stacks != at_sigterm and self._stacks is not None:
            self._stacks.close(keep=False)
            self._stacks = None
        self._signal_stacks = at_sigterm
        box_file = self._file
        if box_file is None or not box_file.is_ours():
            return
        if self._stacks is None:
            self._stacks = Stacks(box_file.path, at_sigterm=at_sigterm)
        else:
            self._stacks.arm_again()

    def reopen(self) -> None:
        """Make the file of this process, which was forked, before its first crumb."""
        box_file = self._file
        if box_file is None or not box_file.is_ours():
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
        self._pieces.clear()

    def note_failure(self) -> None:
        """Note an unhandled exception in the file, which keeps it; the process may live on."""
        box_file = self._file
        if box_file is not None and box_file.is_ours():
            box_file.note_failure()

    def note_end_by_failure(self) -> None:
        """Note that the last failure ends the process, whatever is written after it."""
        box_file = self._file
        if box_file is not None and box_file.is_ours():
            box_file.note_end_by_failure()

    def close(self) -> None:
        """Stop writing, and remove the file, unless a failure was noted in it.

        A forked child that wrote nothing has no file to remove.
        """
        self._close(lambda: 0)

    def close_at_exit(self) -> None:
        """Stop writing because the exit hooks run: keep the file too where work is in flight."""
        self._close(self._works_at_exit or (lambda: 0))

    def _close(self, count_works: Callable[[], int]) -> None:
        box_file = self._file
        works = count_works() if box_file is not None and box_file.is_ours() else 0
        self._is_on.clear()
        self._use(_ignore)
        self._file = None
        self._files.clear()
        _open_boxes.discard(self)
        if box_file is not None and box_file.is_ours():
            if self._on_table is not None:
                self._on_table(None)
            self._close_file(box_file, works)

    def _close_file(self, box_file: BoxFile, works: int) -> None:
        failures = box_file.failures()
        keep = bool(failures or works)
        # If removing the file fails, it is taken for an ordinary end.
        box_file.end(by_failure=bool(failures) and box_file.ends_in_failure())
        box_file.close()
        stacks, self._stacks = self._stacks, None
        if stacks is not None:
            stacks.close(keep=keep)
        if not keep:
            self._remove(box_file)

    def _remove(self, box_file: BoxFile) -> None:
        try:
            os.unlink(box_file.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._on_error(f"Cannot remove the black box {box_file.path}: {error.strerror}.")

    def _open_and_store(self, record: Record) -> None:
        try:
            store = self._open_ring()
            if store is not None:
                store(record)
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

    def _open_ring(self, contents: Contents | None = None) -> Store | None:
        """Make a file for this process; return its storing function, None when the box is off."""
        if not self._is_on:
            return None
        pid = os.getpid()
        # Several threads of a child may get here at once: one file wins, without a lock.
        opened = self._files.get(pid)
        if opened is None:
            try:
                make_private_folder(self._directory, above=False)
                lost = make_room(self._directory, contents)
                if lost:
                    self._on_error(
                        f"There were too many black boxes in {self._directory}: {len(lost)} were "
                        "removed before a process logged that they ended with work in "
                        "flight or after a failure."
                    )
                box_file = BoxFile(self._directory, *self._shape, self._argv, self._program)
            except OSError as error:
                self._turn_off(
                    f"Cannot make a black box in {self._directory}: {error.strerror}; "
                    "crumbs are kept in memory only.",
                )
                return None
            store = storing(
                box_file, self._pieces, elsewhere=self._open_and_store, on_problem=self._turn_off
            )
            opened = self._files.setdefault(pid, (box_file, store))
            if opened[0] is not box_file:
                self._close_file(box_file, 0)
            else:
                self._close_with_multiprocessing()
                self._file = box_file
                self._use(store)
                if self._on_table is not None:
                    self._on_table(RowTable(box_file))
                if self._signal_stacks is not None:
                    self._stacks = Stacks(box_file.path, at_sigterm=self._signal_stacks)
        self._file = opened[0]
        self._use(opened[1])
        if not self._is_on:  # closed meanwhile, by another thread
            self.close()
            return None
        return opened[1]

    def _turn_off(self, problem: str) -> None:
        try:
            self._is_on.pop()
        except IndexError:
            return  # another thread was faster, and has reported it
        self._use(_ignore)
        box_file, self._file = self._file, None
        self._files.clear()
        if self._on_table is not None:
            self._on_table(None)
        if box_file is not None:
            box_file.close()
        self._on_error(problem)

    def forget_parent(self) -> None:
        """Close the file of the process that this one was just forked from."""
        box_file = self._file
        if box_file is None or box_file.is_ours():  # another hook was faster, and has written
            return
        self._use(self._open_and_store)
        self._file = None
        self._files.clear()
        # At once, not when this child first writes: a daemon closes all descriptors, and closing
        # this one later would close another file that has got its number by then.
        box_file.close()


class _Scope:
    """The place of a crumb that has a fragment only."""

    __slots__ = ("fragment",)

    def __init__(self, fragment: str) -> None:
        self.fragment = fragment


def _ignore(_record: Record) -> None:
    """Store nothing: the black box is closed, or off."""


def _install_hook() -> None:
    global _has_hook
    if not _has_hook and hasattr(os, "register_at_fork"):
        _has_hook = True
        os.register_at_fork(after_in_child=_forget_parents)


def _forget_parents() -> None:
    for box in tuple(_open_boxes):
        box.forget_parent()
