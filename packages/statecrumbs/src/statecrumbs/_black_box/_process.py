"""What a process can say of itself, and what became of the one that wrote a file.

The sources are Linux's: ``/proc/PID/stat``, the boot ID and the PID namespace. Elsewhere they are
unknown, and the answer is as good as it can be without them.
"""

from __future__ import annotations

import os
import sys

from statecrumbs._facts import host_name, python_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Final, Literal

    Fate = Literal["clean", "exception", "alive", "gone", "pid reused", "unknown"]

_STARTTIME: Final = 22  # the field of /proc/PID/stat, see proc(5)
_STATE: Final = 3
_DEAD: Final = "ZXx"  # a zombie has died, only its parent has not looked yet


def facts(argv: Sequence[str]) -> dict[str, Any]:
    """Return what the file says of the process that writes it, beside its numbers."""
    return {
        "host": host_name(),
        "python": python_version(),
        "boot_id": boot_id(),
        "pid_namespace": pid_namespace(),
        "argv": list(argv),
    }


def boot_id() -> str:
    """Return what tells this boot of the machine from all others, "" where that is unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def pid_namespace() -> str:
    """Return what tells this container's process IDs from another's, "" where that is unknown."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except (OSError, AttributeError):
        return ""


def start_time(pid: int) -> int:
    """Return when the process `pid` started, in clock ticks since boot; 0 where that is unknown."""
    fields = _stat(pid)
    return int(fields[_STARTTIME - _STATE]) if fields else 0


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; none when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The second field is the program's name in parentheses; it may hold anything.
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return []


def fate(pid: int, start: int, told: dict[str, Any], is_in_use: Callable[[], bool | None]) -> Fate:
    """Return what became of the process `pid` that started at `start` and said `told` of itself.

    `is_in_use` tells whether a process has its file, None for unknown. It is asked about processes
    of other containers on the same machine: they have their own IDs, and often their own host name.
    """
    boot, its_boot = boot_id(), told.get("boot_id")
    is_this_host = told.get("host") == host_name()
    if boot and its_boot and boot != its_boot:
        return "gone" if is_this_host else "unknown"
    namespace, its_namespace = pid_namespace(), told.get("pid_namespace")
    is_elsewhere = namespace and its_namespace and namespace != its_namespace
    if is_elsewhere or not is_this_host:
        in_use = is_in_use() if boot and its_boot else None
        return "unknown" if in_use is None else "alive" if in_use else "gone"
    if sys.platform == "win32":
        # There, os.kill(pid, 0) would terminate the process.
        return "alive" if pid == os.getpid() else "unknown"
    if start and boot:
        fields = _stat(pid)
        if not fields or fields[0] in _DEAD:
            return "gone"
        return "alive" if start == int(fields[_STARTTIME - _STATE]) else "pid reused"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        return "alive"
    except OverflowError:
        return "unknown"
    return "alive"
