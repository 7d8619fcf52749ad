"""The service's flow, for the command: ``penstock --app examples.bom_service.flows:declare``."""

from __future__ import annotations

import os

import django


def declare() -> None:
    """Import the modules that declare the flow."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.bom_service.settings")
    django.setup()
    import examples.bom_service.views  # noqa: F401 - declares the flow
