"""Describe this process, and find out whether another one still runs.

Neither imports `platform`, which takes as long as all of this package. The sources are Linux's:
``/proc/PID/stat``, the boot ID and the PID namespace. On other systems they are unknown, and the
answer is less exact.
"""

from __future__ import annotations

import os
import sys

from statecrumbs._options import options
from statecrumbs._values import fit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final, Literal

    Fate = Literal["running", "gone", "replaced", "rebooted", "unknown"]

_STARTTIME: Final = 22  # the field of /proc/PID/stat, see proc(5)
_STATE: Final = 3
_DEAD: Final = "ZXx"  # a zombie has died, but its parent has not waited for it yet

_MAX_ARGUMENTS: Final = 64
_MAX_ARGUMENT: Final = 512  # characters


def command_line() -> list[str]:
    """Return `sys.argv`, redacted and bounded: with ``-c`` it may hold a whole script."""
    # Cut twice: a secret across the first cut is far behind the second.
    arguments = [str(each)[: 4 * _MAX_ARGUMENT] for each in getattr(sys, "argv", [])]
    if options.redactor is not None:
        arguments = options.redactor.scrub_arguments(arguments[:_MAX_ARGUMENTS])
    return [fit(argument, _MAX_ARGUMENT) for argument in arguments[:_MAX_ARGUMENTS]]


def python_version() -> str:
    """Return the version of this Python, such as ``3.13.0``."""
    return sys.version.partition(" ")[0]


def host_name() -> str:
    """Return the name of this machine or container, "" where it is unknown."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")  # Windows


def boot_id() -> str:
    """Return the ID of this boot of the machine, "" where that is unknown."""
    try:
        # As bytes: a text file would import its codec, perhaps in the middle of a crash.
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read().decode("ascii").strip()
    except OSError:
        return ""


def pid_namespace() -> str:
    """Return the namespace of the process IDs of this container, "" where that is unknown."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except (OSError, AttributeError):
        return ""


def start_time(pid: int) -> int:
    """Return the start of process `pid` in clock ticks since boot, 0 where that is unknown."""
    fields = _stat(pid)
    return int(fields[_STARTTIME - _STATE]) if fields else 0


def this_process() -> str:
    """Return text that tells this process from all others: its PID, start and boot."""
    pid = os.getpid()
    return f"{pid} {start_time(pid)} {boot_id()}"


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; none when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The second field is the program's name in parentheses; it may hold anything.
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return []


def fate(
    pid: int, start: int, description: Mapping[str, Any], is_locked: Callable[[], bool]
) -> Fate:
    """Return the fate of process `pid`, which started at `start` and described itself so.

    `is_locked` returns whether a process has its file locked. The lock decides where there is one:
    process IDs of another container mean nothing here. Where it is held, but not by that process
    (a reader claims the file, or a child still has it mapped), the process ID may deny it.
    """
    boot, its_boot = boot_id(), description.get("boot_id")
    is_this_host = description.get("host") == host_name()
    if boot and its_boot and boot != its_boot:
        return "rebooted" if is_this_host else "unknown"
    namespace, its_namespace = pid_namespace(), description.get("pid_namespace")
    is_visible = is_this_host and not (namespace and its_namespace and namespace != its_namespace)
    by_pid: Fate = _fate_by_pid(pid, start if boot else 0) if is_visible else "unknown"
    if description.get("lock") != "flock" or not (boot and its_boot):
        return by_pid
    if is_locked():
        return "gone" if by_pid == "gone" else "running"
    return "replaced" if by_pid == "running" and start else "gone"


def _fate_by_pid(pid: int, start: int) -> Fate:
    if sys.platform == "win32":
        # There, os.kill(pid, 0) would terminate the process.
        return "running" if pid == os.getpid() else "unknown"
    if start:
        fields = _stat(pid)
        if not fields or fields[0] in _DEAD or start != int(fields[_STARTTIME - _STATE]):
            return "gone"
        return "running"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        return "running"
    except OverflowError:
        return "unknown"
    return "running"


def program_name() -> str:
    """Return the identity of this program: the name of ``argv[0]``, and its words.

    Of a `__main__.py` it is the name of its folder. Words are further arguments that begin with a
    letter: `gunicorn shop.wsgi`, `celery shop worker`, `manage.py runserver`. Redacted, and at most
    200 characters.
    """
    arguments = command_line()
    if not arguments:
        return ""
    folder, name = os.path.split(arguments[0])
    if name == "__main__.py":
        name = os.path.basename(os.path.abspath(folder)) if folder else name
    words = [word for word in arguments[1:] if word[:1].isalpha()]
    return fit(" ".join((name, *words)), 200)
