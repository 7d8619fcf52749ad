"""The endings: a closed list of ways in which a process ended, how they are found, their words.

The black box shows the ending; `docs/endings.md` has the whole table. Ways that leave the same
traces are one ending: SIGTERM at its default action, SIGKILL and `os._exit` all end a process
without its exit hooks.
"""

from __future__ import annotations

import os
import sys
from opcode import opname

from statecrumbs._process import FLAGS, STARTTIME, STATE, stat_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType, TracebackType
    from typing import Any, Final, Literal

    Ending = Literal[
        "running",
        "ended",
        "exception",
        "exited",
        "interrupted",
        "unfinished",
        "gone",
        "replaced",
        "rebooted",
        "unknown",
    ]
    # Those that are found without the process's own file.
    Fate = Literal["running", "gone", "replaced", "rebooted", "unknown"]

# For each ending: a few words, and a sentence without its last part.
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "running": ("Still running", "The process is still running"),
    "ended": ("Ended by itself", "The process ended by itself"),
    "exception": (
        "Ended by an exception",
        "The process ended by an unhandled exception",
    ),
    "exited": (
        "Exited in the middle of an operation",
        "The process exited with code {code} in the middle of an operation",
    ),
    "interrupted": (
        "Interrupted in the middle of an operation",
        "KeyboardInterrupt ended the process in the middle of an operation",
    ),
    "unfinished": (
        "Ended with work in flight",
        "The process ended by itself while work was in flight",
    ),
    "gone": (
        "Ended without its exit hooks",
        "The process ended without its exit hooks (SIGTERM, SIGKILL and os._exit look the same)",
    ),
    "replaced": (
        "Replaced by another program",
        "Another program replaced the process without its exit hooks (os.exec*)",
    ),
    "rebooted": (
        "Ended by a restart of the machine",
        "The machine was restarted while the process ran",
    ),
    "unknown": (
        "Ending unknown",
        "Whether the process still runs cannot be known on this machine",
    ),
}

ENDINGS: Final = tuple(_WORDS)
# The process had no way to note anything at its end.
WITHOUT_HOOKS: Final = ("gone", "replaced", "rebooted")
# The process is known to have ended.
OVER: Final = ("ended", "exception", "exited", "interrupted", "unfinished", *WITHOUT_HOOKS)
# The words that dumps of version 0.1 had for some of them.
_OLD: Final = {"clean": "ended", "alive": "running", "pid reused": "gone"}


# The kinds of exceptions that ended a process in the middle of an operation.
SYSTEM_EXIT: Final = 1
KEYBOARD_INTERRUPT: Final = 2

# The last instruction of a call that returned, and did not end by an exception; and of one that
# raised an exception again, which a handler of it had caught.
_RETURNS: Final = frozenset(("RETURN_VALUE", "RETURN_CONST"))
_RAISES_AGAIN: Final = frozenset(("RERAISE", "RAISE_VARARGS", "CLEANUP_THROW", "END_ASYNC_FOR"))
_EXITS: Final = frozenset(("__exit__", "__aexit__"))
# The modules that catch the exception which ends a child, and end it.
_CHILDREN: Final = frozenset(("multiprocessing.process", "billiard.process"))
# The modules whose outermost call is the program itself.
_MAIN: Final = ("__main__", "runpy")

# The attribute of an exception, although its class may have defined another of that name.
_traceback_of: Final = BaseException.__dict__["__traceback__"].__get__

_MAX_STATUS: Final = 255  # wait(2) tells the low 8 bits of an exit code

_DEAD: Final = "ZXx"  # a zombie has died, but its parent has not waited for it yet
_EXITING: Final = 0x4  # PF_EXITING of Linux: it ends just now, and lets go of its files first


def ending_of(
    *,
    has_failed: bool,
    has_ended: bool,
    exit_kind: int,
    is_announced: bool,
    in_flight: int,
    find_fate: Callable[[], Fate],
) -> Ending:
    """Return the ending of a process, from the traces in its file.

    The exit hooks noted that it `has_failed` by an exception or `has_ended`, and by which
    `exit_kind`. A framework may have announced the end. `in_flight` is the number of open frames.
    Without a note of the exit hooks, `find_fate` is asked.
    """
    if has_failed:
        return "exception"
    if has_ended:
        if exit_kind == SYSTEM_EXIT:
            return "exited"
        if exit_kind == KEYBOARD_INTERRUPT:
            return "interrupted"
        return "unfinished" if in_flight else "ended"
    found = find_fate()
    if found in WITHOUT_HOOKS and is_announced and not in_flight:
        return "ended"
    return found


def was_caught(exc: BaseException) -> bool:
    """Return whether `exc` was caught: a call that it reached has returned, or went on after it.

    False also means that it is not known.
    """
    traceback = _traceback_of(exc)
    if traceback is None:
        return False
    frame = _last_reached(traceback.tb_frame)
    if frame is None or frame.f_globals.get("__name__") in _CHILDREN:
        return False
    raised_at = {each.tb_lasti for each in _entries(traceback) if each.tb_frame is frame}
    last = _last_instruction(frame)
    # A call that still runs may be the one that ends the process.
    if frame.f_lasti not in raised_at and last not in _RAISES_AGAIN and not _is_running(frame):
        return True
    # Before 3.12 the traceback of an exception lacks the outer calls that it left.
    around: FrameType | None = frame
    while around is not None:
        if _last_instruction(around) in _RETURNS:
            return True
        around = around.f_back
    return False


