"""The optional Django app: a system check, commands as operations, and ``manage.py penstock``."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from penstock_django._command import begin_command
from penstock_django._settings import find_problems, options

__all__ = ["PenstockConfig", "check_settings"]


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
            return  # the system check tells
        begin_command(ignored)


def check_settings(**_: Any) -> list[CheckMessage]:
    """Report each thing that is wrong with ``settings.PENSTOCK`` as an error."""
    return [
        Error(problem, id="penstock.E001")
        for problem in find_problems(getattr(settings, "PENSTOCK", {}))
    ]
