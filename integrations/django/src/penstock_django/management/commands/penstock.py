"""``manage.py penstock``: the penstock command, with the project's flows loaded."""

from __future__ import annotations

import sys
from argparse import REMAINDER
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management.base import BaseCommand

from penstock.cli import main

if TYPE_CHECKING:
    from argparse import ArgumentParser

__all__ = ["Command"]


class Command(BaseCommand):
    """Run ``penstock`` after importing what the installed apps declare."""

    help = "List, draw and check the flows of this project: see `manage.py penstock --help`."

    # Where apps keep flows by convention; what models.py declares Django has loaded already.
    modules = ("flows", "tasks", "views")

    def run_from_argv(self, argv: list[str]) -> None:
        """Hand everything after the command's name to ``penstock``."""
        self._load()
        sys.exit(main(argv[2:], prog=f"{argv[0]} penstock"))

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the arguments of ``penstock``, its options too, for `call_command`."""
        parser.add_argument("arguments", nargs=REMAINDER)

    def handle(self, *_: Any, arguments: list[str], **__: Any) -> None:
        """Run ``penstock`` with `arguments`; exits as it does."""
        self._load()
        code = main(arguments)
        if code:
            sys.exit(code)

    def _load(self) -> None:
        for app in apps.get_app_configs():
            for module in self.modules:
                name = f"{app.name}.{module}"
                if find_spec(name) is not None:
                    import_module(name)
