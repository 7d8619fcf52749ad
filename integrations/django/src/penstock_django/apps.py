"""The optional Django app: a system check, commands as operations, and ``manage.py penstock``.

A management command is an operation of kind "command". It lasts from `django.setup` until the
process ends. No observer hears of it: a command that waits for messages is not work in flight, but
the flows that it calls are.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from corectx import Site, attach, current, start
from corectx.lowlevel import SEPARATE
from penstock_django._settings import find_problems, options

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType

__all__ = ["PenstockConfig", "check_settings"]

# These commands only run the work of others: a server's requests, a test's operations.
_NEVER = frozenset(("runserver", "testserver", "test"))


class PenstockConfig(AppConfig):
    """Add ``"penstock_django"`` to ``INSTALLED_APPS`` for the check and the command."""

    name = "penstock_django"
    verbose_name = "penstock"

    def ready(self) -> None:
        """Register the system check, and make a management command an operation."""
        register(check_settings)
        try:
            ignored = options().ignore_commands
        except ValueError:
            return  # the system check reports it
        _begin_command(ignored)


def check_settings(**_: Any) -> list[CheckMessage]:
    """Report each problem of ``settings.PENSTOCK`` as an error."""
    return [
        Error(problem, id="penstock.E001")
        for problem in find_problems(getattr(settings, "PENSTOCK", {}))
    ]


def _begin_command(ignored: Collection[str]) -> None:
    """Make the management command that is running an operation, unless its name is in `ignored`.

    An entrypoint that is called directly in it begins an operation of its own, with the command as
    its parent, so the messages of a consumer never share an ID. A later step of the flow joins that
    operation if it is the flow's only one in the command.
    """
    name = _running_command()
    if name is None or name in _NEVER or name in ignored or current() is not None:
        return
    frame = start(Site("command", name))
    frame.store[SEPARATE] = {}
    attach(frame)


def _running_command() -> str | None:
    """Return the name of the command that ``manage.py`` or ``django-admin`` runs, or None.

    A worker or a server that calls `django.setup` itself runs none.
    """
    caller: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while caller is not None:
        if (
            caller.f_code.co_name == "execute_from_command_line"
            and caller.f_globals.get("__name__") == "django.core.management"
        ):
            arguments = caller.f_locals.get("argv") or sys.argv
            return arguments[1] if len(arguments) > 1 else None
        caller = caller.f_back
    return None
