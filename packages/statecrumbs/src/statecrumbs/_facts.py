"""What a process says of itself: its command line, Python and host.

Without `platform`, which takes as long to import as all of this package.
"""

from __future__ import annotations

import os
import sys

from statecrumbs._freeze import clip
from statecrumbs._options import options

_MAX_ARGUMENTS = 64
_MAX_ARGUMENT = 512  # characters


def command_line() -> list[str]:
    """Return `sys.argv` with its secrets blanked, and bounded: it may hold a whole script."""
    # Cut twice: a secret across the first cut is far behind the second.
    arguments = [str(each)[: 4 * _MAX_ARGUMENT] for each in getattr(sys, "argv", [])]
    if options.redactor is not None:
        arguments = options.redactor.scrub_arguments(arguments[:_MAX_ARGUMENTS])
    return [clip(argument, _MAX_ARGUMENT) for argument in arguments[:_MAX_ARGUMENTS]]


def python_version() -> str:
    """Return the version of this Python, such as ``3.13.0``."""
    return sys.version.partition(" ")[0]


def host_name() -> str:
    """Return the name of this machine or container, "" where it is unknown."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")  # Windows
