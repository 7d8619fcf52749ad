"""`observe`: count the steps that run, in a folder, for ``penstock verify``.

The counts are written into the file of this process every half second.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from contextvars import Context
from typing import TYPE_CHECKING

from corectx import subscribe
from corectx.files import append_private, make_private_folder, open_regular, write_private
from corectx.lowlevel import log_once, search_for_lost
from penstock._calls import hear_of_calls_outside
from penstock._verify._counter import StepCounter
from penstock._verify._file import (
    asked_line,
    boot_id,
    encoded,
    first_line,
    host_name,
    is_evidence_file,
    new_path,
    run_line,
    step_line,
)
from penstock._verify._runs import EVERY_HASH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike
    from types import TracebackType
    from typing import Any

    from penstock._verify._runs import Asked, Question
    from penstock._verify._totals import Totals

_INTERVAL = 0.5  # seconds; a process that is killed loses what it counted since the last one
_STARVED = 3 * _INTERVAL  # without a write: a step then writes itself
_PATIENCE = 0.2  # seconds that a fork may wait for a slow disk
_SPACIOUS = 1 << 18  # bytes; below that a file is not written anew
_GROWTH = 4  # times
_TOUCH = 3600  # seconds without a line, after which the file is touched


class _Journal:
    """Write the counts of `counter` into a file of this process in `folder`.

    Only one thread at a time may use it. The file is made when there is something to write.
    """

    def __init__(self, counter: StepCounter, folder: str) -> None:
        self._counter = counter
        self._folder = folder
        self._id = os.urandom(8).hex()
        self._epoch = time.time_ns() - time.perf_counter_ns()
        self.path: str = new_path(folder, self._id)
        self._lock = -1  # the descriptor that holds the lock of the file
        self._size = 0
        self._size_anew = 0
        self._is_torn = False
        self._touched_at = 0.0
        self._forget()

    def _forget(self) -> None:
        self._written: dict[str, Totals] = {}
        self._asked: dict[Question, tuple[int, set[str]]] = {}
        self._limit: float = EVERY_HASH

    def write(self) -> None:
        """Append the lines that are new since the last time.

        Raises OSError. Then the next call writes the whole file anew, since a line may be cut.
        """
        try:
            make_private_folder(self._folder)
            if self._is_torn or self._size > max(_SPACIOUS, _GROWTH * self._size_anew):
                self._write_anew()
            else:
                self._append()
            if self._size and self._lock < 0:
                self._lock = _locked(self.path)
        except OSError:
            self._is_torn = True
            raise

    def let_go(self) -> None:
        """Release the file: its process counts no more, or it belongs to the parent."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def has_file(self) -> bool:
        """Whether something was written."""
        return self._size > 0

    def _append(self) -> None:
        lines = list(self._lines())
        if not lines:
            self._touch()
            return
        self._touched_at = time.monotonic()
        if not self._size:
            lines.insert(0, self._first_line())
        elif not self._is_there():
            self._write_anew()
            return
        content = encoded(lines)
        append_private(self.path, content)
        self._size += len(content)

    def _touch(self) -> None:
        """Show other machines that the process lives, although it has nothing to write."""
        if self._size and time.monotonic() - self._touched_at > _TOUCH:
            self._touched_at = time.monotonic()
            try:
                os.utime(self.path)
            except OSError:
                pass  # it was removed; the next line is written into a new one

    def _is_there(self) -> bool:
        """Tell whether the file is complete: it may have been removed or cut."""
        try:
            return os.path.getsize(self.path) == self._size
        except FileNotFoundError:
            return False

    def _write_anew(self) -> None:
        self._forget()
        content = encoded([self._first_line(), *self._lines(every=True)])
        write_private(self.path, content)
        self.let_go()  # of the file that it replaces
        self._size = self._size_anew = len(content)
        self._is_torn = False

    def _first_line(self) -> dict[str, Any]:
        return first_line(self._id, host_name(), os.getpid(), self._epoch, boot_id())

    def _lines(self, *, every: bool = False) -> Iterator[dict[str, Any]]:
        with self._counter.settled() as totals:
            for step, counted in totals.items():
                if self._written.get(step) != counted:
                    self._written[step] = counted
                    yield step_line(step, counted)
            for question, asked in self._counter.questions:
                line = self._question(question, asked)
                if line is not None:
                    yield line
            sample = self._counter.sample
            for run, started in sample.changed(every=every):
                yield run_line(run.key, run.flow, started)
            if sample.limit != self._limit:
                self._limit = sample.limit
                yield {"limit": sample.limit}

    def _question(self, question: Question, asked: Asked) -> dict[str, Any] | None:
        """Return the line for `question`, or None if nothing is new."""
        count, written = self._asked.get(question, (0, set()))
        if asked.count == count:
            return None
        new = {each: when for each, when in asked.asked.items() if each not in written}
        self._asked[question] = asked.count, set(asked.asked)
        return asked_line(question, asked.count, new, asked.limit)