def _last_reached(frame: FrameType) -> FrameType | None:
    """Return the call around those of context managers, which got the exception and returned.

    Before 3.12 the traceback of an exception may begin inside an `__exit__`.
    """
    reached: FrameType | None = frame
    each: FrameType | None = frame
    while each is not None:
        if each.f_code.co_name in _EXITS:
            reached = each.f_back
        each = each.f_back
    return reached


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _last_instruction(frame: FrameType) -> str:
    return opname[frame.f_code.co_code[max(frame.f_lasti, 0)]]


def _is_running(frame: FrameType) -> bool:
    running: FrameType | None = sys._getframe()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while running is not None:
        if running is frame:
            return True
        running = running.f_back
    return False


def has_ended_main(exc: BaseException) -> bool:
    """Return whether `exc`, which is no SystemExit, left the outermost call of the program."""
    traceback = _traceback_of(exc)
    if traceback is None or traceback.tb_frame.f_back is not None:
        return False
    return traceback.tb_frame.f_globals.get("__name__") in _MAIN and not was_caught(exc)


def fate(
    pid: int,
    start: int,
    description: Mapping[str, Any],
    is_locked: Callable[[], bool],
    own: Mapping[str, str],
) -> Fate:
    """Return the ending of process `pid`, as far as the machine knows it.

    It started at `start`, and its file has the `description`.

    `own` is the result of `here`. `is_locked` returns whether a process has its file locked. If
    there is a lock, it decides, because process IDs of another container mean nothing here. A held
    lock may be another process's: a reader that claims the file, a child that has it mapped. Then
    the process ID decides.
    """
    boot, its_boot = own["boot_id"], description.get("boot_id")
    is_this_host = description.get("host") == own["host"]
    if boot and its_boot and boot != its_boot:
        return "rebooted" if is_this_host else "unknown"
    namespace, its_namespace = own["pid_namespace"], description.get("pid_namespace")
    is_visible = is_this_host and not (namespace and its_namespace and namespace != its_namespace)
    by_pid: Fate = _fate_by_pid(pid, start if boot else 0) if is_visible else "unknown"
    if by_pid == "gone" or description.get("lock") != "flock" or not (boot and its_boot):
        return by_pid
    if is_locked():
        return "running"
    # Asked again, since it may have ended before it was asked for the lock.
    is_there = is_visible and start and _fate_by_pid(pid, start) == "running"
    return "replaced" if is_there else "gone"


def _fate_by_pid(pid: int, start: int) -> Fate:
    if sys.platform == "win32":
        # There, os.kill(pid, 0) would terminate the process.
        return "running" if pid == os.getpid() else "unknown"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        pass  # of another user
    except OverflowError:
        return "unknown"
    if not start:
        return "running"
    fields = stat_fields(pid)
    if not fields or fields[0] in _DEAD or start != int(fields[STARTTIME - STATE]):
        return "gone"
    return "gone" if int(fields[FLAGS - STATE]) & _EXITING else "running"


def known_ending(ending: object) -> str:
    """Return `ending` if it is one of `ENDINGS`, or the one that an older dump means by it."""
    text = str(ending)
    text = _OLD.get(text, text)
    return text if text in ENDINGS else "unknown"


def short_ending(ending: object) -> str:
    """Return a few words about the ending of a process."""
    return _WORDS[known_ending(ending)][0]


def sentence(about: Mapping[str, Any]) -> str:
    """Return a sentence about the ending of a process.

    `about` is the last record of a dump of a black box. It has the "ending", and as far as they are
    known "failures", "exit_code", "in_flight", "hidden" and "fault".
    """
    ending = known_ending(about.get("ending", about.get("died")))
    text = _WORDS[ending][1].format(code=_shown_code(about.get("exit_code", "?")))
    if "in_flight" in about:
        count = len(about["in_flight"]) + int(about.get("hidden") or 0)
        if ending in ("running", *WITHOUT_HOOKS):
            text += f", {count or 'nothing'} in flight"
        elif count:
            text += f": {count} in flight"
    failures = about.get("failures")
    if failures and ending != "exception":
        noted = "one failure" if failures == 1 else f"{failures} failures"
        text += f", {noted} noted{'' if ending == 'running' else ' before'}"
    if about.get("fault"):
        text += f"; faulthandler wrote {about['fault']!r}"
    return f"{text}."


def _shown_code(code: object) -> str:
    """Return the exit code of a process, with that which its parent saw where it is another."""
    if os.name != "nt" and type(code) is int and not 0 <= code <= _MAX_STATUS:
        return f"{code} (exit status {code & _MAX_STATUS})"
    return str(code)


def is_warning(ending: str, *, in_flight: int, failures: int) -> bool:
    """Return whether a death is logged as a WARNING, and not at INFO.

    An end without the exit hooks is ordinary (SIGTERM) unless work was in flight or a failure was
    noted. A failure that the process survived does not count as its end.
    """
    if ending in WITHOUT_HOOKS:
        return bool(in_flight or failures)
    return ending in ("exception", "exited", "unfinished")
