"""Describe this process and its machine, for files that outlive it.

Without `platform`, whose import takes as long as all of this package. The sources are Linux's:
``/proc/PID/stat``, the boot ID and the PID namespace. On other systems they are unknown.
"""

from __future__ import annotations

import os
import sys

from statecrumbs._options import options
from statecrumbs._values import fit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

STATE: Final = 3  # the fields of /proc/PID/stat, see proc(5)
FLAGS: Final = 9
STARTTIME: Final = 22

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
    """Return the name of this machine or container, or "" if it is unknown."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")  # Windows


def boot_id() -> str:
    """Return the ID of this boot of the machine, or "" if it is unknown."""
    try:
        # As bytes: a text file would import its codec, perhaps in the middle of a crash.
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read().decode("ascii").strip()
    except OSError:
        return ""


def pid_namespace() -> str:
    """Return the namespace of the process IDs of this container, or "" if it is unknown."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except (OSError, AttributeError):
        return ""


def start_time(pid: int) -> int:
    """Return the start of process `pid` in clock ticks since boot, or 0 if it is unknown."""
    fields = stat_fields(pid)
    return int(fields[STARTTIME - STATE]) if fields else 0


def this_process() -> str:
    """Return text that no other process has: the PID, the start and the boot."""
    pid = os.getpid()
    return f"{pid} {start_time(pid)} {boot_id()}"


def stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on, or [] without such a process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The second field is the program's name in parentheses; it may hold anything.
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return []


def here() -> dict[str, str]:
    """Return the machine, boot and namespace of this process, as in a description of one."""
    return {"host": host_name(), "boot_id": boot_id(), "pid_namespace": pid_namespace()}


def program_name() -> str:
    """Return the identity of this program: the name of ``argv[0]``, and its words.

    For a `__main__.py` it is the name of its folder. Words are further arguments that begin with a
    letter: `gunicorn shop.wsgi`, `celery shop worker`, `manage.py runserver`. The result is
    redacted and has at most 200 characters.
    """
    arguments = command_line()
    if not arguments:
        return ""
    folder, name = os.path.split(arguments[0])
    if name == "__main__.py":
        name = os.path.basename(os.path.abspath(folder)) if folder else name
    words = [word for word in arguments[1:] if word[:1].isalpha()]
    return fit(" ".join((name, *words)), 200)