def _locked(path: str) -> int:
    """Return a descriptor that holds the lock of the file at `path`, or -1 without a lock."""
    if sys.platform == "win32":
        return -1
    import fcntl

    descriptor = open_regular(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)  # a merger looks at it, or the disk has no locks: next time
        return -1
    return descriptor


class Observation:
    """Counts the steps that run until it is stopped. Get it from `observe`; you need not stop it.

    It is a context manager too. `folder` has a file for each process, with the counts up to half a
    second ago.
    """

    def __init__(self, folder: str, max_files: int) -> None:
        self.folder: str = folder
        self._max_files = max_files
        self._counter = StepCounter(
            self._begin,
            on_run=self._write_if_starved,
            on_fork=self.start_over_in_child,
            on_end=self.flush,
        )
        self._ticker = _Ticker(self.flush)
        self._start_over()
        self._endings: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begin to count."""
        self._endings = [
            search_for_lost(self._counter),
            subscribe(self._counter),
            hear_of_calls_outside(self._counter.outside),
        ]
        atexit.register(self.stop)

    def _start_over(self) -> None:
        self._journal = _Journal(self._counter, self.folder)
        self._is_tidy = False
        self._writing = threading.Lock()
        self._written_at = time.monotonic()

    def flush(self) -> None:
        """Write the counts so far. A full or read-only disk costs one log record."""
        self._counter.notice_fork()  # before the lock, which a thread of the parent may hold
        with self._writing:
            self._write()
            self._tidy()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        try:
            self._journal.write()
        except OSError as error:
            log_once(
                ("observe", self.folder),
                f"Cannot write the evidence in {self.folder}: {error.strerror}. It is tried "
                "again; the program is not affected.",
            )

    def _tidy(self) -> None:
        """Merge the files of others once, if there are too many."""
        if self._is_tidy or not self._journal.has_file:
            return
        self._is_tidy = True
        try:
            if sum(map(is_evidence_file, os.listdir(self.folder))) > self._max_files:
                from penstock._verify._evidence import merge

                merge(self.folder)
        except OSError:
            pass  # another process will try it

    def stop(self) -> None:
        """Write the counts, and count no more. Calling it again does nothing."""
        if not self._endings:
            return
        while self._endings:
            self._endings.pop()()
        self._ticker.stop()
        _observations.pop(self.folder, None)
        atexit.unregister(self.stop)
        self.flush()
        self._journal.let_go()

    def __enter__(self) -> Observation:  # noqa: PYI034 - typing.Self is not in Python 3.10
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def pause(self) -> None:
        """End our thread while the process forks: Python warns if there is another thread."""
        self._ticker.pause()

    def go_on(self) -> None:
        """Write again, in the parent of a fork."""
        self._ticker.go_on()

    def start_over_in_child(self) -> None:
        """Count in a file of its own, in the child of a fork."""
        self._counter.start_over_in_child()
        self._journal.let_go()
        self._ticker = _Ticker(self.flush)
        self._start_over()

    def _write_if_starved(self) -> None:
        """Write the counts if our thread gets no time: by default uWSGI runs no threads."""
        if time.monotonic() - self._written_at > _STARVED and self._writing.acquire(blocking=False):
            try:
                self._write()
            finally:
                self._writing.release()

    def _begin(self) -> None:
        """Begin to write: the first step of this process begins."""
        # These end their children by os._exit(), without `atexit`; billiard is Celery's.
        for name in ("multiprocessing.util", "billiard.util"):
            util = sys.modules.get(name)
            if util is not None:
                util.Finalize(None, self.flush, exitpriority=-100)
        self._ticker.start()


class _Ticker:
    """Calls `tick` every half second, in a thread of its own, from `start` until `stop`.

    Any thread may call the methods at any time: several may begin, or fork, at once.
    """

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._lock = threading.RLock()  # a signal handler may call us in the middle
        self._is_started = False
        self._pauses = 0  # forks that are going on
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()

    def start(self) -> None:
        with self._lock:
            if not self._is_started:
                self._is_started = True
                self._run()

    def pause(self) -> None:
        with self._lock:
            self._pauses += 1
            self._is_over.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)

    def go_on(self) -> None:
        with self._lock:
            self._pauses = max(self._pauses - 1, 0)  # 0 where the fork began before us
            self._run()

    def stop(self) -> None:
        with self._lock:
            self._is_started = False
            self._is_over.set()
            self._thread = None

    def _run(self) -> None:
        if not self._is_started or self._pauses:
            return
        self._is_over.set()
        self._is_over = is_over = threading.Event()

        def work() -> None:
            while not is_over.wait(_INTERVAL):
                self._tick()

        try:
            thread = threading.Thread(target=work, name="penstock-observe", daemon=True)
            # In an empty context. If threads inherit the context of their starter, this one would
            # keep the current operation alive.
            Context().run(thread.start)
        except RuntimeError:  # the interpreter ends, has no such threads, or too many
            return
        self._thread = thread


def observe(path: str | PathLike[str], *, max_files: int = 64) -> Observation:
    """Count which steps run, in which order, how they end and how long they take, until stopped.

    `path` is a folder, which is made when there is something to write. Each process appends to a
    file of its own there every half second. ``penstock verify`` reads them all. The counts are
    bounded: they grow with the number of steps, not of calls. The environment variable
    ``PENSTOCK_OBSERVE`` with a folder does the same from the start, in child processes too.

    If there are more than `max_files` files, those of ended processes are merged into one. No count
    is lost.

    To observe the same folder again returns the same `Observation`. Raises TypeError or ValueError
    for a value that is no path. The logger ``corectx`` logs a problem with the disk once.
    """
    folder = os.fspath(path)
    # A program without type checks may give bytes.
    if not isinstance(folder, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"observe() takes the path of a folder as text, not {path!r}.")
    if not folder:
        raise ValueError("observe() takes the path of a folder, but got an empty one.")
    if max_files < 1:
        raise ValueError(f"max_files= is a number of files, 1 or more, and not {max_files!r}.")
    try:
        os.stat(folder)
    except ValueError as error:
        raise ValueError(
            f"observe() takes the path of a folder, and {folder!r} cannot be one: {error}."
        ) from None
    except OSError:  # it does not exist yet, or never can: the first write will show
        pass
    try:
        folder = os.path.abspath(folder)  # the program may change its folder
    except OSError:  # the current folder was removed
        pass
    found = _observations.get(folder)
    if found is None:
        made = Observation(folder, max_files)
        found = _observations.setdefault(folder, made)
        if found is made:  # otherwise another thread was first
            made.start()
            _hear_of_forks()
    return found


# By folder: a process counts once for each.
_observations: dict[str, Observation] = {}
_hears_of_forks = False


def _hear_of_forks() -> None:
    global _hears_of_forks
    if not _hears_of_forks and hasattr(os, "register_at_fork"):  # absent on Windows
        _hears_of_forks = True
        os.register_at_fork(
            before=lambda: _each(Observation.pause),
            after_in_parent=lambda: _each(Observation.go_on),
            after_in_child=lambda: _each(Observation.start_over_in_child),
        )


def _each(do: Callable[[Observation], None]) -> None:
    for observation in list(_observations.values()):
        do(observation)
