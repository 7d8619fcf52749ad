"""``manage.py penstock``: the penstock command, with the project's flows loaded."""

from __future__ import annotations

import sys
from argparse import REMAINDER, ArgumentParser
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.utils.module_loading import module_has_submodule

from penstock.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Command"]


class Command(BaseCommand):
    """Run ``penstock`` after importing what the installed apps declare."""

    help = "List, draw, check and verify this project's flows: see `manage.py penstock --help`."

    # Apps keep flows in these by convention. Django has imported models.py already.
    modules = ("flows", "tasks", "views")

    def run_from_argv(self, argv: list[str]) -> None:
        """Hand everything after the command's name to ``penstock``."""
        own = ArgumentParser(add_help=False, allow_abbrev=False)
        own.add_argument("--settings")  # Django has used these two already
        own.add_argument("--pythonpath")
        _, arguments = own.parse_known_args(argv[2:])
        sys.exit(main(_with_apps(self.modules, arguments), prog=f"{argv[0]} penstock"))

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the arguments of ``penstock``, its options too, for `call_command`."""
        parser.add_argument("arguments", nargs=REMAINDER)

    def handle(self, *_: Any, arguments: list[str], **__: Any) -> None:
        """Run ``penstock`` with `arguments`; exits as it does."""
        code = main(_with_apps(self.modules, arguments))
        if code:
            sys.exit(code)


def _with_apps(modules: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Return `arguments` after an ``--app`` for each of `modules` that an installed app has."""
    return [*(f"--app={name}" for name in _installed(modules)), *arguments]


def _installed(modules: Sequence[str]) -> Iterator[str]:
    for app in apps.get_app_configs():
        for module in modules:
            # Not for an app that is one file: it is imported, and has no modules.
            if app.module is not None and module_has_submodule(app.module, module):
                yield f"{app.name}.{module}"
