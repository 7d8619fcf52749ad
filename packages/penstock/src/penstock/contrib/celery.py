"""Celery tasks that go on with the operation that sent them.

It comes with ``pip install "penstock[celery]"``.
"""

from __future__ import annotations

try:
    from penstock_celery import flow_task
except ModuleNotFoundError as _error:
    if _error.name != "penstock_celery":
        raise
    raise ImportError(
        'penstock.contrib.celery is not installed. Run: pip install "penstock[celery]"'
    ) from _error

__all__ = ["flow_task", "install_celery_signals"]


def install_celery_signals() -> None:
    """Do nothing: importing this module connects the signals. penstock 0.1.0 needed this call."""
